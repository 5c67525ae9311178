"""Where a shard's files lie, and how far the reporter has read its journal.

    <data>/shards/0003/lock        held by the owner for life
                       queue.db    messages, recipients, journal (with -wal and -shm beside it)
                       contents/   contents too large for a row, one file each, named by key
                       cursor      the reporter's: the last journal row it has folded
                       reserve     room on the disk for the day it is full (reserve.py)

The cursor is a file of its own because nobody but the owner writes to a shard's database.
"""

from __future__ import annotations

import os
from pathlib import Path

DATABASE = "queue.db"
LOCK = "lock"
CONTENTS = "contents"
CURSOR = "cursor"
RESERVE = "reserve"


def shard_directory(data: Path, shard: int) -> Path:
    return data / "shards" / f"{shard:04d}"


def existing_shards(data: Path) -> list[int]:
    """The shards that have a database, whoever owns them."""
    try:
        entries = list((data / "shards").iterdir())
    except FileNotFoundError:
        return []
    return sorted(int(each.name) for each in entries if each.name.isdecimal() and (each / DATABASE).exists())


def read_cursor(directory: Path) -> int:
    """The last journal row of the shard that the reporter has folded; 0 when it never wrote one."""
    try:
        return int((directory / CURSOR).read_text())
    except (OSError, ValueError):
        # Never written, unreadable, torn or foreign: pruning waits until the reporter writes it anew.
        return 0


def write_cursor(directory: Path, seq: int) -> None:
    """Say that all journal rows up to `seq` are folded and may be pruned once they are old enough.

    Written after the report database has them. It is not synced: a cursor that falls back after a
    power cut only delays pruning.
    """
    new = directory / f"{CURSOR}.new"
    new.write_text(f"{seq}\n")
    new.replace(directory / CURSOR)


def sync(path: Path) -> None:
    """Make a file durable, or the names in a directory: a file's own fsync does not cover its name."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write(path: Path, octets: bytes) -> None:
    """Make a file (0600) with these octets, durable but for its name."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        rest = memoryview(octets)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def make_directory(directory: Path) -> None:
    """Make a directory (0700) and its parents, durably; one that is there already is left as it is."""
    if directory.is_dir():
        return
    make_directory(directory.parent)
    directory.mkdir(mode=0o700, exist_ok=True)
    sync(directory.parent)
