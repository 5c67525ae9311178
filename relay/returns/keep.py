"""Keeping what came back: on disk, and delivery told, before our 250.

In:  mail that came back, and the recipients of ours it is about.
Out: the ids of the copies that are on their way to the clients.

Why so: storing goes on when the session that waits for it is cut off, or a copy could be stored and delivery not
know of it. Mail to return paths of several messages makes a copy for each, one after the other; where a later one
cannot be stored the host hears a 4yz, tries again, and the first client gets it twice, never not at all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Protocol

from relay.config.bounces import Bounces
from relay.model.event import Event
from relay.model.ids import IdSource
from relay.model.message import Lane, lane_of
from relay.returns.forward import Back, copy, event, keepsake, kept, passed_on
from relay.returns.originals import Original
from relay.store.interface import Queue

log = logging.getLogger("relay.returns")


class Dispatch(Protocol):
    """What is asked of delivery."""

    def waiting(self, shard: int, lanes: Iterable[Lane], due: float) -> None:
        """Recipients were stored as queued in these lanes, the first of them due then."""


class Keeper:
    """Of one process, in whose shard everything is kept that comes in here."""

    def __init__(
        self, *, hostname: str, lifetime: float, rules: Bounces, queue: Queue, ids: IdSource, dispatch: Dispatch
    ) -> None:
        self._hostname = hostname
        self.rules = rules  # both are replaced when the configuration is reloaded
        self.lifetime = lifetime  # seconds the copies are tried
        self._queue = queue
        self._ids = ids
        self._dispatch = dispatch
        self._storing: set[asyncio.Task[list[str]]] = set()

    async def keep(self, back: Back, originals: Sequence[Original]) -> list[str]:
        """Returns when all of it is on disk. Raises StoreFull, StoreDown."""
        task = asyncio.get_running_loop().create_task(self._store(back, originals))
        self._storing.add(task)
        task.add_done_callback(self._stored)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Wait for what is being stored."""
        if self._storing:
            await asyncio.wait(self._storing)

    async def _store(self, back: Back, originals: Sequence[Original]) -> list[str]:
        wanted: dict[str, list[Original]] = {}
        for each in originals:
            if passed_on(each, back):
                wanted.setdefault(each.message.id, []).append(each)
        copies = []
        for those in wanted.values():
            new = copy(those, back, self.rules, self._ids.new(), self._hostname, self.lifetime)
            await self._queue.add(new)
            self._dispatch.waiting(
                self._queue.shard, {lane_of(new.message, each.recipient) for each in new.recipients}, back.at
            )
            copies.append(new.message.id)
        told: dict[str, list[Original]] = {}
        rest: list[Event] = []
        for each in originals:
            if kept(each, back):
                told.setdefault(each.message.id, []).append(each)
            elif not passed_on(each, back):
                rest.append(event(each, back, self.rules))
        for those in told.values():
            await self._queue.add(keepsake(those, back, self.rules, self._ids.new(), self._hostname))
        if rest:
            await self._queue.record(rest)
        return copies

    def _stored(self, task: asyncio.Task[list[str]]) -> None:
        self._storing.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.debug("returned mail could not be stored: %r", fault)  # its session hears it, if there still is one
