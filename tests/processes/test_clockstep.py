"""A clock that is set is noticed, and told once."""

from __future__ import annotations

import asyncio

from relay.worker.clockstep import watch


class Clocks:
    """One that can be set and one that cannot; both go on by a second a look."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.set = 0.0
        self.looks = 0
        self.told: list[float] = []
        self.changed = asyncio.Event()

    def steady(self) -> float:
        self.looks += 1
        self.now += 1.0
        self.changed.set()
        return self.now

    def clock(self) -> float:
        return self.now + 1.0 + self.set

    async def stepped(self) -> None:
        self.told.append(self.set)

    async def look(self, times: int) -> None:
        wanted = self.looks + times
        while self.looks < wanted:
            self.changed.clear()
            await self.changed.wait()


async def test_a_clock_that_is_set_is_told_once_and_a_slow_correction_is_not() -> None:
    clocks = Clocks()
    async with asyncio.timeout(10):
        task = asyncio.create_task(watch(clocks.stepped, clocks.clock, clocks.steady, 0.001))
        for to in (0.0, -3600.0, -3596.0, -3592.0, 90_000.0):
            clocks.set = to
            await clocks.look(3)
        task.cancel()
        await asyncio.wait([task])
    assert clocks.told == [-3600.0, 90_000.0]
