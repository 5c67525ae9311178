"""Suppressions: addresses that get no mail, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    HAND = "hand"  # an operator, or an import
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    account: str  # "" holds for every account
    address: str  # lower case; `@example.net` is everybody there
    stream: str = ""  # lower case; "" holds for every stream
    cause: Cause = Cause.HAND
    note: str = ""
    created: float
    until: float | None = None  # None: for good
