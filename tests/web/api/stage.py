"""The API as a client sees it: the real door over a real data directory, served by the real server. No delivery.

Accounts: `shop` with the verified domain example.com (both keys), keyless.example (verified, no key) and
pending.example (not verified), and the credential `shop-app`; `other` with other.example and the credential
`other-app`.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from relay.config import Config, Dns, Listener, Retention, Sandbox
from relay.config.api import Api
from relay.config.inbound import Http
from relay.dns.resolver import Resolver
from relay.http.client import Client
from relay.http.guard import Guard
from relay.model.account import Account, Credential, Domain, Scope, Token
from relay.model.clock import system_clock
from relay.model.event import Event
from relay.model.ids import IdSource
from relay.report.reporter import Reporter
from relay.store.assets import Assets
from relay.store.sqlite import (
    SqliteQueue,
    SqliteRegistry,
    open_idempotency,
    open_queue,
    open_reader,
    open_registry,
    open_suppressions,
    shard_directory,
)
from relay.submission.directory import Directory
from relay.submission.examine import Keys
from relay.submission.intake import Intake
from relay.web.api.door import Door
from relay.web.api.once import Once
from relay.web.api.services import Services
from relay.web.api.table import CALLS
from relay.web.serve import HttpServer
from relay.worker.context import WEB_SHARD
from relay.worker.linkkeys import LinkKeys
from relay.worker.returnkeys import ReturnKeys
from relay.worker.stored import Stored
from tests.limits.local import LocalLimits
from tests.peers.dns import DnsServer
from tests.submission.house import Room
from tests.transform.verifiers import keys
from tests.web.api.documented import held

SHOP, OTHER = "shop", "other"
CREATED = 1_700_000_000.0
_numbers = count(1)


@dataclass
class Stage:
    data: Path
    url: str  # http://127.0.0.1:PORT
    registry: SqliteRegistry
    queue: SqliteQueue  # of the web worker's shard
    room: Room  # delivery's side: what was offered to it
    services: Services
    door: Door
    client: httpx.AsyncClient  # with a token of all scopes of `shop`
    token: Token
    reporter: Reporter
    dns: DnsServer  # what the API asks; empty at first
    _clients: list[httpx.AsyncClient] = field(default_factory=list)

    def make_token(
        self, *scopes: Scope, account: str = SHOP, credential: str | None = None, rate: int | None = None
    ) -> str:
        """A token, whole; of all scopes where none is named."""
        found, whole = _token(scopes or tuple(Scope), account, credential, rate)
        self.registry.add_token(found)
        return whole

    def as_token(self, whole: str) -> httpx.AsyncClient:
        """A client with that token; "" is none."""
        made = _client(self.url, whole)
        self._clients.append(made)
        return made

    def other(self) -> httpx.AsyncClient:
        """A client of the other account, with all scopes."""
        return self.as_token(self.make_token(account=OTHER))

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.client.get(path, **more)

    async def post(self, path: str, **more: Any) -> httpx.Response:
        return await self.client.post(path, **more)

    async def send(self, **properties: Any) -> list[str]:
        """Send a small message with these properties; the ids of its recipients."""
        given = {"recipient": "ann@example.net", "from": "Shop <me@example.com>", "subject": "Hi", "text": "Hello."}
        answer = await self.client.post("/v1/send", json=given | properties)
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    async def fold(self) -> None:
        """Bring the report database up to date with all journals."""

        def work() -> None:
            while self.reporter.turn():
                pass

        await asyncio.to_thread(work)

    async def record(self, *events: Event) -> None:
        """Journal events in the web worker's shard, and fold them."""
        await self.queue.record(events)
        await self.fold()

    def events(self) -> list[Event]:
        """All of the web worker's shard."""
        with closing(open_reader(shard_directory(self.data, WEB_SHARD), WEB_SHARD)) as reader:
            return [each.event for each in reader.journal(0, 10_000)]

    def content(self, ident: str, number: int = 0) -> bytes:
        """What leaves, of a submission or recipient by its id."""
        with closing(open_reader(shard_directory(self.data, WEB_SHARD), WEB_SHARD)) as reader:
            return reader.content(ident.partition("-")[0], number)


@asynccontextmanager
async def staged(data: Path, change: Callable[[Config], Config] = lambda config: config) -> AsyncIterator[Stage]:
    """`change`: makes another configuration of the usual one."""
    with DnsServer() as dns:
        async with _staged(data, change, dns) as stage:
            yield stage


