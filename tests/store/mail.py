"""Mail to put into a store: small, whole messages, and what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from relay.model.envelope import Envelope, Notify, Recipient
from relay.model.event import Event, EventName
from relay.model.ids import IdSource
from relay.model.message import Due, Message, NewMessage, NewRecipient, Settlement, State

NOON = 1_767_268_800.0  # 2026-01-01 12:00 UTC
HELLO = b"From: me@example.com\r\nSubject: hi\r\n\r\nhello\r\n"

ids = IdSource(7, lambda: NOON)


def mail(
    *addresses: str,
    state: State = State.QUEUED,
    due: float = NOON,
    contents: Sequence[bytes] = (HELLO,),
    ident: str = "",
    account: str = "demo",
    **fields: Any,
) -> NewMessage:
    """A message to the addresses; recipient n gets content n if there are so many."""
    ident = ident or ids.new()
    to = tuple(Recipient(address=each) for each in addresses or ("ann@example.net",))
    fields.setdefault("envelope", Envelope(reverse_path="me@example.com", recipients=to))
    fields.setdefault("received", NOON)
    fields.setdefault("deadline", NOON + 432_000)
    message = Message(
        id=ident,
        account=account,
        credential="app@example.com",
        size=len(contents[0]),
        **fields,
    )
    recipients = tuple(
        NewRecipient(
            number=number,
            recipient=each,
            content=min(number, len(contents)) - 1,
            state=state,
            due=due,
        )
        for number, each in enumerate(message.envelope.recipients, 1)
    )
    received = Event(name=EventName.RECEIVED, at=message.received, message=ident, account=account, data={"size": 1})
    return NewMessage(message=message, contents=tuple(contents), recipients=recipients, events=(received,))


def picky(address: str) -> Recipient:
    return Recipient(address=address, notify=Notify.SUCCESS | Notify.DELAY, original=f"rfc822;{address}")


def in_flight(new: NewMessage, shard: int = 7) -> list[Due]:
    """The recipients of a message that was added as in flight, as the session offers them to delivery."""
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


def delivered(due: Due, at: float = NOON) -> Settlement:
    event = Event(name=EventName.DELIVERED, at=at, message=due.message.id, recipient=due.number, data={"attempt": 1})
    return Settlement(
        due=due, state=State.DELIVERED, attempts=due.attempts + 1, reply="250 2.0.0 ok", events=(event,)
    )


def deferred(due: Due, again: float) -> Settlement:
    event = Event(
        name=EventName.DEFERRED, at=NOON, message=due.message.id, recipient=due.number, data={"next": again}
    )
    return Settlement(
        due=due,
        state=State.QUEUED,
        attempts=due.attempts + 1,
        next_attempt=again,
        reply="451 4.7.1 try later",
        events=(event,),
    )
