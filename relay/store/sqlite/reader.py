"""A shard read from outside its owner: by the reporter, the web worker and the command line.

It works while the owner runs and while there is none, also after it was killed (what it had committed then
stands in the write-ahead log), and in a directory we may only read. Every call is a short transaction of
its own, so that no reader keeps the owner's log from starting over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import apsw

from relay.model.event import Event
from relay.model.message import Message, State
from relay.model.order import Selection
from relay.store.interface import Backlog, Entry, NotFound, RecipientState, StoreDown, Tracked
from relay.store.sqlite import lookup, selecting
from relay.store.sqlite import statements as sql
from relay.store.sqlite.connect import check_version, connect_frozen, connect_reader, fetch
from relay.store.sqlite.layout import DATABASE
from relay.store.sqlite.rows import recipient_state_of, tracked_of

T = TypeVar("T")


def open_reader(directory: Path, shard: int) -> SqliteReader:
    """Raises StoreDown: there is no such shard, it may not be read, or has another version's schema."""
    return SqliteReader(directory, shard)


class SqliteReader:
    """`Reader` of `relay.store.interface`."""

    def __init__(self, directory: Path, shard: int) -> None:
        self._directory = directory
        self._shard = shard
        self._connection: apsw.Connection | None = None
        self._run(lambda connection: check_version(connection, "queue"))

    @property
    def shard(self) -> int:
        return self._shard

    def message(self, message: str) -> Message:
        def look(connection: apsw.Connection) -> Message:
            key = lookup.key_of(connection, message)
            if key is None:
                raise NotFound(f"there is no message {message}")
            return lookup.load_message(connection, key)

        return self._run(look)

    def recipients(self, message: str) -> list[RecipientState]:
        """One a recipient of the envelope, in its order; none when the message is not there."""

        def look(connection: apsw.Connection) -> list[RecipientState]:
            key = lookup.key_of(connection, message)
            if key is None:
                return []
            base = key << sql.SHIFT
            return [recipient_state_of(row) for row in fetch(connection, sql.RECIPIENTS, (base, base | sql.NUMBERS))]

        return self._run(look)

    def tracked(self, message: str, recipient: int) -> Tracked | None:
        rows = self._run(lambda connection: fetch(connection, sql.TRACKED, (message, recipient)))
        return tracked_of(self._shard, message, recipient, rows[0]) if rows else None

    def content(self, message: str, number: int) -> bytes:
        return self._run(lambda connection: lookup.content(self._directory, message, number, connection))

    def journal(self, after: int, limit: int) -> list[Entry]:
        return self._entries(sql.JOURNAL, (after, limit))

    def history(self, message: str) -> list[Entry]:
        return self._entries(sql.HISTORY, (message,))

    def listing(self, selection: Selection, limit: int = 100) -> list[tuple[Message, RecipientState]]:
        def look(connection: apsw.Connection) -> list[tuple[Message, RecipientState]]:
            messages = lookup.Messages()
            return [
                (messages.get(connection, row[0] >> sql.SHIFT), recipient_state_of(row))
                for row in selecting.listing(connection, selection, limit)
            ]

        return self._run(look)

    def matching(self, selection: Selection) -> Mapping[State, int]:
        return self._run(lambda connection: selecting.counts(connection, selection))

    def backlog(self, selection: Selection, limit: int = 100) -> list[Backlog]:
        return [Backlog(*row) for row in self._run(lambda it: selecting.backlog(it, selection, limit))]

    def counts(self) -> Mapping[State, int]:
        rows = self._run(lambda connection: fetch(connection, sql.COUNTS))
        return {State(state): count for state, count in rows}

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _entries(self, statement: str, given: tuple[Any, ...]) -> list[Entry]:
        rows = self._run(lambda connection: fetch(connection, statement, given))
        return [Entry(shard=self._shard, seq=seq, event=Event.from_json(text), text=text) for seq, text in rows]

    def _run(self, work: Callable[[apsw.Connection], T]) -> T:
        """Run `work` in one transaction, so that all it reads belongs together."""
        try:
            connection = self._connection or self._connect()
            try:
                connection.execute("begin")
                found = work(connection)
                connection.execute("commit")
                return found
            except BaseException:
                if connection.in_transaction:
                    connection.execute("rollback")
                raise
            finally:
                if connection is not self._connection:
                    connection.close()
        except apsw.Error as error:
            self.close()  # a fresh connection next time
            raise StoreDown(f"{self._directory} cannot be read: {error}") from error

    def _connect(self) -> apsw.Connection:
        """A connection; kept for the next call if it is one that sees what the owner writes."""
        path = self._directory / DATABASE
        try:
            self._connection = connect_reader(path)
            return self._connection
        except (apsw.CantOpenError, apsw.ReadOnlyError):
            # Nobody has the shard open and we may not make the files that SQLite coordinates readers with.
            # With no log beside it, the database alone is all there is. For one call only: an owner may come.
            log = path.with_name(f"{path.name}-wal")
            if not path.exists() or (log.exists() and log.stat().st_size):
                raise
            return connect_frozen(path)
