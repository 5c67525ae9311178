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


class Sending(Agent):
    """Waits for a reply of its peer before it is drained."""

    def __init__(self) -> None:
        super().__init__()
        self.replied = asyncio.Event()
        self.waits = asyncio.Event()
        self.cut = False

    async def drain(self, seconds: float) -> None:
        self.waits.set()
        try:
            if seconds:
                await self.replied.wait()
        except asyncio.CancelledError:
            self.cut = True
            raise


async def begun(agents: list[Sending]) -> Outward:
    """With an agent that was replaced, and waits for a reply."""

    def make(_: Config) -> tuple[Agent, Resolver]:
        agents.append(Sending())
        return agents[-1], Resolver()

    outward = Outward(make, CONFIG)
    await outward.start()
    await outward.replace(CONFIG)
    await agents[0].waits.wait()
    return outward


async def test_an_agent_that_was_replaced_hears_its_replies_in_a_drain_too() -> None:
    agents: list[Sending] = []
    outward = await begun(agents)
    draining = asyncio.create_task(outward.drain(60.0))
    async with asyncio.timeout(10):
        await agents[1].waits.wait()
        for each in agents:
            each.replied.set()
        await draining
    assert [(each.started, each.cut) for each in agents] == [(1, False), (1, False)]


async def test_a_drain_waits_no_longer_for_an_agent_that_was_replaced_than_for_the_other() -> None:
    agents: list[Sending] = []
    outward = await begun(agents)
    agents[1].replied.set()
    async with asyncio.timeout(10):
        await outward.drain(0.01)
    assert [each.cut for each in agents] == [True, False]
