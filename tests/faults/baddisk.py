"""The real program on a disk that fails on request: `python -m tests.faults.baddisk CONTROL DATA serve ...`.

In:  a control file of a few octets, mapped into all processes of the relay; the directory whose disk it is.
Out: the program `relay`, whose writes and syncs under that directory fail, or take their time, while the control says
     so: those of SQLite by a VFS before the system's own, those of everybody else by the functions of `os`.

A write that fails has not written; a sync that fails has synced nothing: the harshest a kernel does.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

from tests.faults.shared import Shared

_STATE = "=iiii"  # error of writes, error of syncs, milliseconds a sync takes, faults so far


class Control:
    """Shared with the relay's processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state = Shared(path, _STATE)

    def set(self, *, writes: int = 0, syncs: int = 0, slow: float = 0.0) -> None:
        """Errors by number of `errno`, nought for none; `slow`: seconds each sync takes."""
        self._state.write(writes, syncs, int(slow * 1000), self.faults)

    @property
    def faults(self) -> int:
        """How many operations failed or were slow so far; a few more if processes counted at once."""
        found: int = self._state.read()[3]
        return found

    def program(self, data: Path) -> tuple[str, ...]:
        return (sys.executable, "-m", "tests.faults.baddisk", str(self.path), str(data))

    # In the relay:

    def at_write(self) -> int:
        writes, syncs, slow, faults = self._state.read()
        if writes:
            self._state.write(writes, syncs, slow, faults + 1)
        return int(writes)

    def at_sync(self) -> int:
        writes, syncs, slow, faults = self._state.read()
        if syncs or slow:
            self._state.write(writes, syncs, slow, faults + 1)
        if slow:
            time.sleep(slow / 1000)
        return int(syncs)


class _Disk(apsw.VFS):
    def __init__(self, control: Control, inside: Callable[[Any], bool]) -> None:
        self._control, self._inside = control, inside
        super().__init__("bad", "unix", makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        control = self._control if path and self._inside(path) else None
        return _File(control, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, control: Control | None, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._control = control
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        if self._control is not None and (code := self._control.at_write()):
            raise _sqlite(code)
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        if self._control is not None and self._control.at_sync():
            raise apsw.IOError("the disk cannot be synced")
        super().xSync(flags)


def _sqlite(code: int) -> apsw.Error:
    """What the system's VFS makes of an error."""
    return apsw.FullError("no room") if code == errno.ENOSPC else apsw.IOError(os.strerror(code))


def _spoil(control: Control, data: str) -> apsw.VFS:
    """Put the bad disk before the functions of `os`."""
    opened: set[int] = set()
    truly = {name: getattr(os, name) for name in ("open", "close", "write", "fsync", "fdatasync")}

    def inside(path: Any) -> bool:
        return not isinstance(path, int) and os.path.abspath(os.fsdecode(path)).startswith(data)

    def opening(path: Any, *rest: Any, **more: Any) -> int:
        handle: int = truly["open"](path, *rest, **more)
        if inside(path):
            opened.add(handle)
        return handle

    def closing(handle: int) -> None:
        opened.discard(handle)
        truly["close"](handle)

    def writing(handle: int, octets: Any) -> int:
        if handle in opened and (code := control.at_write()):
            raise OSError(code, os.strerror(code))
        written: int = truly["write"](handle, octets)
        return written

    def syncing(handle: int) -> None:
        if handle in opened and (code := control.at_sync()):
            raise OSError(code, os.strerror(code))
        truly["fsync"](handle)

    for name, function in {
        "open": opening,
        "close": closing,
        "write": writing,
        "fsync": syncing,
        "fdatasync": syncing,
    }.items():
        setattr(os, name, function)
    return _Disk(control, inside)


def main() -> int:
    control, data = Control(Path(sys.argv[1])), os.path.abspath(sys.argv[2])
    del sys.argv[1:3]
    disk = _spoil(control, f"{data}/")
    from relay.__main__ import main as program

    try:
        return program()
    finally:
        del disk  # held until here: a VFS that nobody holds is none


if __name__ == "__main__":
    sys.exit(main())
