"""A relay's data with mail in it, and the links of that mail answered over real sockets.

async with world(tmp_path) as it:
    link = it.link(await it.sent(targets=("https://example.com/",)))
    answer = await it.get(link)
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from relay.config import Config, parse
from relay.model.account import Account, Domain, LinkKey
from relay.model.envelope import Envelope, Recipient
from relay.model.event import Event
from relay.model.ids import IdSource
from relay.model.message import State
from relay.model.options import Options, Resolved
from relay.model.token import Purpose, Token
from relay.store.assets import Assets
from relay.store.sqlite import (
    SqliteQueue,
    SqliteRegistry,
    SqliteSuppressions,
    open_queue,
    open_registry,
    open_suppressions,
    shard_directory,
)
from relay.transform.token import make
from relay.web.application import Application, application
from relay.web.application import State as ApplicationState
from relay.web.serve import HttpServer
from relay.web.tracking.build import Links
from relay.worker.context import WEB_SHARD
from tests.store.mail import HELLO, NOON, delivered, in_flight, mail

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SECRET = bytes(range(32))


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(slots=True)
class Time:
    now: float = NOON

    def __call__(self) -> float:
        return self.now


class Recorded:
    """Events as they are on disk."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._more = asyncio.Condition()

    async def add(self, events: Sequence[Event]) -> None:
        async with self._more:
            self.events += events
            self._more.notify_all()

    async def wait_for(self, count: int) -> list[Event]:
        async with asyncio.timeout(20), self._more:
            await self._more.wait_for(lambda: len(self.events) >= count)
        return self.events


@dataclass(slots=True)
class World:
    data: Path
    config: Config
    registry: SqliteRegistry
    suppressions: SqliteSuppressions
    mail: SqliteQueue
    web: SqliteQueue
    links: Links
    key: LinkKey
    assets: Assets
    port: int = 0
    recorded: Recorded = field(default_factory=Recorded)
    time: Time = field(default_factory=Time)
    ids: IdSource = field(default_factory=lambda: IdSource(0, lambda: NOON))  # never the same, also in another world

    async def sent(
        self,
        *addresses: str,
        targets: Sequence[str] = (),
        content: bytes = HELLO,
        options: Options | None = None,
        arrived: float | None = NOON - 60,
        **given: Any,
    ) -> str:
        """The id of a message with links to these targets; `arrived`: None is not yet."""
        to = tuple(Recipient(address=each) for each in addresses or ("ann@example.net",))
        given.setdefault("author", "example.com")
        given.setdefault("envelope", Envelope(reverse_path="me@example.com", recipients=to))
        resolved = Resolved(options=options or Options())
        new = mail(
            ident=self.ids.new(), contents=(content,), links=True, resolved=resolved, state=State.FLIGHT, **given
        )
        await self.mail.add(replace(new, targets={0: tuple(targets)}))
        if arrived is not None:
            after, self.time.now = self.time.now, arrived
            await self.mail.settle([delivered(each, arrived) for each in in_flight(new, 0)])
            self.time.now = after
        return new.message.id

    def link(self, message: str, purpose: Purpose = Purpose.CLICK, number: int = 0, recipient: int = 1) -> str:
        return "/" + make(self.key, Token(purpose, message, recipient, number)).decode()

    async def get(self, path: str, **headers: str) -> Answered:
        return await self.ask("GET", path, b"", **headers)

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answered:
        """`headers`: by name, `_` in place of `-`; the program is a browser unless it says otherwise."""
        fields = {"host": f"127.0.0.1:{self.port}", "user-agent": BROWSER, "connection": "close"}
        fields |= {name.replace("_", "-").lower(): value for name, value in headers.items()}
        if body or method == "POST":
            fields.setdefault("content-type", "application/x-www-form-urlencoded")
            fields["content-length"] = str(len(body))
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value != "-")
        async with asyncio.timeout(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)
            octets = await reader.read()
            writer.close()
        return answered(octets)

    async def events(self, count: int) -> list[Event]:
        """What is in the journal of the web shard, once there are so many."""
        return await self.recorded.wait_for(count)


def answered(octets: bytes) -> Answered:
    head, _, body = octets.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Answered(int(first.split(" ")[1]), headers, body)


@contextlib.asynccontextmanager
async def world(
    data: Path,
    more: str = "",
    *,
    tracking: str = "tracking: {base: http://127.0.0.1:8025, images: {networks: [127.0.0.0/8]}}\n",
    application_too: bool = True,
    domains: Sequence[Domain] = (),
    window: float = 0.05,
) -> AsyncIterator[World]:
    """`more`, `tracking`: YAML; `window`: seconds for which what happened to one message waits."""
    config = parse(
        f"hostname: relay.example\ndata: {data}\nlisteners: [{{name: submission, port: 2525}}]\n{tracking}{more}"
    )
    registry, suppressions = open_registry(data / "registry.db"), open_suppressions(data / "suppressions.db")
    if not registry.accounts():
        registry.add_account(Account(name="demo", created=NOON))
    for each in domains:
        registry.add_domain(each)
    key = next(iter(registry.link_keys()), None) or registry.add_link_key(SECRET, NOON - 86_400)
    time, recorded = Time(), Recorded()
    queues = [
        await open_queue(
            shard_directory(data, shard), shard, config.retention, config.sandbox, time, config.tracking.life
        )
        for shard in (0, WEB_SHARD)
    ]

    async def record(events: Sequence[Event]) -> None:
        await queues[1].record(events)
        await recorded.add(events)

    assets = Assets(data, config.tracking.assets, time)
    links = Links(config, registry, suppressions, record, time, assets)
    links.journal._window = window
    it = World(data, config, registry, suppressions, queues[0], queues[1], links, key, assets, 0, recorded, time)
    inner: Application | None = application(ApplicationState(config, time)) if application_too else None
    sock = socket.create_server(("127.0.0.1", 0))
    it.port = sock.getsockname()[1]
    server = HttpServer(links.front(inner), sock, 1)
    tasks = [asyncio.create_task(server.run()), asyncio.create_task(links.journal.run())]
    try:
        async with asyncio.timeout(10):
            await server.answering()
        yield it
    finally:
        server.stop()
        links.journal.stop()
        async with asyncio.timeout(20):
            await asyncio.gather(*tasks)
        await links.close()
        for queue in queues:
            await queue.close()
        suppressions.close()
        registry.close()
