"""Reading messages and contents of a shard, for its owner and for readers alike."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import apsw

from relay.model.message import Message
from relay.store.interface import NotFound
from relay.store.sqlite import contents
from relay.store.sqlite import statements as sql
from relay.store.sqlite.connect import fetch, value
from relay.store.sqlite.rows import message_of

KEPT = 20_000  # recipients of all messages in the cache: some MB


class Messages:
    """Messages by key, the latest used ones kept: a message to a thousand domains is claimed a thousand times."""

    def __init__(self, recipients: int = KEPT) -> None:
        self._room = recipients
        self._kept: OrderedDict[int, Message] = OrderedDict()

    def get(self, connection: apsw.Connection, key: int) -> Message:
        message = self._kept.get(key)
        if message is not None:
            self._kept.move_to_end(key)
            return message
        message = load_message(connection, key)
        self._kept[key] = message
        self._room -= _weight(message)
        while self._room < 0 and len(self._kept) > 1:
            self._room += _weight(self._kept.popitem(last=False)[1])
        return message

    def forget(self, key: int) -> None:
        """What is kept of it is no longer what the database says."""
        message = self._kept.pop(key, None)
        if message is not None:
            self._room += _weight(message)


def _weight(message: Message) -> int:
    return 1 + len(message.envelope.recipients)


def load_message(connection: apsw.Connection, key: int) -> Message:
    (row,) = fetch(connection, sql.MESSAGE, (key,))
    base = key << sql.SHIFT
    return message_of(row, fetch(connection, sql.ENVELOPE, (base, base | sql.NUMBERS)))


def key_of(connection: apsw.Connection, message: str) -> int | None:
    key: int | None = value(connection, sql.KEY_OF, (message,))
    return key


def content(directory: Path, message: str, number: int, connection: apsw.Connection) -> bytes:
    """Final octets of a content, from its row or its file.

    Raises:
        NotFound: pruned, or never there.
    """
    key = key_of(connection, message)
    if key is None or not 0 <= number <= sql.NUMBERS:
        raise NotFound(f"no content {number} of {message}")
    key = key << sql.SHIFT | number
    rows = fetch(connection, sql.CONTENT, (key,))
    if not rows:
        raise NotFound(f"no content {number} of {message}")
    octets: bytes | None = rows[0][0]
    return contents.read_file(directory, key) if octets is None else octets