@asynccontextmanager
async def _staged(data: Path, change: Callable[[Config], Config], dns: DnsServer) -> AsyncIterator[Stage]:
    registry = open_registry(data / "registry.db")
    token, whole = _furnish(registry)
    config = change(
        Config(
            hostname="relay.example",
            data=data,
            listeners=(Listener(name="submission", port=2525),),
            http=Http(api=Api(networks=("127.0.0.0/8",))),
            retention=Retention(min_free=0),
            dns=Dns(servers=(dns.address,)),
        )
    )
    queue = await open_queue(
        shard_directory(data, WEB_SHARD), WEB_SHARD, config.retention, Sandbox(), system_clock, config.tracking.life
    )
    suppressions = open_suppressions(data / "suppressions.db")
    idempotency = await open_idempotency(data / "idempotency.db")
    limits = LocalLimits(1, system_clock)
    directory = Directory(registry)
    room = Room(room=100_000)
    intake = Intake(
        config=config,
        queue=queue,
        ids=IdSource(WEB_SHARD, system_clock, after=queue.last_id),
        directory=directory,
        dispatch=room,
        limits=limits,
        suppressions=suppressions,
        idempotency=idempotency,
        keys=Keys(
            link=LinkKeys(registry, system_clock, config).newest, returns=ReturnKeys(registry, system_clock).newest
        ),
        host=Assets(data, 1 << 30, system_clock).put,
        stored=Stored(data),
        clock=system_clock,
    )
    resolver = Resolver(config.dns, system_clock)
    services = Services(
        config=config,
        clock=system_clock,
        registry=registry,
        suppressions=suppressions,
        idempotency=idempotency,
        directory=directory,
        intake=intake,
        limits=limits,
        http=Client(Guard(allow=config.http.api.networks, plain=True), look=_nowhere),
        resolver=lambda: resolver,
    )
    door = Door(services, CALLS, Once(idempotency, lambda: config.limits.idempotency), system_clock)
    async with _served(door) as url:
        client = _client(url, whole)
        reporter = Reporter(config, system_clock)
        stage = Stage(data, url, registry, queue, room, services, door, client, token, reporter, dns)
        yield stage
        for each in (client, *stage._clients):
            await each.aclose()
    reporter.close()
    await intake.close()
    await services.http.close()
    services.close()
    await queue.close()
    await idempotency.close()
    suppressions.close()
    registry.close()


@asynccontextmanager
async def _served(door: Door) -> AsyncIterator[str]:
    sock = socket.create_server(("127.0.0.1", 0))
    server = HttpServer(door, sock, 1)
    running = asyncio.create_task(server.run())
    async with asyncio.timeout(10):
        await server.answering()
    yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    server.stop()
    async with asyncio.timeout(20):
        await running


async def _nowhere(host: str) -> Sequence[str]:
    """Nothing but this machine is asked over HTTP."""
    raise OSError(f"{host} is not looked up in tests")


def _furnish(registry: SqliteRegistry) -> tuple[Token, str]:
    for account, domains in (
        (SHOP, ("example.com", "keyless.example", "pending.example")),
        (OTHER, ("other.example",)),
    ):
        registry.add_account(Account(name=account, created=CREATED))
        registry.add_credential(
            Credential(username=f"{account}-app", account=account, password_hash="", created=CREATED)
        )
        for name in domains:
            registry.add_domain(Domain(name=name, account=account, challenge="relay-verify=abc", created=CREATED))
            if name != "pending.example":
                registry.verify_domain(name, CREATED, "hand (test)")
    for key in keys():
        registry.add_key(key)
    token, whole = _token(tuple(Scope), SHOP, None, None)
    registry.add_token(token)
    return token, whole


def _token(scopes: Iterable[Scope], account: str, credential: str | None, rate: int | None) -> tuple[Token, str]:
    ident = f"t{next(_numbers):09d}"
    whole = f"{ident}.{'s' * 32}"
    token = Token(
        id=ident,
        account=account,
        digest=hashlib.sha256(whole.encode()).hexdigest(),
        scopes=frozenset(scopes),
        created=CREATED,
        credential=f"{account}-app" if credential is None else credential,
        rate=rate,
    )
    return token, whole


def _client(url: str, whole: str) -> httpx.AsyncClient:
    """Whatever it is answered must be in the API's document."""
    hooks = {"response": [held]}
    return httpx.AsyncClient(base_url=url, headers=_bearer(whole), timeout=30, trust_env=False, event_hooks=hooks)


def _bearer(whole: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {whole}"} if whole else {}
