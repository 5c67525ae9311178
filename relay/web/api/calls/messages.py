"""Messages that were handed in: found again, looked at, and read as they left.

In:  ids, or what a message is found by.
Out: what is known of it, in JSON; what left, octet by octet.

A message is found by its events, so one whose contents are forgotten is, too, as long as its events are kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec

from relay.model.account import Scope
from relay.model.clock import iso
from relay.model.event import Event, EventName
from relay.model.ids import parse_id
from relay.model.message import Message
from relay.report.explain import explain
from relay.report.search import Filter, events
from relay.store.interface import Entry, NotFound
from relay.store.readers import Readers
from relay.web.api import kept
from relay.web.api.answers import answer
from relay.web.api.call import Answer, Asked, Call, Param, Shown
from relay.web.api.calls import messages_change, messages_send
from relay.web.api.managed import AFTER, LIMIT
from relay.web.api.moments import moment
from relay.web.api.problem import Problem
from relay.web.api.services import Services

FAMILY: Final = messages_send.FAMILY
MESSAGE: Final = "message/rfc822"
NAMED = 10  # recipients that a list names; the message itself has all


class Found(msgspec.Struct):
    """A message, in a list."""

    id: str
    received: str
    sender: str
    recipients: int
    to: list[str]  # the first ten
    size: int | None
    tags: list[str]
    campaign: str
    message_ref: str
    test: bool


class MessagePage(msgspec.Struct):
    messages: list[Found]
    next: str | None


class Person(msgspec.Struct):
    id: str
    recipient: str
    state: str
    attempts: int
    reply: str
    next_attempt: str | None
    ended: str | None


class State(msgspec.Struct):
    """A message, whole."""

    id: str
    received: str
    sender: str
    credential: str
    size: int | None
    deadline: str | None
    kept: bool  # else all is told from events
    test: bool
    tags: list[str]
    campaign: str
    message_ref: str
    metadata: dict[str, Any]
    recipients: list[Person]


# --- finding ----------------------------------------------------------------------------------------------


async def listing(services: Services, asked: Asked) -> Answer:
    query = asked.query
    wanted = Filter(
        account=asked.caller.account,
        address=query["recipient"] or "",
        sender=query["sender"] or "",
        tag=query["tag"] or "",
        campaign=query["campaign"] or "",
        message_ref=query["message_ref"] or "",
        name=EventName(query["event"]),
        since=moment("since", query["since"]),
        until=moment("until", query["until"]),
    )
    return answer(await services.threaded(_list, services.data, wanted, query["limit"], query["after"]))


def _list(data: Path, wanted: Filter, limit: int, after: str) -> MessagePage:
    found, more = _page(data, wanted, limit, _place(after))
    readers = Readers(data)
    try:
        told = [_found(readers, each.event) for each in found]
    finally:
        readers.close()
    return MessagePage(told, f"{found[-1].event.at!r}:{found[-1].event.message}" if more else None)


def _page(data: Path, wanted: Filter, limit: int, after: tuple[float, str] | None) -> tuple[list[Entry], bool]:
    """Events, the newest of each message, newest first; and whether there are more.

    Why so: messages that came at one moment are put in order by their ids, and the page begins behind one of them;
    so no cursor has to be kept, and what comes meanwhile moves nothing.
    """
    until = wanted.until if after is None else min(after[0], wanted.until or after[0])
    ask = limit + 50
    while True:
        entries = events(data, replace(wanted, until=until), ask)
        latest: dict[str, Entry] = {}
        for each in sorted(entries, key=_order, reverse=True):
            own = "origin" in each.event.data  # a report of ours, or what came back
            if each.event.message and not own and (after is None or _order(each) < after):
                latest.setdefault(each.event.message, each)
        if len(latest) > limit or len(entries) < ask:
            found = list(latest.values())
            return found[:limit], len(found) > limit
        ask *= 4


def _order(entry: Entry) -> tuple[float, str]:
    return entry.event.at, entry.event.message


def _place(after: str) -> tuple[float, str] | None:
    if not after:
        return None
    at, _, ident = after.partition(":")
    try:
        place = float(at), parse_id(ident).submission
        if not math.isfinite(place[0]):
            raise ValueError
        return place
    except ValueError:
        raise Problem("bad_parameter", "after: expected what `next` of a page said", field="after") from None


def _found(readers: Readers, event: Event) -> Found:
    try:
        message = readers.of(event.message).message(event.message)
    except NotFound:
        return _from_event(event)
    people, options = _people(message), message.resolved.options
    return Found(
        id=message.id,
        received=iso(message.received),
        sender=message.envelope.reverse_path,
        recipients=len(people),
        to=people[:NAMED],
        size=message.size,
        tags=list(options.tags),
        campaign=options.campaign,
        message_ref=options.message_ref,
        test=message.sandbox,
    )


def _from_event(event: Event) -> Found:
    """What an event tells of a message that is kept no longer."""
    data, to = event.data, event.data.get("to", [])
    people = [to] if isinstance(to, str) else [str(each) for each in to]
    return Found(
        id=event.message,
        received=iso((int(event.message, 32) >> 32) / 1000),
        sender=str(data.get("from", "")),
        recipients=len(people),
        to=people[:NAMED],
        size=data.get("size"),
        tags=[str(each) for each in data.get("tags", ())],
        campaign=str(data.get("campaign", "")),
        message_ref=str(data.get("message_ref", "")),
        test=bool(data.get("test", False)),
    )


def _people(message: Message) -> list[str]:
    archives = message.resolved.options.bcc_archive
    return [each.address for each in message.envelope.recipients if each.address not in archives]


# --- one message ------------------------------------------------------------------------------------------


async def state(services: Services, asked: Asked) -> Answer:
    return answer(await services.threaded(_state, services, asked.caller.account, asked.path["id"]))


def _state(services: Services, account: str, id: str) -> State:
    submission = kept.submission_of(id)
    try:
        told = explain(services.data, id, services.clock)
    except (NotFound, ValueError):
        raise kept.unknown(id) from None
    if told.account != account:
        raise kept.unknown(id)

    def option(name: str, usual: Any) -> Any:
        return told.options.get(name, {}).get("value", usual)

    return State(
        id=submission,
        received=iso(told.received),
        sender=told.sender,
        credential=told.credential,
        size=told.size,
        deadline=None if told.deadline is None else iso(told.deadline),
        kept=told.kept,
        test=told.sandbox,
        tags=list(option("tags", ())),
        campaign=option("campaign", ""),
        message_ref=option("message_ref", ""),
        metadata=dict(option("metadata", {})),
        recipients=[
            Person(
                id=each.id,
                recipient=each.address,
                state=each.state,
                attempts=each.attempts,
                reply=each.reply,
                next_attempt=None if each.next_attempt is None else iso(each.next_attempt),
                ended=None if each.ended is None else iso(each.ended),
            )
            for each in told.recipients
        ],
    )


async def mime(services: Services, asked: Asked) -> Answer:
    account, ident = asked.caller.account, asked.path["id"]
    _, content = await services.threaded(kept.read, services.data, account, ident)
    headers = {
        "Content-Disposition": f'attachment; filename="{ident}.eml"',
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    return Answer(body=content, media=MESSAGE, headers=headers)


# --- rows -------------------------------------------------------------------------------------------------

_FOUND = {
    "id": "0r2k9v1m00000001",
    "received": "2026-01-31T12:00:00.123Z",
    "sender": "bounces@example.com",
    "recipients": 1,
    "to": ["ann@example.net"],
    "size": 1200,
    "tags": ["invoice"],
    "campaign": "",
    "message_ref": "order-7",
    "test": False,
}
_PERSON = {
    "id": "0r2k9v1m00000001-1",
    "recipient": "ann@example.net",
    "state": "delivered",
    "attempts": 1,
    "reply": "250 2.0.0 Ok",
    "next_attempt": None,
    "ended": "2026-01-31T12:00:02.456Z",
}
_STATE = {
    "id": "0r2k9v1m00000001",
    "received": "2026-01-31T12:00:00.123Z",
    "sender": "bounces@example.com",
    "credential": "shop-app",
    "size": 1200,
    "deadline": "2026-02-01T12:00:00.123Z",
    "kept": True,
    "test": False,
    "tags": ["invoice"],
    "campaign": "",
    "message_ref": "order-7",
    "metadata": {"order": "7"},
    "recipients": [_PERSON],
}
_NAMES: Sequence[str] = [each.value for each in EventName if each is not EventName.REJECTED]


def _text(name: str, help: str, example: str) -> Param:
    return Param(name=name, help=help, example=example)


CALLS: tuple[Call, ...] = (
    *messages_send.CALLS,
    Call(
        method="GET",
        path="/messages",
        name="messages",
        family=FAMILY,
        summary="Find messages",
        help="Messages of the account, the newest first. Everything given must fit. With `event`, messages to which "
        "that happened, by the time it did.",
        scope=Scope.READ,
        handler=listing,
        query=(
            _text("recipient", "address of a recipient", "ann@example.net"),
            _text("sender", "reverse-path", "bounces@example.com"),
            _text("tag", "a tag", "invoice"),
            _text("campaign", "the campaign", "spring"),
            _text("message_ref", "the application's own reference", "order-7"),
            Param(
                name="event",
                help="what happened to it",
                example="delivered",
                choices=tuple(_NAMES),
                default=EventName.RECEIVED.value,
            ),
            _text("since", "from then on: YYYY-MM-DD, or with a time, UTC unless it says otherwise", "2026-01-31"),
            _text("until", "up to then, in the same forms", "2026-01-31T18:00:00Z"),
            LIMIT,
            AFTER,
        ),
        answers=(Shown(help="the messages", example={"messages": [_FOUND], "next": None}, shape=MessagePage),),
        codes=("unavailable",),
    ),
    Call(
        method="GET",
        path="/messages/{id}",
        name="message",
        family=FAMILY,
        summary="What became of a message",
        help="The message, and the state of each recipient; of a recipient's id that one. What is no longer kept is "
        "told from its events.",
        scope=Scope.READ,
        handler=state,
        params=(messages_change.ID,),
        answers=(Shown(help="the message", example=_STATE, shape=State),),
        codes=("not_found", "unavailable"),
    ),
    Call(
        method="GET",
        path="/messages/{id}/mime",
        name="message_mime",
        family=FAMILY,
        summary="A message as it left",
        help="The octets that were sent, signatures included; of a submission's id those of its first recipient.",
        scope=Scope.READ,
        handler=mime,
        params=(messages_change.ID,),
        answers=(Shown(help="the message", media=MESSAGE, example="From: me@example.com\r\n\r\nHello.\r\n"),),
        codes=("not_found", "gone", "unavailable"),
    ),
    *messages_change.CALLS,
)
