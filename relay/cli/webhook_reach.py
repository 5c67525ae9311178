"""Requests that commands make themselves: the check of a URL, and a test event."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from relay.cli.frame import CommandError
from relay.model.clock import system_clock

if TYPE_CHECKING:
    from relay.config import Config
    from relay.http.client import Client
    from relay.model.account import DkimKey
    from relay.model.webhook import Webhook

T = TypeVar("T")


def nonce() -> str:
    return secrets.token_hex(12)


def proved(config: Config, hook: Webhook, key: DkimKey | None) -> str:
    """What shows that the URL is the account's. Raises Unproven."""
    from relay.report.webhooks.check import check

    timeout = config.webhooks.timeout
    return _with_client(
        config, lambda client: check(hook, client, key, timeout=timeout, clock=system_clock, nonce=nonce)
    )


def told(config: Config, hook: Webhook, key: DkimKey | None, event: str) -> tuple[int, str]:
    """The answer to one made-up event: status and the beginning of the text. Raises CommandError."""
    from relay.report.webhooks.check import Unproven, made_up, post

    try:
        body = made_up(hook, event, system_clock(), nonce())
    except ValueError as error:
        raise CommandError(str(error)) from error
    timeout = config.webhooks.timeout
    try:
        response = _with_client(
            config,
            lambda client: post(hook, client, key, body, timeout=timeout, clock=system_clock, nonce=nonce),
        )
    except Unproven as error:
        raise CommandError(str(error)) from error
    return response.status, response.body.decode("utf-8", "replace")[:200]


def checked_url(url: str) -> str:
    """Raises CommandError: nothing could be sent there."""
    from relay.http.client import Failed, checked

    try:
        target = checked(url)
    except Failed as error:
        raise CommandError(error.text) from error
    if target.fragment:
        raise CommandError("a webhook's URL has no #fragment")
    return url


def _with_client(config: Config, act: Callable[[Client], Awaitable[T]]) -> T:
    from relay.http.client import Client
    from relay.http.guard import Guard

    async def run() -> T:
        settings = config.webhooks
        client = Client(Guard(allow=settings.allow, ports=settings.ports, plain=settings.plain_http))
        try:
            return await act(client)
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await client.close()

    return asyncio.run(run())
