"""Modifiers: `{$name|trim|truncate:20}`. All of them, by name.

In:  a value and arguments.
Out: a value. A list or object goes through most of them as it is.

How long a result can be is known before it is made, or its making is counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from relay.transform.merge import coding
from relay.transform.merge.dates import date_format
from relay.transform.merge.functions import digest
from relay.transform.merge.pattern import compiled
from relay.transform.merge.state import State, Value
from relay.transform.merge.values import many, number_of, size, text_of, truth

Arguments = tuple[Value, ...]
_SPACE = " \t\n\r\0\v"
_LINE_END = re.compile(r"\r\n|\n|\r")
_WORD = re.compile(r"[^\W_]")  # a letter or a digit
_DIGITS = 50  # decimals at most
_SLOW = 8  # what goes word by word or line by line counts as that many times its length


@dataclass(frozen=True, slots=True)
class Modifier:
    run: Callable[[Value, Arguments, State], Value]
    least: int = 0  # arguments
    takes: str = ""  # for whoever gave fewer
    check: Callable[[Arguments], object] | None = None  # raises Fault for arguments that can never do


def _on_text(change: Callable[[str, Arguments, State], Value]) -> Callable[[Value, Arguments, State], Value]:
    """What changes texts, and leaves lists and objects alone."""

    def run(value: Value, given: Arguments, state: State) -> Value:
        if many(value):
            return value
        text = text_of(value)
        if len(text) > 64:
            state.spend(len(text))
        return change(text, given, state)

    return run


def _counting(count: Callable[[str], int]) -> Callable[[Value, Arguments, State], Value]:
    """What counts something in texts, and nothing in lists and objects."""

    def run(value: Value, given: Arguments, state: State) -> Value:
        if many(value):
            return 0
        text = text_of(value)
        state.spend(_SLOW * len(text))
        return count(text)

    return run


def _whole(value: Value) -> int:
    return int(number_of(value))


def _argument(given: Arguments, number: int, default: str) -> str:
    return text_of(given[number]) if len(given) > number else default


# --- each of them -----------------------------------------------------------------------------------------


def _cat(value: Value, given: Arguments, state: State) -> Value:
    text, more = text_of(value), text_of(given[0])
    state.room(len(text) + len(more))
    return text + more


def _count(value: Value, given: Arguments, state: State) -> Value:
    return size(value)


def _length(value: Value, given: Arguments, state: State) -> Value:
    return 0 if many(value) else len(text_of(value))


def _default(value: Value, given: Arguments, state: State) -> Value:
    return given[0] if value is None or value == "" else value


def _empty(value: Value, given: Arguments, state: State) -> Value:
    return size(value) == 0 if many(value) else text_of(value) == ""


def _indent(text: str, given: Arguments, state: State) -> Value:
    count = max(_whole(given[0]), 0) if given else 1
    state.spend(_SLOW * len(text))
    character = _argument(given, 1, " ")
    state.room(len(text) + (text.count("\n") + text.count("\r") + 1) * count * len(character))
    front = character * count
    return front + _LINE_END.sub(lambda found: found[0] + front, text)


def _hashed(algorithm: str) -> Callable[[Value, Arguments, State], Value]:
    return lambda value, given, state: digest(value, algorithm, state)


def _nl2br(text: str, given: Arguments, state: State) -> Value:
    state.room(len(text) * 7)
    return _LINE_END.sub(lambda found: "<br />" + found[0], text)


def _range(value: Value, given: Arguments, state: State) -> Value:
    if not many(value):
        return value
    start = max(_whole(given[0]), 0) if given else 0
    end = max(_whole(given[1]), 0) if len(given) > 1 else len(value)
    state.spend(64 * len(value))
    if isinstance(value, Mapping):
        return dict(list(value.items())[start:end])
    return list(value[start:end])


def _regex_replace(text: str, given: Arguments, state: State) -> Value:
    return compiled(text_of(given[0])).replaced(text, text_of(given[1]), state)


def _replace(text: str, given: Arguments, state: State) -> Value:
    old, new = text_of(given[0]), text_of(given[1])
    if not old:
        return text
    state.room(len(text) + text.count(old) * max(len(new) - len(old), 0))
    return text.replace(old, new)


def _spacify(text: str, given: Arguments, state: State) -> Value:
    between = _argument(given, 0, " ")
    state.room(len(text) * (1 + len(between)))
    return between.join(text)


def _strpos(text: str, given: Arguments, state: State) -> Value:
    return text.find(text_of(given[0]))


def _strstr(text: str, given: Arguments, state: State) -> Value:
    place = text.find(text_of(given[0]))
    if place < 0:
        return None
    return text[:place] if len(given) > 1 and truth(given[1]) else text[place:]


def _substr(text: str, given: Arguments, state: State) -> Value:
    start = _whole(given[0])
    start = max(len(text) + start, 0) if start < 0 else start
    if len(given) < 2:
        return text[start:]
    length = _whole(given[1])
    return text[start : start + length] if length >= 0 else text[start:length]


def _trim(text: str, given: Arguments, state: State) -> Value:
    return text.strip(_argument(given, 0, _SPACE))


def _truncate(text: str, given: Arguments, state: State) -> Value:
    length = max(_whole(given[0]), 0) if given else 80
    if not length:
        return ""
    if len(text) <= length:
        return text
    etc = _argument(given, 1, "...")
    kept = length - min(length, len(etc))
    if len(given) < 3 or not truth(given[2]):
        kept = _before_word(text, kept)
    return (text[:kept] + etc)[:length]


def _before_word(text: str, kept: int) -> int:
    """Where to cut so that no word is broken; in the first word there is no such place."""
    if text[kept : kept + 1].isspace():
        return len(text[:kept].rstrip())
    place = kept
    while place and not text[place - 1].isspace():
        place -= 1
    return len(text[:place].rstrip()) or kept


def _ucfirst(text: str, given: Arguments, state: State) -> Value:
    return text[:1].upper() + text[1:]


def _capitalize(text: str, given: Arguments, state: State) -> Value:
    """The first letter of each word; words with digits stay, unless `true` is given."""
    also = bool(given) and truth(given[0])
    state.spend(_SLOW * len(text))

    def one(found: re.Match[str]) -> str:
        word = found[0]
        if not also and any(each.isdigit() for each in word):
            return word
        return word[:1].upper() + word[1:]

    return re.sub(r"\S+", one, text)


def _number_format(value: Value, given: Arguments, state: State) -> Value:
    if many(value):
        return value
    decimals = min(max(_whole(given[0]), 0), _DIGITS) if given else 0
    point, thousands = _argument(given, 1, "."), _argument(given, 2, "")
    whole, _, rest = f"{number_of(value):,.{decimals}f}".partition(".")
    state.room(len(whole) * max(len(thousands), 1) + len(point) + len(rest))
    return whole.replace(",", thousands) + (point + rest if rest else "")


def _words(text: str) -> int:
    return sum(_WORD.search(each) is not None for each in text.split())


def _paragraphs(text: str) -> int:
    return len(_LINE_END.findall(text))


_ONE_TEXT = "a text"
_TWO_TEXTS = "two texts"

MODIFIERS: Mapping[str, Modifier] = {
    "base64_encode": Modifier(_on_text(coding.base64_encode)),
    "base64_decode": Modifier(_on_text(coding.base64_decode)),
    "capitalize": Modifier(_on_text(_capitalize)),
    "cat": Modifier(_cat, 1, _ONE_TEXT),
    "count": Modifier(_count),
    "count_characters": Modifier(_length),
    "count_paragraphs": Modifier(_counting(_paragraphs)),
    "count_words": Modifier(_counting(_words)),
    "date_format": Modifier(date_format),
    "default": Modifier(_default, 1, "a value"),
    "empty": Modifier(_empty),
    "escape": Modifier(_on_text(coding.escape), check=coding.check_escape),
    "indent": Modifier(_on_text(_indent)),
    "jsondecode": Modifier(_on_text(coding.jsondecode)),
    "jsonencode": Modifier(coding.jsonencode),
    "lower": Modifier(_on_text(lambda text, given, state: text.lower())),
    "md5": Modifier(_hashed("md5")),
    "nl2br": Modifier(_on_text(_nl2br)),
    "number_format": Modifier(_number_format),
    "range": Modifier(_range),
    "regex_replace": Modifier(_on_text(_regex_replace), 2, _TWO_TEXTS, lambda given: compiled(text_of(given[0]))),
    "replace": Modifier(_on_text(_replace), 2, _TWO_TEXTS),
    "sha1": Modifier(_hashed("sha1")),
    "sha256": Modifier(_hashed("sha256")),
    "sha512": Modifier(_hashed("sha512")),
    "spacify": Modifier(_on_text(_spacify)),
    "strlen": Modifier(_length),
    "strpos": Modifier(_on_text(_strpos), 1, _ONE_TEXT),
    "strstr": Modifier(_on_text(_strstr), 1, _ONE_TEXT),
    "substr": Modifier(_on_text(_substr), 1, "a position"),
    "tolower": Modifier(_on_text(lambda text, given, state: text.lower())),
    "toupper": Modifier(_on_text(lambda text, given, state: text.upper())),
    "trim": Modifier(_on_text(_trim)),
    "truncate": Modifier(_on_text(_truncate)),
    "ucfirst": Modifier(_on_text(_ucfirst)),
    "upper": Modifier(_on_text(lambda text, given, state: text.upper())),
    "urldecode": Modifier(_on_text(coding.urldecode)),
    "urlencode": Modifier(_on_text(coding.urlencode)),
}
