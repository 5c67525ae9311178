"""The lock that says that a relay runs on this data: taken by its supervisor, asked by everybody else.

A POSIX record lock and not an flock: a forked child does not inherit it, so that the end of the supervisor,
however it comes, is the end of the lock; and one can ask who holds it without touching it.
"""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path

LOCK = "relay.lock"
_FLOCK = "hhqqi4x"  # struct flock of Linux on 64 bits: type, whence, start, length, pid


class AlreadyRunning(Exception):
    """Another relay runs on this data; the text names its process."""


class Running:
    """Held for the supervisor's life. Use it as a context."""

    def __init__(self, data: Path) -> None:
        self._path = data / LOCK

    def __enter__(self) -> None:
        """Raises AlreadyRunning, or OSError when the file cannot be made."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = _owner(handle)
            os.close(handle)
            raise AlreadyRunning(f"{self._path}: a relay runs already on this data (process {owner})") from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)  # for who looks at the file
        self._handle = handle

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)


def running(data: Path) -> int | None:
    """The process id of the relay that runs on this data; None when there is none."""
    try:
        handle = os.open(data / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return _owner(handle)
    finally:
        os.close(handle)


def _owner(handle: int) -> int | None:
    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(handle, fcntl.F_GETLK, asked))
    return None if kind == fcntl.F_UNLCK else pid
