"""How much content is worked on at once in a process: who needs memory for it waits here for his turn.

In:  octets wanted. Out: a turn, at once or later; what was taken is given back.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Cargo:
    """Contents in memory, in octets. Who comes first is served first; one that is larger than all goes alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    def grab(self, octets: int) -> bool:
        """Whether there is room now. If so, `give` follows with the same number."""
        if self._queue or not self._fits(octets):
            return False
        self._held += octets
        return True

    async def take(self, octets: int) -> None:
        """Until there is room. `give` follows with the same number."""
        if self.grab(octets):
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((octets, waiter))
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.give(octets)
            raise

    def give(self, octets: int) -> None:
        self._held -= octets
        while self._queue and (self._queue[0][1].done() or self._fits(self._queue[0][0])):
            wanted, waiter = self._queue.popleft()
            if not waiter.done():
                self._held += wanted
                waiter.set_result(None)

    def _fits(self, octets: int) -> bool:
        return not self._held or self._held + octets <= self._limit
