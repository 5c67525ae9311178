"""A real web server on loopback for tests of what we send: it does what its handler says, and keeps what it got."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Got:
    """A request as it came."""

    method: str
    target: str  # path and query
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass
class Site:
    port: int = 0
    scheme: str = "http"
    got: list[Got] = field(default_factory=list)
    _more: asyncio.Condition = field(default_factory=asyncio.Condition)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    async def wait_for(self, count: int, seconds: float = 20.0) -> list[Got]:
        """The requests, once there are so many. Raises TimeoutError."""
        async with asyncio.timeout(seconds), self._more:
            await self._more.wait_for(lambda: len(self.got) >= count)
        return list(self.got)

    async def note(self, got: Got) -> None:
        async with self._more:
            self.got.append(got)
            self._more.notify_all()


Handler = Callable[[Got], Awaitable[web.StreamResponse]]


async def fine(got: Got) -> web.StreamResponse:
    return web.Response(text="fine")


@asynccontextmanager
async def site(
    handler: Handler = fine, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Site]:
    kept = Site(scheme="https" if tls else "http")

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        got = Got(request.method, request.raw_path, headers, b"")
        got.body = await request.read()
        await kept.note(got)
        return await handler(got)

    runner = web.ServerRunner(web.Server(answer), handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    listener = web.TCPSite(runner, host, 0, ssl_context=tls)
    await listener.start()
    kept.port = runner.addresses[0][1]
    try:
        yield kept
    finally:
        await runner.cleanup()
