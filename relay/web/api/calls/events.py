"""Events of the account in our own words, to page through or to follow; and what SMTPeter has of them."""

from __future__ import annotations

from typing import Any

from relay.model.account import Scope
from relay.model.address import printable
from relay.model.event import EventName
from relay.model.ids import parse_id
from relay.report.eventpages import own
from relay.report.eventsearch import Wanted
from relay.web.api.answers import answer
from relay.web.api.call import Answer, Asked, Call, Param, Shown
from relay.web.api.calls import events_smtpeter
from relay.web.api.managed import AFTER, LIMIT
from relay.web.api.past import HELP, past
from relay.web.api.place import BEHIND, FAMILY, place_of
from relay.web.api.problem import Problem
from relay.web.api.services import Services

_LABELS = ("tag", "campaign", "template", "message_ref")
_EVENT = {
    "id": "1000.4711",
    "event": "delivered",
    "at": "2026-01-31T12:00:04.123Z",
    "message": "0r2k9v1m00000001-1",
    "credential": "shop-app",
    "to": "ann@example.net",
    "attempt": 1,
    "reply": "250 2.0.0 Ok: queued as 4F2",
    "class": "accepted",
    "tags": ["invoice", "may"],
}
_EVENTS_SHAPE = {
    "type": "object",
    "required": ["events", "next", "more"],
    "properties": {
        "events": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "event", "at"],
                "properties": {
                    "id": {"type": "string"},
                    "event": {"type": "string", "enum": [each.value for each in EventName]},
                    "at": {"type": "string"},
                },
                "additionalProperties": True,
            },
        },
        "next": {"type": ["string", "null"]},
        "more": {"type": "boolean"},
    },
}


async def events(services: Services, asked: Asked) -> Answer:
    query = asked.query
    try:
        ident = parse_id(query["message"]) if query["message"] else None
    except ValueError as error:
        raise Problem("bad_parameter", f"message: {error}", field="message") from error
    labels = [(kind, query[kind]) for kind in _LABELS if query[kind]]
    if query["sender"]:
        labels.append(("from", query["sender"].lower()))
    search = Wanted(
        account=asked.caller.account,
        names=frozenset(_name(each) for each in query["event"]),
        credential=query["credential"] or "",
        message=ident.submission if ident else "",
        recipient=ident.recipient if ident else None,
        address=query["recipient"] or "",
        domain=query["domain"] or "",
        labels=tuple(labels),
        since=past("since", query["since"], asked.at),
        until=past("until", query["until"], asked.at),
    )
    place, follow = place_of(query["after"]), query["order"] == "oldest"

    def work() -> Answer:
        told = own(services.data, search, query["limit"], place, follow=follow)
        return answer({"events": told.events, "next": told.next or None, "more": told.more})

    return await services.threaded(work)


def _name(text: str) -> EventName:
    try:
        return EventName(text)
    except ValueError as error:
        known = ", ".join(each.value for each in EventName)
        shown = printable(text, 60)
        raise Problem("bad_parameter", f"event: expected one of {known}, not {shown!r}", field="event") from error


def _filter(name: str, help: str, example: str, **more: Any) -> Param:
    return Param(name=name, help=help, example=example, **more)


CALLS: tuple[Call, ...] = (
    *events_smtpeter.CALLS,
    Call(
        method="GET",
        path="/events",
        name="events",
        family=FAMILY,
        summary="All events",
        help="Every event of the account by its own name, with all that is known of it but the SMTP conversation, "
        "which `GET /messages/{id}/trace` has. Everything given must fit. With `order=oldest` they come in the order "
        "in which they became known, and `next` is never null: ask again with it to follow what happens, at once "
        f"while `more` is true, else every few seconds. Nothing is told twice or left out. {BEHIND}",
        scope=Scope.READ,
        handler=events,
        query=(
            _filter("event", "name of an event; may come several times", "delivered", many=True),
            _filter("recipient", "address of a recipient", "ann@example.net"),
            _filter("domain", "of a recipient", "example.net"),
            _filter("sender", "reverse-path of the message", "bounces@example.com"),
            _filter("credential", "user name of the credential that handed it in", "shop-app"),
            _filter("tag", "a tag of the message", "invoice"),
            _filter("campaign", "the message's campaign", "spring"),
            _filter("template", "number of the template it was made of", "7"),
            _filter("message_ref", "the client's own name of the message", "order-4711"),
            _filter("message", "id of a submission or of a recipient", "0r2k9v1m00000001"),
            _filter("since", f"no event before this time: {HELP}", "1d"),
            _filter("until", "only events before this time, likewise", "2026-02-01"),
            _filter(
                "order",
                "`newest`: the newest first, to look back; `oldest`: as they became known, to follow",
                "newest",
                choices=("newest", "oldest"),
                default="newest",
            ),
            LIMIT,
            AFTER,
        ),
        answers=(
            Shown(
                help="events; words as the handbook's page on events has them, times as text",
                example={"events": [_EVENT], "next": "4711-1769860804.123", "more": True},
                shape=_EVENTS_SHAPE,
            ),
        ),
        codes=("unavailable",),
    ),
)
