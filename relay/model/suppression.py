"""Suppressions: addresses that get no mail, and why; and which of them a message may go past.

Why so: what one cause put on the list stands beside what another did, since each ends in its own way: a bounce after
a month, an unsubscribe when its recipient comes back. An entry for every account is the operator's, and no message
goes past it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from relay.model.options import Bypass


class Cause(StrEnum):
    HAND = "hand"  # an operator, or an import
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """It holds for mail that fits its account, stream and group."""

    account: str  # "" holds for every account
    address: str  # lower case; `@example.net` is everybody there
    stream: str = ""  # lower case; "" holds for every stream
    group: str = ""  # option `suppression_group`, lower case; "" holds for every group
    cause: Cause = Cause.HAND
    note: str = ""
    created: float
    until: float | None = None  # None: for good


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a list says of a recipient, to a message that may go past some of it."""

    holds: Suppression | None  # why it gets no mail
    passed: tuple[str, ...] = ()  # causes that the message went past; only where nothing holds


NOT_LISTED = Weighed(None)


def weigh(entries: Iterable[Suppression], bypass: Collection[Bypass]) -> Weighed:
    """`entries`: those that fit a recipient's mail, the most particular first."""
    passed: dict[str, None] = {}
    for each in entries:
        if not _goes_past(each, bypass):
            return Weighed(each)
        passed[each.cause.value] = None
    return Weighed(None, tuple(passed)) if passed else NOT_LISTED


def _goes_past(entry: Suppression, bypass: Collection[Bypass]) -> bool:
    if not bypass or not entry.account:
        return False
    if Bypass.ALL in bypass:
        return True
    if entry.cause is Cause.UNSUBSCRIBE:
        return (Bypass.GROUP if entry.group else Bypass.UNSUBSCRIBE) in bypass
    return entry.cause is not Cause.HAND and Bypass(entry.cause.value) in bypass
