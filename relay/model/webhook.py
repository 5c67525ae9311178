"""Webhooks: who is told of which events, in what form, and how a receiver knows that it was us.

Values only; the registry keeps them, the reporter sends by them. The names of types are fixed: receivers act on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from relay.model.event import EventName

DEFERRED_EVERY = 10  # of one recipient's deferrals the first is told, and then each so many-th


class Format(StrEnum):
    """How a body is written."""

    JSON = "json"
    FORM = "form"  # application/x-www-form-urlencoded, lists as `name[]`


class Shape(StrEnum):
    """What stands in a body."""

    RELAY = "relay"
    SMTPETER = "smtpeter"


class Signature(StrEnum):
    STANDARD = "standard"  # Standard Webhooks v1: HMAC-SHA256 with a secret of this webhook
    SMTPETER = "smtpeter"  # HTTP signature (draft-cavage), RSA, its key in DNS as for DKIM


# What a body of ours calls an event.
TYPES: Mapping[EventName, str] = {
    EventName.RECEIVED: "message.accepted",
    EventName.REJECTED: "message.rejected",
    EventName.SCHEDULED: "message.scheduled",
    EventName.ATTEMPTED: "message.attempted",
    EventName.DEFERRED: "message.deferred",
    EventName.DELIVERED: "message.delivered",
    EventName.FAILED: "message.failed",
    EventName.EXPIRED: "message.expired",
    EventName.BOUNCED: "message.bounced",
    EventName.REPLIED: "message.replied",
    EventName.COMPLAINED: "recipient.complained",
    EventName.OPENED: "message.opened",
    EventName.CLICKED: "message.clicked",
    EventName.UNSUBSCRIBED: "recipient.unsubscribed",
    EventName.SUPPRESSED: "message.suppressed",
    EventName.HELD: "message.held",
    EventName.CANCELLED: "message.cancelled",
}
RESUBSCRIBED = "recipient.resubscribed"  # an `unsubscribed` that is taken back
TEST = "webhook.test"

# What SMTPeter's webhooks are called, and what is an event of theirs. One event can be two of them.
SMTPETER: Mapping[str, tuple[EventName, ...]] = {
    "bounce": (EventName.BOUNCED, EventName.REPLIED),
    "failure": (EventName.FAILED, EventName.EXPIRED, EventName.BOUNCED),
    "click": (EventName.CLICKED,),
    "open": (EventName.OPENED,),
    "delivery": (EventName.DELIVERED,),
    "abuse": (EventName.COMPLAINED,),
}

# Who asks for nothing in particular hears of what became of mail, not of each step on its way.
USUAL = frozenset(
    {
        EventName.DELIVERED,
        EventName.FAILED,
        EventName.EXPIRED,
        EventName.BOUNCED,
        EventName.COMPLAINED,
        EventName.UNSUBSCRIBED,
        EventName.SUPPRESSED,
        EventName.REJECTED,
    }
)


@dataclass(frozen=True, slots=True)
class Secret:
    text: str  # `whsec_` and base64
    created: float
    until: float | None = None  # signs beside its successor until then; None: the one in use


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    id: str  # `wh_` and letters
    account: str
    url: str
    created: float
    events: frozenset[str]  # names of events; of types of SMTPeter where that is the shape
    format: Format = Format.JSON
    shape: Shape = Shape.RELAY
    signature: Signature = Signature.STANDARD
    batched: bool = False  # many events in one body
    secrets: tuple[Secret, ...] = ()  # the newest first
    token: str = ""  # name and text of the file that shows whose the URL is
    checked: float | None = None  # when the URL passed its check; None: nothing is sent there
    machine: bool = True  # also opens and clicks that a machine made
    test: bool = True  # also events of mail that did not leave the relay
    deferred_every: int = DEFERRED_EVERY  # 1: all; 0: the first alone
    disabled: str = ""  # why nothing is sent; empty: it is
    disabled_at: float | None = None
    note: str = ""

    @property
    def ready(self) -> bool:
        return self.checked is not None and not self.disabled

    @property
    def check_file(self) -> str:
        return f"smtpeter-{self.token}.txt"


def events_of(given: Iterable[str], shape: Shape) -> frozenset[str]:
    """What a webhook of that shape keeps in `events`, of names as people give them.

    Names of events, of types of ours (`message.delivered`) and of SMTPeter are taken; `all` is all of them.

    Raises:
        ValueError: there is no such event, or none that the shape can tell.
    """
    found: set[str] = set()
    for name in given:
        found |= _in_shape(name.strip().lower(), shape)
    if not found:
        raise ValueError("a webhook is told of one event at least")
    return frozenset(found)


def _in_shape(name: str, shape: Shape) -> set[str]:
    meant = {each.value for each in _meant(name)}
    if shape is Shape.RELAY:
        return meant
    if name in SMTPETER:
        return {name}
    types = {kind for kind, names in SMTPETER.items() if any(each.value in meant for each in names)}
    if not types:
        raise ValueError(f"SMTPeter's webhooks have nothing for {name}; there are {', '.join(SMTPETER)}")
    return types


def _meant(name: str) -> Iterable[EventName]:
    if name == "all":
        return EventName
    if name in SMTPETER:
        return SMTPETER[name]
    for each, kind in TYPES.items():
        if name in (each.value, kind):
            return (each,)
    known = ", ".join(each.value for each in EventName)
    raise ValueError(f"there is no event {name[:40]!r}; there are {known}, and {', '.join(SMTPETER)} as SMTPeter has")


def kinds(hook: Webhook, name: EventName, data: Mapping[str, object]) -> tuple[str, ...]:
    """As what a webhook is told of an event: types of SMTPeter, or "" for ours; none: not at all."""
    if data.get("machine") and not hook.machine:
        return ()
    if data.get("test") and not hook.test:
        return ()
    if hook.shape is Shape.SMTPETER:
        return tuple(kind for kind, names in SMTPETER.items() if kind in hook.events and name in names)
    if name.value not in hook.events:
        return ()
    if name is EventName.DEFERRED and not _telling(data.get("attempt"), hook.deferred_every):
        return ()
    return ("",)


def _telling(attempt: object, every: int) -> bool:
    if not isinstance(attempt, int) or attempt <= 1:
        return True
    return every > 0 and attempt % every == 0
