"""What we keep of a submission: the message with its recipients, and the events that say so.

In:  a submission and what was decided about it. Out: values for the queue.

Why so: a recipient named twice in an envelope is kept once, the first time (with the DSN wishes it had there):
a second copy in the same mailbox serves nobody. `held` and `cancelled` are told of each recipient, whose state they
are; `scheduled` once for all of them where they share a time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field, replace
from typing import Any

from relay.model.address import domain_of
from relay.model.envelope import Recipient
from relay.model.event import Event, EventName
from relay.model.labels import labels
from relay.model.light import light
from relay.model.message import Due, Message, NewMessage, NewRecipient, State
from relay.model.options import NOTHING, Options, Resolved
from relay.model.reply import Reply
from relay.submission.addressing import Addressed
from relay.submission.plan import Plan
from relay.submission.submission import Submission
from relay.transform.headers import Header
from relay.transform.words import decode

# Options that an event tells under a word of their own.
_TOLD = frozenset({"tags", "metadata", "campaign", "tenant", "stream", "message_ref", "send_cancel_id"})
DUPLICATE = "duplicate campaign"
_RESTS = {
    State.HELD: (EventName.HELD, "sandbox: hold"),
    State.CANCELLED: (EventName.CANCELLED, "validated"),
}


@light(frozen=True, slots=True, kw_only=True)
class Decided:
    """What intake made of a submission."""

    id: str
    contents: tuple[bytes, ...]  # final, signed
    author: str
    resolved: Resolved
    addressed: Addressed
    plan: Plan
    template: int = 0  # number of the stored template it was made from; 0: of none
    return_host: str = ""
    targets: Mapping[int, tuple[str, ...]] = field(default_factory=dict)  # of the links, by number of the content
    links: bool = False  # links of ours with tokens are in it
    dropped: Mapping[int, str] = field(default_factory=dict)  # who gets nothing, by number from 1, and why
    had: Collection[int] = frozenset()  # who had its campaign before, and gets nothing


def distinct(submission: Submission) -> Submission:
    """The same with every recipient once; the first mention of an address counts."""
    first: dict[str, Recipient] = {}
    for each in submission.envelope.recipients:
        first.setdefault(each.address, each)
    if len(first) == len(submission.envelope.recipients):
        return submission
    return replace(submission, envelope=replace(submission.envelope, recipients=tuple(first.values())))


def new_message(submission: Submission, decided: Decided, header: Header, *, flight: bool) -> NewMessage:
    """All that becomes durable together. `flight`: who is due at once is delivery's from the start."""
    plan, envelope = decided.plan, decided.addressed.envelope
    by = submission.parameters.by
    message = Message(
        id=decided.id,
        account=submission.login.account,
        credential=submission.login.credential,
        envelope=envelope,
        received=submission.at,
        deadline=plan.deadline,
        delay_at=plan.delay_at,
        size=len(decided.contents[0]),
        resolved=decided.resolved,
        sandbox=plan.sandbox,
        return_host=decided.return_host,
        trace=by is not None and by.trace,
        peer=submission.peer,
        links=decided.links,
        author=domain_of(decided.author),
    )
    now = State.FLIGHT if flight else State.QUEUED
    whose = zip(envelope.recipients, decided.addressed.contents, plan.dues, strict=True)
    recipients = [
        NewRecipient(
            number=number,
            recipient=each,
            content=content,
            state=_ended(decided, number) or plan.rest or _fresh(due, submission.at, now),
            due=due,
        )
        for number, (each, content, due) in enumerate(whose, 1)
    ]
    events = (_received(submission, decided, header), *_later(submission, decided))
    return NewMessage(
        message=message,
        contents=decided.contents,
        recipients=tuple(recipients),
        events=events,
        targets=decided.targets,
    )


def _ended(decided: Decided, number: int) -> State | None:
    if number in decided.dropped:
        return State.CANCELLED
    return State.SUPPRESSED if number in decided.had else None


def _fresh(due: float, at: float, now: State) -> State:
    return now if due <= at else State.QUEUED


def dues(shard: int, new: NewMessage) -> list[Due]:
    """The recipients in flight as delivery gets them."""
    return [
        Due(
            shard=shard,
            message=new.message,
            number=each.number,
            recipient=each.recipient,
            content=each.content,
            attempts=0,
            due=each.due,
        )
        for each in new.recipients
        if each.state is State.FLIGHT
    ]


