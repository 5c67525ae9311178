"""A returns listener with a real store behind it, and a message whose bounces it takes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from relay.config import Limits, Listener, ListenerKind, Purpose, Retention, Sandbox
from relay.config.bounces import load_bounces
from relay.config.reports import Reports
from relay.model.account import Account, Domain
from relay.model.envelope import Envelope, Recipient
from relay.model.event import Event, EventName
from relay.model.ids import IdSource
from relay.model.message import Due, Lane, Message, NewMessage, NewRecipient, Origin, State
from relay.returns.flood import Flood
from relay.returns.keep import Keeper
from relay.returns.listener import ReturnsDoor
from relay.returns.originals import Originals
from relay.returns.reports import Taking
from relay.smtp.budget import Budget
from relay.smtp.listen import Server, listen
from relay.store.interface import Queue, Reader
from relay.store.sqlite import SqliteRegistry, open_queue, open_reader, open_registry, shard_directory
from relay.worker.returnkeys import ReturnKeys
from tests.limits.local import LocalLimits
from tests.smtp.conversation import Client, until

NOW = 1_795_000_000.0
HERE, THERE = 3, 5  # the shard of this process, and the one that holds the messages of ours
HOST = "bounces.example.com"
LISTENER = Listener.model_validate({"name": "returns", "port": 0, "purpose": Purpose.RETURNS, "kind": "plain"})
KEPT = Reports()
assert LISTENER.kind is ListenerKind.PLAIN


@dataclass
class Told:
    """Delivery, as far as it is told of what waits."""

    lanes: list[tuple[int, Lane, float]] = field(default_factory=list)

    def waiting(self, shard: int, lanes: Iterable[Lane], due: float) -> None:
        self.lanes += [(shard, each, due) for each in lanes]


@dataclass
class Stage:
    server: Server
    keys: ReturnKeys
    here: Queue
    there: Queue
    reader: Reader  # of HERE
    told: Told
    originals: Originals
    clock: list[float]
    registry: SqliteRegistry
    _ids: IdSource = field(default_factory=lambda: IdSource(THERE, lambda: NOW))

    async def sent(
        self,
        *recipients: Recipient,
        sender: str = "me@example.com",
        content: bytes = b"Subject: hi\r\n\r\nhello\r\n",
        **more: Any,
    ) -> Message:
        """A message that left under our return path."""
        to = recipients or (Recipient(address="ann@example.net"),)
        message = Message(
            id=self._ids.new(),
            account="shop",
            credential="app",
            envelope=Envelope(reverse_path=sender, recipients=to),
            received=NOW,
            deadline=NOW + 432_000,
            size=len(content),
            **{"return_host": HOST, **more},
        )
        new = tuple(
            NewRecipient(number=number, recipient=each, state=State.FLIGHT, due=NOW)
            for number, each in enumerate(to, 1)
        )
        event = Event(name=EventName.RECEIVED, at=NOW, message=message.id, account="shop")
        await self.there.add(NewMessage(message=message, contents=(content,), recipients=new, events=(event,)))
        return message

    def path(self, message: Message, number: int = 1) -> str:
        recipient = message.envelope.recipients[number - 1]
        return self.keys.path(
            Due(shard=THERE, message=message, number=number, recipient=recipient, content=0, attempts=0, due=NOW)
        )

    async def play(self, script: str) -> None:
        def talk() -> None:
            with Client(self.server.port) as client:
                client.play(script)

        await asyncio.to_thread(talk)

    async def hand_in(self, content: bytes, *paths: str, sender: str = "") -> str:
        """The reply to a message that is sent to these return paths."""

        def talk() -> str:
            with Client(self.server.port) as client:
                client.reply()
                assert client.ask("EHLO mx.example.net").startswith("250")
                assert client.ask(f"MAIL FROM:<{sender}>").startswith("250")
                for each in paths:
                    assert client.ask(f"RCPT TO:<{each}>").startswith("250"), each
                assert client.ask("DATA").startswith("354")
                client.send(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
                return client.reply()

        return await asyncio.to_thread(talk)

    def unverify(self) -> None:
        """The domain of the host is its account's no longer for certain."""
        self.registry.update_domain(replace(self.registry.domain("example.com"), verified=None))

    def journal(self) -> list[Event]:
        return [each.event for each in self.reader.journal(0, 1000)]

    def copies(self) -> list[Message]:
        """What is on its way to clients, in order."""
        ids = [each.message for each in self.journal() if each.name is EventName.RECEIVED]
        messages = [self.reader.message(each) for each in ids]
        assert all(each.origin is Origin.RETURN for each in messages)
        return [each for each in messages if not self.ended(each)]

    def ended(self, message: Message) -> bool:
        """Whether it is nobody's, and only kept."""
        return all(each.state is State.CANCELLED for each in self.reader.recipients(message.id))


@asynccontextmanager
async def stage(
    tmp_path: Path, *, limits: Limits | None = None, listener: Listener = LISTENER, kept: Reports = KEPT
) -> AsyncIterator[Stage]:
    limits = limits or Limits()
    clock = [NOW]

    def now() -> float:
        return clock[0]

    registry = open_registry(tmp_path / "registry.db")
    registry.add_account(Account(name="shop", created=NOW))
    registry.add_domain(
        Domain(name="example.com", account="shop", challenge="x", created=NOW, verified=NOW, bounce_host=HOST)
    )
    queues = {
        shard: await open_queue(shard_directory(tmp_path, shard), shard, Retention(), Sandbox(), now)
        for shard in (HERE, THERE)
    }
    here = queues[HERE]
    keys, told, originals = ReturnKeys(registry, now), Told(), Originals(tmp_path)
    keeper = Keeper(
        hostname="relay.example",
        lifetime=1000.0,
        rules=load_bounces(None),
        queue=here,
        ids=IdSource(HERE, now),
        dispatch=told,
    )
    reports = Taking(tmp_path, kept, keys.owner)
    door = ReturnsDoor(
        listener=listener,
        settings=limits,
        read=keys.read,
        hosts=keys.is_host,
        report_hosts=keys.is_report_host,
        reports=reports,
        originals=originals,
        limits=LocalLimits(1, now),
        keeper=keeper,
        flood=Flood(),
        clock=now,
    )
    budget = Budget(limits.memory, limits.sessions)
    server = await listen(
        socket.create_server(("127.0.0.1", 0)), listener, limits, "relay.example", door, None, budget
    )
    reader = open_reader(shard_directory(tmp_path, HERE), HERE)
    try:
        yield Stage(server, keys, here, queues[THERE], reader, told, originals, clock, registry)
        await until(lambda: server.sessions == 0)
    finally:
        await server.drain(0.0)
        await keeper.close()
        reports.close()
        originals.close()
        reader.close()
        for queue in queues.values():
            await queue.close()
        registry.close()
