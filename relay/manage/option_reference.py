"""What messages may ask for, in JSON's types: the registry of options as commands and the API tell it."""

from __future__ import annotations

from typing import Any

from relay.submission.control.option import Door, Listed, Option
from relay.submission.control.registry import FAMILIES, OPTIONS, PREFIX, find, header_of


def every() -> list[dict[str, Any]]:
    return [describe(each) for each in OPTIONS]


def lookup(name: str) -> Option | None:
    """By any of its names, with or without the prefix of a header."""
    return find(bare(name))


def bare(name: str) -> str:
    return name[len(PREFIX) :] if name.lower().startswith(PREFIX.lower()) else name


def family(option: Option) -> str:
    return next(name for name, options in FAMILIES.items() if option in options)


def describe(option: Option) -> dict[str, Any]:
    in_message = Door.HEADER in option.doors
    return {
        "option": option.name,
        "header": header_of(option) if in_message else "",
        "aliases": [PREFIX + each.name for each in option.aliases],
        "ESMTP": option.esmtp,
        "value": option.type,
        "limits": _plain(option.limits),
        "example": f"{header_of(option)}: {option.example}" if in_message else option.example,
        "meaning": _plain(option.help),
        "permission": _plain(option.permission.words),
        "grant": option.permission.grant,
        "allowed_list": option.permission.listed is not Listed.NO,
        "repeated": option.repeat.value,
        "bad_value": "refused" if option.safety else "as on_invalid says",
        "set_by": [each.value for each in Door if each in option.doors],
    }


def _plain(text: str) -> str:
    """Without the marks of Markdown."""
    return text.replace("`", "")
