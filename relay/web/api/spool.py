"""The octets of a request's body: in memory while they are few, in a file that nobody else sees while they are not.

In:  pieces, as they come.
Out: all of it, or line by line.

Why so: a slow client with a large body holds a file and no memory. The file has no name, so nothing is left of it
whatever ends the process.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

IN_MEMORY = 256 << 10  # octets


class Spool:
    """Written once, read after that. Not for two threads at once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._pieces = bytearray()
        self._file: IO[bytes] | None = None
        self.size = 0

    def add(self, piece: bytes) -> None:
        """Raises OSError: there is no room on the disk."""
        self.size += len(piece)
        if self._file is None and self.size > IN_MEMORY:
            self._file = tempfile.TemporaryFile(dir=self._directory, buffering=0)  # noqa: SIM115
            self._file.write(self._pieces)
            self._pieces = bytearray()
        if self._file is None:
            self._pieces += piece
        else:
            self._file.write(piece)

    def octets(self) -> bytes:
        """All of it."""
        if self._file is None:
            return bytes(self._pieces)
        self._file.seek(0)
        return self._file.read()

    @contextmanager
    def view(self) -> Iterator[bytes | bytearray | memoryview]:
        """All of it, without a copy; good inside the block."""
        if self._file is None:
            yield self._pieces
            return
        with mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view:
            yield view

    def lines(self) -> Iterator[bytes]:
        """Line by line, each with its line end."""
        if self._file is None:
            yield from bytes(self._pieces).splitlines(keepends=True)
            return
        self._file.seek(0)
        with open(self._file.fileno(), "rb", closefd=False) as reader:
            yield from reader

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self._pieces = bytearray()
