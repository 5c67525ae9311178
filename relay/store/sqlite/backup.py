"""Snapshots of databases and shards while their owners write, and what makes a restored shard safe to open.

In:  paths.
Out: copies at other paths, synced; for a restored shard, how many recipients were put on hold.

A shard's snapshot holds its database at one moment, and the file of every content that database names. A file that
goes between the two copies belongs to a message that has ended meanwhile (or was erased): in the snapshot its
content is gone, and what had not ended is cancelled, with an event that says so.

Take the databases beside the shards first. Then a report database has folded nothing, and a key of a submission
stands for nothing, that the shards' snapshots do not hold. The reporter's cursor file is not taken along: the
reporter writes it anew from the report database it finds.

The copy has no lock: a lock is of a process and a directory, and whoever opens the copy takes that directory's own.
But a shard and its copy opened by two relays both send what waits in them; so a copy gets `hold_all` before it is
opened, unless what it was taken from is gone.

Why so: the engine's own online backup, in one step. It holds the log of the shard for the time of one copy and sees
one moment; in several steps it would begin anew with each write of the owner.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import apsw

from relay.model.message import State
from relay.model.order import Act, Order, Selection
from relay.store.interface import NotFound, StoreDown
from relay.store.sqlite import statements as sql
from relay.store.sqlite.acting import carry_out
from relay.store.sqlite.connect import connect_frozen, connect_reader, connect_writer, fetch, migrate, value
from relay.store.sqlite.layout import CONTENTS, DATABASE, LOCK, make_directory, sync
from relay.store.sqlite.lock import Lock
from relay.store.sqlite.lookup import Messages

T = TypeVar("T")

PIECE = 500  # recipients put on hold, or files copied, in one transaction


def snapshot_database(path: Path, target: Path) -> None:
    """Copy a database as it is at one moment, also while others write. Mode 0600.

    Blocks. `target` appears whole or not at all, and takes the place of a file that is there.

    Raises:
        NotFound: there is no such database.
        StoreDown: it cannot be read, or the copy not be written.
    """
    if not path.exists():
        raise NotFound(f"{path} is not there")
    with _failing(path):
        make_directory(target.parent)
        part = target.with_name(f"{target.name}.part")
        _remove(part)
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        with closing(_reading(path)) as source, closing(apsw.Connection(str(part))) as copy:
            with copy.backup("main", source, "main") as backup:
                backup.step()
            # A lone file: whoever opens it for work turns its log on again.
            fetch(copy, "pragma journal_mode = delete")
        sync(part)
        part.rename(target)
        sync(target.parent)


def snapshot_shard(directory: Path, target: Path) -> int:
    """Copy a shard, also while its owner writes; returns how many files of contents there are.

    Blocks. The database appears last, so that an interrupted copy is no shard (`existing_shards`).

    Raises:
        NotFound: there is no such shard.
        StoreDown: it cannot be read, or the copy not be written; or there is a shard at `target`.
    """
    if (target / DATABASE).exists():
        raise StoreDown(f"{target} holds a shard already")
    taken = target / f"{DATABASE}.taken"
    snapshot_database(directory / DATABASE, taken)
    with _failing(directory):
        make_directory(target / CONTENTS)
        files = 0
        with closing(apsw.Connection(str(taken))) as copy:
            after = -1
            while keys := [key for (key,) in fetch(copy, sql.IN_FILES, (after, PIECE))]:
                after = keys[-1]
                lost = [key for key in keys if not _copy(directory / CONTENTS, target / CONTENTS, key)]
                _together(copy, partial(_lose, lost))
                files += len(keys) - len(lost)
        sync(taken)
        sync(target / CONTENTS)
        taken.rename(target / DATABASE)
        sync(target)
    return files


def hold_all(directory: Path, now: float) -> int:
    """Put on hold whatever waits in a shard that nobody has open, in flight or queued; returns how many recipients.

    For a restored shard, whose mail may have been sent since the snapshot. Each gets the event `held`. Blocks;
    begun again after a failure, it does the rest.

    Raises:
        NotFound: there is no such shard.
        ShardBusy: it has an owner.
        StoreDown: it cannot be opened or changed.
    """
    if not (directory / DATABASE).exists():
        raise NotFound(f"{directory} holds no shard")
    lock = Lock(directory / LOCK)
    try:
        with _failing(directory), closing(connect_writer(directory / DATABASE)) as connection:
            migrate(connection, "queue")
            _together(connection, partial(_requeue, now))
            held = 0
            while done := _together(connection, partial(_hold, now)):
                held += done
            return held
    finally:
        lock.release()


def waiting(directory: Path) -> int:
    """How many recipients of a shard an owner would send to, now or later.

    Of a former schema, too: a restored shard is as old as its backup until it is opened for work.

    Raises:
        StoreDown: it cannot be read.
    """
    with _failing(directory), closing(_reading(directory / DATABASE)) as connection:
        rows = fetch(connection, sql.COUNTS)
    return sum(number for state, number in rows if state in (State.QUEUED, State.FLIGHT))


def _requeue(now: float, connection: apsw.Connection) -> None:
    connection.execute(sql.REQUEUE, (now,))


def _hold(now: float, connection: apsw.Connection) -> int:
    """The next piece; 0 when nothing waits any more."""
    keys = [key for (key,) in fetch(connection, sql.WAITING, (PIECE,))]
    return carry_out(
        Messages(), _order(Act.HOLD, "restore", "restored from a snapshot"), now, keys, connection
    ).changed


def _lose(contents: Sequence[int], connection: apsw.Connection) -> None:
    """Contents that are gone, and with them whatever still waited for them."""
    order = _order(Act.DELETE, "snapshot", "ended while the snapshot was taken")
    for content in contents:
        message, number = content >> sql.SHIFT, content & sql.NUMBERS
        span = (message << sql.SHIFT, message << sql.SHIFT | sql.NUMBERS, number)
        keys = [key for (key,) in fetch(connection, sql.UNFINISHED, span)]
        connection.executemany(sql.LAND, [(key,) for key in keys])
        carry_out(Messages(), order, value(connection, sql.LATEST) or 0.0, keys, connection)
        fetch(connection, sql.FORGET_CONTENT, (content,))


def _order(act: Act, who: str, reason: str) -> Order:
    """One that nobody gave: it has no number."""
    return Order(number=0, at=0.0, who=who, act=act, selection=Selection(), reason=reason)


def _together(connection: apsw.Connection, work: Callable[[apsw.Connection], T]) -> T:
    connection.execute("begin immediate")
    try:
        done = work(connection)
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise
    return done


def _reading(path: Path) -> apsw.Connection:
    try:
        return connect_reader(path)
    except (apsw.CantOpenError, apsw.ReadOnlyError):
        # As for any reader: a directory that is not ours, and no log in it.
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise
        return connect_frozen(path)


def _copy(source: Path, target: Path, key: int) -> bool:
    """Whether it was there."""
    try:
        shutil.copyfile(source / str(key), target / str(key))
    except FileNotFoundError:
        return False
    (target / str(key)).chmod(0o600)
    sync(target / str(key))
    return True


def _remove(part: Path) -> None:
    for left in part.parent.glob(f"{part.name}*"):
        left.unlink()


@contextmanager
def _failing(path: Path) -> Iterator[None]:
    try:
        yield
    except (apsw.Error, OSError) as error:
        raise StoreDown(f"{path}: {error}") from error