def rejected(submission: Submission, reply: Reply, at: float) -> Event:
    """The event of a refusal."""
    return Event(
        name=EventName.REJECTED,
        at=at,
        message="",
        account=submission.login.account,
        credential=submission.login.credential,
        data=_facts(submission, submission.envelope.reverse_path, submission.envelope.recipients)
        | {"size": len(submission.octets), "reply": str(reply)},
    )


def _received(submission: Submission, decided: Decided, header: Header) -> Event:
    envelope, resolved = decided.addressed.envelope, decided.resolved
    data = _facts(submission, envelope.reverse_path, envelope.recipients)
    data["size"] = len(decided.contents[0])
    data["author"] = decided.author
    if submission.pathless:
        data["pathless"] = True
    if message_id := _message_id(header):
        data["message_id"] = message_id
    if submission.tls:
        data["tls"] = submission.tls
    if resolved.options is not NOTHING:
        data.update((word, told) for word, told in _asked(resolved.options).items() if told)
    if decided.template:
        data["template"] = decided.template
    if resolved.warnings:
        data["warnings"] = list(resolved.warnings)
    if decided.plan.sandbox:
        data["test"] = True
    return _event(EventName.RECEIVED, submission, decided, None, data)


def _asked(options: Options) -> dict[str, Any]:
    """The options of a message as its events tell them."""
    return {
        "tags": list(options.tags),
        "metadata": dict(options.metadata),
        "campaign": options.campaign,
        "tenant": options.tenant,
        "stream": options.stream,
        "message_ref": options.message_ref,
        "send_cancel_id": options.send_cancel_id,
        "options": {name: value for name, value in options.as_dict().items() if name not in _TOLD},
    }


def _later(submission: Submission, decided: Decided) -> list[Event]:
    """The events of recipients that do not go out at once, or not at all."""
    plan, recipients = decided.plan, decided.addressed.envelope.recipients
    if plan.rest is None and not decided.dropped and not decided.had and max(plan.dues) <= submission.at:
        return []
    test = {"test": True} if plan.sandbox else {}
    options = decided.resolved.options
    told_with = labels(options) if options is not NOTHING else {}

    def told(name: EventName, number: int, **data: Any) -> Event:
        data = {"to": recipients[number - 1].address, **data, **told_with, **test}
        return _event(name, submission, decided, number, data)

    events = [told(EventName.CANCELLED, each, reason=why) for each, why in decided.dropped.items()]
    events += [told(EventName.SUPPRESSED, each, reason=DUPLICATE) for each in sorted(decided.had)]
    left = [each for each in range(1, len(recipients) + 1) if _ended(decided, each) is None]
    if plan.rest is not None:
        name, reason = _RESTS[plan.rest]
        return [*events, *(told(name, each, reason=reason) for each in left)]
    if not events and min(plan.dues) == max(plan.dues):
        data = {"to": _addresses(recipients), "due": plan.dues[0], **told_with, **test}
        return [_event(EventName.SCHEDULED, submission, decided, None, data)]
    dues = [(each, plan.dues[each - 1]) for each in left]
    return [*events, *(told(EventName.SCHEDULED, each, due=due) for each, due in dues if due > submission.at)]


def _event(
    name: EventName, submission: Submission, decided: Decided, recipient: int | None, data: dict[str, Any]
) -> Event:
    return Event(
        name=name,
        at=submission.at,
        message=decided.id,
        recipient=recipient,
        account=submission.login.account,
        credential=submission.login.credential,
        data=data,
    )


def _facts(submission: Submission, reverse_path: str, recipients: tuple[Recipient, ...]) -> dict[str, Any]:
    """The words that apply: only the null reverse-path is told though it is empty."""
    data: dict[str, Any] = {"from": reverse_path}
    if recipients:
        data["to"] = _addresses(recipients)
    if submission.peer:
        data["peer"] = submission.peer
    if submission.listener:
        data["listener"] = submission.listener
    return data


def _addresses(recipients: tuple[Recipient, ...]) -> str | list[str]:
    """Each once; alone where there is one."""
    if len(recipients) == 1:
        return recipients[0].address
    addresses = list(dict.fromkeys([each.address for each in recipients]))
    return addresses[0] if len(addresses) == 1 else addresses


def _message_id(header: Header) -> str:
    """The Message-ID as it came, for logs and search; "" where it is missing or cannot be read."""
    for value in header.named(b"message-id"):
        try:
            return decode(value[:998]).text  # a line's length; far longer ones are made to be a burden
        except ValueError:
            return ""
    return ""
