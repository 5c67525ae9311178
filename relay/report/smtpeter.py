"""Events as records of SMTPeter's log files, which its event queries show, too. Pure.

In:  an event, and what is known of its message.
Out: records: a kind, whose columns are known, and a value for each column.

    attempts     received, one for each recipient: an attempt is a message taken from a client
    deliveries   delivered
    failures     failed, expired, bounced
    bounces      bounced, and reports of anything else that came back (a delay, say)
    responses    whatever else came back: an out-of-office, the answer of a person
    opens, clicks, abuses

Times are UTC's, to the second; tags stand joined by `;`. What is not known is empty, or 0 where a column is a number.

Why so: reports and copies that the relay itself sends are nobody's message, and have no record. Places are empty,
since the relay has no list of what address lies where. Of a request the lines that say something of its reader are
kept, and nothing else: program and referring page. `url` and `destination` of a click are the same: who clicks is
sent to where the link of the mail led.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from relay.model.event import Event, EventName
from relay.report.facts import id_of, reply_of, state_of
from relay.store.sqlite.reports_read import COLUMNS as DMARC

_PLACE = ("city", "countryname", "countrycode", "regioncode")
# Option -> the word for it in `properties`.
_PROPERTIES = {
    "prevent_scam": "preventscam",
    "inline_css": "inlinecss",
    "track_bounces": "trackbounces",
    "track_opens": "trackopens",
    "track_clicks": "trackclicks",
}
# Class of a reply -> the step of a delivery at which nothing was said yet.
_SILENT = {"egress": "bind", "dns": "dns", "connection": "connect", "timeout": "connect", "tls": "starttls"}


@dataclass(frozen=True, slots=True)
class Kind:
    prefix: str  # of its log files
    event: str  # as event queries call it; "": they do not tell it
    columns: tuple[str, ...]
    of: frozenset[EventName]


def _kind(prefix: str, event: str, columns: str, *of: EventName) -> Kind:
    return Kind(prefix, event, tuple(columns.split()), frozenset(of))


_MIME = "id time envelope recipient mime tags templateid"
_KINDS = (
    _kind("abuses", "", "id time envelope recipient tags templateid", EventName.COMPLAINED),
    _kind("attempts", "attempt", "id time envelope recipient properties tags templateid", EventName.RECEIVED),
    _kind("bounces", "bounce", _MIME, EventName.BOUNCED, EventName.REPLIED),
    _kind(
        "clicks",
        "click",
        f"id time headers ip url destination tags recipient {' '.join(_PLACE)} templateid",
        EventName.CLICKED,
    ),
    _kind(
        "deliveries",
        "delivery",
        "id time envelope recipient from to attempt tags templateid",
        EventName.DELIVERED,
    ),
    _kind("dmarc", "", " ".join(DMARC)),  # no event: whoever keeps the reports has its rows
    _kind(
        "failures",
        "failure",
        "id time envelope recipient attempt from to type code status description state tags templateid",
        EventName.FAILED,
        EventName.EXPIRED,
        EventName.BOUNCED,
    ),
    _kind(
        "opens",
        "open",
        f"id time headers ip protocol tags recipient {' '.join(_PLACE)} templateid",
        EventName.OPENED,
    ),
    _kind("responses", "response", _MIME, EventName.REPLIED),
)
KINDS: Mapping[str, Kind] = {each.prefix: each for each in _KINDS}
EVENTS = tuple(each.event for each in _KINDS if each.event)
NAMES = frozenset[EventName]().union(*(each.of for each in _KINDS if each.event))  # that event queries tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is known of an event's message."""

    sender: str = ""  # its reverse-path
    template: int = 0  # number of the stored template it was made from
    delivery: Mapping[str, Any] = field(default_factory=dict)  # of what came back: the event that delivered it
    mime: str = ""  # of what came back: the mail itself


NOTHING = Said()


@dataclass(frozen=True, slots=True)
class Record:
    kind: Kind
    recipient: int | None  # its number
    values: Mapping[str, Any]  # by column: text and whole numbers
    marks: tuple[str, ...] = ()  # `test`, `machine`

    def row(self) -> tuple[Any, ...]:
        return tuple(self.values[each] for each in self.kind.columns)

    def as_event(self) -> dict[str, Any]:
        """As event queries answer it; it is marked as in a webhook."""
        data = {each: self.values[each] for each in self.kind.columns}
        return {"event": self.kind.event, "data": data | dict.fromkeys(self.marks, True)}


def kinds_of(event: Event) -> list[Kind]:
    """What an event is told as; nothing, one, or two."""
    if "origin" in event.data:
        return []
    found = [each for each in _KINDS if event.name in each.of]
    if event.name is EventName.REPLIED:
        wanted = "bounces" if event.data.get("action") else "responses"
        return [each for each in found if each.prefix == wanted]
    return found


def records(event: Event, kind: Kind, said: Said = NOTHING) -> Iterator[Record]:
    """Those of one kind, which is of `kinds_of`."""
    data = event.data
    marks = tuple(each for each in ("test", "machine") if data.get(each))
    usual: dict[str, Any] = {
        "id": id_of(event),
        "time": moment(event.at),
        "envelope": said.sender,
        "tags": ";".join(map(str, data.get("tags") or ())),
        "templateid": said.template,
    }
    if kind.prefix == "attempts":
        options = data.get("options") or {}
        usual["properties"] = ";".join(word for option, word in _PROPERTIES.items() if options.get(option))
        to = data.get("to") or ()
        for number, address in enumerate([to] if isinstance(to, str) else to, 1):
            whose = {"id": f"{event.message}-{number}", "recipient": address}
            yield Record(kind, number, usual | whose, marks)
        return
    usual["recipient"] = data.get("to", "")
    yield Record(kind, event.recipient, usual | _particular(kind, event, said), marks)


def moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))


def _particular(kind: Kind, event: Event, said: Said) -> dict[str, Any]:
    data = event.data
    match kind.prefix:
        case "bounces" | "responses":
            return {"mime": said.mime}
        case "deliveries":
            return _way(data)
        case "failures":
            return _failure(event, said)
        case "clicks":
            url = data.get("url", "")
            return _reader(data) | {"url": url, "destination": url}
        case "opens":
            return _reader(data) | {"protocol": "https" if data.get("secure") else "http"}
    return {}


def _way(data: Mapping[str, Any]) -> dict[str, Any]:
    """SMTPeter counts attempts from 0."""
    attempt = max(0, int(data.get("attempt", 0)) - 1)
    return {"from": data.get("local", ""), "to": data.get("address", ""), "attempt": attempt}


def _failure(event: Event, said: Said) -> dict[str, Any]:
    data = event.data
    reply = reply_of(data)
    bounced = event.name is EventName.BOUNCED
    return _way(said.delivery if bounced else data) | {
        "type": "timeout" if event.name is EventName.EXPIRED else "error",
        "code": reply.code,
        "status": (data.get("status") if bounced else "") or reply.status,
        "description": reply.text,
        "state": "bounce" if bounced else _state(event),
    }


def _state(event: Event) -> str:
    """At which step it ended. What ended without a word said to anybody did so in our own house."""
    if conversation := event.data.get("conversation"):
        return state_of(conversation)
    return _SILENT.get(str(event.data.get("class")), "process")


def _reader(data: Mapping[str, Any]) -> dict[str, Any]:
    lines = (("User-Agent", data.get("user_agent")), ("Referer", data.get("referer")))
    return {
        "headers": "\n".join(f"{name}: {value}" for name, value in lines if value),
        "ip": data.get("client", ""),
        **dict.fromkeys(_PLACE, ""),
    }
