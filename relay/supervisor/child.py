"""One child through its lives: who it is, how it fares, when its successor may start. No IO.

In:  what was seen of it (started, ready, a beat, its end) and the time, in seconds of a monotonic clock.
Out: whether it hangs; when the next one may start.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from relay.config import Listener
from relay.worker.context import Context

START_GRACE = 60.0  # seconds to the first `ready`: a shard with much in it takes its time to open
FIRST_WAIT = 0.1  # seconds before the first successor
LONGEST_WAIT = 30.0
MOST = 30  # failures counted, or the power overflows for a child that cannot be started for hours
SETTLED = 60.0  # who lived this long did not die of its start: the waits begin anew
GIVE_UP = 3  # ends in a row before the relay was ready for the first time


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What a child is for. Its successor gets the same."""

    name: str
    run: Callable[[Context], int]  # in the child; returns the exit code
    shard: int = -1
    adopted: tuple[int, ...] = ()
    listeners: tuple[tuple[Listener, socket.socket], ...] = ()
    http: socket.socket | None = None
    https: socket.socket | None = None
    last: bool = False  # is stopped only when all others have ended


@dataclass(slots=True)
class Child:
    role: Role
    pid: int = 0  # 0: none runs
    started: float = 0.0
    ready: bool = False
    beat: float = 0.0  # when it last beat
    facts: dict[str, Any] = field(default_factory=dict)  # what it said with its last beat
    failures: int = 0  # ends in a row, each before SETTLED
    start_at: float = 0.0  # when the next one may start
    killed: bool = False  # we sent SIGKILL already
    told: bool = False  # we asked it to stop

    def born(self, pid: int, now: float) -> None:
        self.pid, self.started, self.beat = pid, now, now
        self.ready = self.killed = self.told = False
        self.facts = {}

    def hangs(self, now: float, hang: float) -> bool:
        """Is its event loop silent for longer than allowed?"""
        if not self.pid or self.killed:
            return False
        return now - self.beat > (hang if self.ready else max(hang, START_GRACE))

    def ended(self, now: float) -> None:
        if now - self.started >= SETTLED:
            self.failures = 0
        self.start_at = now + min(LONGEST_WAIT, FIRST_WAIT * 2**self.failures)
        self.failures = min(self.failures + 1, MOST)
        self.pid, self.ready = 0, False
        self.facts = {}
