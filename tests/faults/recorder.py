"""Records what a program does to the files under a directory: writes, truncations, syncs, names.

In:  SQLite's operations, by a VFS that is put before the system's own; everybody else's, by the functions of `os`.
Out: each operation as an `Op`, in order, to whoever keeps them.

A file that is written past both (by Python's own `open`) becomes known when it is renamed, as written and not
synced; one that never is would be missed, so whoever records compares the model with the disk at the end.
SQLite's index of its log (`-shm`), lock files and what only takes up room are left out: nobody relies on them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from tests.faults.pagecache import Kind, Op

LEFT_OUT = ("-shm", "/lock", "/reserve")
_LOGS = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL


class Recorder:
    """Records while `recording`; any number of threads may work meanwhile."""

    def __init__(self, root: Path, keep: Callable[[Op], None]) -> None:
        self._root = f"{root.absolute()}/"
        self._keep = keep
        self._open: dict[int, str] = {}  # descriptor -> path
        self._known = {self.inside(each) for each in root.rglob("*")}
        self._lock = threading.RLock()

    @contextmanager
    def recording(self) -> Iterator[None]:
        watched: dict[str, Callable[[Any], Any]] = {
            "open": self._opened,
            "close": self._closed,
            "write": self._written,
            "pwrite": self._written_at,
            "writev": self._written_many,
            "ftruncate": self._truncated,
            "fsync": self._synced,
            "fdatasync": self._synced,
            "mkdir": self._made,
            "rename": self._renamed,
            "replace": self._renamed,
            "unlink": self._removed,
            "remove": self._removed,
            "rmdir": self._removed,
        }
        originals = {name: getattr(os, name) for name in watched}
        vfs = _Disk(self)
        for name, watch in watched.items():
            setattr(os, name, watch(originals[name]))
        try:
            yield
        finally:
            for name, original in originals.items():
                setattr(os, name, original)
            vfs.unregister()

    def inside(self, path: Any) -> str | None:
        """The path under the root; None for what is elsewhere or left out."""
        if isinstance(path, int):
            return None
        full = os.path.abspath(os.fsdecode(path))
        if not f"{full}/".startswith(self._root) or full.endswith(LEFT_OUT):
            return None
        return full[len(self._root) :]

    def note(self, kind: Kind, path: str, **more: Any) -> None:
        with self._lock:
            if kind in (Kind.CREATE, Kind.MAKE):
                self._known.add(path)
            elif kind is Kind.REMOVE:
                self._known.discard(path)
            elif kind is Kind.RENAME:
                self._known.discard(path)
                self._known.add(more["other"])
            self._keep(Op(time.monotonic(), kind, path, **more))

    # What `os` has instead of its own. Each takes the original function and makes the one that takes its place.

    def _opened(self, original: Callable[..., int]) -> Callable[..., int]:
        def opening(path: Any, flags: int, *rest: Any, **more: Any) -> int:
            known = self.inside(path)
            if known is None:
                return original(path, flags, *rest, **more)
            with self._lock:
                new = flags & os.O_CREAT and not os.path.lexists(path)
                handle = original(path, flags, *rest, **more)
                self._open[handle] = known
                if new:
                    self.note(Kind.CREATE, known)
                elif flags & os.O_TRUNC:
                    self.note(Kind.TRUNCATE, known, offset=0)
            return handle

        return opening

    def _closed(self, original: Callable[[int], None]) -> Callable[[int], None]:
        def closing(handle: int) -> None:
            self._open.pop(handle, None)
            original(handle)

        return closing

    def _written(self, original: Callable[..., int]) -> Callable[..., int]:
        return lambda handle, data: self._write(handle, lambda: original(handle, data), data)

    def _written_at(self, original: Callable[..., int]) -> Callable[..., int]:
        return lambda handle, data, at: self._write(handle, lambda: original(handle, data, at), data, at)

    def _written_many(self, original: Callable[..., int]) -> Callable[..., int]:
        return lambda handle, all_: self._write(handle, lambda: original(handle, all_), b"".join(all_))

    def _write(self, handle: int, do: Callable[[], int], data: Any, at: int | None = None) -> int:
        path = self._open.get(handle)
        if path is None:
            return do()
        with self._lock:
            offset = os.lseek(handle, 0, os.SEEK_CUR) if at is None else at
            written = do()
            self.note(Kind.WRITE, path, offset=offset, data=bytes(data)[:written])
        return written

    def _truncated(self, original: Callable[[int, int], None]) -> Callable[[int, int], None]:
        def truncating(handle: int, size: int) -> None:
            original(handle, size)
            if path := self._open.get(handle):
                self.note(Kind.TRUNCATE, path, offset=size)

        return truncating

    def _synced(self, original: Callable[[int], None]) -> Callable[[int], None]:
        def syncing(handle: int) -> None:
            begun = time.monotonic()
            original(handle)
            if (path := self._open.get(handle)) is not None:
                self.note(Kind.SYNC, path, begun=begun)

        return syncing

    def _made(self, original: Callable[..., None]) -> Callable[..., None]:
        def making(path: Any, *rest: Any, **more: Any) -> None:
            original(path, *rest, **more)
            if known := self.inside(path):
                self.note(Kind.MAKE, known)

        return making

    def _renamed(self, original: Callable[..., None]) -> Callable[..., None]:
        def renaming(old: Any, new: Any, **more: Any) -> None:
            before, after = self.inside(old), self.inside(new)
            if before is None or after is None:
                original(old, new, **more)
                return
            with self._lock:
                if before not in self._known:
                    self.note(Kind.CREATE, before)
                    self.note(Kind.WRITE, before, data=Path(old).read_bytes())
                original(old, new, **more)
                self.note(Kind.RENAME, before, other=after)

        return renaming

    def _removed(self, original: Callable[..., None]) -> Callable[..., None]:
        def removing(path: Any, **more: Any) -> None:
            with self._lock:
                original(path, **more)
                if (known := self.inside(path)) in self._known and known:
                    self.note(Kind.REMOVE, known)

        return removing


class _Disk(apsw.VFS):
    """The system's VFS, telling what it does."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        super().__init__("recording", "unix", makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        known = self._recorder.inside(path) if path else None
        new = known is not None and path is not None and not os.path.exists(path)
        file = _File(self._recorder, known, name, flags)
        if known is not None and new:
            self._recorder.note(Kind.CREATE, known)
        return file

    def xDelete(self, filename: str, syncdir: bool) -> None:
        begun = time.monotonic()
        super().xDelete(filename, syncdir)
        if known := self._recorder.inside(filename):
            self._recorder.note(Kind.REMOVE, known)
            if syncdir:
                _sync_directory(self._recorder, known, begun)


class _File(apsw.VFSFile):
    def __init__(
        self, recorder: Recorder, path: str | None, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        self._recorder = recorder
        self._path = path
        # SQLite's system layer syncs the directory of a log together with the log's first sync.
        self._new_log = bool(flags[0] & _LOGS and flags[0] & apsw.SQLITE_OPEN_CREATE)
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        super().xWrite(data, offset)
        if self._path is not None:
            self._recorder.note(Kind.WRITE, self._path, offset=offset, data=bytes(data))

    def xTruncate(self, newsize: int) -> None:
        super().xTruncate(newsize)
        if self._path is not None:
            self._recorder.note(Kind.TRUNCATE, self._path, offset=newsize)

    def xSync(self, flags: int) -> None:
        begun = time.monotonic()
        super().xSync(flags)
        if self._path is not None:
            self._recorder.note(Kind.SYNC, self._path, begun=begun)
            if self._new_log:
                self._new_log = False
                _sync_directory(self._recorder, self._path, begun)


def _sync_directory(recorder: Recorder, path: str, begun: float) -> None:
    recorder.note(Kind.SYNC, os.path.dirname(path), begun=begun)
