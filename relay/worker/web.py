"""The web worker: the HTTP application in a process of its own, so that a slow page stalls no SMTP session.

In:  a `Context`: sockets, the web shard, configuration.
Out: answers; what readers of mail did, in the journal of the web shard.

The end: no more requests; then what readers did in the last seconds is written, and the shard closed.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from relay.config import Config
from relay.model.clock import system_clock
from relay.model.message import Lane
from relay.model.order import Act, Order
from relay.store.assets import Assets
from relay.store.sqlite import SqliteQueue, open_registry, open_suppressions
from relay.worker.context import WEB_SHARD, Context
from relay.worker.lifeline import Lifeline
from relay.worker.mail import REGISTRY, SUPPRESSIONS
from relay.worker.orders import Orders
from relay.worker.process import on_reload, serve, until_stopped
from relay.worker.shards import open_queues, prune

if TYPE_CHECKING:
    from relay.web.application import State
    from relay.web.serve import HttpServer
    from relay.web.tracking.build import Links

logger = logging.getLogger("relay.worker")


def run(context: Context) -> int:
    return serve(context, _work)


async def _work(context: Context, lifeline: Lifeline) -> None:
    # Only here: FastAPI takes half a second and ten megabytes that no other process needs.
    from relay.web.application import State, application
    from relay.web.health import Seen
    from relay.web.serve import HttpServer
    from relay.web.tracking.build import Links

    assert context.http is not None, "the web worker needs the HTTP socket"
    queues = await open_queues(context)
    registry = open_registry(context.config.data / REGISTRY)
    suppressions = open_suppressions(context.config.data / SUPPRESSIONS)
    assets = Assets(context.config.data, context.config.tracking.assets, system_clock)
    links = Links(context.config, registry, suppressions, queues[WEB_SHARD].record, system_clock, assets)
    state = State(context.config, system_clock)
    reloads: asyncio.Queue[Config] = asyncio.Queue()

    def status(text: str) -> None:
        state.seen = Seen(system_clock(), json.loads(text))

    def erasing(order: Order) -> None:
        if order.act is Act.ERASE:
            links.gone.add(order.selection.address, order.at)

    lifeline.hear("status", status)
    on_reload(context, lifeline, reloads.put_nowait)
    grace = context.config.processes.drain / 2
    servers = {"http": HttpServer(links.front(application(state)), context.http, grace)}
    running: dict[str, asyncio.Task[None]] = {}
    if context.https is not None and context.tls is not None:
        context.tls.catch_up()
        tls = context.tls.context(context.config.http.https.minimum_tls)
        servers["https"] = HttpServer(links.front(None), context.https, grace, tls)
        running["certificates"] = asyncio.create_task(context.tls.watch())
    serving = {name: asyncio.create_task(server.run(), name=name) for name, server in servers.items()}
    journal = asyncio.create_task(links.journal.run(), name="journal")
    running["pruning"] = asyncio.create_task(prune(queues))
    running["orders"] = asyncio.create_task(Orders(queues, registry, _Nobody(), system_clock, erasing).run())
    running["reloading"] = asyncio.create_task(_reload(context, state, links, queues[WEB_SHARD], reloads))
    try:
        if await _all_answer(servers, serving):
            lifeline.ready()
        await until_stopped(lifeline.stopping, {**running, **serving, "journal": journal})
        for server in servers.values():
            server.stop()
        await asyncio.gather(*serving.values())
    finally:
        for task in (*running.values(), *serving.values()):
            task.cancel()
        await asyncio.gather(*running.values(), *serving.values(), return_exceptions=True)
        links.journal.stop()  # only now: nothing comes any more
        await asyncio.gather(journal, return_exceptions=True)
    await links.close()
    for queue in queues.values():
        await queue.close()
    suppressions.close()
    registry.close()


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
    context: Context, state: State, links: Links, queue: SqliteQueue, reloads: asyncio.Queue[Config]
) -> None:
    while True:
        config = await reloads.get()
        state.config = config
        if context.tls is not None:
            try:
                context.tls.reload(config.certificate, config.key, config.web_certificates)
            except OSError as error:
                logger.error("the old certificates stay in use: %s", error)
        queue.reconfigure(config.retention, config.sandbox, config.tracking.life)
        await links.reconfigure(config)


class _Nobody:
    """Whom orders tell of mail that is due: the web shard has none."""

    def waiting(self, shard: int, lanes: Iterable[Lane], due: float) -> None: ...

    def resume(self, site: str) -> None: ...
