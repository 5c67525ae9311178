"""Readers of shards, found by the id of a message: which shard holds it stands in the id.

In:  submission ids. Out: the reader of its shard, kept open for the next one; or what a link of ours names.

Synchronous; a look-up is a few reads of a database that is in memory mostly. For one thread.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from relay.model.ids import shard_of
from relay.store.interface import NotFound, Reader, Tracked
from relay.store.sqlite import open_reader, shard_directory

KEPT = 64  # readers


class Readers:
    def __init__(self, data: Path, kept: int = KEPT) -> None:
        self._data = data
        self._kept = kept
        self._open: OrderedDict[int, Reader] = OrderedDict()

    def of(self, message: str) -> Reader:
        """The reader of the shard that holds this message, if there is one. `message`: a submission id.

        Raises:
            NotFound: there is no such shard.
            StoreDown: it cannot be read.
        """
        shard = shard_of(message)
        reader = self._open.get(shard)
        if reader is None:
            directory = shard_directory(self._data, shard)
            if not directory.is_dir():
                raise NotFound(f"there is no shard {shard}")
            reader = self._open[shard] = open_reader(directory, shard)
            if len(self._open) > self._kept:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(shard)
        return reader

    def tracked(self, message: str, recipient: int) -> Tracked | None:
        """What a link to that recipient names; None: not kept, or no longer. Raises StoreDown."""
        try:
            return self.of(message).tracked(message, recipient)
        except NotFound:
            return None

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()
