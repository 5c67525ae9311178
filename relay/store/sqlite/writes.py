"""What is written to a shard, as functions of the writing connection.

They run inside the writer's transaction and may be run again, so they change nothing but the database; the
cache of messages only ever holds what can be read there. The connection comes last in each, so that what is
to be written can be bound first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import apsw

from relay.model.message import Due, Lane, Settlement
from relay.store.interface import Claim, Exists
from relay.store.sqlite import statements as sql
from relay.store.sqlite import targets
from relay.store.sqlite.connect import Row, fetch, value
from relay.store.sqlite.lookup import Messages, key_of
from relay.store.sqlite.rows import Parcel, event_row, recipient_of, storable


def run_many(statement: str, rows: Sequence[Row], connection: apsw.Connection) -> None:
    connection.executemany(statement, rows)


def insert(parcel: Parcel, connection: apsw.Connection) -> None:
    """Raises Exists: a message of that id is kept already."""
    try:
        connection.execute(sql.ADD_MESSAGE, parcel.message)
    except apsw.ConstraintError as error:
        raise Exists(f"a message {parcel.id} is kept already") from error
    connection.executemany(sql.ADD_CONTENT, parcel.contents)
    connection.executemany(sql.ADD_RECIPIENT, parcel.recipients)
    if parcel.targets:
        connection.executemany(sql.ADD_TRACKED, targets.rows(parcel.targets, targets.Known(), connection))
    connection.executemany(sql.ADD_EVENT, parcel.events)


def claim(messages: Messages, shard: int, lane: Lane, now: float, limit: int, connection: apsw.Connection) -> Claim:
    where = (lane.domain, lane.account, lane.priority)
    rows = fetch(connection, sql.CLAIM, (*where, now, limit))
    rows.sort(key=lambda row: (row[6], row[0]))
    dues = tuple(
        Due(
            shard=shard,
            message=messages.get(connection, key >> sql.SHIFT),
            number=key & sql.NUMBERS,
            recipient=recipient_of(address, notify, original),
            content=content,
            attempts=attempts,
            due=due,
            told=bool(told),
            doomed=doomed,
        )
        for key, address, notify, original, content, attempts, due, told, doomed in rows
    )
    return Claim(dues, value(connection, sql.NEXT_DUE, where))


def settle(settlements: Sequence[Settlement], now: float, connection: apsw.Connection) -> int:
    """Returns how many were recipients in flight; the others, and their events, are left out."""
    settled = 0
    closed: Counter[int] = Counter()
    events = []
    keys: dict[str, int | None] = {}
    for each in settlements:
        ident = each.due.message.id
        if ident not in keys:
            keys[ident] = key_of(connection, ident)
        key = keys[ident]
        if key is None:
            continue
        final = each.state.final
        connection.execute(
            sql.SETTLE,
            (
                each.state.value,
                each.attempts,
                None if final else each.next_attempt,
                each.reply if each.reply.isascii() else storable(each.reply),
                now if final else None,
                each.site or None,
                each.told,
                key << sql.SHIFT | each.due.number,
            ),
        )
        if connection.changes():
            settled += 1
            closed[key] += final
            events += [event_row(event) for event in each.events]
    for key, count in closed.items():
        if count:
            connection.execute(sql.CLOSE_RECIPIENTS, (count, now, key))
    connection.executemany(sql.ADD_EVENT, events)
    return settled
