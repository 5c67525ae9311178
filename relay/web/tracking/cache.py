"""Pictures of other hosts, kept in a directory of at most so many octets.

In:  a picture under its URL. Out: the same again, with when it was fetched, until it was unused for longest.

A file each, called by a digest of the URL; the first line tells kind and time, the rest is the picture. All of it
may be lost at any time: files are renamed into place and never synced. What is there at the start is used again.

Blocking; call it in one thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

NEW = ".new"  # ends names of files that are being written


@dataclass(frozen=True, slots=True)
class Picture:
    octets: bytes
    kind: str
    fetched: float

    @property
    def tag(self) -> str:
        """The same for the same picture."""
        return hashlib.blake2b(self.octets, digest_size=12).hexdigest()


class PictureCache:
    def __init__(self, directory: Path, most: int) -> None:
        """`most`: octets."""
        self._directory = directory
        self._most = most
        self._sizes: OrderedDict[str, int] = OrderedDict()  # by name; the longest unused first
        self._used = 0

    @property
    def used(self) -> int:
        """Octets."""
        return self._used

    def open(self) -> None:
        """Take up what is there. Raises OSError."""
        self._directory.mkdir(parents=True, exist_ok=True)
        found = []
        for each in os.scandir(self._directory):
            if each.name.endswith(NEW):
                Path(each.path).unlink()
            elif each.is_file():
                stat = each.stat()
                found.append((stat.st_mtime, each.name, stat.st_size))
        for _, name, size in sorted(found):
            self._sizes[name] = size
            self._used += size
        self._shrink()

    def get(self, url: str) -> Picture | None:
        name = _name(url)
        if name not in self._sizes:
            return None
        try:
            head, _, octets = (self._directory / name).read_bytes().partition(b"\n")
            kind, fetched = head.decode("ascii").split(" ")
            found = Picture(octets, kind, float(fetched))
        except (OSError, ValueError):  # somebody emptied the directory, or the machine went down
            self._drop(name)
            return None
        self._sizes.move_to_end(name)
        return found

    def put(self, url: str, picture: Picture) -> None:
        """Raises OSError: not kept."""
        name = _name(url)
        octets = f"{picture.kind} {picture.fetched}\n".encode("ascii") + picture.octets
        if len(octets) > self._most // 4:  # it would drive out too many others
            return
        new = self._directory / f"{name}{NEW}"
        try:
            new.write_bytes(octets)
            new.rename(self._directory / name)
        except OSError:
            with contextlib.suppress(OSError):
                new.unlink()
            raise
        self._used += len(octets) - self._sizes.pop(name, 0)
        self._sizes[name] = len(octets)
        self._shrink()

    def resize(self, most: int) -> None:
        self._most = most
        self._shrink()

    def _shrink(self) -> None:
        while self._used > self._most:
            self._drop(next(iter(self._sizes)))

    def _drop(self, name: str) -> None:
        self._used -= self._sizes.pop(name)
        with contextlib.suppress(OSError):
            (self._directory / name).unlink()


def _name(url: str) -> str:
    return hashlib.blake2b(url.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()
