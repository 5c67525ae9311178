"""One deadline and at most one timer for a session, however often the deadline moves.

A deadline that moves on, as it does with every command, only notes its new time; the timer finds out when it
fires early, and sets itself again. Only a deadline that moves forward in time costs a new timer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Deadline:
    def __init__(self, loop: asyncio.AbstractEventLoop, passed: Callable[[], None]) -> None:
        self._loop = loop
        self._passed = passed
        self._at = self._timer_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def set(self, at: float) -> None:
        """Call `passed` at this time of the loop's clock, and not before."""
        self._at = at
        if self._timer is None or at < self._timer_at:
            self._start()

    def stop(self) -> None:
        """Call nobody any more, and know nobody: the session goes with its last use, and waits for no collector."""
        self._passed = _nobody
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = self._at
        self._timer = self._loop.call_at(self._at, self._fired)

    def _fired(self) -> None:
        self._timer = None
        if self._loop.time() < self._at:
            self._start()
        else:
            self._passed()


def _nobody() -> None:
    """Of a deadline that was stopped."""
