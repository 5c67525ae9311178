"""What is too old leaves the report database, a slice at a time, so that folding never waits long.

In:  its connection, the configuration and the time. Out: whether there may be more to forget.

    events                 after `retention.events`, with what they are found by
    hourly counts          after `retention.counts`
    strikes                after the longest time a rule may look back
    addresses of clients   cut out of events after `tracking.client_address_keep`

Why so: counts name nobody and are small, so they outlive the events they came from. What is cut is remembered by the
last event looked at, for each name, so no event is looked at twice; an event that is that old when it is folded is
told without the address at once.
"""

from __future__ import annotations

from dataclasses import replace

import apsw

from relay.config import Config
from relay.model.event import Event, EventName
from relay.report import database as sql
from relay.report.counts import HOUR
from relay.report.fold import addresses, labels
from relay.store.interface import Entry
from relay.store.sqlite.connect import fetch

SLICE = 2000  # events in one turn
DAY = 86_400
STRIKES_KEPT = 366  # days
WITH_CLIENTS = (EventName.OPENED, EventName.CLICKED, EventName.UNSUBSCRIBED)


def forget(database: apsw.Connection, config: Config, now: float) -> bool:
    """In a transaction of its own; True when there may be more of it."""
    rows = fetch(database, sql.OLDEST, (now - config.retention.events, SLICE))
    with database:
        for number, _shard, _seq, text in rows:
            _forget(database, number, Event.from_json(text))
        more = [_cut(database, name, now - config.tracking.client_address_keep) for name in WITH_CLIENTS]
        database.execute(sql.FORGET_COUNTS, (int((now - config.retention.counts) // HOUR),))
        database.execute(sql.FORGET_STRIKES, (int(now // DAY) - STRIKES_KEPT,))
    if rows:
        database.execute("pragma incremental_vacuum(1000)").fetchall()
    return len(rows) == SLICE or any(more)


def without_client(entry: Entry, before: float) -> Entry:
    """An entry as it may be kept: one that old has no client's address any more."""
    event = entry.event
    if event.name not in WITH_CLIENTS or event.at >= before or "client" not in event.data:
        return entry
    return replace(entry, event=_clean(event), text="")


def _forget(database: apsw.Connection, number: int, event: Event) -> None:
    database.execute(sql.FORGET_EVENT, (number,))
    for address in addresses(event):
        database.execute(sql.FORGET_ABOUT, (address, event.at, number))
    for label in labels(event):
        database.execute(sql.FORGET_LABEL, (*label, event.message))
    if event.recipient is not None and event.name in WITH_CLIENTS:
        database.execute(sql.FORGET_ONCE, (event.message, event.recipient, event.name.value))


def _cut(database: apsw.Connection, name: EventName, before: float) -> bool:
    (at, number) = next(iter(fetch(database, sql.CUT_FROM, (name.value,))), (0.0, 0))
    rows = fetch(database, sql.WITH_CLIENTS, (name.value, at, number, before, SLICE))
    for number, _at, text in rows:
        event = Event.from_json(text)
        if "client" in event.data:
            database.execute(sql.REWRITE_EVENT, (_clean(event).to_json(), number))
    if rows:
        number, at, _text = rows[-1]
        database.execute(sql.CUT_TO, (name.value, at, number))
    return len(rows) == SLICE


def _clean(event: Event) -> Event:
    return replace(event, data={word: value for word, value in event.data.items() if word != "client"})
