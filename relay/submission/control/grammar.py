"""The grammars of plain values: yes or no, one of several, numbers, texts, lists, maps.

In:  one value as somebody wrote it: text (from a header field or a command) or a value of JSON; never empty.
Out: a value of `Options`, or ValueError with what is wrong.

Text and JSON take the same words: `"yes"` is a yes in JSON, too, and `[1, 2]` a list in a header.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from relay.model.address import printable
from relay.submission.control.carrier import BASE64, parse_json

Read = Callable[[Any], Any]
E = TypeVar("E", bound=StrEnum)

NAME_OCTETS = 64
SHOWN = 60  # characters of a bad value in a reply

YES = frozenset({"true", "yes", "on", "y", "t", "1", "enable", "enabled"})
NO = frozenset({"false", "no", "off", "n", "f", "0", "disable", "disabled"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_COMMA = re.compile(r",")
_COMMA_OR_SEMICOLON = re.compile(r"[,;]")
_DIGITS = re.compile(r"[+-]?[0-9]{1,18}")


def shown(value: Any) -> str:
    """A value for a reply."""
    return printable(value if isinstance(value, str) else repr(value), SHOWN)


def word(value: Any) -> str:
    """A value as text: quotation marks around it and one semicolon behind it count for nothing."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise ValueError(f"expected a text, not {shown(value)}")
    text = str(value).strip().removesuffix(";").rstrip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    return text


def truth(value: Any) -> bool:
    """`true yes on y t 1 enable enabled`, and their opposites, in any case."""
    said = word(value).lower()
    if said in YES:
        return True
    if said in NO:
        return False
    raise ValueError(f"expected yes or no, not {shown(value)}")


def squeezed(name: str) -> str:
    """What of a name counts when names are compared."""
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")


def choice(kind: type[E], aliases: Mapping[str, E] | None = None) -> Read:
    """One of the values of an enumeration; case, `-`, `_` and spaces do not count."""
    known = {squeezed(each.value): each for each in kind} | dict(aliases or {})

    def read(value: Any) -> E:
        found = known.get(squeezed(word(value)))
        if found is None:
            words = [*filter(None, kind), *(("true", "false") if "true" in known else ())]
            raise ValueError(f"expected {', '.join(words)}, not {shown(value)}")
        return found

    return read


def number(low: int, high: int, names: Mapping[str, int] | None = None) -> Read:
    """A whole number within bounds, or one of the names for some."""

    def read(value: Any) -> int:
        said = word(value).lower()
        if names is not None and said in names:
            return names[said]
        if isinstance(value, bool) or _DIGITS.fullmatch(said) is None or not low <= int(said) <= high:
            words = f" or {', '.join(names)}" if names else ""
            raise ValueError(f"expected a whole number from {low} to {high}{words}, not {shown(value)}")
        return int(said)

    return read


def text(octets: int) -> Read:
    """A text on one line without control characters."""

    def read(value: Any) -> str:
        found = plain_text(value).strip()
        if not found:
            raise ValueError("expected a text, not white space")
        if len(found.encode()) > octets:
            raise ValueError(f"at most {octets} octets, not {len(found.encode())}: {shown(found)}")
        return found

    return read


def plain_text(value: Any) -> str:
    """A text or number without control characters, as text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"expected a text, not {shown(value)}")
    found = str(value)
    if _CONTROL.search(found):
        raise ValueError(f"no control characters: {shown(found)}")
    return found


def name(value: Any) -> str:
    """A name of something configured: letters, digits, `.`, `-` and `_`."""
    found = word(value)
    if len(found) > NAME_OCTETS or _NAME.fullmatch(found) is None:
        raise ValueError(f"a name has 1 to {NAME_OCTETS} letters, digits, dots, - and _: {shown(value)}")
    return found


def lower_name(value: Any) -> str:
    """The same in lower case, for names whose case does not count."""
    return name(value).lower()


def items(value: Any, semicolons: bool = False) -> list[Any]:
    """The items of a list: separated by commas, or a list in JSON; empty ones left out."""
    if isinstance(value, list | tuple):
        return [each for each in value if each is not None and each != ""]
    if not isinstance(value, str):
        return [value]
    if is_json(value, "["):
        return items(_listed(parse_json(value)))
    parts = (_COMMA_OR_SEMICOLON if semicolons else _COMMA).split(value)
    return [each.strip() for each in parts if each.strip()]


def is_json(value: str, opening: str) -> bool:
    """Whether a text is meant as JSON that begins with this bracket."""
    if value[: len(BASE64)].lower() == BASE64:
        return True
    start = value.lstrip()
    closing = {"[": "]", "{": "}"}[opening]
    return start.startswith(opening) and start.rstrip().endswith(closing)


def _listed(value: Any) -> Any:
    if not isinstance(value, list):
        raise ValueError(f"expected a list, not {shown(value)}")
    return value


def pairs(value: Any) -> dict[str, Any]:
    """A map: an object in JSON, or `k=v, k2=v2`."""
    if isinstance(value, str):
        if is_json(value, "{"):
            value = parse_json(value)
        else:
            return _split_pairs(value)
    if not isinstance(value, Mapping):
        raise ValueError(f"expected an object in JSON or k=v, not {shown(value)}")
    return dict(value)


def _split_pairs(value: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in filter(str.strip, value.split(",")):
        key, equals, rest = item.partition("=")
        if not equals or not key.strip():
            raise ValueError(f"expected an object in JSON or k=v, k2=v2, not {shown(item)}")
        found[key.strip()] = rest.strip()
    return found
