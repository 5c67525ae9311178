"""Answers in JSON, text and files: the few lines that handlers share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from relay.model.address import printable
from relay.web.api.call import JSON, TEXT, Answer

WARNINGS: Final = "X-Warnings"
_TOLD: Final = 1000  # characters of the warnings in a header field
_NONE: Mapping[str, str] = {}


def answer(value: Any, status: int = 200, headers: Mapping[str, str] = _NONE) -> Answer:
    """JSON of anything msgspec can write: mappings, lists, Structs, dataclasses."""
    return Answer(body=msgspec.json.encode(value), status=status, media=JSON, headers=headers)


def text(value: str, status: int = 200, media: str = TEXT, headers: Mapping[str, str] = _NONE) -> Answer:
    return Answer(body=value.encode("utf-8", "surrogateescape"), status=status, media=media, headers=headers)


def warned(warnings: Sequence[str]) -> dict[str, str]:
    """The header field that tells them, where there are some."""
    if not warnings:
        return {}
    told = " | ".join(printable(each, 200) for each in warnings)
    return {WARNINGS: told if len(told) <= _TOLD else f"{told[: _TOLD - 3]}..."}


def nothing() -> Answer:
    return Answer(status=204, media="")
