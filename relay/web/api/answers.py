"""Answers in JSON, text and files: the few lines that handlers share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from relay.web.api.call import JSON, TEXT, Answer

_NONE: Mapping[str, str] = {}


def answer(value: Any, status: int = 200, headers: Mapping[str, str] = _NONE) -> Answer:
    """JSON of anything msgspec can write: mappings, lists, Structs, dataclasses."""
    return Answer(body=msgspec.json.encode(value), status=status, media=JSON, headers=headers)


def text(value: str, status: int = 200, media: str = TEXT, headers: Mapping[str, str] = _NONE) -> Answer:
    return Answer(body=value.encode("utf-8", "surrogateescape"), status=status, media=media, headers=headers)


def nothing() -> Answer:
    return Answer(status=204, media="")
