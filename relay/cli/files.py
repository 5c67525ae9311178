"""Files only their owner may read, replaced in one step."""

from __future__ import annotations

import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Write with mode 0600 and rename into place: a reader sees the old file or the new one, never half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)  # also when the file was there, with another mode
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    temporary.rename(path)


def make_directory(path: Path) -> None:
    """Make a directory that only its owner may enter; one that is there stays as it is."""
    if not path.is_dir():
        path.mkdir(mode=0o700, parents=True)
