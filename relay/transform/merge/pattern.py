"""Regular expressions that cannot run away: `regex_replace` and `=~`.

In:  a pattern, as Perl and its kin write it.
Out: `Pattern`: whether it is found in a text, and the text with what it finds replaced.

Known: characters, `.`, classes (`[a-z]`, `[^0-9]`, `[[:alpha:]]`, `\\d \\w \\s` and their opposites), `^ $ \\b \\B`,
groups with `( )` and `(?: )`, `|`, and `* + ? {2} {2,} {2,5}`, each also lazy with `?`; `(?i)` at the front ignores
case. In a replacement `$1` to `$9` are groups, `$0` is all that was found, `$$` is a dollar sign. Refused: references
back, looking ahead or behind, and other `(?...)`, which no machine can answer in a time that grows as the text does.

Why so: Python's `re` tries one way after the other, and has no limit of time: `(a+)+$` takes years for forty letters.
A pattern of single characters, in which nothing can be tried in two ways, goes to `re`, which is fast; every other is
run by `machine`, which walks all ways at once.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import lru_cache

from relay.transform.merge.error import Fault
from relay.transform.merge.machine import Assertion, Instruction, Kind, search
from relay.transform.merge.state import State

LONGEST = 500  # characters of a pattern
INSTRUCTIONS = 1000  # of its program; `{2,5}` writes out what it repeats
NESTING = 20  # groups
PATTERNS = 256  # remembered

Test = Callable[[str], bool]
_CLASS = re.compile(r"\[\^?\]?(?:\[:[a-z]+:\]|\\.|[^\]\\])*\]", re.DOTALL)
_NAMED = {
    "alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "blank": " \\t", "digit": "0-9", "lower": "a-z",
    "punct": "!-/:-@\\[-`{-~",
    "space": "\\s", "upper": "A-Z", "word": "\\w", "xdigit": "0-9a-fA-F",
}  # fmt: skip
_COUNTS = re.compile(r"\{(\d{1,4})(?:(,)(\d{1,4})?)?\}")
_REFERENCE = re.compile(r"\$(?:(\$)|(\d)|\{(\d)\})|\\(\d)")
_ZERO = {"^": r"\A", "$": r"\Z", "\\b": r"\b", "\\B": r"\B"}


class Pattern:
    def __init__(self, program: list[Instruction], simple: re.Pattern[str] | None, weight: int) -> None:
        self._program = program
        self._simple = simple
        self._weight = weight  # characters looked at for each of the text, where it is simple

    def found(self, text: str, state: State) -> bool:
        if self._simple is not None:
            state.spend(len(text) * self._weight)
            return self._simple.search(text) is not None
        return search(self._program, text, 0, state) is not None

    def replaced(self, text: str, by: str, state: State) -> str:
        pieces: list[str] = []
        parts = _parts(by)
        length = at = 0
        if self._simple is not None:
            state.spend(len(text) * self._weight)
        while at <= len(text):
            groups = self._next(text, at, state)
            if groups is None:
                break
            start, end = groups[0]
            for each in (text[at:start], *(_part(each, groups, text) for each in parts)):
                pieces.append(each)
                length += len(each)
            if start == end:  # found nothing, in between: go on behind the next character
                pieces.append(text[end : end + 1])
                length += 1
            at = end + (start == end)
            state.step()
            if length > state.limits.output:
                state.room(length)
        pieces.append(text[at:])
        state.room(length)
        return "".join(pieces)

    def _next(self, text: str, at: int, state: State) -> list[tuple[int, int]] | None:
        if self._simple is None:
            return search(self._program, text, at, state)
        found = self._simple.search(text, at)
        return None if found is None else [found.span()]


@lru_cache(maxsize=PATTERNS)
def compiled(pattern: str) -> Pattern:
    """Raises Fault: a pattern that is not understood, or not known here."""
    if len(pattern) > LONGEST:
        raise Fault(f"a pattern has at most {LONGEST} characters")
    return _Reader(pattern).pattern()


def _parts(by: str) -> list[str | int]:
    """A replacement: texts, and numbers of groups."""
    parts: list[str | int] = []
    at = 0
    for found in _REFERENCE.finditer(by):
        parts.append(by[at : found.start()])
        parts.append("$" if found[1] else int(found[2] or found[3] or found[4]))
        at = found.end()
    parts.append(by[at:])
    return parts


def _part(part: str | int, groups: list[tuple[int, int]], text: str) -> str:
    if isinstance(part, str):
        return part
    start, end = groups[part] if part < len(groups) else (-1, -1)
    return text[start:end] if start >= 0 else ""


class _Reader:
    """A pattern to its program, by one descent."""

    def __init__(self, text: str) -> None:
        self._flags = re.IGNORECASE if text.startswith("(?i)") else 0
        self._text = text
        self._at = 4 if self._flags else 0
        self._groups = 0
        self._depth = 0
        self._plain: list[str] | None = []  # what `re` may be given; None once something could be tried in two ways
        self._weight = 1

    def pattern(self) -> Pattern:
        program = self._either()
        if self._at < len(self._text):
            raise Fault("a pattern with a closing parenthesis too many")
        program = [(Kind.SAVE, 0), *program, (Kind.SAVE, 1), (Kind.MATCH, 0)]
        simple = re.compile("".join(self._plain), self._flags) if self._plain is not None else None
        return Pattern(program, simple, self._weight)

    def _either(self) -> list[Instruction]:
        self._depth += 1
        if self._depth > NESTING:
            raise Fault(f"a pattern with groups nested over {NESTING} levels")
        made = self._sequence()
        while self._text.startswith("|", self._at):
            self._at += 1
            self._plain = None
            other = self._sequence()
            # Jumps are relative: a program is put together without looking at where it ends up.
            made = [(Kind.SPLIT, 1, len(made) + 2), *made, (Kind.JUMP, len(other) + 1), *other]
        self._depth -= 1
        return made

    def _sequence(self) -> list[Instruction]:
        made: list[Instruction] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            plain = self._plain
            atom, single = self._atom()
            made += self._repeated(atom, single)
            if plain is None:
                self._plain = None
            if len(made) > INSTRUCTIONS:
                raise Fault(f"a pattern that comes to over {INSTRUCTIONS} steps")
        return made

    def _atom(self) -> tuple[list[Instruction], str]:
        """The program of one, and how `re` writes it (empty for a group)."""
        text, at = self._text, self._at
        one = text[at]
        if one == "(":
            self._plain = None
            return self._group(), ""
        if one in "*+?":
            raise Fault(f"a pattern with a {one} that repeats nothing")
        if one == "\\":
            one = text[at : at + 2]
            if len(one) < 2:
                raise Fault("a pattern that ends with a backslash")
        elif one == "[":
            one = self._class()
        self._at = at + len(one)
        if one in _ZERO:
            return [(Kind.ASSERT, Assertion(_ZERO[one]))], _ZERO[one]
        written = _written(one)
        return [(Kind.CHARACTER, _test(written, self._flags))], written

    def _class(self) -> str:
        found = _CLASS.match(self._text, self._at)
        if found is None:
            raise Fault("a pattern with a class that has no closing bracket")
        return found[0]

    def _group(self) -> list[Instruction]:
        self._at += 1
        number = 0
        if self._text.startswith("?:", self._at):
            self._at += 2
        elif self._text.startswith("?", self._at):
            shown = self._text[self._at - 1 : self._at + 3]
            raise Fault(f"a pattern with {shown}, which is not known here")
        else:
            self._groups += 1
            number = self._groups
        made = self._either()
        if not self._text.startswith(")", self._at):
            raise Fault("a pattern with a parenthesis that is not closed")
        self._at += 1
        return [(Kind.SAVE, 2 * number), *made, (Kind.SAVE, 2 * number + 1)] if number else made

    def _repeated(self, atom: list[Instruction], single: str) -> list[Instruction]:
        least, most, lazy = self._counts()
        if (least, most) == (1, 1):
            if self._plain is not None:
                self._plain.append(single)
                self._weight += 1
            return atom
        if len(atom) * max(least, most or 0, 1) > INSTRUCTIONS:
            raise Fault(f"a pattern that comes to over {INSTRUCTIONS} steps")
        if self._plain is not None and not lazy and self._at == len(self._text) and atom[0][0] is Kind.CHARACTER:
            self._plain.append(
                f"{single}{{{least},{'' if most is None else most}}}"
            )  # the last one: nothing after it
            self._weight += least + 1
        else:
            self._plain = None
        made = atom * least
        if most is None:
            loop, leave = 1, len(atom) + 2
            made += [_split(loop, leave, lazy), *atom, (Kind.JUMP, -len(atom) - 1)]
        else:
            for left in range(most - least, 0, -1):
                made += [_split(1, left * (len(atom) + 1), lazy), *atom]
        return made

    def _counts(self) -> tuple[int, int | None, bool]:
        sign = self._text[self._at : self._at + 1]
        usual: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        if sign in usual:
            least, most = usual[sign]
            self._at += 1
        elif found := _COUNTS.match(self._text, self._at):
            least = int(found[1])
            most = least if found[2] is None else int(found[3]) if found[3] else None
            self._at = found.end()
            if most is not None and most < least:
                raise Fault(f"a pattern with {found[0]}, whose numbers are the wrong way round")
        else:
            return 1, 1, False
        lazy = self._text.startswith("?", self._at)
        self._at += lazy
        if self._text[self._at : self._at + 1] in ("*", "+", "?"):
            raise Fault("a pattern with one repetition right behind another")
        return least, most, lazy


def _split(first: int, second: int, lazy: bool) -> Instruction:
    return (Kind.SPLIT, second, first) if lazy else (Kind.SPLIT, first, second)


def _written(one: str) -> str:
    """One character, escape or class as `re` has it. Raises Fault."""
    if one.startswith("["):
        inside = re.sub(r"\[:([a-z]+):\]", _class_of, one[1:-1])
        return "[" + re.sub(r"(?<!\\)\[", r"\\[", inside) + "]"
    if not one.startswith("\\"):
        return one if one == "." else re.escape(one)
    if one[1].isdigit() or one[1] == "k":
        raise Fault(f"a pattern with {one}: references back are not known here")
    if one[1].isalpha() and one[1] not in "dDwWsStnrfv":
        raise Fault(f"a pattern with {one}, which is not known here")
    return one if one[1].isalpha() else re.escape(one[1])


def _class_of(found: re.Match[str]) -> str:
    if found[1] not in _NAMED:
        raise Fault(f"a pattern with {found[0]}, which is not known here")
    return _NAMED[found[1]]


def _test(written: str, flags: int) -> Test:
    """Whether a character is one of these, remembered for those that were asked."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a later meaning of `--` and the like in classes
            match = re.compile(written, flags).fullmatch
    except re.error as error:
        raise Fault(f"a pattern with {written}: {error.msg}") from None
    known: dict[str, bool] = {}

    def test(character: str) -> bool:
        answer = known.get(character)
        if answer is None:
            answer = match(character) is not None
            if len(known) < 1024:
                known[character] = answer
        return answer

    return test
