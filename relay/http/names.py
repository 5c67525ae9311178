"""Names to addresses for the HTTP client: by a function that is given, else by the system in threads of its own.

Why so: not in the event loop's shared threads, since names whose servers are silent hold a thread for many
seconds each, and what else runs in those must not wait for them.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult

THREADS = 4

Look = Callable[
    [str], Awaitable[Sequence[str]]
]  # a host name to its IP addresses; raises OSError where there is none

_LOOPBACK = ("127.0.0.1", "::1")


class Names(AbstractResolver):
    def __init__(self, look: Look | None) -> None:
        self._look = look
        self._threads: ThreadPoolExecutor | None = None

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises OSError."""
        wanted = host.rstrip(".").lower()
        if wanted == "localhost" or wanted.endswith(".localhost"):  # RFC 6761 section 6.3: asked of nobody
            found: Sequence[str] = _LOOPBACK
        else:
            found = await self._look(host) if self._look is not None else ()
            if not found:  # the system knows names that no DNS has
                found = await self._system(host)
        if not found:
            raise OSError(None, f"{host} has no address")
        return [_result(host, port, each) for each in found]

    async def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None

    async def _system(self, host: str) -> list[str]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, "names")
        infos = await asyncio.get_running_loop().run_in_executor(self._threads, _addresses, host)
        return list(dict.fromkeys(infos))


def _addresses(host: str) -> list[str]:
    infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in infos]


def _result(host: str, port: int, address: str) -> ResolveResult:
    family = socket.AF_INET6 if ip_address(address.partition("%")[0]).version == 6 else socket.AF_INET
    return ResolveResult(
        hostname=host, host=address, port=port, family=family, proto=socket.IPPROTO_TCP, flags=socket.AI_NUMERICHOST
    )
