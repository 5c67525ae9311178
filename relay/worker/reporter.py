"""The reporter as a process: folds journals until told to stop, then what is left."""

from __future__ import annotations

import asyncio

from relay.config import Config
from relay.model.clock import system_clock
from relay.report.reporter import Reporter
from relay.worker.context import Context
from relay.worker.lifeline import Lifeline
from relay.worker.process import on_reload, serve


def run(context: Context) -> int:
    return serve(context, _work)


async def _work(context: Context, lifeline: Lifeline) -> None:
    reporter = await asyncio.to_thread(Reporter, context.config, system_clock)

    def reload(config: Config) -> None:
        reporter.config = config

    on_reload(context, lifeline, reload)
    lifeline.ready()
    try:
        await reporter.run(lifeline.stopping, lifeline.tell)
    finally:
        reporter.close()
