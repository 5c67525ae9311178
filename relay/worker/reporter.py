"""The reporter as a process: folds journals and sends to webhooks until told to stop, then what is left."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from relay.config import Config
from relay.dns.resolver import DnsFailure, Resolver
from relay.http.names import Look
from relay.model.clock import system_clock
from relay.report.reporter import Reporter
from relay.report.webhooks.sender import Sender
from relay.worker.context import Context
from relay.worker.lifeline import Lifeline
from relay.worker.process import on_reload, serve


def run(context: Context) -> int:
    return serve(context, _work)


async def _work(context: Context, lifeline: Lifeline) -> None:
    reporter = await asyncio.to_thread(Reporter, context.config, system_clock)
    resolver = Resolver(context.config.dns, system_clock)
    sender = Sender(context.config, system_clock, look=look_by(resolver))

    def reload(config: Config) -> None:
        reporter.config = config
        sender.reload(config)

    on_reload(context, lifeline, reload)
    lifeline.ready()
    try:
        async with asyncio.TaskGroup() as group:  # what one of them dies of ends the process
            group.create_task(reporter.run(lifeline.stopping, lifeline.tell), name="fold")
            group.create_task(sender.run(lifeline.stopping), name="webhooks")
    finally:
        await resolver.close()
        reporter.close()


def look_by(resolver: Resolver) -> Look:
    """Addresses of a name for the HTTP client, from the relay's own resolver, which waits for many at once."""

    async def look(host: str) -> Sequence[str]:
        try:
            return (await resolver.addresses(host, ipv6=True)).records
        except (DnsFailure, ValueError) as error:
            raise OSError(None, f"DNS gave no answer: {error}") from error

    return look
