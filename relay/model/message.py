"""A message the relay has taken, and what it keeps of each recipient.

The states of a recipient. `flight` is in the memory of the process that owns the shard: it is being
attempted, or about to be; at start every `flight` becomes `queued` again, due at once. All states from
`delivered` on are final.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from relay.model.envelope import Envelope, Recipient
from relay.model.event import Event
from relay.model.light import light
from relay.model.options import NORMAL_PRIORITY, NOTHING_ASKED, Resolved


class State(StrEnum):
    QUEUED = "queued"  # waits for its next attempt
    FLIGHT = "flight"
    HELD = "held"  # waits for an operator
    DELIVERED = "delivered"
    FAILED = "failed"  # refused for good while we were sending
    EXPIRED = "expired"  # its deadline came first
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self not in _UNFINISHED


_UNFINISHED = frozenset({State.QUEUED, State.FLIGHT, State.HELD})


class Origin(StrEnum):
    SUBMISSION = "submission"  # a client handed it to us
    REPORT = "report"  # we wrote it ourselves: a DSN; never answered with another
    RETURN = "return"  # it came back to our return path, and is passed on; never answered with a DSN, either


@light(frozen=True, slots=True, kw_only=True)
class Message:
    """What all recipients of a submission share. Contents lie beside it, by number from 0."""

    id: str
    account: str
    credential: str
    envelope: Envelope
    received: float
    deadline: float  # no attempt begins after it
    delay_at: float | None = None  # who waits beyond it is told once, in a DSN; None: nobody is
    size: int  # octets of content 0
    resolved: Resolved = NOTHING_ASKED
    origin: Origin = Origin.SUBMISSION
    sandbox: bool = False  # process fully, keep, send nothing; how it ends there is `options.sandbox`
    return_host: str = ""  # domain of our own return path, which goes on the wire; "": the reverse-path does
    trace: bool = False  # BY=...T: its sender hears of each recipient that a next hop took (RFC 2852)
    links: bool = False  # links of ours with tokens are in it: what they name is kept for `tracking.life`
    author: str = ""  # domain in From; "" for what we wrote or passed on ourselves
    peer: str = ""  # client's address and port, for logs and explain, never in what is sent

    @property
    def share(self) -> str:
        """Whose turn its mail takes in the queue: the account's, or the tenant's within it."""
        tenant = self.resolved.options.tenant
        return f"{self.account}/{tenant}" if tenant else self.account

    @property
    def priority(self) -> int:
        return self.resolved.options.priority


@light(frozen=True, slots=True, kw_only=True)
class NewRecipient:
    number: int  # from 1, in the order of the envelope
    recipient: Recipient
    content: int = 0
    state: State = State.QUEUED
    due: float = 0.0  # time of the first attempt


@light(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """All that becomes durable together when a message is taken."""

    message: Message
    contents: tuple[bytes, ...]  # final octets, CRLF line ends, signed; content 0 and its variants
    recipients: tuple[NewRecipient, ...]
    events: tuple[Event, ...]
    targets: Mapping[int, tuple[str, ...]] = field(default_factory=dict)  # of its links, in order, by content


@dataclass(frozen=True, slots=True)
class Lane:
    """The unit of fairness and of claiming: one domain's mail of one account, of one priority."""

    domain: str
    account: str  # `Message.share`
    priority: int = NORMAL_PRIORITY  # 0 to 9; the higher goes first within the account


def lane_of(message: Message, recipient: Recipient) -> Lane:
    return Lane(recipient.domain, message.share, message.priority)


@light(frozen=True, slots=True, kw_only=True)
class Due:
    """A recipient in flight: handed to delivery, and to nobody else until it is settled or released."""

    shard: int
    message: Message
    number: int
    recipient: Recipient
    content: int
    attempts: int  # made before this one
    due: float
    told: bool = False  # its sender was told of the delay
    bypassed: tuple[str, ...] = ()  # causes of suppressions that its message went past
    doomed: str = ""  # an operator returned it to its sender, for this reason; it is not attempted
    leeway: float = 0.0  # seconds its message's deadline was put off in memory, since the clock was set


@light(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of one recipient in flight: its new state, and the events that say so."""

    due: Due
    state: State
    attempts: int  # made so far, this one included
    next_attempt: float | None = None  # for `queued`
    reply: str = ""  # the last reply, as text, for the queue listing
    site: str = ""  # where this attempt went
    told: bool = False  # its sender is told of the delay, now or before
    events: tuple[Event, ...] = ()
