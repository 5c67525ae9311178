"""Delivery that is replaced while mail flows, and ended in good order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from relay.config import Config
from relay.model.message import Due, Lane
from relay.worker.outward import Outward


class Agent:
    """Does nothing, and remembers what was asked of it."""

    def __init__(self) -> None:
        self.reserved = 0
        self.started = self.drained = 0

    def reserve(self, count: int) -> bool:
        self.reserved += count
        return True

    def forgo(self, count: int) -> None:
        self.reserved -= count

    def offer(self, dues: Sequence[Due]) -> None:
        self.reserved -= len(dues)

    def waiting(self, shard: int, lanes: Iterable[Lane], due: float) -> None: ...

    def resume(self, site: str) -> None: ...

    async def start(self) -> None:
        self.started += 1
        await asyncio.sleep(0)

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def drain(self, seconds: float) -> None:
        self.drained += 1
        await asyncio.sleep(0)


class Resolver:
    async def close(self) -> None: ...


def made() -> tuple[list[Agent], Outward]:
    agents: list[Agent] = []

    def make(_: Config) -> tuple[Agent, Resolver]:
        agents.append(Agent())
        return agents[-1], Resolver()

    return agents, Outward(make, CONFIG)


CONFIG = Config(hostname="relay.example", listeners=())


async def test_room_that_was_promised_is_kept_by_the_next_agent() -> None:
    agents, outward = made()
    await outward.start()
    assert outward.reserve(3)
    await outward.replace(CONFIG)
    assert [each.reserved for each in agents] == [3, 3]
    outward.forgo(3)
    await outward.drain(1.0)
    assert agents[1].reserved == 0
    assert all(each.drained for each in agents)


async def test_nothing_begins_anew_in_a_drain() -> None:
    agents, outward = made()
    await outward.start()
    async with asyncio.timeout(10):
        await asyncio.gather(outward.drain(1.0), outward.replace(CONFIG))
    assert [(each.started, each.drained) for each in agents] == [(1, 1)]
