"""Group commit: many tasks wait for one sync.

In:  functions that write on a connection, from any number of tasks of one event loop.
Out: each caller resumes once the transaction that holds its write is on disk.

One thread owns the one writing connection. While it commits a batch the next one gathers, so a batch grows
with the load and a lone write waits for nobody. A batch wakes the loop once.

A write that fails by itself takes none of its neighbours along: the batch is rolled back and run again, each
write behind a savepoint of its own. So writes must be repeatable: they touch nothing but the connection.

When the disk or the engine fails, the whole batch hears of it, the connection is closed, and the next batch
opens another. The same sync is never tried again: after a failed one the kernel may have dropped the pages
and would report success. What was synced before is safe; the failed pages are written anew with the next
batch, because the write-ahead log's index never learnt of them.

Why so: waiting for a write has no time-out. A write that is under way cannot be taken back, and an answer
given before its fate is known would be a guess. Writes that wait are bounded by the tasks that await them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

import apsw

from relay.store.interface import StoreDown, StoreFull
from relay.store.sqlite.connect import BROKEN, BUSY_MS

T = TypeVar("T")
Write = Callable[[apsw.Connection], Any]

BATCH = 256  # writes in one transaction, so that the first of them waits not too long
CHECKPOINT = 4_000  # pages of write-ahead log (16 MiB) before they go into the database
CUT = 16_000  # pages (64 MiB) at which the log is cut by force, waiting for readers

_log = logging.getLogger(__name__)
_Pending = tuple[Write, "asyncio.Future[Any]"]
_Fate = tuple["asyncio.Future[Any]", Any, Exception | None]


class Writer:
    """The writing thread of a shard. Made and closed by the loop it serves."""

    def __init__(self, connect: Callable[[], apsw.Connection], first: apsw.Connection, name: str) -> None:
        """`first` is the connection to begin with; `connect` makes another after a failure."""
        self.commits = 0  # transactions that reached the disk
        self.writes = 0  # calls they held
        self._connect = connect
        self._connection: apsw.Connection | None = None
        self._pages = 0  # of write-ahead log
        self._checkpoint_at = CHECKPOINT
        self._adopt(first)
        self._loop = asyncio.get_running_loop()
        self._pending: SimpleQueue[_Pending | None] = SimpleQueue()
        self._closed = False
        # A daemon, so that a process which fails without closing the shard can still end; what was not
        # committed then was not promised to anybody.
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def write(self, work: Callable[[apsw.Connection], T]) -> T:
        """Run `work` inside a transaction; its result once that is on disk.

        A caller cancelled before its batch begins is left out of it; one cancelled later never learns
        that its write was kept.

        Raises:
            StoreFull, StoreDown: nothing of it was kept.
            Exception: whatever `work` raised; nothing of it was kept.
        """
        if self._closed:
            raise StoreDown("the shard is closed")
        done: asyncio.Future[T] = self._loop.create_future()
        self._pending.put((work, done))
        return await done

    def close(self) -> None:
        """Finish what waits, then close the connection. Blocks; later writes are refused."""
        if not self._closed:
            self._closed = True
            self._pending.put(None)
        self._thread.join()

    # --- the thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        last = False
        while not last and (first := self._pending.get()) is not None:
            batch, last = self._gather(first)
            if batch:
                self._tell(self._commit(batch))
                self._checkpoint()
        self._drop()

    def _gather(self, first: _Pending) -> tuple[list[_Pending], bool]:
        """All that waits, up to a batch; and whether close() was among it."""
        batch: list[_Pending] = []
        item: _Pending | None = first
        try:
            while item is not None:
                if not item[1].cancelled():
                    batch.append(item)
                if len(batch) == BATCH:
                    return batch, False
                item = self._pending.get_nowait()
        except Empty:
            return batch, False
        return batch, True

    def _commit(self, batch: list[_Pending]) -> list[_Fate]:
        try:
            connection = self._connection or self._adopt(self._connect())
            try:
                fates = self._together(connection, batch)
            except BROKEN:
                raise
            except Exception:
                # Somebody's own fault. Find out whose, and spare the others.
                _roll_back(connection)
                fates = self._apart(connection, batch)
            self.commits += 1
            self.writes += len(batch)
            return fates
        except apsw.FullError as error:
            self._undo()
            return [(done, None, StoreFull(f"the disk is full: {error}")) for _, done in batch]
        except Exception as error:
            _log.exception("a batch of %d writes failed; the database is opened again", len(batch))
            self._drop()
            return [(done, None, StoreDown(f"the database failed: {error}")) for _, done in batch]

    def _together(self, connection: apsw.Connection, batch: list[_Pending]) -> list[_Fate]:
        connection.execute("begin immediate")
        fates: list[_Fate] = [(done, work(connection), None) for work, done in batch]
        connection.execute("commit")
        return fates

    def _apart(self, connection: apsw.Connection, batch: list[_Pending]) -> list[_Fate]:
        fates: list[_Fate] = []
        connection.execute("begin immediate")
        for work, done in batch:
            connection.execute("savepoint one")
            try:
                fates.append((done, work(connection), None))
            except BROKEN:
                raise
            except Exception as error:
                connection.execute("rollback to one")
                fates.append((done, None, error))
            connection.execute("release one")
        connection.execute("commit")
        return fates

    def _undo(self) -> None:
        try:
            if self._connection is not None:
                _roll_back(self._connection)
        except apsw.Error:
            _log.exception("rolling back failed; the database is opened again")
            self._drop()

    def _tell(self, fates: list[_Fate]) -> None:
        try:
            self._loop.call_soon_threadsafe(_resolve, fates)
        except RuntimeError:  # the loop has ended, and with it everybody who waited
            _log.warning("the event loop ended before %d writes could be told", len(fates))

    def _checkpoint(self) -> None:
        """Move the log into the database. After the callers were told, so that none of them waits for it.

        Passive as a rule: it waits for nobody, but the log starts over only when no reader looks at it. Should
        readers never leave a gap, it is cut by force, which waits for them a second.
        """
        connection = self._connection
        if connection is None or self._pages < self._checkpoint_at:
            return
        self._checkpoint_at = self._pages + CHECKPOINT
        try:
            if self._pages < CUT:
                connection.wal_checkpoint(None, apsw.SQLITE_CHECKPOINT_PASSIVE)
            else:
                connection.set_busy_timeout(1000)
                connection.wal_checkpoint(None, apsw.SQLITE_CHECKPOINT_RESTART)
        except apsw.BusyError:  # a reader held on; tried again when the log has grown by as much again
            connection.set_busy_timeout(BUSY_MS)
        except apsw.Error:
            _log.exception("the write-ahead log could not be written back; the database is opened again")
            self._drop()
        else:
            connection.set_busy_timeout(BUSY_MS)

    def _adopt(self, connection: apsw.Connection) -> apsw.Connection:
        connection.set_wal_hook(self._grown)
        self._connection = connection
        return connection

    def _grown(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        if pages < self._pages:  # the log started over
            self._checkpoint_at = CHECKPOINT
        self._pages = pages
        return apsw.SQLITE_OK

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close(True)
            except apsw.Error:
                _log.exception("closing the database failed")


def _roll_back(connection: apsw.Connection) -> None:
    if connection.in_transaction:  # some failures have rolled back already
        connection.execute("rollback")


def _resolve(fates: list[_Fate]) -> None:
    for done, value, error in fates:
        if done.done():
            continue  # its task was cancelled meanwhile
        if error is None:
            done.set_result(value)
        else:
            done.set_exception(error)
