"""What a report tells: the recipients it concerns, what became of them, and the message they were sent.

Values only; `dsn.py` makes a message of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from relay.model.envelope import Recipient
from relay.model.message import Message
from relay.model.reply import Reply


class Action(StrEnum):
    """What became of a recipient (RFC 3464 section 2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    RELAYED = "relayed"  # handed on to a server that sends no reports, so this is the last word
    DELIVERED = "delivered"
    EXPANDED = "expanded"  # to a list; only others say so


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One recipient of a report."""

    number: int  # from 1, in the message
    recipient: Recipient
    reply: Reply  # the last one, a peer's or ours
    host: str = ""  # who answered so; "" where it was us
    at: float  # time of the last attempt
    expired: bool = False  # given up because its time was over; then the reply is the last deferral
    attempts: int = 0  # if it was given up after so many, as its sender wished, and not for its time


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    id: str  # submission id of the report itself
    at: float
    hostname: str  # ours
    action: Action  # the same for all its recipients
    message: Message  # the one it is about
    content: bytes  # of that, as it left or would have left; empty if it cannot be read
    cases: Sequence[Case]  # at least one

    @property
    def utf8(self) -> bool:
        """Whether it speaks UTF-8 in its fields: only to a sender whose address needs that."""
        return not self.message.envelope.reverse_path.isascii()
