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
from dataclasses import dataclass

from relay.config import Config, Listener, ListenerKind, Purpose
from relay.manage.rotation import Rotation
from relay.model.clock import system_clock
from relay.smtp.budget import Budget
from relay.smtp.door import Door
from relay.smtp.listen import Server, listen
from relay.store.interface import StoreDown, StoreFull
from relay.store.sqlite.reports import Room, prune_reports
from relay.submission.campaigns import REMEMBERED as CAMPAIGNS_REMEMBERED
from relay.submission.listener import SubmissionDoor
from relay.submission.login import Logins
from relay.worker.context import Context
from relay.worker.keyring import renew, rotate
from relay.worker.lifeline import Lifeline
from relay.worker.process import on_reload, serve, until_stopped
from relay.worker.returning import Returning
from relay.worker.rooms import Rooms, open_rooms

logger = logging.getLogger("relay.worker")

FORGET_EVERY = 3600.0  # seconds
SESSIONS = 0.4  # share of the drain that sessions may take; delivery has as much, and the rest is for the disk


def run(context: Context) -> int:
    return serve(context, _work)


async def _work(context: Context, lifeline: Lifeline) -> None:
    worker = _assemble(context, await open_rooms(context))
    reloads: asyncio.Queue[Config] = asyncio.Queue()
    on_reload(context, lifeline, reloads.put_nowait)
    # The limits serve the drain, too: whoever gives back a place must be heard.
    tasks = {**worker.rooms.tasks(), "forgetting": _forget(worker), "reloading": _reload(worker, reloads)}
    if context.shard == 0:  # it always runs, and one process is enough
        tasks["keys"] = rotate((worker.rooms.paths, worker.rooms.links))
        rotation = Rotation(worker.rooms.registry, system_clock)
        tasks["DKIM keys"] = renew(rotation, lambda: worker.rooms.config, system_clock)
    if context.tls is not None:
        tasks["certificates"] = context.tls.watch()
    running = {name: asyncio.create_task(task) for name, task in tasks.items()}
    try:
        await worker.listen()
        lifeline.ready()
        await until_stopped(lifeline.stopping, running)
        await worker.drain()
    finally:
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)
    await worker.rooms.close()


@dataclass(slots=True)
class _Worker:
    """The rooms of one worker, with its doors."""

    context: Context
    config: Config
    rooms: Rooms
    budget: Budget
    logins: Logins
    returning: Returning
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
            directory=self.rooms.directory,
            logins=self.logins,
            limits=self.rooms.limits,
            intake=self.rooms.intake,
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
        for door in self.doors:
            door.reconfigure(config.limits, sandbox)
        self.returning.reconfigure(config)
        for server in self.servers:
            server.reconfigure(config.limits)
        await self.rooms.reload(config)

    async def drain(self) -> None:
        seconds = self.config.processes.drain
        for server in self.servers:
            server.close()
        await asyncio.gather(*(server.drain(seconds * SESSIONS) for server in self.servers))
        await self.rooms.drain(seconds * SESSIONS)
        await self.returning.close()
        self.logins.close()


def _assemble(context: Context, rooms: Rooms) -> _Worker:
    config = context.config
    returning = Returning(
        config=config,
        keys=rooms.paths,
        queue=rooms.own,
        ids=rooms.ids,
        dispatch=rooms.outward,
        limits=rooms.limits,
        clock=system_clock,
    )
    return _Worker(
        context=context,
        config=config,
        rooms=rooms,
        budget=Budget(config.limits.memory, config.limits.sessions),
        logins=Logins(rooms.directory, rooms.limits, config.limits, system_clock),
        returning=returning,
        doors=[],
        servers=[],
    )


async def _reload(worker: _Worker, reloads: asyncio.Queue[Config]) -> None:
    while True:
        config = await reloads.get()
        while not reloads.empty():
            config = reloads.get_nowait()  # only the last one counts
        await worker.reload(config)
        logger.info("reloaded")


async def _forget(worker: _Worker) -> None:
    while True:
        await asyncio.sleep(FORGET_EVERY)
        try:
            await worker.rooms.idempotency.prune(system_clock() - worker.config.limits.idempotency)
            await worker.rooms.idempotency.prune_claims(system_clock() - CAMPAIGNS_REMEMBERED)
        except (StoreDown, StoreFull) as error:
            logger.error("old idempotency keys cannot be forgotten: %s", error)
        if worker.context.shard != 0:  # one process is enough for what all share
            continue
        try:
            unused = system_clock() - worker.rooms.links.valid  # no link of a message that shows them works any more
            if pruned := await asyncio.to_thread(worker.rooms.assets.prune, unused):
                logger.info("%d hosted pictures that were not shown for long are forgotten", pruned)
        except (StoreDown, StoreFull) as error:
            logger.error("old hosted pictures cannot be forgotten: %s", error)
        kept = worker.config.reports
        try:
            now, room = system_clock(), Room(kept.bytes, kept.count)
            if pruned := await asyncio.to_thread(prune_reports, worker.config.data, now - kept.keep, room, now):
                logger.info("%d old reports of DMARC are forgotten", pruned)
        except (StoreDown, StoreFull) as error:
            logger.error("old reports of DMARC cannot be forgotten: %s", error)
