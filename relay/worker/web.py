"""The web worker: the HTTP application in a process of its own, so that a slow page stalls no SMTP session."""

from __future__ import annotations

import asyncio
import json

from relay.config import Config
from relay.model.clock import system_clock
from relay.worker.context import Context
from relay.worker.lifeline import Lifeline
from relay.worker.process import on_reload, serve, until_stopped


def run(context: Context) -> int:
    return serve(context, _work)


async def _work(context: Context, lifeline: Lifeline) -> None:
    # Only here: FastAPI takes half a second and ten megabytes that no other process needs.
    from relay.web.application import State, application
    from relay.web.health import Seen
    from relay.web.serve import HttpServer

    assert context.http is not None, "the web worker needs the HTTP socket"
    state = State(context.config, system_clock)

    def status(text: str) -> None:
        state.seen = Seen(system_clock(), json.loads(text))

    def reload(config: Config) -> None:
        state.config = config

    lifeline.hear("status", status)
    on_reload(context, lifeline, reload)
    server = HttpServer(application(state), context.http, context.config.processes.drain / 2)
    running = asyncio.create_task(server.run(), name="http")
    answering = asyncio.create_task(server.answering())
    await asyncio.wait([running, answering], return_when=asyncio.FIRST_COMPLETED)
    answering.cancel()
    if not running.done():
        lifeline.ready()
    await until_stopped(lifeline.stopping, {"http": running})
    server.stop()
    await running
