"""The way into the API: from a request to the handler of its call, and back with its answer.

In:  ASGI requests for `/v1/...` and `/v2/...`.
Out: answers; every fault in the form of `problem.py`.

    transport -> route -> token -> scope -> pace -> parameters -> body -> Idempotency-Key -> handler -> answer

Why so: whoever is not allowed to ask is told before the body is read. Paths behind `/v1` and `/v2` are the same
calls; they differ in how many recipients a message may have. No line of a log has a query in it, nor a token.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import re
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from relay.limits.cargo import Cargo
from relay.model.clock import Clock
from relay.model.reply import Refused
from relay.smtp.memory import give_back
from relay.store.interface import Exists, NotFound, StoreDown, StoreFull
from relay.web.api import answers, body, tokens
from relay.web.api.body import Gone
from relay.web.api.call import Answer, Asked, Call, Caller
from relay.web.api.cors import Cors
from relay.web.api.docs import Docs
from relay.web.api.lingering import Inbound, is_last
from relay.web.api.once import HEADER, Once, fingerprint
from relay.web.api.pace import Paces
from relay.web.api.problem import Problem, refused
from relay.web.api.query import read_query, split
from relay.web.api.routes import Routes, names
from relay.web.api.services import Services
from relay.web.api.spool import Spool
from relay.web.tracking.asked import Asked as Request
from relay.web.tracking.asked import Proxies

logger = logging.getLogger("relay.web")

Send = Callable[[dict[str, Any]], Awaitable[None]]

VERSIONS = {"/v1/": 1, "/v2/": 2}
WORKED_ON = 96 << 20  # octets of large bodies that are read at once; others wait
_NO_CALL = "there is no such call; /v1/openapi.json has all there are"
TIDIED = 2 << 20  # octets of a body that leaves much to tidy up
STOPPING = 5.0  # seconds until a successor answers
TIDY = 1.0  # seconds until that is done, for all that came meanwhile
_PIECE = 64 << 10
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_NOT_KEPT = (b"cache-control", b"no-store")
_SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_JSON = (b"content-type", b"application/json")


class Door:
    def __init__(self, services: Services, calls: Iterable[Call], once: Once, clock: Clock) -> None:
        self._services = services
        self._once = once
        calls = tuple(calls)
        self._routes = Routes(calls)
        self._docs = Docs(calls)
        self._clock = clock
        self._paces = Paces()
        self._cargo = Cargo(WORKED_ON)
        self._tidying: asyncio.TimerHandle | None = None
        self.used: dict[str, float] = {}  # when tokens were used; whoever keeps that on disk takes it away
        self.reconfigure()

    def reconfigure(self) -> None:
        """Follow the configuration the services have now."""
        config = self._services.config
        self._proxies = Proxies(config.http.proxies)
        self._cors = Cors(config.http.api.cors)
        self._limit = config.limits.size // 2 * 3 + (1 << 20)  # a message in base64, and what stands around it

    async def __call__(self, scope: dict[str, Any], receive: body.Receive, send: Send) -> None:
        request = self._proxies.asked(scope)
        more = list(self._cors.fields(request))
        if request.method == "OPTIONS":
            await self._out(self._cors.preflight(request), more, receive, send, head=False)
            return
        inbound = Inbound(receive)
        try:
            answer = await self._answer(scope, request, inbound, more)
        except Gone:
            return
        except asyncio.CancelledError:  # the process ends, and this request had the time there was
            text = (
                "the relay stops, and whether this was carried out is not known; with an Idempotency-Key, ask again"
            )
            problem = Problem("unavailable", text, reply="451 4.3.2", retry=STOPPING)
            answer = answers.answer(problem.body(), problem.status, problem.headers)
        except Exception as error:
            problem = error if isinstance(error, Problem) else _fault(error)
            answer = answers.answer(problem.body(), problem.status, problem.headers)
            if is_last(scope):
                await inbound.rest(2 * self._limit)
        await self._out(answer, more, receive, send, head=request.method == "HEAD")

    async def _answer(
        self, scope: dict[str, Any], request: Request, receive: body.Receive, more: list[tuple[bytes, bytes]]
    ) -> Answer:
        """`more`: fields that every answer to this request has. Raises Problem, Gone."""
        if not request.secure and not _is_loopback(request.client):
            raise Problem("plain_http", "the API is spoken over https; plain HTTP is for this machine itself")
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        path = raw.decode("latin-1")
        version = VERSIONS.get(path[:4])
        if version is None:  # written with escapes where none belong
            raise Problem("not_found", _NO_CALL)
        if request.method in ("GET", "HEAD") and (page := self._docs.answer(path[3:])) is not None:
            return page
        call, values = self._route(request.method, path[3:])
        query = split(scope["query_string"])
        token = tokens.find(tokens.given(_field(request, b"authorization"), query), self._services.directory)
        now = self._clock()
        rate = token.rate if token.rate is not None else self._services.config.http.api.rate
        more += self._paces.count(token.id, rate, now)
        self.used[token.id] = now
        if call.scope not in token.scopes:
            raise Problem("scope", f"this token may not {call.scope.value}: it lacks the scope {call.scope.value}")
        caller = Caller(
            token=token,
            address=request.client,
            peer=_peer(scope, request.client),
            tls="HTTPS" if request.secure else "",
        )
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers.items()}
        asked = Asked(
            caller=caller,
            at=now,
            version=version,
            path=dict(zip(names(call), values, strict=True)),
            query=read_query(call, query),
            headers=headers,
            base=f"{'https' if request.secure else 'http'}://{_host(request)}{path[:3]}",
        )
        if call.once and (key := headers.get(HEADER.lower())) is not None:
            one = _Single(call.method, scope["path"], key, query)
            return await self._with_body(call, asked, receive, one)
        return await self._with_body(call, asked, receive)

    def _route(self, method: str, path: str) -> tuple[Call, tuple[str, ...]]:
        found = self._routes.find(path)
        if found is None:
            raise Problem("not_found", _NO_CALL)
        call = found.calls.get("GET" if method == "HEAD" else method)
        if call is None:
            allowed = ", ".join(sorted({*found.calls, *(("HEAD",) if "GET" in found.calls else ())}))
            raise Problem("method", f"expected {allowed}, not {method}", headers={"Allow": allowed})
        return call, found.values

    async def _with_body(self, call: Call, asked: Asked, receive: body.Receive, one: _Single | None = None) -> Answer:
        if call.body is None:
            return await self._handle(call, asked)
        media = body.media_type(asked.headers)
        if not body.accepts(call.body, media):
            text = f"Content-Type: expected {' or '.join(call.body.types)}, not {media[:80]}"
            if media == "multipart/form-data":
                text += "; in PHP give CURLOPT_POSTFIELDS json_encode(...) or http_build_query(...)"
            raise Problem("bad_type", text, headers={"Accept": ", ".join(call.body.types)})
        try:
            spool = await body.take(receive, asked.headers, self._limit, self._services.data)
        except OSError as error:
            logger.error("a body cannot be kept while it is read: %s", error)
            raise Problem("unavailable", "there is no room for the body now") from error
        try:
            if one is None or asked.query.get("dry_run"):
                return await self._with_spool(call, asked, media, spool)
            return await self._alone(call, asked, media, spool, one)
        finally:
            if spool.size > TIDIED and self._tidying is None:
                self._tidying = asyncio.get_running_loop().call_later(TIDY, self._tidy)
            spool.close()

    def _tidy(self) -> None:
        """Memory of large requests that ended goes back to the system."""
        self._tidying = None
        asyncio.get_running_loop().run_in_executor(None, give_back)

    async def _alone(self, call: Call, asked: Asked, media: str, spool: Spool, one: _Single) -> Answer:
        """The same, of requests with one Idempotency-Key only once. Raises Problem."""

        async def work(key: str, replay: bool) -> Answer:
            return await self._with_spool(call, _with(asked, key=key, replay=replay), media, spool)

        query = [(name, each) for name, texts in one.query.items() for each in texts]
        if spool.size <= body.LARGE:
            print_ = _fingerprint(query, media, spool)
        else:
            print_ = await self._services.brief(_fingerprint, query, media, spool)
        try:
            return await self._once.run(
                account=asked.caller.account,
                method=one.method,
                path=one.path,
                key=one.key,
                fingerprint=print_,
                at=asked.at,
                work=work,
            )
        except (StoreFull, StoreDown) as error:
            raise _store(call, error) from error

    async def _with_spool(self, call: Call, asked: Asked, media: str, spool: Spool) -> Answer:
        assert call.body is not None
        if not spool.size:
            if call.body.required:
                raise Problem("missing", f"there is no body; expected {' or '.join(call.body.types)}")
            return await self._handle(call, asked)
        if call.body.shape is None:
            return await self._handle(call, _with(asked, spool=spool))
        if spool.size <= body.LARGE:
            return await self._handle(call, _with(asked, spool=spool, body=body.decode(call.body, media, spool)))
        weight = await self._services.brief(body.weigh, call.body, media, spool)
        await self._cargo.take(weight)
        try:
            value = await self._services.brief(body.decode, call.body, media, spool)
            return await self._handle(call, _with(asked, spool=spool, body=value))
        finally:
            self._cargo.give(weight)

    async def _handle(self, call: Call, asked: Asked) -> Answer:
        """Raises Problem."""
        try:
            return await call.handler(self._services, asked)
        except Problem:
            raise
        except Refused as error:
            raise refused(error) from error
        except NotFound as error:
            raise Problem("not_found", str(error)) from error
        except Exists as error:
            raise Problem("conflict", str(error)) from error
        except StoreFull as error:
            raise Problem("unavailable", "there is no room on the disk now", reply="452 4.3.1") from error
        except StoreDown as error:
            logger.error("%s: %s", call.name, error)
            raise Problem(
                "unavailable", "what this needs cannot be read or written now", reply="451 4.3.0"
            ) from error
        except Exception as error:
            logger.exception("%s could not be answered", call.name)
            raise Problem("internal", "a fault of the relay's; its log says more") from error

    async def _out(
        self, answer: Answer, more: list[tuple[bytes, bytes]], receive: body.Receive, send: Send, *, head: bool
    ) -> None:
        fields = [*_SAFE, *more]
        if "Cache-Control" not in answer.headers:
            fields.append(_NOT_KEPT)
        if answer.media:
            fields.append(_JSON if answer.media == "application/json" else (b"content-type", answer.media.encode()))
        fields += [
            (name.lower().encode(), value.encode("latin-1", "replace")) for name, value in answer.headers.items()
        ]
        if isinstance(answer.body, bytes):
            if answer.status != 204:
                fields.append((b"content-length", b"%d" % len(answer.body)))
            await send({"type": "http.response.start", "status": answer.status, "headers": fields})
            await send({"type": "http.response.body", "body": b"" if head else answer.body})
            return
        await send({"type": "http.response.start", "status": answer.status, "headers": fields})
        try:
            if not head:
                await self._stream(answer.body, receive, send)
        finally:
            if isinstance(answer.body, Generator):  # what it has open is closed where it was opened: in a thread
                await self._services.threaded(_close, answer.body)
        await send({"type": "http.response.body", "body": b""})

    async def _stream(self, pieces: Iterator[bytes], receive: body.Receive, send: Send) -> None:
        """Piece by piece, as fast as they are taken, and no longer than somebody is there.

        One that fails cuts the answer off, so that nobody trusts it.
        """
        leaving = asyncio.ensure_future(_left(receive))  # `send` tells nobody that its client is gone
        try:
            while not leaving.done() and (piece := await self._services.threaded(_gather, pieces)):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                await asyncio.sleep(0)
        finally:
            leaving.cancel()


@dataclass(frozen=True, slots=True)
class _Single:
    """What an Idempotency-Key stands for, but for the body."""

    method: str
    path: str
    key: str
    query: Mapping[str, list[str]]


def _fault(error: Exception) -> Problem:
    """What kept a request from its handler, and is no fault of its own."""
    if isinstance(error, StoreFull | StoreDown):
        logger.error("who asks cannot be looked up: %s", error)
        return Problem("unavailable", "who asks cannot be looked up now", reply="451 4.3.0")
    logger.error("a request could not be answered", exc_info=error)
    return Problem("internal", "a fault of the relay's; its log says more")


def _fingerprint(query: Iterable[tuple[str, str]], media: str, spool: Spool) -> bytes:
    with spool.view() as octets:
        return fingerprint(query, media, octets)


def _store(call: Call, error: StoreFull | StoreDown) -> Problem:
    if isinstance(error, StoreFull):
        return Problem("unavailable", "there is no room on the disk now", reply="452 4.3.1")
    logger.error("%s: %s", call.name, error)
    return Problem("unavailable", "what this needs cannot be read or written now", reply="451 4.3.0")


def _close(pieces: Generator[bytes, None, None]) -> None:
    with contextlib.suppress(ValueError):  # a thread is at it still, as when the process ends; that one closes it
        pieces.close()


async def _left(receive: body.Receive) -> None:
    """Returns when the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _gather(pieces: Iterator[bytes]) -> bytes:
    """Some of them as one; empty: there are no more."""
    gathered = bytearray()
    for piece in pieces:
        gathered += piece
        if len(gathered) >= _PIECE:
            break
    return bytes(gathered)


def _with(asked: Asked, **changes: Any) -> Asked:
    for name, value in changes.items():
        object.__setattr__(asked, name, value)  # it is this door's still: nobody else has seen it
    return asked


def _field(request: Request, name: bytes) -> str:
    return request.headers.get(name, b"").decode("latin-1")


def _is_loopback(address: str) -> bool:
    if address in ("127.0.0.1", "::1", ""):  # "": a Unix socket
        return True
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _peer(scope: Mapping[str, Any], client: str) -> str:
    peer = scope.get("client")
    if not peer or peer[0] != client:
        return client
    return f"[{client}]:{peer[1]}" if ":" in client else f"{client}:{peer[1]}"


def _host(request: Request) -> str:
    """For addresses in answers. What the client says of itself comes back to it alone, and only as a host."""
    given = _field(request, b"host").strip()
    return given if _HOST.fullmatch(given) else "localhost"
