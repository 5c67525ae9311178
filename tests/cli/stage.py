"""Mail in the shards of a data directory, put there while no relay runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from relay.config import Retention, Sandbox
from relay.model.clock import system_clock
from relay.model.ids import IdSource
from relay.model.message import NewMessage, State
from relay.model.options import Options, Resolved
from relay.store.sqlite import SqliteQueue, open_queue, open_reader, shard_directory
from tests.store.mail import mail


async def opened(data: Path, shard: int = 0) -> SqliteQueue:
    return await open_queue(shard_directory(data, shard), shard, Retention(), Sandbox(), system_clock)


def put(data: Path, *messages: NewMessage, shard: int = 0) -> None:
    async def add() -> None:
        queue = await opened(data, shard)
        for each in messages:
            await queue.add(each)
        await queue.close()

    asyncio.run(add())


class Post:
    """Makes messages of one shard with ids of its own."""

    def __init__(self, shard: int = 0) -> None:
        self._ids = IdSource(shard, system_clock)

    def mail(
        self, *to: str, due: float | None = None, options: Mapping[str, Any] | None = None, **more: Any
    ) -> NewMessage:
        """Queued, due in an hour, unless said otherwise."""
        now = system_clock()
        more.setdefault("received", now)
        more.setdefault("resolved", Resolved(options=Options(**(options or {}))))
        return mail(*to, ident=self._ids.new(), due=now + 3600 if due is None else due, **more)


def states(data: Path, message: NewMessage, shard: int = 0) -> list[State]:
    reader = open_reader(shard_directory(data, shard), shard)
    try:
        return [each.state for each in reader.recipients(message.message.id)]
    finally:
        reader.close()


def events(data: Path, shard: int = 0) -> Sequence[Any]:
    reader = open_reader(shard_directory(data, shard), shard)
    try:
        return [each.event for each in reader.journal(0, 10_000)]
    finally:
        reader.close()
