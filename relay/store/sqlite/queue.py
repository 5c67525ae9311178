"""One shard of the queue on SQLite, as its owner sees it.

In:  messages, events and settlements from the tasks of one event loop.
Out: the same once they are on disk; recipients that are due; contents.

Writes go through the shard's writing thread (`writer.py`), which commits them in groups. Reads of contents
and the work of pruning run in a small pool of threads on reading connections. Nothing here waits for the
disk on the event loop, but for one statvfs a second.

Why so: a claim is a write although a crash undoes it, because the alternative (remembering in memory what
the index of waiting recipients must not hand out again) costs more than its share of a commit.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import apsw

from relay.config.schema import Retention, Sandbox
from relay.config.tracking import Tracking
from relay.model.clock import Clock
from relay.model.event import Event
from relay.model.message import Due, Lane, NewMessage, Settlement, State
from relay.model.order import Act, Order
from relay.store.interface import Acted, Claim, LaneState, StoreDown, StoreFull
from relay.store.sqlite import contents, lookup, prune, reserve
from relay.store.sqlite import statements as sql
from relay.store.sqlite.acting import act
from relay.store.sqlite.connect import connect_writer, fetch
from relay.store.sqlite.dropping import drop
from relay.store.sqlite.erasing import erase
from relay.store.sqlite.layout import DATABASE, read_cursor
from relay.store.sqlite.opening import Opened, open_shard
from relay.store.sqlite.prune import Gone
from relay.store.sqlite.rows import Parcel, event_row, pack
from relay.store.sqlite.targets import Known
from relay.store.sqlite.together import Insert, Settle, run_together
from relay.store.sqlite.writer import Writer
from relay.store.sqlite.writes import claim, run_many

T = TypeVar("T")

THREADS = 3  # for files and reads; each has a reading connection
CACHE = 32 << 20  # octets of contents kept in memory
CACHED = CACHE // 8  # octets of the largest of them; what is larger would drive out too many others
LIFE = Tracking().life  # seconds, where nobody says otherwise
PRUNE_SECONDS = 5.0  # longest a call of prune goes on; the next one continues


async def open_queue(
    directory: Path, shard: int, retention: Retention, sandbox: Sandbox, clock: Clock, life: float = LIFE
) -> SqliteQueue:
    """Take a shard and open it, made or migrated as needed; what a former owner had in flight is due now.

    `life`: seconds for which links of ours work after their message ended.

    Raises:
        ShardBusy: another process owns it.
        StoreDown: it cannot be opened, or a newer version of the program made it.
    """
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix=f"shard-{shard}")
    loop = asyncio.get_running_loop()
    try:
        opened = await loop.run_in_executor(pool, open_shard, directory, THREADS, clock())
    except BaseException:
        pool.shutdown(wait=False)
        raise
    return SqliteQueue(directory, shard, retention, sandbox, life, clock, pool, opened)


class SqliteQueue:
    """`Queue` of `relay.store.interface`."""

    def __init__(
        self,
        directory: Path,
        shard: int,
        retention: Retention,
        sandbox: Sandbox,
        life: float,
        clock: Clock,
        pool: ThreadPoolExecutor,
        opened: Opened,
    ) -> None:
        self._directory = directory
        self._shard = shard
        self._retention = retention
        self._sandbox = sandbox
        self._life = life
        self._clock = clock
        self._pool = pool
        self._lock = opened.lock
        self._last_id: str = opened.last_id
        self._last_key: int = opened.last_key
        # These stay open while the writer's connection comes and goes: with no connection left SQLite would
        # build the log's index anew, and take up what a failed sync had left in the log.
        self._known = Known()
        self._readers: SimpleQueue[apsw.Connection] = SimpleQueue()
        for each in opened.readers:
            self._readers.put(each)
        self.writer = Writer(
            lambda: connect_writer(directory / DATABASE),
            opened.writer,
            f"writer-{shard}",
            partial(run_together, self._known),
            partial(reserve.give, directory),
        )
        self._messages = lookup.Messages()
        self._cache = contents.Cache(CACHE)
        self._free = 0
        self._free_asked = float("-inf")
        self._closing: asyncio.Future[None] | None = None

    @property
    def shard(self) -> int:
        return self._shard

    @property
    def last_id(self) -> str | None:
        return self._last_id or None

    def reconfigure(self, retention: Retention, sandbox: Sandbox, life: float = LIFE) -> None:
        """Keep and forget by a new configuration."""
        self._retention = retention
        self._sandbox = sandbox
        self._life = life

    # --- taking ---------------------------------------------------------------------------------------

    async def add(self, new: NewMessage) -> None:
        """Take responsibility for a message.

        A caller that is cancelled meanwhile does not learn whether the message was kept; who must know
        (because recipients in flight are to be offered to delivery) shields the call.

        Raises:
            StoreFull, StoreDown: not kept.
            Exists: a message of that id is kept already.
            ValueError: the parts of the message do not fit each other.
        """
        self._room(sum(map(len, new.contents)))
        parcel = self._pack(new)
        await self._write_with_files([parcel], Insert(parcel))
        self._remember(new)

    async def record(self, events: Sequence[Event]) -> None:
        rows = [event_row(each) for each in events]
        if rows:
            await self.writer.write(partial(run_many, sql.ADD_EVENT, rows))

    # --- delivery -------------------------------------------------------------------------------------

    async def lanes(self) -> list[LaneState]:
        rows = await self._read(lambda connection: fetch(connection, sql.LANES))
        return [LaneState(Lane(*lane), due, queued) for *lane, due, queued in rows]

    async def claim(self, lane: Lane, now: float, limit: int) -> Claim:
        """A caller cancelled meanwhile may leave recipients in flight that nobody has; shield the call."""
        return await self.writer.write(partial(claim, self._messages, self._shard, lane, now, limit))

    async def settle(self, settlements: Sequence[Settlement], reports: Sequence[NewMessage] = ()) -> None:
        """Record what became of recipients in flight, and add the reports that causes.

        Reports are left out when every settlement was refused as a second one. Unlike `add` this never
        looks at how much of the disk is free: what is under way must be able to end. It is written with what
        others add, or after a moment (`writer.PATIENCE`).
        """
        for each in settlements:
            if each.state is State.FLIGHT or (each.state is State.QUEUED and each.next_attempt is None):
                raise ValueError(f"{each.due.message.id}-{each.due.number}: settled as {each.state} without a time")
        parcels = [self._pack(each) for each in reports]
        if await self._write_with_files(parcels, Settle(settlements, self._clock(), parcels), patient=True):
            for report in reports:
                self._remember(report)
        else:
            await self._unlink(parcels)

    async def release(self, dues: Iterable[Due], at: float) -> None:
        rows = [(at, each.number, each.message.id) for each in dues]
        if rows:
            await self.writer.write(partial(run_many, sql.RELEASE, rows))

    async def content(self, message: str, number: int) -> bytes:
        found = self._cache.get(message, number)
        if found is None:
            found = await self._read(partial(lookup.content, self._directory, message, number))
            if len(found) <= CACHED:
                self._cache.put(message, number, found)
        return found

    # --- orders ---------------------------------------------------------------------------------------

    async def act(self, order: Order, now: float) -> Acted:
        """Carry out an order. What was done before a failure stays done; the order given again does the rest.

        Raises:
            StoreFull, StoreDown: some of it may not be done.
            ValueError: an erasure without an address, or with more than that; contents to drop without ids.
        """
        if order.act is Act.DROP:
            return await drop(self._read, self.writer.write, self._forget, order)
        if order.act is Act.ERASE:
            return await erase(self._read, self.writer.write, self._forget, self._messages, self._known, order, now)
        return await act(self._read, self.writer.write, self._messages, order, now)

    # --- keeping house --------------------------------------------------------------------------------

    async def prune(self, now: float) -> int:
        """Forget what outlived its retention, in small batches between which others write.

        Goes on until nothing is left, or for PRUNE_SECONDS; the next call continues.
        """
        await self._in_pool(reserve.keep, self._directory, self._retention.min_free)
        until = time.monotonic() + PRUNE_SECONDS
        limits = prune.Limits.at(now, self._retention, self._sandbox, self._life)
        pruned = 0
        while time.monotonic() < until and (ended := await self._read(partial(prune.to_drop, now))):
            await self._forget(await self.writer.write(partial(prune.drop, ended)))
        while time.monotonic() < until:
            headers = await self._read(partial(prune.to_cut, self._directory, now))
            if not headers:
                break
            await self._forget(await self.writer.write(partial(prune.cut, headers)))
        while time.monotonic() < until:
            cursor = await self._in_pool(read_cursor, self._directory)
            batch = await self._read(partial(prune.overdue, cursor, limits))
            if not batch:
                break
            gone = await self.writer.write(partial(prune.forget, self._known, batch))
            await self._forget(gone)
            pruned += gone.messages
        while time.monotonic() < until:
            cursor = await self._in_pool(read_cursor, self._directory)
            upto = await self._read(partial(prune.folded, cursor, limits.contents_before))
            if upto is None:
                break
            await self.writer.write(partial(run_many, sql.TRIM_JOURNAL, [(upto,)]))
        while time.monotonic() < until and await self._read(prune.roomy):
            await self.writer.write(prune.shrink)
        return pruned

    async def _forget(self, gone: Gone) -> None:
        """After the rows, the memory and the files of contents; a file that stays is swept at start."""
        for message, number in gone.contents:
            self._cache.drop(message, number)
        if gone.files:
            await self._in_pool(contents.unlink_files, self._directory, gone.files)

    async def close(self) -> None:
        """Finish what is being written and let go of the shard. Calling it again does nothing."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().run_in_executor(self._pool, self._close)
        await asyncio.shield(self._closing)
        self._pool.shutdown(wait=True)

    def _close(self) -> None:
        for _ in range(THREADS):
            self._readers.get().close()  # waits for what is being read
        self.writer.close()  # the last to go, so that it can put the whole log into the database
        self._lock.release()

    # --- inside ---------------------------------------------------------------------------------------

    def _room(self, octets: int) -> None:
        """Raises StoreFull: with so many octets more the disk would be fuller than it may be."""
        now = time.monotonic()
        if now - self._free_asked >= 1.0:
            disk = os.statvfs(self._directory)
            self._free = disk.f_bavail * disk.f_frsize
            self._free_asked = now
        if self._free - octets < self._retention.min_free:
            raise StoreFull(f"{self._free} octets free on the disk, {self._retention.min_free} stay free")
        self._free -= octets  # so that one second's mail cannot use the same room twice

    def _pack(self, new: NewMessage) -> Parcel:
        self._last_key += 1
        return pack(self._last_key, new)

    def _remember(self, new: NewMessage) -> None:
        self._last_id = max(self._last_id, new.message.id)
        # Only what goes out at once is soon read again.
        if any(each.state is State.FLIGHT for each in new.recipients):
            for number, octets in enumerate(new.contents):
                if len(octets) <= CACHED:
                    self._cache.put(new.message.id, number, octets)

    async def _write_with_files(
        self, parcels: Sequence[Parcel], work: Callable[[apsw.Connection], T], *, patient: bool = False
    ) -> T:
        """Files first, then the rows that name them."""
        files = [file for parcel in parcels for file in parcel.files]
        if not files:
            return await self.writer.write(work, patient=patient)
        await self._in_pool(contents.write_files, self._directory, files)
        try:
            return await self.writer.write(work, patient=patient)
        except Exception:
            # Not on CancelledError: the rows may be on their way, and an orphan is swept at start.
            await self._unlink(parcels)
            raise

    async def _unlink(self, parcels: Sequence[Parcel]) -> None:
        keys = [key for parcel in parcels for key, _ in parcel.files]
        if keys:
            await self._in_pool(contents.unlink_files, self._directory, keys)

    async def _in_pool(self, function: Callable[..., T], *arguments: object) -> T:
        if self._closing is not None:
            raise StoreDown("the shard is closed")
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)

    async def _read(self, work: Callable[[apsw.Connection], T]) -> T:
        return await self._in_pool(self._borrow, work)

    def _borrow(self, work: Callable[[apsw.Connection], T]) -> T:
        connection = self._readers.get()  # there is one for each thread of the pool
        try:
            return work(connection)
        except apsw.Error as error:
            raise StoreDown(f"the database cannot be read: {error}") from error
        finally:
            self._readers.put(connection)
