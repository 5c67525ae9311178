"""Orders to the queue: what an operator wants done to mail that waits.

An order is a row of the registry; the owner of each shard reads it and acts. A shard without an owner is acted
upon by whoever takes its lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from relay.model.message import State


class Act(StrEnum):
    RETRY = "retry"  # due now, whatever its next attempt was
    HOLD = "hold"  # wait for a release
    RELEASE = "release"  # held mail is queued again, due when it was; its lifetime begins anew
    FAIL = "fail"  # return it to its sender: ends as failed, with a DSN where one is wanted
    DELETE = "delete"  # end it without a word to its sender: cancelled
    DROP = "drop"  # forget the contents of messages that have ended, by their ids; what became of them stays
    ERASE = "erase"  # forget a person: `selection.address` vanishes from contents, recipients and journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which recipients. Everything given must fit; an empty selection is all that is not final."""

    ids: tuple[str, ...] = ()  # of submissions or of recipients
    domain: str = ""  # of the recipient
    site: str = ""  # of the last attempt
    account: str = ""
    credential: str = ""
    tag: str = ""
    campaign: str = ""
    send_cancel_id: str = ""
    address: str = ""  # of the recipient, whole, without regard to case
    states: tuple[State, ...] = ()  # none: all that are not final
    before: float | None = None  # received before
    since: float | None = None  # received then or later


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    number: int  # from 1, rising; 0 before it has one
    at: float
    who: str
    act: Act
    selection: Selection
    reason: str = ""
    lifetime: float = 0.0  # release: seconds the mail is tried from then on; one that had less gets that


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What an order came to in one shard."""

    order: int
    shard: int
    at: float
    changed: int  # recipients
    in_flight: int  # that fitted, but were being attempted, and so were left alone
