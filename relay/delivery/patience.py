"""A time limit for one stretch of work after another, by one timer.

In:  how long a stretch may take. Out: TimeoutError from a stretch that takes longer.

Why so: `asyncio.timeout` sets a timer and takes it back each time, which costs as much as writing to a socket. Most
stretches end in milliseconds, and limits are minutes: so the timer stays, and when it rings it looks whether the
stretch of that moment is over its time.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class Patience:
    """Of one task; `with patience: await ...`, as often as it likes, never inside itself; `close` in the end."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[object] | None = None  # in a stretch
        self._ends = 0.0  # loop time
        self._cancelled = 0  # requests to cancel that were made before the stretch
        self._over = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None and self._task is None
        self._task, self._cancelled, self._over = task, task.cancelling(), False
        self._ends = self._loop.time() + self._seconds
        if self._timer is None:
            self._timer = self._loop.call_at(self._ends, self._ring)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        assert task is not None
        # Where somebody else has cancelled the task, too, it is his cancelling that goes on.
        if self._over and task.uncancel() <= self._cancelled and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        if self._task is None:
            return
        if self._loop.time() < self._ends:
            self._timer = self._loop.call_at(self._ends, self._ring)
        else:
            self._over = True
            self._task.cancel()
