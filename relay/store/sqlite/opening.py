"""Opening a shard: lock, database, recovery, sweep.

In:  the shard's directory, which may not be there yet.
Out: the shard, ours until the lock is released, with nothing in flight and no orphaned file.
"""

from __future__ import annotations

from pathlib import Path

import apsw

from relay.store.interface import StoreDown
from relay.store.sqlite import contents, reserve
from relay.store.sqlite import statements as sql
from relay.store.sqlite.connect import connect_reader, connect_writer, fetch, migrate, value
from relay.store.sqlite.layout import CONTENTS, DATABASE, LOCK, make_directory, sync
from relay.store.sqlite.lock import Lock


def open_shard(directory: Path, readers: int, now: float) -> Opened:
    """Blocks. Raises ShardBusy, StoreDown."""
    reserve.give(directory)  # on a full disk: a start needs some room itself
    try:
        return Opened(directory, readers, now)
    except (apsw.Error, OSError) as error:
        raise StoreDown(f"{directory} cannot be opened: {error}") from error


class Opened:
    """A shard that is ours: its lock, its connections, and where its numbers stand."""

    def __init__(self, directory: Path, readers: int, now: float) -> None:
        make_directory(directory)
        self.lock = Lock(directory / LOCK)
        try:
            make_directory(directory / CONTENTS)
            _make_database(directory)
            self.writer = connect_writer(directory / DATABASE)
            migrate(self.writer, "queue")
            self.writer.execute(sql.REQUEUE, (now,))
            ((self.last_id, self.last_key),) = fetch(self.writer, sql.GREATEST)
            contents.sweep(directory, self._knows)
            self.readers = [connect_reader(directory / DATABASE) for _ in range(readers)]
        except BaseException:
            self.lock.release()
            raise

    def _knows(self, key: int) -> bool:
        return key < 1 << 63 and value(self.writer, sql.CONTENT_FILES, (key,)) is not None


def _make_database(directory: Path) -> None:
    """Under another name first, so that a database that is there is always whole."""
    if (directory / DATABASE).exists():
        return
    new = directory / f"{DATABASE}.new"
    for left in directory.glob(f"{DATABASE}.new*"):
        left.unlink()
    connection = connect_writer(new)
    migrate(connection, "queue")
    connection.close()
    new.rename(directory / DATABASE)
    sync(directory)
