"""In front of the HTTP application: what concerns links of ours is answered here, the rest goes on to it.

In:  ASGI requests of one listener.
Out: answers.

    /TOKEN...                       whatever stands behind the token is for the reader's eye
    /h/NAME                         a hosted picture
    /robots.txt, /favicon.ico       that there is nothing for robots, and no picture
    /.well-known/acme-challenge/    files of an ACME client (`http.acme`)
    /.well-known/relay/host?name=   whether a host is ours: for proxies that get certificates on demand

The relay's own pages, and the last of these, are shown where neither the listener nor the host the client asked for
is there for links alone. Why so: hosts of links are public, and who follows one has no business with the rest.

Why so: without the application's routes, a redirect costs a fraction of what one of its answers does.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from relay.model.token import TOKEN_LENGTH, Purpose
from relay.store.interface import StoreDown
from relay.web.tracking import answers, pages
from relay.web.tracking.answers import PIECE, Answer, Send
from relay.web.tracking.asked import Asked, Proxies
from relay.web.tracking.handlers import Handlers
from relay.web.tracking.hosted import CACHE, PREFIX
from relay.web.tracking.hosts import Hosts

logger = logging.getLogger("relay.web")

Receive = Callable[[], Awaitable[dict[str, Any]]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

PATIENCE = 15.0  # seconds for the body of a request
CHALLENGE = 4096  # octets of an ACME client's file

_END = 1 + TOKEN_LENGTH
_TOKEN = re.compile(rf"/[A-Za-z0-9_-]{{{TOKEN_LENGTH}}}")
_CHALLENGE = re.compile(r"/\.well-known/acme-challenge/([A-Za-z0-9_-]{1,200})")
_HOST = "/.well-known/relay/host"
_READ = (b"allow", b"GET, HEAD")
_READ_OR_POST = (b"allow", b"GET, HEAD, POST")
_NOT_THIS = ("Not possible", "That cannot be done here.")
ONLY_READ = pages.plain(405, *_NOT_THIS, _READ)
READ_OR_POST = pages.plain(405, *_NOT_THIS, _READ_OR_POST)
ROBOTS = answers.text(200, "User-agent: *\nDisallow: /\n")
NOTHING = answers.text(404, "")


class Front:
    def __init__(
        self,
        handlers: Handlers,
        hosts: Hosts,
        proxies: Proxies,
        acme: Path | None,
        application: Application | None = None,
    ) -> None:
        """`acme`: webroot; `application`: None where nothing but links is shown."""
        self._handlers = handlers
        self._hosts = hosts
        self._proxies = proxies
        self._acme = acme
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if _TOKEN.match(path):
            asked = self._proxies.asked(scope)
            await self._send(await self._safe(self._token(asked, receive)), asked, send)
            return
        asked = self._proxies.asked(scope)
        found = await self._safe(self._other(asked, scope))
        if found is None:
            assert self._application is not None
            await self._application(scope, receive, send)
            return
        if asked.method not in ("GET", "HEAD"):
            found = ONLY_READ
        await self._send(found, asked, send)

    async def _send(self, answer: Answer, asked: Asked, send: Send) -> None:
        head = asked.method == "HEAD"
        if head or len(answer.body) <= PIECE:
            await answer.send(send, head=head)
            return
        room = self._handlers.room
        if not room.enter(answer.body):
            await (answer.instead or pages.DOWN).send(send)
            return
        try:
            await answer.send(send)
        finally:
            room.leave(answer.body)

    async def _token(self, asked: Asked, receive: Receive) -> Answer:
        try:
            token = self._handlers.known.token(asked.path[1:_END])
        except ValueError:
            return pages.UNKNOWN
        except StoreDown:
            return pages.DOWN
        if asked.method not in ("GET", "HEAD"):
            if token.purpose is not Purpose.UNSUBSCRIBE:
                return ONLY_READ
            if asked.method != "POST":
                return READ_OR_POST
        return await self._handlers.answer(token, asked, lambda most: _body(receive, most))

    async def _other(self, asked: Asked, scope: dict[str, Any]) -> Answer | None:
        """None: it is for the application."""
        path = asked.path
        if path.startswith(PREFIX):
            picture = await self._handlers.hosted.get(path.removeprefix(PREFIX))
            return answers.picture(*picture, CACHE) if picture is not None else answers.LOST_PICTURE
        if path.startswith("/.well-known/acme-challenge/"):
            return await self._challenge(path)
        if path == "/robots.txt":
            return ROBOTS
        if path == "/favicon.ico":
            return NOTHING
        if self._application is None or self._hosts.tracks(asked.host):
            return pages.UNKNOWN
        if path == _HOST:
            return self._is_ours(scope["query_string"])
        return None

    def _is_ours(self, query: bytes) -> Answer:
        try:
            given = parse_qs(query.decode("ascii"), max_num_fields=10)
        except ValueError:
            return answers.text(400, "expected name=HOST\n")
        names = given.get("name", []) + given.get("domain", [])
        if len(names) != 1:
            return answers.text(400, "expected name=HOST\n")
        return answers.text(200, "ours\n") if self._hosts.ours(names[0]) else answers.text(404, "not ours\n")

    async def _challenge(self, path: str) -> Answer:
        found = _CHALLENGE.fullmatch(path)
        if found is None or self._acme is None:
            return answers.text(404, "no such challenge\n")
        file = self._acme / ".well-known" / "acme-challenge" / found[1]
        try:
            said = await asyncio.to_thread(_read, file)
        except (OSError, UnicodeDecodeError):
            return answers.text(404, "no such challenge\n")
        return answers.text(200, said)

    async def _safe(self, work: Awaitable[Any]) -> Any:
        """A fault of ours is a page like any other, and told in the log."""
        try:
            return await work
        except StoreDown:
            return pages.DOWN
        except Exception:
            logger.exception("a request could not be answered")
            return pages.DOWN


def _read(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.read(CHALLENGE).decode("ascii")


async def _body(receive: Receive, most: int) -> bytes | None:
    """All of a request's body; None: more octets than `most`, or it did not come."""
    octets = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                octets += message.get("body", b"")
                if len(octets) > most:
                    return None
                if not message.get("more_body"):
                    return bytes(octets)
    except TimeoutError:
        return None
