"""What an event means for the list of suppressions. Pure.

In:  an event and the rules of `config/bounces.yaml`. Out: what it asks for, or None.

    failed, bounced     by the class of the refusal
    complained          by the kind of complaint
    unsubscribed        for good, of the group it names or of all the account's mail; or the reverse

A test never suppresses, nor does mail of the relay's own, nor an event that names nobody.

Why so: the class is found again here and not taken from the event, so that one file rules both: what a next hop said
at once and what came back, and what an operator changed since.
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.bounce.classes import quoted, reported
from relay.config.bounces import FOR_GOOD, Action, Bounces, action_of
from relay.model.event import Event, EventName
from relay.model.suppression import Cause
from relay.store.erasure import ERASED

NOTE = 300  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A suppression, where its action says so."""

    account: str
    address: str  # lower case
    group: str = ""
    cause: Cause
    word: str  # class of the refusal, kind of the complaint, way of unsubscribing
    note: str
    action: Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    account: str
    address: str
    group: str = ""


_FOR_GOOD = Action.model_validate({"suppress": "for good"})


def consequence(event: Event, rules: Bounces) -> Wanted | Back | None:
    if event.name not in _RULED or event.data.get("test") or "origin" in event.data:
        return None
    address = event.data.get("to")
    if not isinstance(address, str) or "@" not in address or address == ERASED or not event.account:
        return None
    return _RULED[event.name](event, address.lower(), rules)


def _refused(event: Event, address: str, rules: Bounces) -> Wanted | None:
    if not rules.automatic.bounce:
        return None
    data = event.data
    said = str(data.get("diagnostic", "") or data.get("reply", ""))
    status = str(data.get("status", "")) or quoted("", said).status
    known = reported(status, said) if event.name is EventName.BOUNCED else str(data.get("class", ""))
    word = rules.named(event.name.value, status, said, known)
    return _wanted(event, address, Cause.BOUNCE, word, action_of(rules.actions, word), said or status)


def _complained(event: Event, address: str, rules: Bounces) -> Wanted | None:
    kind = str(event.data.get("feedback", "abuse"))
    if not rules.automatic.complaint:
        return None
    return _wanted(event, address, Cause.COMPLAINT, kind, action_of(rules.complaints, kind), "")


def _unsubscribed(event: Event, address: str, rules: Bounces) -> Wanted | Back | None:
    group = str(event.data.get("group", ""))
    if not rules.automatic.unsubscribe:
        return None
    if event.data.get("resubscribed"):
        return Back(account=event.account, address=address, group=group)
    return _wanted(event, address, Cause.UNSUBSCRIBE, str(event.data.get("via", "")), _FOR_GOOD, "", group)


_RULED = {
    EventName.FAILED: _refused,
    EventName.BOUNCED: _refused,
    EventName.COMPLAINED: _complained,
    EventName.UNSUBSCRIBED: _unsubscribed,
}


def _wanted(
    event: Event, address: str, cause: Cause, word: str, action: Action, said: str, group: str = ""
) -> Wanted | None:
    if not action.suppress:
        return None
    number = f"-{event.recipient}" if event.recipient is not None else ""
    note = " ".join(f"{event.name.value} {event.message}{number}: {word}: {said}".rstrip(": ").split())
    return Wanted(
        account=event.account,
        address=address,
        group=group,
        cause=cause,
        word=word,
        note=note[:NOTE],
        action=action,
    )


def until(wanted: Wanted, at: float) -> float | None:
    """When the suppression ends; None: for good."""
    return None if wanted.action.suppress == FOR_GOOD else at + wanted.action.suppress
