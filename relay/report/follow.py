"""Events as they come: the journals of all shards, read on and on.

In:  a `Filter`.
Out: what fits, in the order of each shard's journal. It goes on while the relay is stopped, started anew or
     given other shards; a shard that cannot be read for a while loses nothing.

Why so: journals and not the report database, since they have an event as soon as it is true.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from relay.report import database
from relay.report.fold import Filter, fits
from relay.report.search import CHUNK, Labelled, events
from relay.store.interface import Entry, StoreDown
from relay.store.sqlite import SqliteReader, existing_shards, open_reader, shard_directory

logger = logging.getLogger("relay.report")


class Follower:
    """Everything behind the moment it is made. Close it at the end."""

    def __init__(self, data: Path, wanted: Filter) -> None:
        """Raises StoreDown: the report database cannot be read."""
        self._data = data
        self._wanted = wanted
        self._labelled = Labelled(wanted)
        self._readers: dict[int, SqliteReader] = {}
        self._silent: set[int] = set()  # shards that could not be read at the last look
        self._after = self._folded()  # the last journal row seen of each shard
        for shard in existing_shards(data):
            for entries in self._new(shard):
                for entry in entries:
                    self._labelled.learn(entry.event)

    @property
    def position(self) -> dict[int, int]:
        """The last journal row seen of each shard."""
        return dict(self._after)

    def before(self, limit: int) -> list[Entry]:
        """The newest `limit` events of those that were there already, oldest first. Raises StoreDown."""
        found = events(self._data, self._wanted, limit)
        return [each for each in reversed(found) if each.seq <= self._after.get(each.shard, 0)]

    def fresh(self) -> Iterator[Entry]:
        """What fits among what has come since the last call; returns when that is told."""
        for shard in existing_shards(self._data):
            for entries in self._new(shard):
                for entry in entries:
                    self._labelled.learn(entry.event)
                    if fits(self._wanted, entry.event, self._labelled):
                        yield entry

    def close(self) -> None:
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()

    def _folded(self) -> dict[int, int]:
        connection = database.open_to_read(self._data)
        if connection is None:
            return {}
        with closing(connection):
            self._labelled.look_up(connection)
            return database.cursors(connection)

    def _new(self, shard: int) -> Iterator[list[Entry]]:
        """A shard's rows behind the last one seen, some at a time."""
        try:
            reader = self._readers.get(shard)
            if reader is None:
                reader = self._readers[shard] = open_reader(shard_directory(self._data, shard), shard)
            while entries := reader.journal(self._after.get(shard, 0), CHUNK):
                self._after[shard] = entries[-1].seq
                yield entries
        except StoreDown as error:
            if shard not in self._silent:
                self._silent.add(shard)
                logger.warning("shard %d cannot be read now: %s", shard, error)
            if (failed := self._readers.pop(shard, None)) is not None:
                failed.close()
        else:
            self._silent.discard(shard)
