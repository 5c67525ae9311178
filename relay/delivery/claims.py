"""Claims: what is due leaves the queues for memory, lane by lane, as far as there is room.

In:  the scheduler's choice of lanes, room in memory, the queues. Out: recipients in flight, handed to the agent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from relay.model.clock import Clock
from relay.model.message import Due, Lane
from relay.queue.scheduler import Scheduler
from relay.store.interface import Queue, StoreDown, StoreFull

log = logging.getLogger(__name__)
LANES = 16  # claimed at once, so that they share a transaction
PER_LANE = 100  # recipients a claim, so that one lane does not fill the memory
LONGEST = 3600.0  # seconds between looks at the time, whatever the clock does meanwhile
AGAIN = 5.0  # seconds until a lane whose claim failed is tried again


class Claims:
    def __init__(
        self,
        scheduler: Scheduler,
        queues: Mapping[int, Queue],
        clock: Clock,
        *,
        room: Callable[[], int],
        took: Callable[[Sequence[Due]], None],
    ) -> None:
        self._scheduler = scheduler
        self._queues = queues
        self._clock = clock
        self._room = room
        self._took = took
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._rings = 0.0  # loop time
        self._stopped = False
        self._under_way: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Something changed: fresh mail, room, or a lane."""
        self._wake.set()

    async def stop(self) -> None:
        """Claim nothing more; returns when what was being claimed is in memory."""
        self._stopped = True
        self._wake.set()
        if self._under_way is not None:
            await asyncio.wait([self._under_way])

    async def run(self, place: Callable[[], None]) -> None:
        """Until cancelled: claim what is due, and have `place` called for it and for all that came meanwhile."""
        try:
            while True:
                self._wake.clear()
                place()
                room = 0 if self._stopped else self._room()
                lanes = self._scheduler.due(self._clock(), min(LANES, room)) if room > 0 else []
                if lanes:
                    await self._claim(lanes, min(PER_LANE, room // len(lanes)))
                    continue
                await self._sleep(room > 0)
        finally:
            self._stop_timer()

    async def _sleep(self, room: bool) -> None:
        at = self._scheduler.next_time() if room else None
        seconds = LONGEST if at is None else min(LONGEST, max(0.0, at - self._clock()))
        self._ring_in(seconds)
        await self._wake.wait()

    def _ring_in(self, seconds: float) -> None:
        """Wake in so many seconds at the latest. A timer that rings sooner stays: it costs less than another."""
        loop = asyncio.get_running_loop()
        at = loop.time() + seconds
        if self._timer is not None and self._rings <= at:
            return
        self._stop_timer()
        self._timer, self._rings = loop.call_at(at, self._ring), at

    def _ring(self) -> None:
        self._timer = None
        self._wake.set()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _claim(self, lanes: Sequence[tuple[int, Lane]], limit: int) -> None:
        # A claim cut off in the middle would leave recipients in flight that nobody has. So it runs as a
        # task of its own, which outlives a cancelled loop and is waited for by `stop`.
        self._under_way = asyncio.ensure_future(self._claim_all(lanes, limit))
        await asyncio.shield(self._under_way)

    async def _claim_all(self, lanes: Sequence[tuple[int, Lane]], limit: int) -> None:
        now = self._clock()
        claims = [self._queues[shard].claim(lane, now, limit) for shard, lane in lanes]
        answers = await asyncio.gather(*claims, return_exceptions=True)
        for (shard, lane), answer in zip(lanes, answers, strict=True):
            if isinstance(answer, StoreDown | StoreFull):
                log.error("shard %d: cannot claim, trying again: %s", shard, answer)
                self._scheduler.claimed(shard, lane, now + AGAIN)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                self._scheduler.claimed(shard, lane, answer.next_due)
                self._took(answer.dues)
