"""A listener at work: a bound socket becomes SMTP sessions, until it is closed and drained.

A worker has several, which share one `Budget`. The socket was bound elsewhere (by systemd or the supervisor)
and stays open there when this process closes its copy, so connections that wait in it wait for our successor.
"""

from __future__ import annotations

import asyncio
import socket
import ssl

from relay.config import Limits, Listener
from relay.model.clock import Clock, system_clock
from relay.smtp.budget import Budget
from relay.smtp.door import Door
from relay.smtp.server import Session
from relay.smtp.service import Service

BACKLOG = 1024


class Server:
    def __init__(self, service: Service, acceptor: asyncio.Server) -> None:
        self._service = service
        self._acceptor = acceptor

    @property
    def listener(self) -> Listener:
        return self._service.listener

    @property
    def port(self) -> int:
        port: int = self._acceptor.sockets[0].getsockname()[1]
        return port

    @property
    def sessions(self) -> int:
        """How many are open now."""
        return len(self._service.sessions)

    def reconfigure(self, limits: Limits) -> None:
        """Hold clients to these limits from now on; sessions that are open follow where they still can."""
        self._service.reconfigure(limits)

    def close(self) -> None:
        """Accept no more. Sessions go on."""
        self._acceptor.close()

    async def drain(self, seconds: float) -> None:
        """End all sessions: idle ones at once with a 421, those at work when it is done, all after `seconds`."""
        self.close()
        for session in list(self._service.sessions):
            session.drain()
        try:
            async with asyncio.timeout(seconds):
                await self._service.empty.wait()
        except TimeoutError:
            for session in list(self._service.sessions):
                session.abort()
            # What is cancelled ends now; work that shields itself is not worth a hanging process.
            try:
                async with asyncio.timeout(1.0):
                    await self._service.empty.wait()
            except TimeoutError:
                pass


async def listen(
    sock: socket.socket,
    listener: Listener,
    limits: Limits,
    hostname: str,
    door: Door,
    tls: ssl.SSLContext | None,
    budget: Budget,
    clock: Clock = system_clock,
) -> Server:
    """Serve SMTP on a bound socket.

    Raises:
        ValueError: the listener speaks TLS, and there is no context for it.
    """
    service = Service(listener, limits, hostname, door, tls, budget, clock)
    loop = asyncio.get_running_loop()
    acceptor = await loop.create_server(lambda: Session(service), sock=sock, backlog=BACKLOG)
    return Server(service, acceptor)
