"""The real program, killed exactly where it hurts: `python -m tests.faults.fatal CONTROL serve ...`.

In:  a control file of a few octets, mapped into all processes: at what kind of operation, and at which one from now;
     or `-`, and nobody is killed.
Out: the program `relay`, one process of which, or all, is gone by SIGKILL at that operation.

Its write-ahead logs are short and its shards pruned all the time, so that each kind of operation comes often.
"""

from __future__ import annotations

import enum
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

from tests.faults.shared import Shared

_STATE = "=iii"  # moment, operations until then, whether all processes go
CHECKPOINT = 50  # pages
PRUNE_EVERY = 0.3  # seconds
PRUNES = (sys.executable, "-m", "tests.faults.fatal", "-")


class Moment(enum.IntEnum):
    CHECKPOINT = 1  # the log is put into the database of a shard
    LOG = 2  # in the middle of a transaction
    SYNC = 3  # before a commit is synced
    SYNCED = 4  # behind it, when nobody has been told
    FILE = 5  # a large content gets its name
    FORGET = 6  # a large content goes
    SETTLED = 7  # any write to the report database: the reporter's


class Control:
    """Shared with the relay's processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state = Shared(path, _STATE)

    def arm(self, moment: Moment, count: int, *, everybody: bool) -> None:
        """Kill at the `count`th operation of that kind from now."""
        self._state.write(moment, count, everybody)

    @property
    def armed(self) -> bool:
        return bool(self._state.read()[0])

    @property
    def program(self) -> tuple[str, ...]:
        return (sys.executable, "-m", "tests.faults.fatal", str(self.path))

    def passing(self, moment: Moment) -> None:
        """In the relay: an operation of this kind is about to be done."""
        armed, count, everybody = self._state.read()
        if armed != moment:
            return
        if count > 1:
            self._state.write(armed, count - 1, everybody)
            return
        self._state.write(0, 0, 0)
        if everybody:
            os.killpg(0, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


class _Disk(apsw.VFS):
    def __init__(self, control: Control) -> None:
        self._control = control
        super().__init__("fatal", "unix", makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        return _File(self._control, path or "", name, flags)


class _File(apsw.VFSFile):
    def __init__(self, control: Control, path: str, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._control = control
        log = bool(flags[0] & apsw.SQLITE_OPEN_WAL)
        self._shards = os.path.basename(path).startswith("queue.db")
        self._logs = self._shards and log
        self._writing = Moment.LOG if log else Moment.CHECKPOINT
        if not self._shards:
            self._writing = Moment.SETTLED
        self._watched = self._shards or os.path.basename(path).startswith("report.db")
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        if self._watched:
            self._control.passing(self._writing)
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        if self._logs:
            self._control.passing(Moment.SYNC)
        super().xSync(flags)
        if self._logs:
            self._control.passing(Moment.SYNCED)


def _hasten() -> None:
    from relay.store.sqlite import writer
    from relay.worker import shards

    writer.CHECKPOINT = CHECKPOINT
    shards.PRUNE_EVERY = PRUNE_EVERY


def _arm(control: Control) -> apsw.VFS:
    for name, moment in (("rename", Moment.FILE), ("unlink", Moment.FORGET)):
        setattr(os, name, _watched(getattr(os, name), control, moment))
    return _Disk(control)


def _watched(original: Callable[..., None], control: Control, moment: Moment) -> Callable[..., None]:
    def watched(path: Any, *rest: Any, **more: Any) -> None:
        if "/contents/" in os.fsdecode(path):
            control.passing(moment)
        original(path, *rest, **more)

    return watched


def main() -> int:
    path = sys.argv.pop(1)
    _hasten()
    disk = _arm(Control(Path(path))) if path != "-" else None
    from relay.__main__ import main as program

    try:
        return program()
    finally:
        del disk  # held until here: a VFS that nobody holds is none


if __name__ == "__main__":
    sys.exit(main())
