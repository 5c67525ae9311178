"""A data directory with shards that tests fill, and the reporter they run over it by hand."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from relay.config import Config, Retention, Sandbox, parse
from relay.model.event import Event, EventName
from relay.model.ids import IdSource
from relay.report.reporter import Reporter
from relay.store.sqlite import SqliteQueue, open_queue, shard_directory
from tests.store.mail import NOON


def config(data: Path, extra: str = "") -> Config:
    return parse(
        f"""
hostname: relay.example
data: {data}
listeners: [{{name: a, port: 0}}]
{extra}
"""
    )


def clock() -> float:
    return NOON


@contextlib.asynccontextmanager
async def shard(data: Path, number: int = 0) -> AsyncIterator[SqliteQueue]:
    queue = await open_queue(shard_directory(data, number), number, Retention(), Sandbox(), clock)
    try:
        yield queue
    finally:
        await queue.close()


@contextlib.contextmanager
def reporter(data: Path, extra: str = "", now: float = NOON) -> Any:
    one = Reporter(config(data, extra), lambda: now)
    try:
        yield one
    finally:
        one.close()


def new_ids(number: int = 0) -> IdSource:
    return IdSource(number, clock)


def event(name: str, message: str = "", at: float = NOON, recipient: int | None = None, **data: Any) -> Event:
    return Event(name=EventName(name), at=at, message=message, recipient=recipient, account="demo", data=data)


def names(found: Sequence[Any]) -> list[str]:
    return [each.event.name.value for each in found]
