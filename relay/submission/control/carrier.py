"""JSON as it comes in header fields and settings: read strictly, bounded, and mended where mail breaks it.

In:  text. Out: the value it stands for; or ValueError with what is wrong and where.

Standards: RFC 8259. Stricter: a name twice in an object, NaN and Infinity are errors, since readers differ on them.

Why so: gateways fold long fields, so control characters may stand where none were; and values that went through
a web form have `&quot;` for every quotation mark. Both are mended, once each, before it counts as an error.
`base64:` before the whole is the form that nothing on the way can harm.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, NoReturn

DEPTH = 8  # objects and lists inside one another
KEYS = 20_000  # names and items together
MANY_KEYS = 200_000  # of a property, where a thousand recipients may have their data
INTEGER_BITS = 1023  # more are beyond what a float can be
INTEGER_DIGITS = 309  # and so many have more
BASE64 = "base64:"

_STRING = r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)'  # never fails behind a quotation mark, so that scanning is linear
_BRACKETS = re.compile(rf"{_STRING}|[\[\]{{}}]", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_REFUSED = re.compile(r"[\x00\r\n]")
_NUL = re.compile(r"\x00")
_ENTITIES = (("&quot;", '"'), ("&#34;", '"'), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))


def parse_json(text: str, *, lines: bool = False) -> Any:
    """Read a JSON text, by itself or behind `base64:`. `lines`: its texts may have several lines.

    Raises:
        ValueError: no JSON, too deep or too large, a name twice, a number that is none, or a text with NUL, CR or
            LF in it.
    """
    if text[: len(BASE64)].lower() == BASE64:
        text = _unpacked(text[len(BASE64) :])
    value = _mended(text)
    check_json(value, lines=lines)
    return value


def check_json(value: Any, *, lines: bool = False, keys: int = KEYS) -> None:
    """Hold a value, wherever it comes from, to the limits. Raises ValueError."""
    refused = _NUL if lines else _REFUSED
    left: list[tuple[Any, int]] = []
    found = 0
    _check_one(value, 0, refused, left)
    while left:
        each, depth = left.pop()
        found += len(each)
        if depth >= DEPTH:
            raise ValueError(f"JSON is nested more than {DEPTH} deep")
        if found > keys:
            raise ValueError(f"JSON has more than {keys:,} names and items")
        if isinstance(each, Mapping):
            for name in each:
                _check_one(name, depth + 1, refused, left)
            each = each.values()
        for inner in each:
            if type(inner) is str:
                _check_text(inner, refused)
            else:
                _check_one(inner, depth + 1, refused, left)


def _check_one(value: Any, depth: int, refused: re.Pattern[str], left: list[tuple[Any, int]]) -> None:
    """A value by itself; what has others in it is put with what is left."""
    if isinstance(value, str):
        _check_text(value, refused)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a number that is not finite")
    elif isinstance(value, int):
        if value.bit_length() > INTEGER_BITS:
            raise ValueError(f"{str(value)[:40]} is no number a computer holds")
    elif isinstance(value, dict | list | tuple | Mapping):
        left.append((value, depth))


def _check_text(text: str, refused: re.Pattern[str]) -> None:
    if refused.search(text):
        raise ValueError(f"a value has no {'NUL' if refused is _NUL else 'NUL, CR or LF'} in it")
    if not text.isascii() and any("\ud800" <= each <= "\udfff" for each in text):
        raise ValueError("half a character (a lone surrogate)")


def _unpacked(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise ValueError("what stands behind base64: is no UTF-8 text in base64") from error


def _mended(text: str) -> Any:
    try:
        return _loads(text)
    except json.JSONDecodeError as error:
        first = error
    for mended in (_CONTROL.sub("", text), _unescaped(text)):
        if mended != text:
            try:
                return _loads(mended)
            except json.JSONDecodeError:
                continue
    raise ValueError(f"no JSON: {first.msg} at character {first.pos + 1}")


def _unescaped(text: str) -> str:
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    return text


def _loads(text: str) -> Any:
    depth = deepest = 0
    for found in _BRACKETS.finditer(text):
        if found[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif found[0] in "]}":
            depth -= 1
    if deepest > DEPTH:
        raise ValueError(f"JSON is nested more than {DEPTH} deep")
    return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite, parse_int=_whole)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the name {twice[:40]!r} stands twice in an object")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:40]} is no number a computer holds")
    return value


def _whole(digits: str) -> int:
    if len(digits) > INTEGER_DIGITS:
        raise ValueError(f"{digits[:40]} is no number a computer holds")
    return int(digits)
