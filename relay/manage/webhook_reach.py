"""Requests to a webhook that somebody waits for: the check of its URL, and a test event."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from relay.manage.wrong import Wrong
from relay.report.webhooks.check import Unproven, check, made_up, post

if TYPE_CHECKING:
    from relay.config import Config
    from relay.http.client import Client
    from relay.model.account import DkimKey
    from relay.model.clock import Clock
    from relay.model.webhook import Webhook

TEXT = 200  # characters of an answer that are shown
CLOSING = 1.0  # seconds


async def proved(config: Config, hook: Webhook, key: DkimKey | None, clock: Clock) -> str:
    """What shows that the URL is the account's. Raises Unproven."""
    timeout = config.webhooks.timeout
    async with _client(config) as client:
        return await check(hook, client, key, timeout=timeout, clock=clock, nonce=_nonce)


async def told(config: Config, hook: Webhook, key: DkimKey | None, event: str, clock: Clock) -> tuple[int, str]:
    """The answer to one made-up event: status and the beginning of the text. Raises Wrong; Unproven: no answer."""
    try:
        body = made_up(hook, event, clock(), _nonce())
    except ValueError as error:
        raise Wrong("event", str(error)) from error
    timeout = config.webhooks.timeout
    async with _client(config) as client:
        response = await post(hook, client, key, body, timeout=timeout, clock=clock, nonce=_nonce)
    return response.status, response.body.decode("utf-8", "replace")[:TEXT]


__all__ = ["Unproven", "proved", "told"]


def _nonce() -> str:
    return secrets.token_hex(12)


@asynccontextmanager
async def _client(config: Config) -> AsyncIterator[Client]:
    """With the guard that webhooks have."""
    from relay.http.client import Client
    from relay.http.guard import Guard

    settings = config.webhooks
    client = Client(Guard(allow=settings.allow, ports=settings.ports, plain=settings.plain_http))
    try:
        yield client
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING):
                await client.close()
