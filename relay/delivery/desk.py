"""What sites and their carriers ask of the agent, and the tools they share."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from relay.config import Delivery
from relay.delivery.pool import Pool
from relay.delivery.settle import Verdict
from relay.limits.interface import Limits
from relay.model.clock import Clock
from relay.model.message import Due

CARGO = 256 << 20  # octets of contents in attempts at once


class Desk(Protocol):
    """Where contents come from and verdicts go."""

    def content(self, due: Due) -> Awaitable[bytes]:
        """Raises NotFound, StoreDown."""

    def decide(self, verdicts: Iterable[Verdict]) -> None:
        """Write these down."""

    def put_back(self, dues: Iterable[Due], delay: float = 0.0) -> None:
        """Return recipients to the queue, due after so many seconds."""

    def crowded(self, shard: int) -> bool:
        """Whether `room` would wait."""

    async def room(self, shard: int) -> None:
        """Until outcomes are written down fast enough to send on."""

    def rests(self, gate: str, until: float) -> None:
        """Hand out no mail for this site, as its egress reaches it, before then (may be infinite)."""

    def has_room(self, gate: str) -> None:
        """The site was full, and is about to run dry; hand out more."""

    def start_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run it, and see it fail."""


class Cargo:
    """Contents in memory, in octets. Who comes first is served first; one that is larger than all goes alone."""

    def __init__(self, limit: int = CARGO) -> None:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What all sites of a process share."""

    delivery: Delivery
    pool: Pool
    limits: Limits
    clock: Clock
    desk: Desk
    return_path: Callable[[Due], str | None]  # what goes on the wire in place of the reverse-path; raises StoreDown
    cargo: Cargo = field(default_factory=Cargo)
