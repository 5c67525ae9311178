"""A shard, a registry and a way in, for tests of intake; all of it real but delivery."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from relay.config import Config, Content, Listener, Retention, Sandbox
from relay.config import Limits as LimitsConfig
from relay.limits.interface import Limits
from relay.model.account import Login
from relay.model.envelope import Envelope, Recipient
from relay.model.event import Event
from relay.model.ids import IdSource
from relay.model.message import Due, Lane, Message, NewMessage
from relay.store.assets import Assets
from relay.store.interface import RecipientState, StoreDown, StoreFull
from relay.store.sqlite import (
    SqliteIdempotency,
    SqliteQueue,
    SqliteRegistry,
    SqliteSuppressions,
    open_idempotency,
    open_queue,
    open_reader,
    open_suppressions,
    shard_directory,
)
from relay.submission.directory import Directory
from relay.submission.examine import Keys
from relay.submission.intake import Intake, Submission
from relay.worker.linkkeys import LinkKeys
from relay.worker.returnkeys import ReturnKeys
from relay.worker.stored import Stored
from tests.limits.local import LocalLimits
from tests.submission.accounts import AT, DEMO, furnished

SHARD = 7
PLAIN = b"From: Me <me@example.com>\r\nTo: ann@example.net\r\nSubject: hi\r\n\r\nHello.\r\n"
LIFETIME = 432_000.0


@dataclass
class Room:
    """Delivery's side, with room for so many recipients."""

    room: int = 100
    reserved: int = 0
    offered: list[Due] = field(default_factory=list)
    lanes: list[tuple[int, frozenset[Lane], float]] = field(default_factory=list)

    def reserve(self, count: int) -> bool:
        if self.reserved + count > self.room:
            return False
        self.reserved += count
        return True

    def forgo(self, count: int) -> None:
        self.reserved -= count

    def offer(self, dues: Sequence[Due]) -> None:
        self.offered += dues

    def waiting(self, shard: int, lanes: Iterable[Lane], due: float) -> None:
        self.lanes.append((shard, frozenset(lanes), due))


class Broken(SqliteQueue):
    """A shard whose disk fails; made from a real one by giving it this class."""

    async def add(self, new: NewMessage) -> None:
        raise StoreFull("no room")

    async def record(self, events: Sequence[Event]) -> None:
        raise StoreDown("no disk")


class Slow(SqliteQueue):
    """A shard that stores only once it may, or stores and does not say so."""

    may: asyncio.Event
    began: asyncio.Event
    silent: bool = False

    async def add(self, new: NewMessage) -> None:
        if self.silent:
            await super().add(new)
        self.began.set()
        await self.may.wait()
        await super().add(new)


@dataclass
class House:
    directory: Path
    registry: SqliteRegistry
    queue: SqliteQueue
    room: Room
    names: Directory
    keys: SqliteIdempotency
    suppressions: SqliteSuppressions
    limits: Limits

    def intake(
        self,
        *,
        sandbox: bool = False,
        content: Content | None = None,
        limits: LimitsConfig | None = None,
        queue: SqliteQueue | None = None,
        hostname: str = "relay.example",
        listeners: tuple[Listener, ...] = (),
        **more: Any,
    ) -> Intake:
        config = Config(
            hostname=hostname,
            data=self.directory,
            listeners=listeners,
            content=content or Content(),
            limits=limits or LimitsConfig(),
            sandbox=Sandbox(enabled=sandbox),
            **more,
        )
        queue = queue or self.queue
        return Intake(
            config=config,
            queue=queue,
            ids=IdSource(queue.shard, lambda: AT, after=queue.last_id),
            directory=self.names,
            dispatch=self.room,
            limits=self.limits,
            suppressions=self.suppressions,
            idempotency=self.keys,
            keys=Keys(
                link=LinkKeys(self.registry, lambda: AT, config).newest,
                returns=ReturnKeys(self.registry, lambda: AT).newest,
            ),
            host=Assets(self.directory, 1 << 30, lambda: AT).put,
            stored=Stored(self.directory),
            clock=lambda: AT,
        )

    def events(self) -> list[Event]:
        with closing(open_reader(shard_directory(self.directory, SHARD), SHARD)) as reader:
            return [each.event for each in reader.journal(0, 100)]

    def kept(self, message: str) -> tuple[Message, list[RecipientState]]:
        with closing(open_reader(shard_directory(self.directory, SHARD), SHARD)) as reader:
            return reader.message(message), reader.recipients(message)

    def credential(self, **changes: Any) -> None:
        """Change what the credential of the tests may."""
        self.registry.update_credential(replace(self.registry.credential("app"), **changes))


async def shard(directory: Path, number: int = SHARD) -> SqliteQueue:
    return await open_queue(shard_directory(directory, number), number, Retention(min_free=0), Sandbox(), lambda: AT)


@asynccontextmanager
async def built(directory: Path) -> AsyncIterator[House]:
    registry = furnished(directory)
    queue = await shard(directory)
    keys = await open_idempotency(directory / "idempotency.db")
    suppressions = open_suppressions(directory / "suppressions.db")
    limits = LocalLimits(1, lambda: AT)
    yield House(directory, registry, queue, Room(), Directory(registry), keys, suppressions, limits)
    await queue.close()
    await keys.close()
    suppressions.close()
    registry.close()


def submission(octets: bytes = PLAIN, *to: str, login: Login = DEMO, **more: Any) -> Submission:
    recipients = tuple(Recipient(address=each) for each in to or ("ann@example.net",))
    envelope = Envelope(reverse_path="me@example.com", recipients=recipients)
    return Submission(
        login=login,
        octets=octets,
        at=AT,
        helo="pc",
        address="192.0.2.7",
        peer="192.0.2.7:4000",
        tls="TLSv1.3 X",
        listener="submission",
        **{"envelope": envelope, **more},
    )
