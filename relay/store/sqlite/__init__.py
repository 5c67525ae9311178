"""The SQLite engine: one directory a shard, one file for the registry and each list. Needs nothing but a disk."""

from relay.store.sqlite.idempotency import SqliteIdempotency, open_idempotency
from relay.store.sqlite.layout import existing_shards, read_cursor, shard_directory, write_cursor
from relay.store.sqlite.queue import SqliteQueue, open_queue
from relay.store.sqlite.reader import SqliteReader, open_reader
from relay.store.sqlite.registry import SqliteRegistry, open_registry
from relay.store.sqlite.suppressions import SqliteSuppressions, open_suppressions

__all__ = [
    "SqliteIdempotency",
    "SqliteQueue",
    "SqliteReader",
    "SqliteRegistry",
    "SqliteSuppressions",
    "existing_shards",
    "open_idempotency",
    "open_queue",
    "open_reader",
    "open_registry",
    "open_suppressions",
    "read_cursor",
    "shard_directory",
    "write_cursor",
]
