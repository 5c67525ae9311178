"""What we keep of a submission: the message with its recipients, and the event that says it came.

In:  a submission and what was decided about it. Out: values for the queue.

Why so: a recipient named twice in an envelope is kept once, the first time (with the DSN wishes it had there):
a second copy in the same mailbox serves nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from relay.model.envelope import Recipient
from relay.model.event import Event, EventName
from relay.model.message import Due, Message, NewMessage, NewRecipient, State
from relay.model.options import Resolved
from relay.model.reply import Reply
from relay.submission.submission import Submission
from relay.transform.headers import Header
from relay.transform.words import decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What intake made of a submission."""

    id: str
    content: bytes  # final, signed
    author: str
    resolved: Resolved
    lifetime: float  # seconds
    sandbox: bool


def distinct(submission: Submission) -> Submission:
    """The same with every recipient once; the first mention of an address counts."""
    first: dict[str, Recipient] = {}
    for each in submission.envelope.recipients:
        first.setdefault(each.address, each)
    if len(first) == len(submission.envelope.recipients):
        return submission
    return replace(submission, envelope=replace(submission.envelope, recipients=tuple(first.values())))


def new_message(submission: Submission, decided: Decided, header: Header, state: State) -> NewMessage:
    """All that becomes durable together; every recipient in `state`, due now."""
    message = Message(
        id=decided.id,
        account=submission.login.account,
        credential=submission.login.credential,
        envelope=submission.envelope,
        received=submission.at,
        deadline=submission.at + decided.lifetime,
        size=len(decided.content),
        resolved=decided.resolved,
        sandbox=decided.sandbox,
        peer=submission.peer,
    )
    recipients = tuple(
        NewRecipient(number=number, recipient=each, state=state, due=submission.at)
        for number, each in enumerate(submission.envelope.recipients, 1)
    )
    event = _received(submission, decided, header)
    return NewMessage(message=message, contents=(decided.content,), recipients=recipients, events=(event,))


def dues(shard: int, new: NewMessage) -> list[Due]:
    """The recipients as delivery gets them."""
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
    ]


def rejected(submission: Submission, reply: Reply, at: float) -> Event:
    """The event of a refusal."""
    return Event(
        name=EventName.REJECTED,
        at=at,
        message="",
        account=submission.login.account,
        credential=submission.login.credential,
        data=_facts(submission, len(submission.octets)) | {"reply": str(reply)},
    )


def _received(submission: Submission, decided: Decided, header: Header) -> Event:
    data = _facts(submission, len(decided.content)) | {
        "author": decided.author,
        "message_id": _message_id(header),
        "tls": submission.tls,
        "tags": list(decided.resolved.options.tags),
        "warnings": list(decided.resolved.warnings),
        "test": decided.sandbox,
    }
    return Event(
        name=EventName.RECEIVED,
        at=submission.at,
        message=decided.id,
        account=submission.login.account,
        credential=submission.login.credential,
        data={key: value for key, value in data.items() if value or key == "from"},
    )


def _facts(submission: Submission, size: int) -> dict[str, Any]:
    addresses = [each.address for each in submission.envelope.recipients]
    return {
        "from": submission.envelope.reverse_path,
        "to": addresses[0] if len(addresses) == 1 else addresses,
        "size": size,
        "peer": submission.peer,
        "listener": submission.listener,
    }


def _message_id(header: Header) -> str:
    """The Message-ID as it came, for logs and search; "" where it is missing or cannot be read."""
    for field in header.named(b"message-id"):
        try:
            return decode(header.value(field)[:998]).text  # a line's length; far longer ones are made to be a burden
        except ValueError:
            return ""
    return ""
