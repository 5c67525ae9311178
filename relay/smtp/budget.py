"""What the sessions of one worker may hold together: octets of contents in arrival, and the sessions themselves.

One `Budget` is shared by all listeners of a worker. Whoever takes gives back, exactly once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from relay.smtp.memory import give_back

T = TypeVar("T")


class Budget:
    def __init__(self, memory: int, sessions: int) -> None:
        """`memory` in octets: contents from their first octet until the message is on disk or refused."""
        self.memory = memory
        self.sessions = sessions
        self.held = 0
        self.open = 0
        self._thread = asyncio.Lock()

    def take(self, octets: int) -> bool:
        """Room for these octets? If True, `give` follows with the same number."""
        if self.held + octets > self.memory:
            return False
        self.held += octets
        return True

    def give(self, octets: int) -> None:
        self.held -= octets

    @property
    def full(self) -> bool:
        return self.held >= self.memory

    def enter(self) -> bool:
        """Room for a session? If True, `leave` follows."""
        if self.open >= self.sessions:
            return False
        self.open += 1
        return True

    def leave(self) -> None:
        self.open -= 1

    @property
    def crowded(self) -> bool:
        """More than half of the sessions are taken: time to be short with those we refuse."""
        return self.open * 2 > self.sessions

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Do what takes long for a large content: one after the other, since each makes a copy of it."""
        async with self._thread:
            return await asyncio.to_thread(_tidily, work)


def _tidily(work: Callable[[], T]) -> T:
    try:
        return work()
    finally:
        give_back()
