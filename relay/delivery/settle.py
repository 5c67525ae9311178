"""From what an attempt came to, to what is kept of it: the new state and the events that say so. Pure.

In:  a `Verdict` (recipient, outcome, facts of the attempt), the retry settings, time and randomness.
Out: a `Settlement`, and for the reports what a sender would want to know.

A deferred recipient whose next attempt would come after its deadline has `expired`. So has one that used up its
`max_attempts`, or whose send window does not open again in time; `reason` in the event says which. One that was
decided without an attempt counts none.

Why so: mail whose sender demands TLS, and that waited in vain for it, has failed with 5.7.30 (RFC 8689 section 5)
rather than expired: the sender should read what was missing, not that time ran out.
The attempt that would come after the sender is to be told of the delay is moved to shortly after that moment, once:
the report says how the last attempt fared, so it goes with one, and in time.
"""

from __future__ import annotations

from dataclasses import field, replace
from random import Random
from typing import Any

from relay.config import Delivery
from relay.model.envelope import Notify
from relay.model.event import Event, EventName
from relay.model.labels import labels
from relay.model.light import light
from relay.model.message import Due, Origin, Settlement, State
from relay.model.options import NOTHING, Options, RequireTls, VerifyTls
from relay.model.outcome import Fate, Fault, Outcome
from relay.model.reply import Reply
from relay.model.suppression import Suppression
from relay.queue.retry import next_attempt
from relay.queue.windows import next_open

KEPT_IN_SANDBOX = Outcome(Fate.DELIVERED, Reply(250, "2.0.0", "kept in sandbox"), Fault.NONE, "accepted")
TOO_LATE = Outcome(Fate.FAILED, Reply(554, "5.4.7", "delivery time expired"), Fault.NONE, "expired")
ATTEMPTS = "attempts"  # why no other follows: it may have no more
_NAMES = {
    State.DELIVERED: EventName.DELIVERED,
    State.QUEUED: EventName.DEFERRED,
    State.FAILED: EventName.FAILED,
    State.EXPIRED: EventName.EXPIRED,
    State.SUPPRESSED: EventName.SUPPRESSED,
}


