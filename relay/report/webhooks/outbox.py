"""The outbox: the file `webhooks.db` in which events wait for their webhooks, and what became of each request.

In:  rows from the filler, put in together with how far it has read the journal; what the courier says of them.
Out: what is due for one webhook, a few at a time, so that memory does not grow with what waits.

Why so: a file of its own, since it is rewritten all the time and none of it is worth a lock on search. The filler's
writes are synced (the reporter's cursor moves after them); the sender's are not: what a power cut takes back of
those is sent once more, with the same id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

from relay.report.webhooks import outbox_statements as sql
from relay.report.webhooks.schedule import LONGEST_WAIT, Endpoint
from relay.store.interface import StoreDown
from relay.store.sqlite.connect import connect_reader, connect_writer, fetch, schema_version, value
from relay.store.sqlite.shared import transaction

NAME = "webhooks.db"
ANSWERS = 200  # requests remembered of each webhook
OCTETS = 4 << 20  # of the rows that are taken out at once
SLICE = 500  # rows changed in one transaction that nobody waits for


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """An event on its way into the outbox."""

    hook: str
    event: str  # <shard>-<seq>
    kind: str
    message: str
    lane: str
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    id: int
    event: str
    kind: str
    message: str
    lane: str
    came: float
    attempts: int
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of one row in a request."""

    row: Waiting
    again: float | None = None  # when it is tried once more; None: it has gone
    dead: str = ""  # why it is given up; empty: it was taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A request, as the log of a webhook keeps it."""

    at: float
    events: int
    event: str  # the first one
    attempt: int
    status: int  # 0: there was no answer
    text: str
    seconds: float


def open_outbox(data: Path, *, synced: bool = True) -> Outbox:
    """Made if it is not there. Raises StoreDown: it cannot be opened, or a newer version of the program made it."""
    path = data / NAME
    try:
        connection = connect_writer(path, cache_kib=4_000)
        path.chmod(0o600)
        if not synced:
            connection.execute("pragma synchronous = normal").fetchall()
        for number, step in enumerate(sql.STEPS, 1):
            if schema_version(connection) < number:
                connection.execute(f"begin immediate; {step}; pragma user_version = {number}; commit")
        found = schema_version(connection)
    except (apsw.Error, OSError) as error:
        raise StoreDown(f"{path} cannot be opened: {error}") from error
    if found != len(sql.STEPS):
        raise StoreDown(f"{path} has schema {found}, this program needs {len(sql.STEPS)}")
    return Outbox(connection)


def read_outbox(data: Path) -> Outbox | None:
    """To look only; None where there is none yet. Raises StoreDown."""
    path = data / NAME
    if not path.exists():
        return None
    try:
        return Outbox(connect_reader(path))
    except apsw.Error as error:
        raise StoreDown(f"{path} cannot be read: {error}") from error


