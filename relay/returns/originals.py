"""The message a return path stands for, looked up in whichever shard holds it.

In:  what was read from a return path. Out: an `Original`.

Why so: a look-up is a few reads of a database that is in memory mostly, and only who holds one of our return paths
can cause one, so it happens in place. What the relay keeps no longer (`retention.returns` after its last
recipient ended) is as if it had never been: nobody is left to tell, and the host that asks hears so before it
hands anything over.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from relay.bounce.returnpath import ReturnPath, Way
from relay.model.envelope import Recipient
from relay.model.ids import parse_id
from relay.model.message import Message
from relay.store.interface import NotFound
from relay.store.readers import Readers


@dataclass(frozen=True, slots=True)
class Original:
    """One recipient of a message we sent under our own return path."""

    message: Message
    number: int  # of the recipient, from 1
    way: Way = Way.BOUNCE  # what the address it came to is for

    @property
    def recipient(self) -> Recipient:
        return self.message.envelope.recipients[self.number - 1]

    @property
    def id(self) -> str:
        return f"{self.message.id}-{self.number}"


class Originals:
    def __init__(self, data: Path) -> None:
        self._readers = Readers(data)

    def find(self, path: ReturnPath) -> Original:
        """Synchronous; a fraction of a millisecond.

        Raises:
            NotFound: it is not kept, or no longer.
            StoreDown: its shard cannot be read.
        """
        found = parse_id(path.recipient)
        message = self._readers.of(found.submission).message(found.submission)
        if found.recipient is None or found.recipient > len(message.envelope.recipients):
            raise NotFound(f"{found.submission} has no such recipient")
        return Original(message, found.recipient, path.way)

    def close(self) -> None:
        self._readers.close()