@light(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an attempt's events tell beside the outcome. Empty values are left out."""

    egress: str = ""
    site: str = ""
    host: str = ""
    address: str = ""
    port: int = 0
    local: str = ""  # our own end
    tls: str = ""
    demand: str = ""  # how much TLS the message demanded, if it did
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
            if self.local:
                given["local"] = self.local
            given["tls"] = self.tls
        if self.demand:
            given["demand"] = self.demand
        if self.seconds is not None:
            given["seconds"] = round(self.seconds, 3)
        if self.warnings:
            given["warnings"] = list(self.warnings)
        if self.test:
            given["test"] = True
        return given


NO_FACTS = Facts()


@light(frozen=True, slots=True, kw_only=True)
class Interlude:
    """A step of an attempt that decided nobody's fate: a host that did not do, a TLS handshake that broke."""

    at: float
    outcome: Outcome
    facts: Facts
    conversation: list[str]


@light(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an attempt came to for one recipient."""

    due: Due
    outcome: Outcome
    facts: Facts = NO_FACTS
    conversation: list[str] = field(default_factory=list)
    interludes: tuple[Interlude, ...] = ()
    attempted: bool = True  # False: it was decided without one
    suppression: Suppression | None = None  # it gets no mail, and this is why
    after: tuple[EventName, ...] = ()  # what follows at once, in the sandbox


@light(frozen=True, slots=True)
class Settled:
    settlement: Settlement
    verdict: Verdict


def settled(verdict: Verdict, delivery: Delivery, now: float, random: Random) -> Settled:
    """The recipient's new state, with its events."""
    due, outcome = verdict.due, verdict.outcome
    attempts = due.attempts + 1 if verdict.attempted else due.attempts
    again, reason = None, ""
    match outcome.fate:
        case Fate.DELIVERED:
            state = State.DELIVERED
        case Fate.FAILED if outcome is TOO_LATE:
            state = State.EXPIRED
        case Fate.FAILED:
            state = State.FAILED if verdict.suppression is None else State.SUPPRESSED
        case Fate.DEFERRED:
            again, reason = _again(due, delivery, attempts, now, random)
            state = State.QUEUED if again is not None else State.EXPIRED
            if again is None and outcome.reason == "tls" and _demands_tls(due.message.resolved.options):
                state, outcome = State.FAILED, _without_tls(outcome)
                verdict = replace(verdict, outcome=outcome)
    delay_at = due.message.delay_at
    told = due.told or (state is State.QUEUED and delay_at is not None and now >= delay_at)
    reply = str(outcome.reply)
    data = _data(verdict, attempts, reply)
    if again is not None:
        data["next"] = again
    if reason:
        data["reason"] = reason
    if verdict.conversation:
        data["conversation"] = verdict.conversation
    events: tuple[Event, ...] = (_event(_NAMES[state], now, due, data),)
    if verdict.interludes:
        events = (*[_interlude(due, attempts, each) for each in verdict.interludes], *events)
    if verdict.after:
        after = {"to": due.recipient.address, "test": True}
        events = (*events, *[_event(name, now, due, after) for name in verdict.after])
    return Settled(
        Settlement(
            due=due,
            state=state,
            attempts=attempts,
            next_attempt=again,
            reply=reply,
            site=verdict.facts.site,
            told=told,
            events=events,
        ),
        verdict,
    )


def _again(due: Due, delivery: Delivery, attempts: int, now: float, random: Random) -> tuple[float | None, str]:
    """The time of the next attempt; or None, with what forbids one."""
    message = due.message
    options = message.resolved.options
    if options.max_attempts is not None and attempts >= options.max_attempts:
        return None, ATTEMPTS
    waits = options.retry_schedule or delivery.retry
    again = next_attempt(
        waits, jitter=delivery.jitter, attempts=attempts, now=now, deadline=message.deadline, random=random
    )
    if again is None:
        return None, "deadline"
    if message.delay_at is not None and now < message.delay_at < again and not due.told:
        # As in `next_attempt`: spread, since mail that came together would be tried together; and not so soon
        # that it would tell nothing new.
        then = message.delay_at + random.uniform(0, delivery.jitter * waits[0])
        again = min(again, max(then, now + waits[0] / 2))
    if options.send_window:
        again = next_open(options.send_window, again)
        if again is None or again >= message.deadline:
            return None, "window"
    return again, ""


def _demands_tls(options: Options) -> bool:
    return options is not NOTHING and (
        options.require_tls is RequireTls.MUST or options.verify_tls is VerifyTls.REQUIRED
    )


def _without_tls(outcome: Outcome) -> Outcome:
    text = f"the message demands TLS, which did not come about: {outcome.reply.text}"
    return Outcome(Fate.FAILED, Reply(550, "5.7.30", text), outcome.fault, outcome.reason)


def _data(verdict: Verdict, attempts: int, reply: str) -> dict[str, Any]:
    due, outcome, facts = verdict.due, verdict.outcome, verdict.facts
    data: dict[str, Any] = {
        "to": due.recipient.address,
        "attempt": attempts,
        "reply": reply,
        "class": outcome.reason,
        "fault": outcome.fault.value,
        **facts.data(),
    }
    if outcome.fate is Fate.DELIVERED and Notify.SUCCESS in due.recipient.notify:
        data["dsn"] = facts.dsn
    if due.bypassed:
        data["bypassed"] = list(due.bypassed)
    if verdict.suppression is not None:
        data["cause"] = verdict.suppression.cause.value
        if verdict.suppression.note:
            data["note"] = verdict.suppression.note
    return data


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
    if message.resolved.options is not NOTHING:
        data |= labels(message.resolved.options)
    if message.origin is not Origin.SUBMISSION:
        data["origin"] = message.origin.value
    return Event(
        name=name,
        at=at,
        message=message.id,
        recipient=due.number,
        account=message.account,
        credential=message.credential,
        data=data,
    )
