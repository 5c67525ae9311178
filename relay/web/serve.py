"""HTTP on a socket the supervisor opened, inside the web worker's own event loop.

In:  the application and a bound socket.
Out: answers, until told to stop; then requests under way get a few seconds.

uvicorn takes no signal, writes no access log and starts no process here: signals and the process are the
worker's, and a log line per request would repeat what events say.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import uvicorn

from relay.web.protocol import Protocol

CONNECTIONS = 4000  # at once, of one listener; over it 503. Readers of mail keep one for a while
OTHERS = 500  # files the process has open besides: databases, logs, pictures on their way, bodies of requests
IDLE = 10  # seconds a connection without a request is kept
BACKLOG = 512


def _connections() -> int:
    """As many as the system lets us have, with two listeners. The soft limit, low by tradition, is raised."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS + OTHERS
    if soft == resource.RLIM_INFINITY:
        return CONNECTIONS
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(100, min(CONNECTIONS, (soft - OTHERS) // 2))


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    def __init__(self, app: Any, sock: socket.socket, grace: float, tls: ssl.SSLContext | None = None) -> None:
        """`grace`: seconds for requests under way, at the end; `tls`: None is plain HTTP."""
        self._sock = sock
        self._server = _Server(
            uvicorn.Config(
                app,
                http=Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",  # what strangers do wrong, each time they do it, is no news
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                limit_concurrency=_connections(),
                timeout_keep_alive=IDLE,
                timeout_graceful_shutdown=max(1, int(grace)),
                ssl_context_factory=None if tls is None else lambda _config, _default: tls,
            )
        )

    async def run(self) -> None:
        """Serve until `stop`; returns when the last connection is closed."""
        await self._server.serve(sockets=[self._sock])

    async def answering(self) -> None:
        """Returns once connections are accepted."""
        while not self._server.started:  # noqa: ASYNC110 - uvicorn offers a flag and no event
            await asyncio.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
