"""A mail worker: accepts mail on its sockets, keeps it in its shard, delivers it from there.

In:  a `Context`: sockets, shards, configuration.
Out: nothing but mail. It ends when told to (a drain, exit code 0), when the supervisor is gone (at once), or
     when a part of it fails (exit code 1, and the supervisor replaces it).

The drain, within `processes.drain`: accept no more; sessions finish what they are at, idle ones hear a 421; the
agent ends its transactions and puts back the rest; the queues close. What that leaves undone is on disk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from relay.config import Config, Listener, ListenerKind, Purpose
from relay.delivery.agent import Agent
from relay.delivery.leeway import Leeway
from relay.delivery.route import Router
from relay.dns.resolver import Resolver
from relay.limits.client import BrokerLimits
from relay.model.clock import system_clock
from relay.model.ids import IdSource
from relay.model.message import Due
from relay.model.suppression import Suppression
from relay.smtp.budget import Budget
from relay.smtp.door import Door
from relay.smtp.listen import Server, listen
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
from relay.submission.campaigns import REMEMBERED as CAMPAIGNS_REMEMBERED
from relay.submission.directory import LAG, Directory
from relay.submission.examine import Keys
from relay.submission.intake import Intake
from relay.submission.listener import SubmissionDoor
from relay.submission.login import Logins
from relay.transform.dkim import sign
from relay.worker.clockstep import steady_clock, watch
from relay.worker.context import Context
from relay.worker.keyring import rotate
from relay.worker.lifeline import Lifeline
from relay.worker.linkkeys import LinkKeys
from relay.worker.orders import Orders
from relay.worker.outward import Outward
from relay.worker.process import on_reload, serve, until_stopped
from relay.worker.returning import Returning
from relay.worker.returnkeys import ReturnKeys
from relay.worker.shards import open_queues, prune
from relay.worker.stored import Stored

logger = logging.getLogger("relay.worker")

REGISTRY = "registry.db"
SUPPRESSIONS = "suppressions.db"
IDEMPOTENCY = "idempotency.db"
SETTLE_EVERY = 10.0  # seconds
FORGET_EVERY = 3600.0  # seconds
SESSIONS = 0.4  # share of the drain that sessions may take; delivery has as much, and the rest is for the disk


def run(context: Context) -> int:
    return serve(context, _work)


async def _work(context: Context, lifeline: Lifeline) -> None:
    limits = BrokerLimits(context.limits, context.sharers, system_clock)
    await limits.start()
    queues = await open_queues(context)
    keys = await _open_keys(context, queues)
    worker = _assemble(context, limits, queues, keys)
    reloads: asyncio.Queue[Config] = asyncio.Queue()
    on_reload(context, lifeline, reloads.put_nowait)
    await worker.outward.start()
    # The limits serve the drain, too: whoever gives back a place must be heard.
    running = {
        "limits": asyncio.create_task(limits.run()),
        "delivery": asyncio.create_task(worker.outward.run()),
        "pruning": asyncio.create_task(prune(queues)),
        "settling": asyncio.create_task(_settle(worker.intake)),
        "forgetting": asyncio.create_task(_forget(worker)),
        "reloading": asyncio.create_task(_reload(worker, reloads)),
        "the clock": asyncio.create_task(watch(worker.begin_anew, system_clock, steady_clock)),
        "orders": asyncio.create_task(Orders(queues, worker.registry, worker.outward, system_clock).run()),
    }
    if context.shard == 0:  # it always runs, and one process is enough
        running["keys"] = asyncio.create_task(rotate((worker.returning.keys, worker.links)))
    if context.tls is not None:
        running["certificates"] = asyncio.create_task(context.tls.watch())
    try:
        await worker.listen()
        lifeline.ready()
        await until_stopped(lifeline.stopping, running)
        await worker.drain()
    finally:
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)
    for queue in queues.values():
        await queue.close()
    await keys.close()
    worker.suppressions.close()
    worker.registry.close()
    await limits.close()


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


@dataclass(slots=True)
class _Worker:
    """The rooms of one worker, put together."""

    context: Context
    config: Config
    queues: Mapping[int, SqliteQueue]
    registry: SqliteRegistry
    directory: Directory
    limits: BrokerLimits
    suppressions: SqliteSuppressions
    keys: SqliteIdempotency
    budget: Budget
    logins: Logins
    intake: Intake
    outward: Outward
    returning: Returning
    links: LinkKeys
    assets: Assets
    doors: list[SubmissionDoor]
    servers: list[Server]

    async def listen(self) -> None:
        if self.context.tls is not None:
            self.context.tls.catch_up()
        for listener, sock in self.context.listeners:
            door = self._door(listener)
            certificates = self.context.tls if listener.kind is not ListenerKind.PLAIN else None
            tls = certificates.context(listener.minimum_tls) if certificates is not None else None
            server = await listen(
                sock, listener, self.config.limits, self.config.hostname, door, tls, self.budget, system_clock
            )
            self.servers.append(server)

    def _door(self, listener: Listener) -> Door:
        if listener.purpose is Purpose.RETURNS:
            return self.returning.door(listener)
        door = SubmissionDoor(
            listener=listener,
            settings=self.config.limits,
            sandbox=self.config.sandbox.enabled,
            directory=self.directory,
            logins=self.logins,
            limits=self.limits,
            intake=self.intake,
            clock=system_clock,
        )
        self.doors.append(door)
        return door

    async def reload(self, config: Config) -> None:
        """Everything that is no matter of sockets, shards and processes follows `config` from now on."""
        self.config = config
        if self.context.tls is not None:
            try:
                self.context.tls.reload(config.certificate, config.key, config.certificates)
            except OSError as error:
                logger.error("the old certificates stay in use: %s", error)
        sandbox = config.sandbox.enabled
        self.budget.memory, self.budget.sessions = config.limits.memory, config.limits.sessions
        self.logins.reconfigure(config.limits)
        self.intake.reconfigure(config)
        for door in self.doors:
            door.reconfigure(config.limits, sandbox)
        self.returning.reconfigure(config)
        self.links.reconfigure(config)
        self.assets.limit = config.tracking.assets
        for server in self.servers:
            server.reconfigure(config.limits)
        for queue in self.queues.values():
            queue.reconfigure(config.retention, config.sandbox, config.tracking.life)
        await self.outward.replace(config)

    async def begin_anew(self) -> None:
        """Delivery forgets what it remembers with times of a clock that was set."""
        await self.outward.replace(self.config)

    async def drain(self) -> None:
        seconds = self.config.processes.drain
        for server in self.servers:
            server.close()
        await asyncio.gather(*(server.drain(seconds * SESSIONS) for server in self.servers))
        await self.outward.drain(seconds * SESSIONS)
        await self.intake.close()
        await self.returning.close()
        self.logins.close()


def _assemble(
    context: Context, limits: BrokerLimits, queues: Mapping[int, SqliteQueue], keys: SqliteIdempotency
) -> _Worker:
    config, own = context.config, queues[context.shard]
    registry = open_registry(config.data / REGISTRY)
    suppressions = open_suppressions(config.data / SUPPRESSIONS, LAG)
    directory = Directory(registry, LAG)
    paths = ReturnKeys(registry, system_clock)
    ids = IdSource(context.shard, system_clock, after=own.last_id)
    outward = _outward(context, limits, queues, ids, directory, suppressions, paths)
    logins = Logins(directory, limits, config.limits, system_clock)
    links = LinkKeys(registry, system_clock, config)
    assets = Assets(config.data, config.tracking.assets, system_clock)
    intake = Intake(
        config=config,
        queue=own,
        ids=ids,
        directory=directory,
        dispatch=outward,
        limits=limits,
        suppressions=suppressions,
        idempotency=keys,
        keys=Keys(link=links.newest, returns=paths.newest),
        host=assets.put,
        stored=Stored(config.data),
        clock=system_clock,
    )
    returning = Returning(
        config=config, keys=paths, queue=own, ids=ids, dispatch=outward, limits=limits, clock=system_clock
    )
    budget = Budget(config.limits.memory, config.limits.sessions)
    return _Worker(
        context=context,
        config=config,
        queues=queues,
        registry=registry,
        directory=directory,
        limits=limits,
        suppressions=suppressions,
        keys=keys,
        budget=budget,
        logins=logins,
        intake=intake,
        outward=outward,
        returning=returning,
        links=links,
        assets=assets,
        doors=[],
        servers=[],
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
    own_ports = frozenset(listener.port for listener, _ in context.listeners)

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


async def _reload(worker: _Worker, reloads: asyncio.Queue[Config]) -> None:
    while True:
        config = await reloads.get()
        while not reloads.empty():
            config = reloads.get_nowait()  # only the last one counts
        await worker.reload(config)
        logger.info("reloaded")


async def _settle(intake: Intake) -> None:
    while True:
        await asyncio.sleep(SETTLE_EVERY)
        try:
            await intake.settle()
        except (StoreDown, StoreFull) as error:
            logger.error("idempotency keys of mail that was not stored wait: %s", error)


async def _forget(worker: _Worker) -> None:
    while True:
        await asyncio.sleep(FORGET_EVERY)
        try:
            await worker.keys.prune(system_clock() - worker.config.limits.idempotency)
            await worker.keys.prune_answers(system_clock() - worker.config.limits.idempotency)
            await worker.keys.prune_claims(system_clock() - CAMPAIGNS_REMEMBERED)
        except (StoreDown, StoreFull) as error:
            logger.error("old idempotency keys cannot be forgotten: %s", error)
        if worker.context.shard != 0:  # one process is enough for what all share
            continue
        try:
            unused = system_clock() - worker.links.valid  # no link of a message that shows them works any more
            if pruned := await asyncio.to_thread(worker.assets.prune, unused):
                logger.info("%d hosted pictures that were not shown for long are forgotten", pruned)
        except (StoreDown, StoreFull) as error:
            logger.error("old hosted pictures cannot be forgotten: %s", error)
