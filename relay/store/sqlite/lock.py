"""The lock that makes a shard one process's own, for as long as that process lives.

An flock, because the kernel drops it with the last descriptor however the process ends: there is no
stale lock to clean up, and a successor that can take it knows that the old owner is gone.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from relay.store.interface import ShardBusy


class Lock:
    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            ShardBusy: another process (or another queue of this one) holds it.
        """
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(self._handle, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._handle)
            raise ShardBusy(f"{path.parent} is owned by process {owner}") from error
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)  # for the message above, and for operators

    def release(self) -> None:
        os.close(self._handle)
