"""The octets of a request's body: in memory while they are few, in a file that nobody else sees while they are not.

In:  pieces, as they come.
Out: all of it, or line by line.

Why so: a slow client with a large body holds a file and no memory. The file has no name, so nothing is left of it
whatever ends the process. Thousands of slow clients would fill the memory with what is not large, too: once all
together hold `TOGETHER`, whatever is over `SMALL` goes into a file. There are `FILES` of them, as a process may have
so many open; whoever needs one more is told to come again.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EMFILE
from pathlib import Path
from typing import IO

IN_MEMORY = 256 << 10  # octets of one
TOGETHER = 32 << 20  # octets of all in memory
SMALL = 8 << 10  # octets of one that stay in memory, whatever others hold
FILES = 200  # at once


@dataclass(slots=True)
class _Held:
    """By all spools of the process."""

    octets: int = 0
    files: int = 0


_held = _Held()


class Spool:
    """Written once, read after that. Not for two threads at once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._pieces = bytearray()
        self._file: IO[bytes] | None = None
        self.size = 0

    def add(self, piece: bytes) -> None:
        """Raises OSError: there is no room on the disk, or there are too many files."""
        self.size += len(piece)
        if self._file is None and self._is_large(len(piece)):
            self._file = self._open()
            self._write(self._file, self._pieces)
            self._let_go()
        if self._file is None:
            self._pieces += piece
            _held.octets += len(piece)
        else:
            self._write(self._file, piece)

    def _is_large(self, more: int) -> bool:
        return self.size > IN_MEMORY or (self.size > SMALL and _held.octets + more > TOGETHER)

    def _open(self) -> IO[bytes]:
        if _held.files >= FILES:
            raise OSError(EMFILE, f"{FILES} bodies are in files already")
        file = tempfile.TemporaryFile(dir=self._directory, buffering=0)  # noqa: SIM115
        _held.files += 1
        return file

    @staticmethod
    def _write(file: IO[bytes], piece: bytes | bytearray) -> None:
        """All of it: on a disk that fills up, some of it may be taken without a fault."""
        left = memoryview(piece)
        while left:
            left = left[file.write(left) :]

    def _let_go(self) -> None:
        _held.octets -= len(self._pieces)
        self._pieces = bytearray()

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
            _held.files -= 1
        self._let_go()
