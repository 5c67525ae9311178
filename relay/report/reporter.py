"""The reporter: folds the journals of all shards into the report database and writes the log of events.

In:  journals, read from outside their owners; the cursor in the report database says where it stopped.
Out: rows for search and `explain`, hourly counts, entries in the list of suppressions; one log line an event; a
     cursor file in each shard's directory, so that its owner may prune what is folded.

It keeps nothing that it could lose: rows and cursor are committed together, and what follows from them (the
log line, the exported cursor) comes after. A crash between the two may leave out log lines of one batch or
say them again; it never loses or doubles a row.

Why so: the work is done in a thread, one turn at a time, so that a log that nobody reads (a full pipe, a
stopped terminal) makes the reporter late and not silent: a silent process is killed. A report database that
cannot be opened or written makes it late, too: mail goes on without it, and the journals keep what is not folded.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import apsw

from relay.config import Config
from relay.model.clock import Clock
from relay.report import database, log
from relay.report.counts import Counts
from relay.report.database import open_to_write
from relay.report.fold import domain_of, fold
from relay.report.forgetting import forget, without_client
from relay.report.suppressing import Suppressor
from relay.report.webhooks.filler import Filler
from relay.store.interface import Entry, StoreDown, StoreFull
from relay.store.sqlite import SqliteReader, existing_shards, open_reader, shard_directory, write_cursor
from relay.store.sqlite.connect import Row, value

logger = logging.getLogger("relay.report")

PAUSE = 0.5  # seconds between turns; a turn costs a sync and some files, however few its rows
BATCH = 4000  # rows of one shard in one transaction
FORGET_EVERY = 60.0  # seconds between looks for what is too old
AGAIN = 2.0  # seconds until a database that failed is opened again
LAST_TURNS = 0.8  # seconds for what is left when told to stop

Tell = Callable[[Mapping[str, Any]], None]


class Reporter:
    def __init__(self, config: Config, clock: Clock) -> None:
        self.config = config  # replaced as a whole when the configuration is reloaded
        self._clock = clock
        self._data = config.data
        self._hooks = Filler(config.data, clock, lambda: self.config.webhooks.waiting)
        self._suppressor = Suppressor(config, clock)
        self._counts = Counts()
        self._opened: apsw.Connection | None = None
        self._cursors: dict[int, int] = {}
        self._failing_since: float | None = None
        self._readers: dict[int, SqliteReader] = {}
        self._unreadable: set[int] = set()
        self._forget_at = 0.0
        self.lag = 0.0  # seconds; age of the oldest event not folded at the last look

    async def run(self, stopping: asyncio.Event, tell: Tell) -> None:
        """Fold until told to stop, then what is left. `tell` hears the lag."""
        while not stopping.is_set():
            pause = await asyncio.to_thread(self._try)
            tell({"lag": round(self.lag, 3)})
            if pause:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await stopping.wait()
        deadline = time.monotonic() + LAST_TURNS
        while not await asyncio.to_thread(self._try) and time.monotonic() < deadline:
            pass

    def _try(self) -> float:
        """A turn; seconds to the next one. What the database says is logged once, until it is well again."""
        try:
            more = self.turn()
        except StoreDown as error:
            now = self._clock()
            if self._failing_since is None:
                self._failing_since = now
                logger.error("events wait in the journals of their shards: %s", error)
            self.lag = max(0.0, now - self._failing_since)
            return AGAIN
        if self._failing_since is not None:
            self._failing_since = None
            logger.warning("the report database is well again")
        return 0.0 if more else PAUSE

    def turn(self) -> bool:
        """Fold what is there, at most one batch of each shard; True when there is more.

        Raises:
            StoreDown: the report database failed. The next turn opens it anew and goes on where it stopped.
        """
        self._suppressor.follow(self.config)
        try:
            return self._turn()
        except (StoreDown, StoreFull) as error:  # of what a fold writes besides
            self._counts.forget()
            raise StoreDown(str(error)) from error
        except apsw.Error as error:
            self._drop()
            raise StoreDown(f"{self._data / database.NAME} cannot be written: {error}") from error

    @property
    def _database(self) -> apsw.Connection:
        if self._opened is None:
            self._opened = open_to_write(self._data)
            self._cursors = database.cursors(self._opened)
        return self._opened

    def _drop(self) -> None:
        self._counts.forget()
        opened, self._opened = self._opened, None
        if opened is not None:
            with contextlib.suppress(apsw.Error):  # it failed already
                opened.close(True)

    def _turn(self) -> bool:
        more, lag, _ = False, 0.0, self._database
        for shard in existing_shards(self._data):
            try:
                entries = self._reader(shard).journal(self._cursors.get(shard, 0), BATCH)
            except StoreDown as error:
                self._cannot_read(shard, error)
                continue
            if not entries:
                continue
            lag = max(lag, self._clock() - entries[0].event.at)
            more = more or len(entries) == BATCH
            self._fold(shard, entries)
        self.lag = max(0.0, lag) if more else 0.0
        if not more and time.monotonic() >= self._forget_at:
            more = forget(self._database, self.config, self._clock())
            if not more:
                self._forget_at = time.monotonic() + FORGET_EVERY
        return more

    def close(self) -> None:
        self._hooks.close()
        self._suppressor.close()
        for reader in self._readers.values():
            reader.close()
        self._drop()

    def _fold(self, shard: int, entries: list[Entry]) -> None:
        last = entries[-1].seq
        self._hooks.add(shard, entries)  # first: what is folded is not read again
        with self._database:  # one transaction
            self._add(entries)
            self._counts.add(self._database, entries)
            self._suppressor.add(self._database, shard, entries)
            self._database.execute(database.ADVANCE, (shard, last))
        self._cursors[shard] = last
        form = self.config.log.format
        for text in log.together(log.event_line(entry.event, form) for entry in entries):
            log.write(text, patience=None)
        try:
            write_cursor(shard_directory(self._data, shard), last)
        except OSError as error:  # it only delays pruning, and the next batch tries again
            logger.warning("cannot write the cursor of shard %d: %s", shard, error)

    def _add(self, entries: list[Entry]) -> None:
        rows: list[Row] = []
        about: list[Row] = []
        labelled: dict[Row, float] = {}  # each once: most events of a message bear the same
        kept = self._clock() - self.config.tracking.client_address_keep
        for number, entry in enumerate(entries, value(self._database, database.LAST_EVENT) + 1):
            folded = fold(without_client(entry, kept))
            at, message = entry.event.at, entry.event.message
            rows.append((number, *folded.row))
            about += [(address, at, number, domain_of(address)) for address in folded.addresses]
            for label in folded.labels:
                labelled.setdefault((*label, message), at)
        self._database.executemany(database.ADD_EVENT, rows)
        self._database.executemany(database.ADD_ABOUT, about)
        self._database.executemany(database.ADD_LABEL, [(*label, at) for label, at in labelled.items()])

    def _reader(self, shard: int) -> SqliteReader:
        reader = self._readers.get(shard)
        if reader is None:
            reader = self._readers[shard] = open_reader(shard_directory(self._data, shard), shard)
            self._unreadable.discard(shard)
        return reader

    def _cannot_read(self, shard: int, error: StoreDown) -> None:
        if shard not in self._unreadable:  # say it once, try on
            self._unreadable.add(shard)
            logger.error("the journal of shard %d waits: %s", shard, error)
        reader = self._readers.pop(shard, None)
        if reader is not None:
            reader.close()
