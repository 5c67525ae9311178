"""Shapes of answers on mail, for the API's document: what clients are generated from. Values only.

In:  nothing. Out: types that msgspec can describe.

Why so: these answers are made of what `relay/manage` says for the command line, too, which are mappings. A test holds
every answer it gets to these shapes, so neither says more than the other.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

# --- what would become of a message -----------------------------------------------------------------------


class OptionHeld(Struct):
    """An option of a message, and who set it."""

    value: Any
    set_by: str


class Leaving(Struct):
    """The octets of a message as they would leave, and for whom."""

    recipients: list[str]
    mime: str
    encoding: Literal["utf-8", "base64"]  # of `mime`


class Rehearsal(Struct):
    """What would become of a message."""

    recipients: list[str]
    envelope: str
    options: dict[str, OptionHeld]
    warnings: list[str]
    send_at: list[str]  # of each recipient
    deadline: str
    sandbox: bool
    dropped: dict[str, str]  # address -> why it gets nothing
    messages: list[Leaving]


# --- why it is where it is --------------------------------------------------------------------------------


class Step(Struct):
    """An event of a message's way."""

    event: str
    at: str
    facts: dict[str, Any]
    conversation: list[str]


class Story(Struct):
    """A recipient's way."""

    id: str
    address: str
    state: str
    attempts: int
    reply: str
    next_attempt: str | None
    ended: str | None
    route: dict[str, str]
    holds: list[str]
    steps: list[Step]


class Explained(Struct):
    """Why a message is where it is."""

    id: str
    account: str
    credential: str
    sender: str
    from_: str = field(name="from")
    received: str
    deadline: str | None
    size: int | None
    origin: str
    sandbox: bool
    peer: str
    kept: bool
    options: dict[str, OptionHeld]
    warnings: list[str]
    recipients: list[Story]
    steps: list[Step]


# --- queue ------------------------------------------------------------------------------------------------


class DomainWaiting(Struct):
    """What waits for a domain."""

    domain: str
    queued: int
    flight: int
    held: int
    next: str | None


class Waiting(Struct):
    states: dict[str, int]
    domains: list[DomainWaiting]


class Recipient(Struct):
    """A recipient that has not ended."""

    id: str
    state: str
    attempts: int
    next: str | None
    from_: str = field(name="from")
    to: str
    account: str
    credential: str
    received: str | None
    deadline: str | None
    ended: str | None
    size: int
    site: str
    reply: str


class Recipients(Struct):
    recipients: list[Recipient]
    next: str | None


class OrderGiven(Struct):
    """An order, or what one would concern."""

    order: int | None
    act: str
    concerned: int
    in_flight: int
    dry_run: bool


class OrderDone(Struct):
    """What an order came to."""

    order: int
    act: str
    at: str
    who: str
    reason: str
    selection: dict[str, str | list[str]]
    done: bool
    changed: int
    in_flight: int
    outstanding: list[int]


# --- suppressions -----------------------------------------------------------------------------------------


class SuppressionShown(Struct):
    """An entry of the suppression list."""

    address: str
    account: str
    stream: str
    group: str
    cause: str
    note: str
    until: str | None
    created: str


class SuppressionPage(Struct):
    suppressions: list[SuppressionShown]
    next: str | None


class SuppressionsOf(Struct):
    address: str
    suppressions: list[SuppressionShown]


class Removed(Struct):
    removed: int


class LineFault(Struct):
    line: int
    why: str


class Imported(Struct):
    entries: int
    new: int
    bad: int
    faults: list[LineFault]
    dry_run: bool
