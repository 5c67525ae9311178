"""The one client for HTTP towards others: guarded, bounded, and without opinions about answers.

In:  a URL somebody gave us, whom we trust with nothing.
Out: a `Response`, whatever its status; or `Failed`, which says in a word (`Failure`) and a text why there is none.

    client = Client(Guard(allow=config.webhooks.allow))
    response = await client.post(url, headers=..., body=..., timeout=15)
    picture = (await client.get(url, limit=5 << 20, timeout=10, redirects=3)).content()
    await client.close()

Every connection is judged by the guard with the very address it goes to. Redirects are followed only as often as
the caller says, each hop judged anew; never by `post`. No proxy or password of the environment is used, no cookie
kept, nothing decompressed. Texts of failures name scheme, host and port: paths and queries may hold secrets.

Why so: answers are cut (`post`) or refused (`get`) at `limit` octets while they are read, not afterwards; and one
clock bounds name look-up, connection, TLS, sending and reading together.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from relay.http.guard import Guard
from relay.http.names import Look, Names

AGENT = "relay"
CONNECTIONS = 100  # at once, in all
PER_HOST = 16
KEEP = 15.0  # seconds that an idle connection is kept
LONGEST_URL = 4096
REDIRECTS = frozenset({301, 302, 303, 307, 308})

_BY_GUARD = -1  # in place of an errno: the guard said no, not the system
_plain: ContextVar[bool] = ContextVar("plain", default=True)  # whether the request under way goes without TLS


class Failure(StrEnum):
    REFUSED = "refused"  # by our guard; nothing was sent
    UNREACHABLE = "unreachable"  # no address, no connection, no TLS, or no HTTP spoken there
    TIMEOUT = "timeout"
    TOO_LARGE = "too-large"
    STATUS = "status"  # an answer, but not one that can be used


class Failed(Exception):
    """No usable answer."""

    def __init__(self, failure: Failure, text: str) -> None:
        super().__init__(text)
        self.failure = failure
        self.text = text  # fit for a log


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Mapping[str, str]  # names in any case
    body: bytes  # as it came; of `post` at most `limit` octets
    url: str  # that answered, after redirects

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def content(self) -> bytes:
        """The body of an answer of success. Raises Failed (STATUS)."""
        if not self.ok:
            raise Failed(Failure.STATUS, f"{origin(self.url)} answered {self.status}")
        encoding = self.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise Failed(Failure.STATUS, f"{origin(self.url)} answered in {encoding[:40]!a}, which was not asked for")
        return self.body


class Client:
    """One a process and use. Belongs to the event loop of its first request."""

    def __init__(
        self,
        guard: Guard,
        *,
        look: Look | None = None,
        tls: ssl.SSLContext | None = None,
        connections: int = CONNECTIONS,
        per_host: int = PER_HOST,
    ) -> None:
        self._guard = guard
        self._look = look
        self._tls = tls
        self._connections = connections
        self._per_host = per_host
        self._opened: aiohttp.ClientSession | None = None

    async def get(
        self,
        url: str,
        *,
        limit: int,
        timeout: float,
        headers: Mapping[str, str] | None = None,
        redirects: int = 0,
    ) -> Response:
        """Raises Failed, also (TOO_LARGE) for more than `limit` octets, (STATUS) for one redirect too many."""
        try:
            async with asyncio.timeout(timeout):
                for _ in range(redirects + 1):
                    response = await self._ask("GET", url, headers or {}, None, limit, cut=False)
                    target = response.headers.get("Location")
                    if response.status not in REDIRECTS or not target or not redirects:
                        return response
                    url = _joined(url, target)
        except TimeoutError:
            raise Failed(Failure.TIMEOUT, f"{origin(url)} did not answer within {timeout:g} s") from None
        raise Failed(Failure.STATUS, f"more than {redirects} redirects, the last one to {origin(url)}")

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, timeout: float, limit: int = 2048
    ) -> Response:
        """The answer, its body cut at `limit` octets. Raises Failed."""
        try:
            async with asyncio.timeout(timeout):
                return await self._ask("POST", url, headers, body, limit, cut=True)
        except TimeoutError:
            raise Failed(Failure.TIMEOUT, f"{origin(url)} did not answer within {timeout:g} s") from None

    async def close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.close()

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, limit: int, *, cut: bool
    ) -> Response:
        target = checked(url)
        token = _plain.set(target.scheme == "http")
        try:
            async with self._session().request(
                method, target, headers=headers, data=body, allow_redirects=False
            ) as response:
                octets = await _read(response, limit, cut)
                return Response(response.status, response.headers, octets, url)
        except aiohttp.ClientConnectorError as error:
            refused = error.os_error.errno == _BY_GUARD
            failure = Failure.REFUSED if refused else Failure.UNREACHABLE
            raise Failed(failure, f"{origin(url)}: {_reason(error.os_error)}") from error
        except aiohttp.InvalidURL as error:
            raise Failed(Failure.REFUSED, f"{origin(url)}: no address we use") from error
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise Failed(Failure.UNREACHABLE, f"{origin(url)}: {_reason(error)}") from error
        finally:
            _plain.reset(token)

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            connector = aiohttp.TCPConnector(
                resolver=Names(self._look),
                socket_factory=self._socket,
                ssl=self._tls if self._tls is not None else True,
                limit=self._connections,
                limit_per_host=self._per_host,
                keepalive_timeout=KEEP,
            )
            self._opened = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": AGENT, "Accept-Encoding": "identity"},
                timeout=aiohttp.ClientTimeout(total=None),  # each request has a clock of its own, over all steps
                auto_decompress=False,
                trust_env=False,
            )
        return self._opened

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        """Called by the connector right before it connects: the last and only word on the address."""
        family, kind, protocol, _, (host, port, *_) = info
        if reason := self._guard.refusal(host, port, _plain.get()):
            raise OSError(_BY_GUARD, f"we do not connect to {host}: {reason}")
        return socket.socket(family, kind, protocol)


def checked(url: str) -> URL:
    """The URL, if it is one that may be asked for at all. Raises Failed (REFUSED)."""
    if len(url) > LONGEST_URL or not url.isprintable() or " " in url or "\\" in url:
        raise Failed(Failure.REFUSED, f"no URL: over {LONGEST_URL} characters, or with some that have to be escaped")
    try:
        target = URL(url, encoded=url.isascii())  # as it was given: a receiver may sign or compare what it was asked
        _, host = target.port, target.host
    except ValueError:
        raise Failed(Failure.REFUSED, "no URL") from None
    if target.scheme not in ("http", "https") or not host:
        raise Failed(Failure.REFUSED, "only http:// and https:// URLs with a host are asked for")
    return target


def origin(url: str) -> str:
    """What of a URL may be shown: scheme, host and port."""
    try:
        target = URL(url)
        return str(target.origin()) if target.host else "the URL"
    except ValueError:
        return "the URL"


def _joined(url: str, target: str) -> str:
    try:
        joined = urljoin(url, target)
        return str(URL(joined).with_user(None)) if "@" in joined else joined  # the password was for the first host
    except ValueError:
        raise Failed(Failure.STATUS, f"{origin(url)} redirects to what is no URL") from None


async def _read(response: aiohttp.ClientResponse, limit: int, cut: bool) -> bytes:
    octets = bytearray()
    async for chunk in response.content.iter_any():
        octets += chunk
        if len(octets) > limit:
            if not cut:
                raise Failed(Failure.TOO_LARGE, f"{origin(str(response.url))} answered with over {limit} octets")
            del octets[limit:]
            break
    return bytes(octets)


def _reason(error: BaseException) -> str:
    """On one line, and without the URL, which some of aiohttp's texts repeat."""
    if isinstance(error, aiohttp.ClientResponseError):
        text = f"no HTTP we understand ({error.message})"
    else:
        text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return " ".join(text.split())[:200]
