"""The SQLite engine: one directory a shard, one file for the registry. Needs nothing but a disk."""

from relay.store.sqlite.layout import existing_shards, read_cursor, shard_directory, write_cursor
from relay.store.sqlite.queue import SqliteQueue, open_queue
from relay.store.sqlite.reader import SqliteReader, open_reader
from relay.store.sqlite.registry import SqliteRegistry, open_registry

__all__ = [
    "SqliteQueue",
    "SqliteReader",
    "SqliteRegistry",
    "existing_shards",
    "open_queue",
    "open_reader",
    "open_registry",
    "read_cursor",
    "shard_directory",
    "write_cursor",
]
