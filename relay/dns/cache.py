"""Values kept for a time, at most so many; and questions asked once, however many want to know.

Both are plain machinery, for answers here and for routes in delivery. They belong to one event loop.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Cache(Generic[Key, Value]):
    """Forgets what is over its time, and beyond `size` what was asked for longest ago. Size 0 keeps nothing."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[Key, tuple[float, Value]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Key, now: float) -> Value | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        until, value = kept
        if until <= now:
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return value

    def put(self, key: Key, value: Value, until: float) -> None:
        self._kept[key] = until, value
        self._kept.move_to_end(key)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)


class Once(Generic[Key, Value]):
    """Callers who ask for the same key at the same time share one piece of work.

    The work goes on when a caller is cancelled, since others may wait for it; it has to have a time-out of
    its own. Its errors are raised to all who wait.
    """

    def __init__(self) -> None:
        self._tasks: dict[Key, asyncio.Task[Value]] = {}

    async def get(self, key: Key, make: Callable[[], Awaitable[Value]]) -> Value:
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.create_task(_run(make))
            task.add_done_callback(lambda done: self._finished(key, done))
        return await asyncio.shield(task)

    def _finished(self, key: Key, task: asyncio.Task[Value]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]
        if not task.cancelled():
            task.exception()  # seen here, in case every caller was cancelled meanwhile

    async def close(self) -> None:
        """Stop what is under way; its callers are cancelled."""
        tasks = list(self._tasks.values())
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _run(make: Callable[[], Awaitable[Value]]) -> Value:
    return await make()
