"""A relay's data directory with a registry, a reporter and a sender run by hand, and real receivers on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from relay.config import Config
from relay.model.account import Account
from relay.model.webhook import Secret, Webhook
from relay.report.reporter import Reporter
from relay.report.webhooks import sign
from relay.report.webhooks.outbox import Outbox, open_outbox
from relay.report.webhooks.sender import Sender
from relay.store.sqlite import SqliteQueue, open_registry
from relay.store.sqlite.hooks import SqliteWebhooks, open_webhooks
from tests.report.stage import config, shard
from tests.store.mail import NOON

SECRET = sign.new_secret(bytes(range(32)))
ALL = frozenset({"received", "delivered", "deferred", "failed", "bounced", "opened", "clicked", "complained"})


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


class Stage:
    def __init__(self, data: Path, queue: SqliteQueue, extra: str) -> None:
        self.data = data
        self.queue = queue
        self.clock = Clock()
        self.config: Config = config(data, f"webhooks: {{allow: [127.0.0.0/8], {extra}}}")
        with contextlib.closing(open_registry(data / "registry.db")) as registry:
            registry.add_account(Account(name="demo", created=NOON))
        self.hooks: SqliteWebhooks = open_webhooks(data / "registry.db")
        self.reporter = Reporter(self.config, self.clock)
        self.sender = self.new_sender()

    def new_sender(self) -> Sender:
        return Sender(self.config, self.clock, random=Random(1))

    def hook(self, url: str, **given: Any) -> Webhook:
        number = len(self.hooks.webhooks()) + 1
        hook = Webhook(
            **{
                "id": f"wh_{number}",
                "account": "demo",
                "url": url,
                "created": NOON + number,
                "events": ALL,
                "secrets": (Secret(SECRET, NOON),),
                "token": "abcde",
                "checked": NOON,
                **given,
            }
        )
        self.hooks.add(hook)
        return hook

    def change(self, hook: Webhook, **given: Any) -> Webhook:
        changed = replace(self.hooks.webhook(hook.id), **given)
        self.hooks.update(changed)
        return changed

    def fold(self) -> None:
        while self.reporter.turn():
            pass

    async def send(self) -> None:
        """Until nothing more is under way."""
        await self.sender.look()
        async with asyncio.timeout(60):
            while self.sender.busy:
                await self.sender.idle()
                await self.sender.look()

    async def tell(self, *events: Any) -> None:
        await self.queue.record(list(events))
        await asyncio.to_thread(self.fold)
        await self.send()

    async def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        await self.send()

    @contextlib.contextmanager
    def outbox(self) -> Any:
        opened: Outbox = open_outbox(self.data)
        try:
            yield opened
        finally:
            opened.close()

    def waiting(self, hook: Webhook) -> int:
        with self.outbox() as outbox:
            count: int = outbox.count(hook.id)
        return count


@contextlib.asynccontextmanager
async def stage(data: Path, extra: str = "timeout: 10s") -> AsyncIterator[Stage]:
    async with shard(data) as queue:
        one = Stage(data, queue, extra)
        try:
            yield one
        finally:
            stopping = asyncio.Event()
            stopping.set()
            await one.sender.run(stopping)
            one.reporter.close()
            one.hooks.close()


def said(body: bytes) -> Any:
    return json.loads(body)
