"""Events, searched: in the report database, and in the journals for what is not folded yet.

In:  a `Filter`, and how many.
Out: entries, newest first. Works while the relay runs and while it is stopped.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw

from relay.model.event import Event
from relay.report import database
from relay.report.database import open_to_read
from relay.report.explain import Explanation, explain
from relay.report.fold import Filter, Label, fits, labels, query
from relay.report.history import history
from relay.store.interface import Entry, StoreDown
from relay.store.sqlite import existing_shards, open_reader, shard_directory
from relay.store.sqlite.connect import fetch

__all__ = ["Explanation", "Filter", "Labelled", "events", "explain", "history"]

logger = logging.getLogger("relay.report")

CHUNK = 1000  # journal rows read at once
LABELLED = 100_000  # messages with a wanted label that are kept in mind while journals are searched


class Labelled(dict[tuple[Label, str], None]):
    """Which messages bear the wanted labels; beyond `LABELLED` the ones learnt first are forgotten."""

    def __init__(self, wanted: Filter) -> None:
        super().__init__()
        self._wanted = frozenset(wanted.labels)

    def learn(self, event: Event) -> None:
        if self._wanted:
            for label in self._wanted.intersection(labels(event)):
                self.add(label, event.message)

    def look_up(self, connection: apsw.Connection) -> None:
        """What the report database knows."""
        for kind, value in self._wanted:
            # The newest last, so that it is kept longest.
            for (message,) in reversed(fetch(connection, database.LABELLED, (kind, value, LABELLED))):
                self.add((kind, value), message)

    def add(self, label: Label, message: str) -> None:
        self[label, message] = None
        if len(self) > LABELLED:
            del self[next(iter(self))]


def events(data: Path, wanted: Filter, limit: int = 100) -> list[Entry]:
    """The newest `limit` events that fit, newest first.

    Raises:
        StoreDown: the report database cannot be read.
    """
    cursors: dict[int, int] = {}
    found: list[Entry] = []
    labelled = Labelled(wanted)
    connection = open_to_read(data)
    if connection is not None:
        with closing(connection):
            # One transaction, so that no row is both folded and, by an older cursor, not folded yet.
            connection.execute("begin")
            cursors = database.cursors(connection)
            found = _folded(connection, wanted, limit)
            labelled.look_up(connection)
    for shard in existing_shards(data):
        found += _unfolded(data, shard, cursors.get(shard, 0), wanted, labelled, limit)
    found.sort(key=lambda entry: (entry.event.at, entry.seq), reverse=True)
    return found[:limit]


def _folded(connection: apsw.Connection, wanted: Filter, limit: int) -> list[Entry]:
    statement, given = query(wanted)
    found: dict[str, Entry] = {}
    for shard, seq, text in connection.execute(statement, given):
        if len(found) == limit:
            break
        entry = Entry(shard=shard, seq=seq, event=Event.from_dict(json.loads(text)))
        found[entry.id] = entry
    return list(found.values())


def _unfolded(data: Path, shard: int, after: int, wanted: Filter, labelled: Labelled, limit: int) -> Iterator[Entry]:
    """The last `limit` rows that fit, of those the reporter has not come to."""
    found: deque[Entry] = deque(maxlen=limit)
    try:
        with closing(open_reader(shard_directory(data, shard), shard)) as reader:
            while entries := reader.journal(after, CHUNK):
                for entry in entries:
                    labelled.learn(entry.event)
                    if fits(wanted, entry.event, labelled):
                        found.append(entry)
                after = entries[-1].seq
    except StoreDown as error:
        logger.warning("shard %d is left out: %s", shard, error)
    return iter(found)
