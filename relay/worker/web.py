"""The web worker: all of HTTP in a process of its own, so that a slow page stalls no SMTP session.

In:  a `Context`: sockets, the web shard, configuration.
Out: answers; what readers of mail did, and what was submitted to the API, in the web shard; mail, delivered from
     there as a mail worker does it.

The end: no more requests; then delivery stops, what readers did in the last seconds is written, and the shard closed.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from relay.config import Config
from relay.model.clock import system_clock
from relay.model.order import Act, Order
from relay.worker.context import Context
from relay.worker.lifeline import Lifeline
from relay.worker.process import on_reload, serve, until_stopped
from relay.worker.rooms import Rooms, open_rooms

if TYPE_CHECKING:
    from relay.web.api.build import Api
    from relay.web.application import State
    from relay.web.serve import HttpServer
    from relay.web.tracking.build import Links

logger = logging.getLogger("relay.worker")

REQUESTS, DELIVERY = 0.5, 0.3  # shares of the drain


def run(context: Context) -> int:
    return serve(context, _work)


async def _work(context: Context, lifeline: Lifeline) -> None:
    # Only here: no other process needs the rooms of HTTP.
    from relay.web.application import State, application
    from relay.web.health import Seen
    from relay.web.serve import HttpServer
    from relay.web.tracking.build import Links

    assert context.http is not None, "the web worker needs the HTTP socket"
    rooms = await open_rooms(context)
    links = Links(context.config, rooms.registry, rooms.suppressions, rooms.own.record, system_clock, rooms.assets)
    api = _api(context.config, rooms)
    state = State(context.config, system_clock)
    reloads: asyncio.Queue[Config] = asyncio.Queue()

    def status(text: str) -> None:
        state.seen = Seen(system_clock(), json.loads(text))

    def erasing(order: Order) -> None:
        if order.act is Act.ERASE:
            links.gone.add(order.selection.address, order.at)

    lifeline.hear("status", status)
    on_reload(context, lifeline, reloads.put_nowait)
    drain = context.config.processes.drain
    shown = links.front(application(state, api.door))
    servers = {"http": HttpServer(shown, context.http, drain * REQUESTS)}
    tasks = {**rooms.tasks(erasing), "the API": api.run(), "data requests": api.services.requests.run()}
    if context.https is not None and context.tls is not None:
        context.tls.catch_up()
        tls = context.tls.context(context.config.http.https.minimum_tls)
        shown = links.front(application(state, api.door, pages=False))
        servers["https"] = HttpServer(shown, context.https, drain * REQUESTS, tls)
        tasks["certificates"] = context.tls.watch()
    tasks["reloading"] = _reload(context, state, links, api, rooms, reloads)
    running = {name: asyncio.create_task(task) for name, task in tasks.items()}
    serving = {name: asyncio.create_task(server.run(), name=name) for name, server in servers.items()}
    journal = asyncio.create_task(links.journal.run(), name="journal")
    try:
        if await _all_answer(servers, serving):
            lifeline.ready()
        await until_stopped(lifeline.stopping, {**running, **serving, "journal": journal})
        for server in servers.values():
            server.stop()
        await asyncio.gather(*serving.values())
        await rooms.drain(drain * DELIVERY)
    finally:
        for task in (*running.values(), *serving.values()):
            task.cancel()
        await asyncio.gather(*running.values(), *serving.values(), return_exceptions=True)
        links.journal.stop()  # only now: nothing comes any more
        await asyncio.gather(journal, return_exceptions=True)
    await links.close()
    await api.close()
    await rooms.close()


def _api(config: Config, rooms: Rooms) -> Api:
    from relay.web.api.build import Api

    return Api(
        config=config,
        registry=rooms.registry,
        suppressions=rooms.suppressions,
        idempotency=rooms.idempotency,
        directory=rooms.directory,
        intake=rooms.intake,
        limits=rooms.limits,
        clock=system_clock,
    )


async def _all_answer(servers: dict[str, HttpServer], serving: dict[str, asyncio.Task[None]]) -> bool:
    """Wait until each accepts connections; False: one of them ended instead."""
    answering = asyncio.ensure_future(_answering(servers.values()))
    await asyncio.wait([answering, *serving.values()], return_when=asyncio.FIRST_COMPLETED)
    if any(task.done() for task in serving.values()):
        answering.cancel()
        return False
    await answering
    return True


async def _answering(servers: Iterable[HttpServer]) -> None:
    for server in servers:
        await server.answering()


async def _reload(
    context: Context, state: State, links: Links, api: Api, rooms: Rooms, reloads: asyncio.Queue[Config]
) -> None:
    while True:
        config = await reloads.get()
        while not reloads.empty():
            config = reloads.get_nowait()  # only the last one counts
        state.config = config
        if context.tls is not None:
            try:
                context.tls.reload(config.certificate, config.key, config.web_certificates)
            except OSError as error:
                logger.error("the old certificates stay in use: %s", error)
        await rooms.reload(config)
        await links.reconfigure(config)
        await api.reconfigure(config)
