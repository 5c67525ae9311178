"""Group commit: many tasks wait for one sync.

In:  functions that write on a connection, from any number of tasks of one event loop.
Out: each caller resumes once the transaction that holds its write is on disk.

One thread owns the one writing connection. While it commits a batch the next one gathers, so a batch grows
with the load and a lone write waits for nobody but the loop's turn it came in: all of one turn go together. A
batch wakes the thread once, and then the loop once. Where a crowd writes, a batch waits up to GATHER for as many as
the last one held: whoever was answered then is about to write again, and each commit is shared by more (a message in
twenty sessions: 0.77 to 0.72 ms of CPU for the whole program, and 5 % more messages a second).

A write for which nobody waits may be `patient`: it rides with the next that is not, and goes alone after PATIENCE
at the latest. What became of recipients is written so. It makes the window in which a crash sends twice longer by
that much, and spares nearly half of all commits.

A write that fails by itself takes none of its neighbours along: the batch is rolled back and run again, each
write behind a savepoint of its own. So writes must be repeatable: they touch nothing but the connection. And how a
batch is run may be the caller's (`run`), who can do in one statement what many writes ask.

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
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

import apsw

from relay.store.interface import StoreDown, StoreFull
from relay.store.sqlite.connect import BROKEN, BUSY_MS

T = TypeVar("T")
Write = Callable[[apsw.Connection], Any]
Run = Callable[[Sequence[Write], apsw.Connection], list[Any]]

BATCH = 256  # writes in one transaction, so that the first of them waits not too long
PATIENCE = 0.02  # seconds a patient write waits for company
GATHER = 0.005  # seconds the first of a crowd waits for the others
CROWD = 3  # writes in one batch that make a crowd
CHECKPOINT = 4_000  # pages of write-ahead log (16 MiB) before they go into the database
CUT = 16_000  # pages (64 MiB) at which the log is cut by force, waiting for readers

_log = logging.getLogger(__name__)
_Pending = tuple[Write, "asyncio.Future[Any]"]
_Fate = tuple["asyncio.Future[Any]", Any, Exception | None]


def one_by_one(works: Sequence[Write], connection: apsw.Connection) -> list[Any]:
    return [work(connection) for work in works]


class Writer:
    """The writing thread of a shard. Made and closed by the loop it serves."""

    def __init__(
        self,
        connect: Callable[[], apsw.Connection],
        first: apsw.Connection,
        name: str,
        run: Run = one_by_one,
        relieve: Callable[[], object] = lambda: None,
    ) -> None:
        """`first` is the connection to begin with; `connect` makes another after a failure.

        `run` does a batch of writes and returns what each of them comes to. When it raises, they are run one by one.
        `relieve` is called when the disk is full, and may make some room.
        """
        self.commits = 0  # transactions that reached the disk
        self.writes = 0  # calls they held
        self._connect = connect
        self._run_batch = run
        self._relieve = relieve
        self._connection: apsw.Connection | None = None
        self._pages = 0  # of write-ahead log
        self._checkpoint_at = CHECKPOINT
        self._adopt(first)
        self._loop = asyncio.get_running_loop()
        self._pending: deque[_Pending] = deque()
        self._patient: deque[_Pending] = deque()
        self._asked = False  # the thread has been told to write, and has not answered yet
        self._company = 0  # writes in the last batch that were not patient
        self._timer: asyncio.TimerHandle | None = None  # asks the thread when nobody else has done so
        self._rings = 0.0  # when it does; the handle cannot tell, as uvloop's has no `when` where that has passed
        self._calls: SimpleQueue[bool] = SimpleQueue()  # True: write what waits; False: and then end
        self._closed = False
        # A daemon, so that a process which fails without closing the shard can still end; what was not
        # committed then was not promised to anybody.
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def write(self, work: Callable[[apsw.Connection], T], *, patient: bool = False) -> T:
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
        if patient:
            self._patient.append((work, done))
        else:
            self._pending.append((work, done))
        if not self._asked:
            self._plan()
        return await done

    def close(self) -> None:
        """Finish what waits, then close the connection. Blocks; later writes are refused."""
        if not self._closed:
            self._closed = True
            self._calls.put(False)
        self._thread.join()

    def _plan(self) -> None:
        """See to it that the thread is asked to write what waits, once it is time."""
        if len(self._pending) >= (self._company if self._company >= CROWD else 1):
            self._asked = True
            self._loop.call_soon(self._ask)  # behind what else comes in this turn of the loop
            return
        at = self._loop.time() + (GATHER if self._pending else PATIENCE)
        if self._timer is None or at < self._rings:
            self._stop_timer()
            self._rings = at
            self._timer = self._loop.call_at(at, self._ask)

    def _ask(self) -> None:
        self._asked = True
        self._stop_timer()
        self._company = len(self._pending)
        self._calls.put(True)

    def _answered(self, fates: list[_Fate]) -> None:
        _resolve(fates)
        self._asked = False
        if self._pending or self._patient:
            self._plan()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- the thread -----------------------------------------------------------------------------------

    def _work(self) -> None:
        while self._calls.get():
            self._write_some()
        while self._pending or self._patient:
            self._write_some()
        self._drop()

    def _write_some(self) -> None:
        batch: list[_Pending] = []
        # The patient ones are few, and have waited: where a slow disk lets others pile up, they must not starve.
        for waiting in (self._patient, self._pending):
            while waiting and len(batch) < BATCH:
                item = waiting.popleft()
                if not item[1].cancelled():
                    batch.append(item)
        self._tell(self._commit(batch) if batch else [])
        self._checkpoint()

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
            self._make_room()
            return [(done, None, StoreFull(f"the disk is full: {error}")) for _, done in batch]
        except Exception as error:
            _log.exception("a batch of %d writes failed; the database is opened again", len(batch))
            self._drop()
            return [(done, None, StoreDown(f"the database failed: {error}")) for _, done in batch]

    def _together(self, connection: apsw.Connection, batch: list[_Pending]) -> list[_Fate]:
        connection.execute("begin immediate")
        results = self._run_batch([work for work, _ in batch], connection)
        connection.execute("commit")
        return [(done, result, None) for (_, done), result in zip(batch, results, strict=True)]

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

    def _make_room(self) -> None:
        """On a full disk: put the log into the database and cut it, which may need what was set aside for this."""
        self._relieve()
        if self._connection is not None:
            try:
                self._connection.set_busy_timeout(1000)
                self._connection.wal_checkpoint(None, apsw.SQLITE_CHECKPOINT_TRUNCATE)
                self._connection.set_busy_timeout(BUSY_MS)
            except (apsw.FullError, apsw.BusyError):
                # There is no room for that either, or a reader held on; tried again with the next batch.
                self._connection.set_busy_timeout(BUSY_MS)
            except apsw.Error:
                _log.exception("the write-ahead log could not be written back; the database is opened again")
                self._drop()

    def _tell(self, fates: list[_Fate]) -> None:
        try:
            self._loop.call_soon_threadsafe(self._answered, fates)
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
