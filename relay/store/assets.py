"""Hosted pictures: what messages show from an address of ours instead of carrying it along.

In:  octets and a type of picture.
Out: a name, once they are on disk; and by the name the octets and the type again.

    <data>/assets/secret      what names are made with
                  lock        held while anything is added or removed; says how many octets there are
                  k3/k3...png  a picture; the time of its change is when it was last used, to the day

The same octets have the same name, whoever hosts them, and are kept once. A name is a keyed digest (160 bits), so
that nobody who has a picture can find out whether it is hosted, and nobody can guess a name.

Everything here blocks, `put` and `prune` for the disk: call them in a thread. Any number of processes may use it at
the same time. A picture younger than a day is durable, and is not removed: so `put` of one that is there needs no
lock. Its time is set last, and synced.

Why so: a fixed list of types, without SVG, which can hold programs that would run in the name of a sender's host.
Files, since the web worker hands them out as they are and a backup copies them; and a count in the lock's own file,
since nobody wants to look through all of them before each new one. It is counted anew at each `prune`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import time
from base64 import b32hexencode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final

from relay.model.clock import Clock
from relay.store.interface import StoreDown, StoreFull
from relay.store.sqlite.layout import make_directory, sync, write

DIRECTORY: Final = "assets"
SECRET: Final = "secret"  # noqa: S105 - the name of a file
LOCK: Final = "lock"
DAY: Final = 86_400.0
PATIENCE: Final = 10.0  # seconds for the lock
TYPES: Final[Mapping[str, str]] = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/bmp": "bmp",
    "image/tiff": "tif",
    "image/x-icon": "ico",
}
_ALIASES: Final = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/vnd.microsoft.icon": "image/x-icon"}
_OF: Final = {ending: kind for kind, ending in TYPES.items()}
_NAME: Final = re.compile(rf"[0-9a-v]{{32}}\.({'|'.join(_OF)})")
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


class Assets:
    def __init__(self, data: Path, limit: int, clock: Clock, patience: float = PATIENCE) -> None:
        """`limit`: octets of all pictures together; it may be set anew."""
        self.limit = limit
        self._directory = data / DIRECTORY
        self._clock = clock
        self._patience = patience
        self._secret = b""

    def put(self, octets: bytes, kind: str) -> str:
        """Keep a picture; its name.

        Raises:
            ValueError: that is no type of picture we host.
            StoreFull: there is no room for it.
            StoreDown: it cannot be written.
        """
        ending = TYPES[type_of(kind)]
        with self._failing():
            digest = blake2b(octets, digest_size=20, key=self._key(), person=ending.encode())
            name = f"{b32hexencode(digest.digest()).decode().lower()}.{ending}"
            path = self._path(name)
            if not self._fresh(path):
                with self._lock() as lock:
                    if path.exists():
                        self._touch(path)
                    else:
                        self._add(path, octets, lock)
        return name

    def get(self, name: str) -> tuple[bytes, str] | None:
        """The octets and the type; None: there is no such picture. Raises StoreDown."""
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        path = self._path(name)
        with self._failing():
            try:
                octets = path.read_bytes()
            except FileNotFoundError:
                return None
            if not self._fresh(path):
                self._used(path)
        return octets, _OF[found[1]]

    def prune(self, before: float) -> int:
        """Remove what was not used since then, but nothing of the last two days; how many pictures went.

        Raises StoreDown.
        """
        if not self._directory.is_dir():
            return 0
        before = min(before, self._clock() - 2 * DAY)
        gone = left = 0
        with self._failing(), self._lock() as lock:
            for path in self._files():
                state = path.stat()
                if _NAME.fullmatch(path.name) and state.st_mtime >= before:
                    left += state.st_size
                else:  # what is no picture was being written by a process that died
                    gone += path.suffix != ".part"
                    path.unlink()
            _write_count(lock, left)
        return gone

    def octets(self) -> int:
        """How many there are. Raises StoreDown."""
        if not self._directory.is_dir():
            return 0
        with self._failing(), self._lock() as lock:
            return self._count(lock)

    # --- inside ---------------------------------------------------------------------------------------

    def _add(self, path: Path, octets: bytes, lock: int) -> None:
        """Count first: what a crash leaves is a count that is too high, until the next `prune`."""
        count = self._count(lock) + len(octets)
        if count > self.limit:
            raise StoreFull(f"hosted pictures have {self.limit} octets of room, and {len(octets)} more do not fit")
        make_directory(path.parent)
        part = path.with_name(f"{path.name}.part")
        _write_count(lock, count)
        try:
            write(part, octets)
            os.utime(part, (0, 0))  # old, and so not relied on, until its name is durable
            part.rename(path)
            sync(path.parent)
            self._touch(path)
        except OSError:
            for each in (part, path):
                with suppress(OSError):
                    each.unlink(missing_ok=True)
            _write_count(lock, count - len(octets))
            raise

    def _fresh(self, path: Path) -> bool:
        try:
            return abs(self._clock() - path.stat().st_mtime) < DAY
        except FileNotFoundError:
            return False

    def _touch(self, path: Path) -> None:
        now = self._clock()
        os.utime(path, (now, now))
        sync(path)

    def _used(self, path: Path) -> None:
        """Somebody looked at it. Left for the next one where others are at work."""
        handle = os.open(self._directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._touch(path)
        except (BlockingIOError, FileNotFoundError):
            return
        finally:
            os.close(handle)

    @contextmanager
    def _lock(self) -> Iterator[int]:
        handle = os.open(self._directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            until = time.monotonic() + self._patience
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise
                    time.sleep(0.005)
            yield handle
        finally:
            os.close(handle)

    def _count(self, lock: int) -> int:
        text = os.pread(lock, 32, 0)
        if text.endswith(b"\n"):
            return int(text)
        return sum(each.stat().st_size for each in self._files())  # never counted, or torn by a power cut

    def _files(self) -> Iterator[Path]:
        for folder in self._directory.iterdir():
            if folder.is_dir():
                yield from folder.iterdir()

    def _path(self, name: str) -> Path:
        return self._directory / name[:2] / name

    def _key(self) -> bytes:
        if not self._secret:
            path = self._directory / SECRET
            if not path.exists():
                make_directory(self._directory)
                part = path.with_name(f"{SECRET}.{secrets.token_hex(8)}.part")
                write(part, secrets.token_bytes(32))
                with suppress(FileExistsError):  # another process was first
                    os.link(part, path)
                part.unlink()
                sync(self._directory)
            self._secret = path.read_bytes()
        return self._secret

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise StoreFull(f"no room for a hosted picture: {error.strerror}") from error
            raise StoreDown(f"hosted pictures cannot be kept in {self._directory}: {error}") from error


def type_of(kind: str) -> str:
    """A media type as `TYPES` has it; parameters and case do not matter. Raises ValueError."""
    plain = kind.partition(";")[0].strip().lower()
    plain = _ALIASES.get(plain, plain)
    if plain not in TYPES:
        raise ValueError(f"{kind[:80]!r} is no type of picture that is hosted; there are {', '.join(TYPES)}")
    return plain


def _write_count(lock: int, octets: int) -> None:
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{octets}\n".encode(), 0)