class Outbox:
    """Of one thread."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection

    def close(self) -> None:
        self.connection.close()

    # --- the filler -----------------------------------------------------------------------------------

    def cursors(self) -> dict[int, int]:
        with failing():
            return {shard: seq for shard, seq in fetch(self.connection, sql.CURSORS)}

    def add(
        self,
        shard: int,
        seq: int,
        rows: Iterable[New],
        now: float,
        routes: Iterable[tuple[str, str]] = (),
        lost: Iterable[tuple[str, int]] = (),
    ) -> None:
        """All of it, or nothing; on disk at its end. `routes`: messages and the URL they name; `lost`: webhooks, and
        how many events found no room. Raises StoreFull, StoreDown."""
        with self.changing() as connection:
            connection.executemany(sql.ROUTE, [(message, url, now) for message, url in routes])
            connection.executemany(sql.LOST, list(lost))
            connection.executemany(sql.ADD, [_given(each, now) for each in rows])
            connection.execute(sql.ADVANCE, (shard, seq))

    def count(self, hook: str) -> int:
        with failing():
            count: int = value(self.connection, sql.COUNT, (hook,))
        return count

    def has_routes(self) -> bool:
        with failing():
            return bool(value(self.connection, sql.ROUTES))

    def routed(self, message: str) -> str | None:
        """The URL a message names."""
        with failing():
            url: str | None = value(self.connection, sql.ROUTED, (message,))
        return url

    # --- the sender -----------------------------------------------------------------------------------

    def hooks(self) -> list[str]:
        with failing():
            return [row[0] for row in fetch(self.connection, sql.WAITING_HOOKS)]

    def next(self, hook: str) -> float | None:
        """When something is due there; None: nothing waits."""
        with failing():
            due: float | None = value(self.connection, sql.NEXT, (hook,))
        return due

    def due(self, hook: str, now: float, limit: int) -> list[Waiting]:
        """The longest due first; fewer than `limit` where they are long."""
        names = ("id", "event", "kind", "message", "lane", "came", "attempts", "data")
        found: list[Waiting] = []
        octets = 0
        with failing():
            for row in self.connection.execute(sql.DUE, (hook, now, limit)):
                found.append(Waiting(**dict(zip(names, row, strict=True))))
                octets += len(found[-1].data)
                if octets > OCTETS:
                    break
        return found

    def settle(
        self,
        hook: str,
        settled: Sequence[Settled],
        answer: Answer,
        endpoint: Endpoint,
        now: float,
        *,
        recovered: bool = False,
    ) -> None:
        """What a request came to, all together. `recovered`: what waits for its next attempt need not any more.

        Raises StoreFull, StoreDown.
        """
        with self.changing() as connection:
            for each in settled:
                if each.again is not None:
                    connection.execute(sql.LATER, (each.again, each.row.attempts + 1, each.row.id))
                    continue
                if each.dead:
                    connection.execute(sql.LATER, (now, each.row.attempts + 1, each.row.id))
                self._end(hook, each.row.id, each.row.message, each.row.lane, now, each.dead)
            if recovered:
                connection.execute(sql.SOONER, {"hook": hook, "now": now})
            row = (answer.at, answer.events, answer.event, answer.attempt, answer.status, answer.text, answer.seconds)
            connection.execute(sql.ANSWERED, (hook, *row))
            connection.execute(sql.TRIM_ANSWERS, {"hook": hook, "keep": ANSWERS})
            self._put_endpoint(hook, endpoint)

    def endpoint(self, hook: str) -> Endpoint:
        with failing():
            rows = fetch(self.connection, sql.ENDPOINT, (hook,))
        if not rows:
            return Endpoint()
        failures, failing_since, paused_until, last_success, lost = rows[0]
        return Endpoint(failures, failing_since, paused_until, last_success, lost)

    def begin_anew(self, hook: str, now: float) -> None:
        """Forget the failures of a webhook: what waits for its next attempt waits no longer."""
        was = self.endpoint(hook)
        with self.changing() as connection:
            self._put_endpoint(hook, Endpoint(last_success=was.last_success))
            connection.execute(sql.SOONER, {"hook": hook, "now": now})

    def set_right(self, hook: str, now: float) -> None:
        """What was put off by a clock that has been set back since, by more than anything is put off, is due."""
        given = {"hook": hook, "now": now, "latest": now + LONGEST_WAIT}
        with self.changing() as connection:
            connection.execute(sql.AHEAD, given)
            connection.execute(sql.PAUSED_AHEAD, given)

    def bury(self, hook: str, reason: str, now: float, before: float | None = None) -> int:
        """Give up a slice of what waits for a webhook: all of it, or what came before a time. How many."""
        with self.changing() as connection:
            query = (sql.ANY, (hook, SLICE)) if before is None else (sql.OLD, (hook, before, SLICE))
            ids = [row[0] for row in fetch(connection, *query)]
            for ident in ids:
                _, _, _, message, lane, *_ = fetch(connection, sql.ROW, (ident,))[0]
                self._end(hook, ident, message, lane, now, reason)
        return len(ids)

    def forget(self, hook: str) -> bool:
        """All of a webhook that is no more, a slice at a time; True when there is more."""
        with self.changing() as connection:
            connection.execute(sql.FORGET_HOOK, (hook, SLICE))
            if connection.changes() == SLICE:
                return True
            for statement in (sql.FORGET_DEAD_HOOK, sql.FORGET_ANSWERS, sql.FORGET_ENDPOINT):
                connection.execute(statement, (hook,))
        return False

    def drop(self, ident: int, now: float) -> None:
        """Within a transaction: a row goes untold."""
        hook, _, _, message, lane, *_ = fetch(self.connection, sql.ROW, (ident,))[0]
        self._end(hook, ident, message, lane, now, "")

    def _end(self, hook: str, ident: int, message: str, lane: str, now: float, reason: str) -> None:
        """A row goes, to the dead letters if there is a reason; what stood behind it is due."""
        if reason:
            self.connection.execute(sql.BURY, {"id": ident, "now": now, "reason": reason})
        self.connection.execute(sql.GONE, (ident,))
        given = {"hook": hook, "message": message, "now": now}
        if lane == message:
            self.connection.execute(sql.FREE_MESSAGE, given)
        else:
            self.connection.execute(sql.FREE_LANE, {**given, "lane": lane})

    def _put_endpoint(self, hook: str, it: Endpoint) -> None:
        row = (hook, it.failures, it.failing_since, it.paused_until, it.last_success)
        self.connection.execute(sql.PUT_ENDPOINT, row)

    @contextmanager
    def changing(self) -> Iterator[apsw.Connection]:
        with transaction(self.connection, "the outbox of webhooks") as connection:
            yield connection


@contextmanager
def failing() -> Iterator[None]:
    """What the engine says becomes StoreDown."""
    try:
        yield
    except apsw.Error as error:
        raise StoreDown(f"the outbox of webhooks cannot be read: {error}") from error


def _given(new: New, now: float) -> dict[str, str | float]:
    return {
        "hook": new.hook,
        "event": new.event,
        "kind": new.kind,
        "message": new.message,
        "lane": new.lane,
        "data": new.data,
        "now": now,
    }
