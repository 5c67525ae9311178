"""Room set aside on the disk, so that mail which is there can be delivered when the disk is full.

In:  a shard's directory.
Out: its file `reserve`, made while there is plenty of room, and given back when there is none.

On a full disk not even an outcome can be written down: the write-ahead log cannot grow, and neither can the
database that would take it up. The reserve has room for both, and for what a start needs. New mail gets none of it:
intake stops at `retention.min_free`, long before.
"""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

from relay.store.sqlite.layout import RESERVE

SIZE = 32 << 20  # octets: twice the log before it goes into the database
LEAST = 4 << 20  # octets free, under which a disk is full for all that matters

_log = logging.getLogger(__name__)


def keep(directory: Path, min_free: int) -> None:
    """Make the reserve if it is not there and `min_free` octets stay free beside it; else do nothing."""
    path = directory / RESERVE
    try:
        if (path.exists() and path.stat().st_size >= SIZE) or _free(directory) < min_free + SIZE:
            return  # one that is smaller was left by a process that died at it
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(handle, 0, SIZE)
        finally:
            os.close(handle)
    except OSError as error:  # not all file systems can; half a reserve is none
        _log.warning("no room can be set aside in %s: %s", directory, error)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def give(directory: Path) -> bool:
    """Give it back, if the disk is full; whether there is more room now."""
    try:
        if _free(directory) >= LEAST:
            return False
        (directory / RESERVE).unlink()
    except OSError:  # it was given already, or the directory is not there yet
        return False
    _log.warning("the disk of %s is full; the room set aside there is given back", directory)
    return True


def _free(directory: Path) -> int:
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize
