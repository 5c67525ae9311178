"""Dead letters and the log of a webhook: what commands look at and bring back, and what is forgotten in time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from relay.model.clock import system_clock
from relay.report.webhooks import outbox_statements as sql
from relay.report.webhooks.outbox import NAME, SLICE, Answer, Outbox, failing, open_outbox
from relay.store.sqlite.connect import fetch, teach_folding, value


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    id: int
    event: str
    kind: str
    name: str  # of the event
    at: float  # of the event
    died: float
    reason: str
    attempts: int
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which dead letters of a webhook are meant."""

    hook: str
    since: float | None = None  # time of the event
    event: str = ""  # a name, or an event's id; empty: any


def dead(outbox: Outbox, chosen: Chosen, limit: int, after: int = 0) -> list[Dead]:
    """The oldest first."""
    given = {"hook": chosen.hook, "since": chosen.since, "event": chosen.event, "after": after, "limit": limit}
    with failing():
        rows = fetch(outbox.connection, sql.DEAD, given)
    names = ("id", "event", "kind", "name", "at", "died", "reason", "attempts", "data")
    return [Dead(**dict(zip(names, row, strict=True))) for row in rows]


def dead_count(outbox: Outbox, hook: str) -> int:
    with failing():
        count: int = value(outbox.connection, sql.DEAD_COUNT, (hook,))
    return count


def replay(outbox: Outbox, chosen: Chosen, now: float) -> int:
    """Dead letters wait again, in their order, as if they had just come. How many. Raises StoreFull, StoreDown."""
    count = 0
    with failing():
        last = value(outbox.connection, sql.LAST_DEAD)
    given = {"hook": chosen.hook, "since": chosen.since, "event": chosen.event, "last": last, "limit": SLICE}
    while True:
        with outbox.changing() as connection:
            rows = fetch(connection, sql.EXHUME, given)
            for ident, hook, event, kind, message, lane, data in rows:
                new = {"hook": hook, "event": event, "kind": kind, "message": message, "lane": lane}
                connection.execute(sql.ADD, {**new, "data": data, "now": now})
                connection.execute(sql.FORGET_DEAD, (ident,))
        count += len(rows)
        if len(rows) < SLICE:
            return count


def answers(outbox: Outbox, hook: str, limit: int) -> list[Answer]:
    """The newest first."""
    with failing():
        rows = fetch(outbox.connection, sql.ANSWERS, (hook, limit))
    names = ("at", "events", "event", "attempt", "status", "text", "seconds")
    return [Answer(**dict(zip(names, row, strict=True))) for row in rows]


def tidy(outbox: Outbox, *, died_before: float, octets: int, clients_before: float, routed_before: float) -> bool:
    """Forget a slice of what is past its time or its room; True when there may be more."""
    more = False
    with outbox.changing() as connection:
        connection.execute(sql.DEAD_OLD, (died_before, SLICE))
        more = connection.changes() == SLICE
        connection.execute(sql.FORGET_CLIENTS, (clients_before, SLICE))
        more = more or connection.changes() == SLICE
        connection.execute(sql.FORGET_ROUTES, (routed_before, SLICE))
        more = more or connection.changes() == SLICE
        over = value(connection, sql.DEAD_OCTETS) - octets
        if over > 0:
            rows = fetch(connection, sql.DEAD_FIRST, (SLICE,))
            for ident, length in rows:
                if over <= 0:
                    break
                connection.execute(sql.FORGET_DEAD, (ident,))
                over -= length
            more = more or over > 0
    fetch(outbox.connection, "pragma incremental_vacuum(1000)")
    return more


def forget(data: Path, needle: str) -> int:
    """`erase` in the outbox of a data directory, if it has one. Raises StoreFull, StoreDown."""
    if not (data / NAME).exists():
        return 0
    outbox = open_outbox(data)
    try:
        with failing():
            return erase(outbox, needle, system_clock())
    finally:
        outbox.close()


def erase(outbox: Outbox, needle: str, now: float) -> int:
    """Rows that name an address go: what waits, and what was given up. How many."""
    count = 0
    teach_folding(outbox.connection)
    for naming, waits in ((sql.NAMING, True), (sql.NAMING_DEAD, False)):
        after = 0
        while True:
            with outbox.changing() as connection:
                ids = [row[0] for row in fetch(connection, naming, (after, needle, SLICE))]
                for ident in ids:
                    if waits:
                        outbox.drop(ident, now)
                    else:
                        connection.execute(sql.FORGET_DEAD, (ident,))
            count += len(ids)
            if len(ids) < SLICE:
                break
            after = ids[-1]
    return count
