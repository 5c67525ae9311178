"""Contents outside the database: large ones in files, and the latest small ones in memory.

Files: `contents/<key>` in the shard's directory. A file is written under a temporary name, synced, renamed,
and its directory synced, all before the row that names it commits; so a row never lacks its file. A file
without a row (the process died in between) is an orphan, and is swept at the next start.

The functions block; the queue calls them in its small pool of threads.
"""

from __future__ import annotations

import errno
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from relay.store.interface import NotFound, StoreDown, StoreFull
from relay.store.sqlite.layout import CONTENTS, sync, write

HEADER = 1 << 20  # octets of a header at most
PART = ".part"  # ends the temporary name of a file that is being written


def write_files(directory: Path, files: Sequence[tuple[int, bytes]]) -> None:
    """Make contents durable under their keys.

    Raises:
        StoreFull, StoreDown: none of them is there.
    """
    folder = directory / CONTENTS
    try:
        for key, octets in files:
            write(folder / f"{key}{PART}", octets)
            (folder / f"{key}{PART}").rename(folder / str(key))
        sync(folder)
    except OSError as error:
        unlink_files(directory, [key for key, _ in files])
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull(f"no room for a content: {error.strerror}") from error
        raise StoreDown(f"a content could not be written: {error}") from error


def read_file(directory: Path, key: int) -> bytes:
    """Raises NotFound: pruned meanwhile."""
    try:
        return (directory / CONTENTS / str(key)).read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"content {key} is gone") from error
    except OSError as error:
        raise StoreDown(f"a content could not be read: {error}") from error


def read_header(directory: Path, key: int) -> bytes:
    """What stands before the body of a content that lies in a file, the empty line included; b"" when it is gone.

    A header longer than HEADER octets is cut there.
    """
    try:
        with (directory / CONTENTS / str(key)).open("rb") as file:
            return header_of(file.read(HEADER))
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise StoreDown(f"a content could not be read: {error}") from error


def header_of(octets: bytes) -> bytes:
    end = octets.find(b"\r\n\r\n")
    return octets if end < 0 else octets[: end + 4]


def unlink_files(directory: Path, keys: Iterable[int]) -> None:
    """Remove files, and parts of them; what is not there is no trouble, and what stays is swept at start."""
    for key in keys:
        for name in (str(key), f"{key}{PART}"):
            try:
                (directory / CONTENTS / name).unlink(missing_ok=True)
            except OSError:
                continue


def sweep(directory: Path, known: Callable[[int], bool]) -> int:
    """Remove every file that no row knows; returns how many there were."""
    swept = 0
    for each in (directory / CONTENTS).iterdir():
        if not (each.name.isdecimal() and known(int(each.name))):
            each.unlink(missing_ok=True)
            swept += 1
    return swept


class Cache:
    """The contents most recently taken or read, bounded in octets.

    A message that is delivered at once is never read back from the disk. Used by the event loop alone.
    """

    def __init__(self, octets: int) -> None:
        self._room = octets
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    def put(self, message: str, number: int, octets: bytes) -> None:
        self.drop(message, number)
        self._kept[message, number] = octets
        self._room -= len(octets)
        while self._room < 0:
            self._room += len(self._kept.popitem(last=False)[1])

    def get(self, message: str, number: int) -> bytes | None:
        found = self._kept.get((message, number))
        if found is not None:
            self._kept.move_to_end((message, number))
        return found

    def drop(self, message: str, number: int) -> None:
        gone = self._kept.pop((message, number), None)
        if gone is not None:
            self._room += len(gone)
