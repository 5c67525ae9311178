"""Pages of events as the API answers them: SMTPeter's records, and events of our own.

In:  what is wanted, and where the page before ended. Out: JSON's types, and where the next page goes on.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from relay.model.clock import iso
from relay.model.times import times_as_text
from relay.report import database as sql
from relay.report.eventsearch import Found, Page, Place, Wanted, following, newest
from relay.report.facts import id_of
from relay.report.messages import Messages
from relay.report.smtpeter import Record, kinds_of, records

RECORDS = 10_000  # in one answer
OCTETS = 16 << 20  # of mail that came back in one answer
_CHUNK = 500  # events


@dataclass(frozen=True, slots=True)
class Told:
    """A page, ready to be written."""

    events: list[dict[str, Any]]
    next: str  # "": nothing follows
    more: bool = False


def smtpeter(data: Path, wanted: Wanted, before: Place | None) -> Told:
    """The newest first; a page ends with the event by which it has RECORDS. Raises StoreDown."""
    connection = sql.open_to_read(data)
    if connection is None:
        return Told([], "")
    with closing(connection), closing(Messages(data, connection)) as messages:
        return _gathered(connection, messages, wanted, before)


def _gathered(connection: apsw.Connection, messages: Messages, wanted: Wanted, before: Place | None) -> Told:
    told: list[dict[str, Any]] = []
    octets = 0
    while True:
        page = newest(connection, wanted, _CHUNK, before)
        for number, each in enumerate(page.events, 1):
            for record in _of(each, messages, wanted):
                told.append(record.as_event())
                octets += len(record.values.get("mime", ""))
            if len(told) >= RECORDS or octets >= OCTETS:
                over = page.more or number < len(page.events)
                return Told(told, str(each.place) if over else "", over)
        if page.next is None:
            return Told(told, "")
        before = page.next


def _of(found: Found, messages: Messages, wanted: Wanted) -> list[Record]:
    """An event to several recipients is a record for each; those of others than are asked about do not count."""
    event = found.event
    address = wanted.address.lower()
    return [
        record
        for kind in kinds_of(event)
        if kind.event
        for record in records(event, kind, messages.said(event, kind))
        if wanted.recipient in (None, record.recipient)
        if not address or str(record.values["recipient"]).lower() == address
    ]


def own(data: Path, wanted: Wanted, limit: int, place: Place | None, *, follow: bool) -> Told:
    """Events as they are journalled. Raises StoreDown."""
    connection = sql.open_to_read(data)
    if connection is None:
        return Told([], "0-0.0" if follow else "")
    with closing(connection):
        page: Page = (following if follow else newest)(connection, wanted, limit, place)
    return Told([_event(each) for each in page.events], str(page.next) if page.next else "", page.more)


def _event(found: Found) -> dict[str, Any]:
    """With times as text; a conversation is left to the call that traces a message."""
    event = found.event
    told: dict[str, Any] = {"id": found.name, "event": event.name.value, "at": iso(event.at)}
    if event.message:
        told["message"] = id_of(event)
    if event.credential:
        told["credential"] = event.credential
    data = {name: value for name, value in event.data.items() if name != "conversation"}
    return {**told, **times_as_text(data)}
