"""Files only their owner may read, replaced in one step."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 30.0  # seconds; making everything takes one


def write_private(path: Path, content: bytes) -> None:
    """Write with mode 0600 and rename into place: a reader sees the old file or the new one, never half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)  # also when the file was there, with another mode
        if os.geteuid() == 0:  # a command of root's must leave it to whom the relay runs as
            holder = path.parent.stat()
            os.fchown(descriptor, holder.st_uid, holder.st_gid)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    temporary.rename(path)


def give_to_holder(path: Path) -> None:
    """What a command of root's made belongs to whom the relay runs as: the holder of its directory."""
    if os.geteuid() == 0:
        holder = path.parent.stat()
        os.chown(path, holder.st_uid, holder.st_gid, follow_symlinks=False)  # that user might lead us elsewhere


def make_directory(path: Path) -> None:
    """Make a directory that only its owner may enter; one that is there stays as it is."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def close_directory(path: Path) -> None:
    """Let only its owner enter a directory that is empty yet. One in use keeps the mode somebody chose for it."""
    if path.stat().st_uid == os.geteuid() and not any(path.iterdir()):
        path.chmod(0o700)


@contextmanager
def private_files() -> Iterator[None]:
    """What is made in here, only its owner can read."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Only one process at a time gets in here for this directory.

    Raises:
        TimeoutError: another one stayed for `PATIENCE`.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(descriptor, directory)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, directory: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError(errno.ETIMEDOUT, "another command is at work there", str(directory)) from None
        time.sleep(0.05)
