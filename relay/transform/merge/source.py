"""The source of a template, cut into texts and constructs.

In:  a source.
Out: pieces in order: a text, or a construct with its word, its tokens and where it begins.

    {$name ...} {"text" ...} {(...)} {function(...)}    an expression; its word is empty
    {if ...} {/if} {assign ...} ...                      a construct with a word
    {literal}...{/literal} {ldelim} {rdelim}             come out as texts
    `{` before white space, or at the end                is a text

Why so: in `<style>` and `<script>` a brace is mostly what it is in CSS and JavaScript, also without a space behind it
(`p{color:red}`): there it begins a construct only before `$name` and the words of the language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from relay.transform.merge.error import Fault
from relay.transform.merge.functions import FUNCTIONS
from relay.transform.merge.tokens import Token, tokens

WORDS = frozenset(
    {"if", "elseif", "else", "/if", "endif", "foreach", "foreachelse", "/foreach", "assign", "mode", "escape"}
)
_BRACE = re.compile(r"\{(?=[^ \t\r\n\f\v\xa0])")
_WORD = re.compile(r"\{(/?[A-Za-z][A-Za-z0-9_]*+)")
_EXPRESSION = re.compile(r"\{(?=[$\"'(!\-0-9]|(?:true|false|null|not)\b)", re.IGNORECASE)
_VARIABLE = re.compile(r"\{\$[A-Za-z]")
_CODE = re.compile(r"<(style|script)\b[^>]*+>", re.IGNORECASE)
_HEAD = re.compile(r"<(head)\b[^>]*+>", re.IGNORECASE)
_DELIMITERS = re.compile(r"\[([lr])delim\]", re.IGNORECASE)
_SIMPLE = {"ldelim": "{", "rdelim": "}"}


@dataclass(frozen=True, slots=True)
class Construct:
    word: str  # lower case; empty for an expression
    tokens: list[Token]
    at: int


Piece = str | Construct


class _Within:
    """Whether a place lies inside an element; asked from left to right."""

    def __init__(self, source: str, opening: re.Pattern[str]) -> None:
        self._source = source
        self._opening = opening
        self._start, self._end = -1, 0  # of the last one found

    def __call__(self, at: int) -> bool:
        while self._end <= at and self._start < len(self._source):
            found = self._opening.search(self._source, self._end)
            if found is None:
                self._start = self._end = len(self._source)
                return False
            closing = re.compile(f"</{found[1]}\\b", re.IGNORECASE).search(self._source, found.end())
            self._start, self._end = found.end(), closing.start() if closing else len(self._source)
            if self._end <= at and closing is None:
                break
        return self._start <= at < self._end


def pieces(source: str, limit: int) -> Iterator[Piece]:
    """Raises Fault: a construct that is none, that does not end, or more than `limit` of them."""
    head = _Within(source, _HEAD) if _DELIMITERS.search(source) else None
    at = 0
    for start, end, piece in constructs(source, limit):
        if start > at:
            yield from _texts(source, at, start, head)
        yield piece
        at = end
    if at < len(source):
        yield from _texts(source, at, len(source), head)


def constructs(source: str, limit: int) -> Iterator[tuple[int, int, Piece]]:
    """Where each stands, `{literal}...{/literal}` as one, and what it is, or the text it comes out as.

    Raises:
        Fault: as `pieces`.
    """
    code = _Within(source, _CODE)
    count = look = 0
    while (brace := _BRACE.search(source, look)) is not None:
        start = brace.start()
        word = _WORD.match(source, start)
        name = word[1].lower() if word else ""
        if code(start) and not (
            name in WORDS or name in _SIMPLE or name == "literal" or _VARIABLE.match(source, start)
        ):
            look = start + 1
            continue
        count += 1
        if count > limit:
            raise Fault(f"a template of over {limit} constructs", start)
        if name == "literal":
            piece, look = _literal(source, start)
        else:
            construct, look = _construct(source, start, name)
            piece = _SIMPLE.get(construct.word, construct)
        yield start, look, piece


def _construct(source: str, start: int, name: str) -> tuple[Construct, int]:
    called = name in FUNCTIONS and source[start + 1 + len(name) :][:50].lstrip().startswith("(")
    if _EXPRESSION.match(source, start) or called:
        name, inside = "", start + 1
    elif name in WORDS or name in _SIMPLE:
        inside = start + 1 + len(name)
    else:
        shown = source[start : start + 1 + max(len(name), 1)]
        variable = f"a variable is {{${name}}}, " if name else ""
        raise Fault(
            f"there is no construct {shown}; {variable}a brace itself is {{ldelim}}, or stands in {{literal}}", start
        )
    try:
        found, end = tokens(source, inside)
    except Fault as fault:
        raise Fault(fault.what, start if fault.at is None else fault.at) from None
    if name in _SIMPLE and len(found) > 1:
        raise Fault(f"{{{name}}} takes nothing", start)
    return Construct(name, found, start), end


def _literal(source: str, start: int) -> tuple[Piece, int]:
    opening = re.compile(r"\{literal[ \t]*+\}", re.IGNORECASE).match(source, start)
    if opening is None:
        raise Fault("{literal} takes nothing", start)
    closing = re.compile(r"\{/literal[ \t]*+\}", re.IGNORECASE).search(source, opening.end())
    if closing is None:
        raise Fault("{literal} is not closed by {/literal}", start)
    return source[opening.end() : closing.start()], closing.end()


def _texts(source: str, start: int, end: int, head: _Within | None) -> Iterator[str]:
    """The text as it is; in the head of a page `[ldelim]` and `[rdelim]` are braces."""
    text = source[start:end]
    if head is None or not _DELIMITERS.search(text):
        yield text
        return

    def brace(found: re.Match[str]) -> str:
        return ("{" if found[1] in "lL" else "}") if head(start + found.start()) else found[0]

    yield _DELIMITERS.sub(brace, text)
