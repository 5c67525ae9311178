"""Delivery as the worker holds it: one agent at a time, replaced by another while mail flows.

In:  recipients from submission (`Dispatch`), and a new configuration now and then.
Out: the agent at work; its failure, when it fails.

Why so: settings reach into every corner of delivery, and a value changed under a transaction that is under way is
a fault nobody finds again. So a new configuration makes a new agent with resolver and routes of its own.
It takes all mail from that moment; the old one begins nothing more and is left to end what it has begun,
which may take as long as a receiver may take for its reply. Then the new one looks once more at what waits
in the shards, since the old one put back what it could not finish.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from relay.config import Config
from relay.model.message import Due, Lane

logger = logging.getLogger("relay.worker")

LAST_REPLY = 660.0  # seconds; the final dot may wait ten minutes for its reply (RFC 5321 section 4.5.3.2.6)


class Agent(Protocol):
    """What is asked of `relay.delivery.agent.Agent`."""

    def reserve(self, count: int) -> bool: ...
    def forgo(self, count: int) -> None: ...
    def offer(self, dues: Sequence[Due]) -> None: ...
    def waiting(self, shard: int, lanes: Iterable[Lane], due: float) -> None: ...
    def resume(self, site: str) -> None: ...
    async def start(self) -> None: ...
    async def run(self) -> None: ...
    async def drain(self, seconds: float) -> None: ...


class Resolver(Protocol):
    async def close(self) -> None: ...


Make = Callable[[Config], tuple[Agent, Resolver]]


@dataclass(slots=True)
class _Crew:
    agent: Agent
    resolver: Resolver
    running: asyncio.Task[None] | None = None


class Outward:
    """Implements `relay.submission.dispatch.Dispatch`."""

    def __init__(self, make: Make, config: Config) -> None:
        self._make = make
        self._crew = _Crew(*make(config))
        self._draining = False
        self._stored = 0  # recipients reserved whose message is being stored
        self._retiring: set[asyncio.Task[None]] = set()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # What submission calls.

    def reserve(self, count: int) -> bool:
        granted = self._crew.agent.reserve(count)
        if granted:
            self._stored += count
        return granted

    def forgo(self, count: int) -> None:
        self._stored -= count
        self._crew.agent.forgo(count)

    def offer(self, dues: Sequence[Due]) -> None:
        self._stored -= len(dues)
        self._crew.agent.offer(dues)

    def waiting(self, shard: int, lanes: Iterable[Lane], due: float) -> None:
        self._crew.agent.waiting(shard, lanes, due)

    # What the worker calls.

    def resume(self, site: str) -> None:
        """Ask this site now, whatever it answered before."""
        self._crew.agent.resume(site)

    async def start(self) -> None:
        """Learn what waits, and begin. Raises StoreDown."""
        await self._crew.agent.start()
        self._begin(self._crew)

    async def run(self) -> None:
        """Until cancelled. Raises what an agent died of."""
        await asyncio.shield(self._failed)

    async def replace(self, config: Config) -> None:
        """All mail goes by `config` from now on. In a drain nothing begins: it would be cut off."""
        if self._draining:
            return
        old, new = self._crew, _Crew(*self._make(config))
        new.agent.reserve(self._stored)  # these were promised room, and are offered to the new one
        self._crew = new
        self._begin(new)
        retiring = asyncio.create_task(self._retire(old), name="retire")
        self._retiring.add(retiring)
        retiring.add_done_callback(self._retired)
        await new.agent.start()

    async def drain(self, seconds: float) -> None:
        """Begin nothing more; what is under way may take so long. Returns when all that is known is on disk."""
        self._draining = True
        await asyncio.gather(self._hasten(seconds), self._end(self._crew, seconds))

    async def _hasten(self, seconds: float) -> None:
        """Agents that were replaced have as long as the present one; then their transactions are cut off, too."""
        if not self._retiring:
            return
        retiring = list(self._retiring)
        await asyncio.wait(retiring, timeout=seconds)
        for each in retiring:
            each.cancel()
        await asyncio.gather(*retiring, return_exceptions=True)

    def _begin(self, crew: _Crew) -> None:
        crew.running = asyncio.create_task(crew.agent.run(), name="agent")
        crew.running.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self._failed.done():
            return
        self._failed.set_exception(task.exception() or RuntimeError("the agent ended although nobody asked it to"))

    async def _retire(self, crew: _Crew) -> None:
        try:
            await crew.agent.drain(LAST_REPLY)
        except asyncio.CancelledError:
            await self._end(crew, 0.0)
            raise
        await self._end(crew, 0.0)
        if not self._draining:
            await self._crew.agent.start()  # what the old one put back or deferred

    def _retired(self, task: asyncio.Task[None]) -> None:
        self._retiring.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None and not self._failed.done():
            self._failed.set_exception(fault)

    async def _end(self, crew: _Crew, seconds: float) -> None:
        await crew.agent.drain(seconds)
        if crew.running is not None:
            crew.running.cancel()
            await asyncio.wait([crew.running])
        await crew.resolver.close()
