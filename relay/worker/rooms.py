"""The rooms of a process that takes mail and delivers it, put together but for its doors.

In:  a `Context`: the shards it owns, the configuration.
Out: intake, delivery and all that stands behind them, which a mail worker opens to SMTP and the web worker to the
     API; the tasks that keep them going; their end.

The end: doors first, which are the caller's; then `drain`, then `close`. What that leaves undone is on disk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from relay.config import Config
from relay.delivery.agent import Agent
from relay.delivery.leeway import Leeway
from relay.delivery.route import Router
from relay.dns.resolver import Resolver
from relay.limits.client import BrokerLimits
from relay.model.clock import system_clock
from relay.model.ids import IdSource
from relay.model.message import Due
from relay.model.order import Order
from relay.model.suppression import Suppression
from relay.store.assets import Assets
from relay.store.interface import StoreDown, StoreFull
from relay.store.sqlite import (
    SqliteIdempotency,
    SqliteQueue,
    SqliteRegistry,
    SqliteSuppressions,
    open_idempotency,
    open_registry,
    open_suppressions,
)
from relay.submission.directory import LAG, Directory
from relay.submission.examine import Keys
from relay.submission.intake import Intake
from relay.transform.dkim import sign
from relay.worker.clockstep import steady_clock, watch
from relay.worker.context import Context
from relay.worker.linkkeys import LinkKeys
from relay.worker.orders import Orders
from relay.worker.outward import Outward
from relay.worker.returnkeys import ReturnKeys
from relay.worker.shards import open_queues, prune
from relay.worker.stored import Stored

logger = logging.getLogger("relay.worker")

REGISTRY = "registry.db"
SUPPRESSIONS = "suppressions.db"
IDEMPOTENCY = "idempotency.db"
SETTLE_EVERY = 10.0  # seconds


@dataclass(slots=True, kw_only=True)
class Rooms:
    context: Context
    config: Config
    limits: BrokerLimits
    queues: Mapping[int, SqliteQueue]
    registry: SqliteRegistry
    suppressions: SqliteSuppressions
    idempotency: SqliteIdempotency
    directory: Directory
    ids: IdSource
    paths: ReturnKeys
    links: LinkKeys
    assets: Assets
    intake: Intake
    outward: Outward

    @property
    def own(self) -> SqliteQueue:
        """The shard that new mail goes to."""
        return self.queues[self.context.shard]

    def tasks(self, before: Callable[[Order], None] | None = None) -> dict[str, Coroutine[Any, Any, None]]:
        """What has to run all the while, by name. `before` hears of an order before a shard is changed by it."""
        return {
            "limits": self.limits.run(),
            "delivery": self.outward.run(),
            "pruning": prune(self.queues),
            "settling": self._settle(),
            "the clock": watch(self.begin_anew, system_clock, steady_clock),
            "orders": Orders(self.queues, self.registry, self.outward, system_clock, before).run(),
        }

    async def reload(self, config: Config) -> None:
        """Follow a new configuration."""
        self.config = config
        self.intake.reconfigure(config)
        self.links.reconfigure(config)
        self.assets.limit = config.tracking.assets
        for queue in self.queues.values():
            queue.reconfigure(config.retention, config.sandbox, config.tracking.life)
        await self.outward.replace(config)

    async def begin_anew(self) -> None:
        """Delivery forgets what it remembers with times of a clock that was set."""
        await self.outward.replace(self.config)

    async def drain(self, seconds: float) -> None:
        """Delivery ends within so many seconds; then what is being stored is."""
        await self.outward.drain(seconds)
        await self.intake.close()

    async def close(self) -> None:
        """Once none of its tasks runs."""
        for queue in self.queues.values():
            await queue.close()
        await self.idempotency.close()
        self.suppressions.close()
        self.registry.close()
        await self.limits.close()

    async def _settle(self) -> None:
        while True:
            await asyncio.sleep(SETTLE_EVERY)
            try:
                await self.intake.settle()
            except (StoreDown, StoreFull) as error:
                logger.error("idempotency keys of mail that was not stored wait: %s", error)


async def open_rooms(context: Context) -> Rooms:
    """Raises StoreDown, ShardBusy."""
    limits = BrokerLimits(context.limits, context.sharers, system_clock)
    await limits.start()
    queues = await open_queues(context)
    idempotency = await _open_keys(context, queues)
    rooms = _assemble(context, limits, queues, idempotency)
    await rooms.outward.start()
    return rooms


async def _open_keys(context: Context, queues: Mapping[int, SqliteQueue]) -> SqliteIdempotency:
    """The keys of submissions; those our shards left open are settled before any mail comes. Raises StoreDown."""
    data = context.config.data
    keys = await open_idempotency(data / IDEMPOTENCY)
    for shard in queues:
        try:
            if released := await keys.resolve(shard, Stored(data)):
                logger.info("shard %d: %d keys of submissions that were never stored are free again", shard, released)
        except (StoreDown, StoreFull) as error:  # they are answered with 451 until the next start
            logger.error("the keys of shard %d cannot be settled: %s", shard, error)
    return keys


def _assemble(
    context: Context, limits: BrokerLimits, queues: Mapping[int, SqliteQueue], idempotency: SqliteIdempotency
) -> Rooms:
    config, own = context.config, queues[context.shard]
    registry = open_registry(config.data / REGISTRY)
    suppressions = open_suppressions(config.data / SUPPRESSIONS, LAG)
    directory = Directory(registry, LAG)
    paths = ReturnKeys(registry, system_clock)
    links = LinkKeys(registry, system_clock, config)
    ids = IdSource(context.shard, system_clock, after=own.last_id)
    outward = _outward(context, limits, queues, ids, directory, suppressions, paths)
    assets = Assets(config.data, config.tracking.assets, system_clock)
    intake = Intake(
        config=config,
        queue=own,
        ids=ids,
        directory=directory,
        dispatch=outward,
        limits=limits,
        suppressions=suppressions,
        idempotency=idempotency,
        keys=Keys(link=links.newest, returns=paths.newest),
        host=assets.put,
        stored=Stored(config.data),
        clock=system_clock,
    )
    return Rooms(
        context=context,
        config=config,
        limits=limits,
        queues=queues,
        registry=registry,
        suppressions=suppressions,
        idempotency=idempotency,
        directory=directory,
        ids=ids,
        paths=paths,
        links=links,
        assets=assets,
        intake=intake,
        outward=outward,
    )


def _outward(
    context: Context,
    limits: BrokerLimits,
    queues: Mapping[int, SqliteQueue],
    ids: IdSource,
    directory: Directory,
    suppressions: SqliteSuppressions,
    paths: ReturnKeys,
) -> Outward:
    leeway = Leeway(system_clock, steady_clock)  # over all agents
    own_ports = frozenset(listener.port for listener in context.config.listeners)

    def signed(content: bytes, domain: str) -> bytes:
        return sign(content, directory.signers(domain), system_clock())

    def suppressed(due: Due) -> Sequence[Suppression]:
        message = due.message
        options = message.resolved.options
        whose, group = due.recipient.address, options.suppression_group
        return suppressions.matching(message.account, whose, options.stream, system_clock(), group)

    def delivery(config: Config) -> tuple[Agent, Resolver]:
        resolver = Resolver(config.dns, system_clock)
        router = Router(config.delivery, config.sandbox.enabled, config.hostname, own_ports, resolver, system_clock)
        agent = Agent(
            config=config,
            queues=queues,
            router=router,
            limits=limits,
            clock=system_clock,
            random=Random(),
            ids=ids,
            home=context.shard,
            sign=signed,
            suppressed=suppressed,
            return_path=paths.path,
            leeway=leeway,
        )
        return agent, resolver

    return Outward(delivery, context.config)
