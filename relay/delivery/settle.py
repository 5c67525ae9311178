"""From what an attempt came to, to what is kept of it: the new state and the events that say so. Pure.

In:  a `Verdict` (recipient, outcome, facts of the attempt), the retry settings, time and randomness.
Out: a `Settlement`, and for the reports what a sender would want to know.

A deferred recipient whose next attempt would come after its deadline has `expired`. So has one whose deadline passed
before the attempt began; that one counts no attempt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from relay.config import Delivery
from relay.model.event import Event, EventName
from relay.model.message import Due, Settlement, State
from relay.model.outcome import Fate, Fault, Outcome
from relay.model.reply import Reply
from relay.queue.retry import next_attempt

KEPT_IN_SANDBOX = Outcome(Fate.DELIVERED, Reply(250, "2.0.0", "kept in sandbox"), Fault.NONE, "accepted")
TOO_LATE = Outcome(Fate.FAILED, Reply(554, "5.4.7", "delivery time expired"), Fault.NONE, "expired")
_NAMES = {
    State.DELIVERED: EventName.DELIVERED,
    State.QUEUED: EventName.DEFERRED,
    State.FAILED: EventName.FAILED,
    State.EXPIRED: EventName.EXPIRED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an attempt's events tell beside the outcome. Empty values are left out."""

    egress: str = ""
    site: str = ""
    host: str = ""
    address: str = ""
    port: int = 0
    tls: str = ""
    seconds: float | None = None  # how long the attempt took
    warnings: tuple[str, ...] = ()
    dsn: bool = False  # the next hop reports what becomes of it (it offers DSN)
    test: bool = False

    def data(self) -> dict[str, Any]:
        given: dict[str, Any] = {}
        if self.egress:
            given["egress"] = self.egress
        if self.site:
            given["site"] = self.site
        if self.host:
            given["host"] = self.host
            given["address"] = self.address
            given["port"] = self.port
            given["tls"] = self.tls
        if self.seconds is not None:
            given["seconds"] = round(self.seconds, 3)
        if self.warnings:
            given["warnings"] = list(self.warnings)
        if self.test:
            given["test"] = True
        return given


NO_FACTS = Facts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interlude:
    """A step of an attempt that decided nobody's fate: a host that did not do, a TLS handshake that broke."""

    at: float
    outcome: Outcome
    facts: Facts
    conversation: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an attempt came to for one recipient."""

    due: Due
    outcome: Outcome
    facts: Facts = NO_FACTS
    conversation: list[str] = field(default_factory=list)
    interludes: tuple[Interlude, ...] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    settlement: Settlement
    verdict: Verdict


def settled(verdict: Verdict, delivery: Delivery, now: float, random: Random) -> Settled:
    """The recipient's new state, with its events."""
    due, outcome = verdict.due, verdict.outcome
    attempts = due.attempts + 1
    again = None
    match outcome.fate:
        case Fate.DELIVERED:
            state = State.DELIVERED
        case Fate.FAILED if outcome is TOO_LATE:
            state, attempts = State.EXPIRED, due.attempts
        case Fate.FAILED:
            state = State.FAILED
        case Fate.DEFERRED:
            again = next_attempt(
                delivery.retry,
                jitter=delivery.jitter,
                attempts=attempts,
                now=now,
                deadline=due.message.deadline,
                random=random,
            )
            state = State.EXPIRED if again is None else State.QUEUED
    reply = str(outcome.reply)
    data: dict[str, Any] = {
        "to": due.recipient.address,
        "attempt": attempts,
        "reply": reply,
        "class": outcome.reason,
        "fault": outcome.fault.value,
        **verdict.facts.data(),
    }
    if again is not None:
        data["next"] = again
    if verdict.conversation:
        data["conversation"] = verdict.conversation
    events = [_interlude(due, attempts, each) for each in verdict.interludes]
    events.append(_event(_NAMES[state], now, due, data))
    return Settled(
        Settlement(due=due, state=state, attempts=attempts, next_attempt=again, reply=reply, events=tuple(events)),
        verdict,
    )


def _interlude(due: Due, attempts: int, interlude: Interlude) -> Event:
    data = {
        "to": due.recipient.address,
        "attempt": attempts,
        "reply": str(interlude.outcome.reply),
        "class": interlude.outcome.reason,
        "fault": interlude.outcome.fault.value,
        **interlude.facts.data(),
        "conversation": interlude.conversation,
    }
    return _event(EventName.ATTEMPTED, interlude.at, due, data)


def _event(name: EventName, at: float, due: Due, data: dict[str, Any]) -> Event:
    message = due.message
    return Event(
        name=name,
        at=at,
        message=message.id,
        recipient=due.number,
        account=message.account,
        credential=message.credential,
        data=data,
    )
