"""Refusals before the content reach the journal, and hold up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from relay.config import Retention, Sandbox
from relay.model.account import Login
from relay.model.event import Event, EventName
from relay.model.reply import Reply
from relay.smtp.door import SessionInfo
from relay.store.interface import StoreDown
from relay.store.sqlite import SqliteQueue, open_queue, open_reader, shard_directory
from relay.submission import rejections as module
from relay.submission.rejections import Rejections, refused_early

SESSION = SessionInfo(listener="in", address="192.0.2.7", port=4711, login=Login(account="demo", credential="ann"))
NO = Reply(550, "5.7.1", "not yours")


def refusal(number: int = 0) -> Event:
    return refused_early(SESSION, NO, 1000.0, sender=f"{number}@example.org")


@pytest.fixture
async def queue(tmp_path: Path) -> AsyncIterator[SqliteQueue]:
    opened = await open_queue(shard_directory(tmp_path, 0), 0, Retention(min_free=0), Sandbox(), lambda: 1000.0)
    yield opened
    await opened.close()


def journal(data: Path) -> list[Event]:
    reader = open_reader(shard_directory(data, 0), 0)
    try:
        return [each.event for each in reader.journal(0, 5000)]
    finally:
        reader.close()


async def test_a_refusal_is_in_the_journal_with_who_wanted_what_and_what_it_heard(
    queue: SqliteQueue, tmp_path: Path
) -> None:
    rejections = Rejections(queue)
    rejections.add(refused_early(SESSION, NO, 1000.0, sender="", recipient="a@example.net"))
    await rejections.close()
    (event,) = journal(tmp_path)
    assert (event.name, event.at, event.account, event.credential) == (EventName.REJECTED, 1000.0, "demo", "ann")
    assert event.data == {
        "from": "",
        "to": "a@example.net",
        "peer": "192.0.2.7:4711",
        "listener": "in",
        "reply": "550 5.7.1 not yours",
    }


async def test_each_is_written_once_also_what_comes_while_others_are_written(
    queue: SqliteQueue, tmp_path: Path
) -> None:
    rejections = Rejections(queue)
    for number in range(200):
        rejections.add(refusal(number))
        if number % 3 == 0:
            await asyncio.sleep(0)
    await rejections.close()
    assert [each.data["from"] for each in journal(tmp_path)] == [f"{number}@example.org" for number in range(200)]


async def test_what_comes_while_too_many_wait_is_counted_and_told(
    queue: SqliteQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "WAITING", 5)
    rejections = Rejections(queue)
    for number in range(12):
        rejections.add(refusal(number))
    await rejections.close()
    assert len(journal(tmp_path)) == 5
    assert [each.getMessage() for each in caplog.records] == ["7 rejections were not recorded: too many at once"]


async def test_a_store_that_fails_is_told_and_the_next_refusal_is_written(
    queue: SqliteQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(_: object) -> None:
        raise StoreDown("no disk")

    rejections = Rejections(queue)
    with monkeypatch.context() as broken:
        broken.setattr(queue, "record", fails)
        rejections.add(refusal(1))
        await rejections.close()
    assert "1 rejections were not recorded: no disk" in caplog.text
    rejections.add(refusal(2))
    await rejections.close()
    assert [each.data["from"] for each in journal(tmp_path)] == ["2@example.org"]
