"""Events as SMTPeter answers them: of a message, an address, a template, of tags."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from relay.model.account import Scope
from relay.model.address import printable
from relay.model.ids import made_at, parse_id
from relay.report.eventpages import RECORDS, smtpeter
from relay.report.eventsearch import Wanted
from relay.report.fold import Label
from relay.report.smtpeter import EVENTS, NAMES
from relay.report.windows import window
from relay.web.api.answers import answer
from relay.web.api.call import Answer, Asked, Call, Handler, Kind, Param, Shown
from relay.web.api.past import day
from relay.web.api.place import FAMILY, place_of
from relay.web.api.problem import Problem
from relay.web.api.services import Services

_START = Param(
    name="start", help="first day, UTC; without it a month before `end`", example="2026-01-01", kind=Kind.DATE
)
_END = Param(
    name="end",
    help="the day behind the last, UTC: it is not included; without it a month from `start` on",
    example="2026-02-01",
    kind=Kind.DATE,
)
_TAGS = Param(name="tags", help="only of messages with all of these tags, joined by `;`", example="invoice;may")
_PAGE = Param(name="after", help="the page behind another, as its `Link` says", example="4711-1769860800.5")
_RECORD = {
    "event": "delivery",
    "data": {
        "id": "0r2k9v1m00000001-1",
        "time": "2026-01-31 12:00:04",
        "envelope": "bounces@example.com",
        "recipient": "ann@example.net",
        "from": "192.0.2.10",
        "to": "198.51.100.25",
        "attempt": 0,
        "tags": "invoice;may",
        "templateid": 0,
    },
}
_RECORDS_SHAPE = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["event", "data"],
        "properties": {
            "event": {"type": "string", "enum": list(EVENTS)},
            "data": {"type": "object", "additionalProperties": {"type": ["string", "integer", "boolean"]}},
        },
    },
}
_SMTPETER = (
    "`data` has the columns of the matching log file. Windows are as SMTPeter has them: a month at most, cut to one "
    "from `start` where more is asked for; `start` that is not before `end` is a fault. SMTPeter says nothing of "
    f"order and pages: the newest stands first, and where there are more than {RECORDS:,}, or than 16 MB of mail "
    "that came back, the field `Link` has the address of what follows. Nothing found is `[]`. Events of tests, "
    "and those that machines made, are among them, and have `test` or `machine` beside the columns. What happened "
    "stands in the answer within two seconds."
)


async def events_messageid(services: Services, asked: Asked) -> Answer:
    text = asked.path["id"]
    try:
        ident = parse_id(text)
    except ValueError as error:
        raise Problem("not_found", f"there is no message {printable(text, 40)}", field="id") from error
    sent = min(made_at(ident.submission), asked.at)
    return await _smtpeter(
        services, asked, "messageid", text, sent=sent, message=ident.submission, recipient=ident.recipient
    )


async def events_email(services: Services, asked: Asked) -> Answer:
    address = asked.path["address"]
    return await _smtpeter(services, asked, "email", address, address=address)


async def events_template(services: Services, asked: Asked) -> Answer:
    """By number, or by name where it is none of a template's."""
    name = asked.path["template"]
    number = name.lstrip("0") if name.isascii() and name.isdigit() else ""
    if not number:
        number = str(services.registry.template(asked.caller.account, name).id)
    return await _smtpeter(services, asked, "template", name, labels=(("template", number),))


async def events_tags(services: Services, asked: Asked) -> Answer:
    text = asked.path["tags"].replace("/", ";")
    labels = _tags(text)
    if not labels:
        raise Problem("bad_parameter", "tags: expected at least one", field="tags")
    return await _smtpeter(services, asked, "tags", text, labels=labels)


async def _smtpeter(
    services: Services,
    asked: Asked,
    by: str,
    value: str,
    *,
    sent: float | None = None,
    labels: tuple[Label, ...] = (),
    **wanted: Any,
) -> Answer:
    """`by` and `value` as they stand in the path, for the address of the next page."""
    query = asked.query
    start, end = day("start", query["start"]), day("end", query["end"])
    try:
        since, until = window(start, end, now=asked.at, sent=sent)
    except ValueError as error:
        raise Problem("bad_parameter", str(error), field="end") from error
    every = tuple(dict.fromkeys((*labels, *_tags(query["tags"] or ""))))
    search = Wanted(account=asked.caller.account, names=NAMES, since=since, until=until, labels=every, **wanted)
    place = place_of(query["after"])

    def work() -> tuple[Answer, str]:
        told = smtpeter(services.data, search, place)
        return answer(told.events), told.next

    found, after = await services.threaded(work)
    if not after:
        return found
    given = {name: query[name] for name in ("start", "end", "tags") if query[name]}
    address = f"{asked.base}/events/{by}/{quote(value, safe='@;')}?{urlencode({**given, 'after': after})}"
    return replace(found, headers={"Link": f'<{address}>; rel="next"'})


def _tags(text: str) -> tuple[Label, ...]:
    return tuple(dict.fromkeys(("tag", each.strip()) for each in text.split(";") if each.strip()))


def _query(path: str, name: str, summary: str, help: str, handler: Handler, param: Param) -> Call:
    return Call(
        method="GET",
        path=path,
        name=name,
        family=FAMILY,
        summary=summary,
        help=f"{help} {_SMTPETER}",
        scope=Scope.READ,
        handler=handler,
        params=(param,),
        query=(_START, _END, _TAGS, _PAGE),
        answers=(
            Shown(
                help="the events, the newest first",
                example=[_RECORD],
                shape=_RECORDS_SHAPE,
                headers={"Link": 'the address of the next page, where there is one, as `rel="next"`'},
            ),
        ),
        codes=("not_found", "unavailable"),
        smtpeter=True,
    )


CALLS: tuple[Call, ...] = (
    _query(
        "/events/messageid/{id}",
        "events_messageid",
        "Events of a message",
        "Of a submission or of one recipient of it. Without `start` and `end`: the month after it was sent. An id "
        "that nothing is known of has no events.",
        events_messageid,
        Param(name="id", help="of a submission, or of a recipient of it", example="0r2k9v1m00000001-1"),
    ),
    _query(
        "/events/email/{address}",
        "events_email",
        "Events of an address",
        "What happened to mail for that address, without regard to case. Without `start` and `end`: the last month.",
        events_email,
        Param(name="address", help="of a recipient", example="ann@example.net"),
    ),
    _query(
        "/events/template/{template}",
        "events_template",
        "Events of a template",
        "What happened to messages that were made of it. Without `start` and `end`: the last month. A number that is "
        "no template's has no events; a name that is none's is 404.",
        events_template,
        Param(name="template", help="number or name of a stored template", example="7"),
    ),
    _query(
        "/events/tags/{tags*}",
        "events_tags",
        "Events of tags",
        "What happened to messages that have all of these tags, joined by `;` or `/`; so a tag with one of these in "
        "it cannot be asked for. Without `start` and `end`: the last month.",
        events_tags,
        Param(name="tags", help="joined by `;` or `/`", example="invoice;may"),
    ),
)
