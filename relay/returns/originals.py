"""The message a return path stands for, looked up in whichever shard holds it.

In:  a recipient's id, read from a return path. Out: an `Original`.

Why so: a look-up is a few reads of a database that is in memory mostly, and only who holds one of our return paths
can cause one, so it happens in place. What the relay keeps no longer (`retention.returns` after its last
recipient ended) is as if it had never been: nobody is left to tell, and the host that asks hears so before it
hands anything over.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from relay.model.envelope import Recipient
from relay.model.ids import parse_id, shard_of
from relay.model.message import Message
from relay.store.interface import NotFound, Reader
from relay.store.sqlite import open_reader, shard_directory

READERS = 64  # shards kept open


@dataclass(frozen=True, slots=True)
class Original:
    """One recipient of a message we sent under our own return path."""

    message: Message
    number: int  # of the recipient, from 1

    @property
    def recipient(self) -> Recipient:
        return self.message.envelope.recipients[self.number - 1]

    @property
    def id(self) -> str:
        return f"{self.message.id}-{self.number}"


class Originals:
    def __init__(self, data: Path) -> None:
        self._data = data
        self._readers: OrderedDict[int, Reader] = OrderedDict()

    def find(self, recipient_id: str) -> Original:
        """Synchronous; a fraction of a millisecond.

        Raises:
            NotFound: it is not kept, or no longer.
            StoreDown: its shard cannot be read.
        """
        found = parse_id(recipient_id)
        message = self._reader(shard_of(found.submission)).message(found.submission)
        if found.recipient is None or found.recipient > len(message.envelope.recipients):
            raise NotFound(f"{found.submission} has no such recipient")
        return Original(message, found.recipient)

    def close(self) -> None:
        while self._readers:
            self._readers.popitem()[1].close()

    def _reader(self, shard: int) -> Reader:
        reader = self._readers.get(shard)
        if reader is None:
            directory = shard_directory(self._data, shard)
            if not directory.is_dir():
                raise NotFound(f"there is no shard {shard}")
            reader = open_reader(directory, shard)
            self._readers[shard] = reader
            if len(self._readers) > READERS:
                self._readers.popitem(last=False)[1].close()
        self._readers.move_to_end(shard)
        return reader
