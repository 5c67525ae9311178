"""Writes that share a transaction: each comes to what it would have come to alone, and none waits for ever."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest
import uvloop

from relay.config.schema import Retention, Sandbox
from relay.model.message import NewMessage, State
from relay.store.interface import Exists
from relay.store.sqlite import SqliteQueue, open_queue, writer
from relay.store.sqlite.writer import BATCH
from tests.store.mail import NOON, deferred, delivered, in_flight, mail


@contextlib.asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[SqliteQueue]:
    queue = await open_queue(directory, 7, Retention(), Sandbox(), lambda: NOON)
    try:
        yield queue
    finally:
        await queue.close()


def rows(directory: Path, statement: str) -> list[Any]:
    connection = apsw.Connection(str(directory / "queue.db"), flags=apsw.SQLITE_OPEN_READONLY)
    with contextlib.closing(connection):
        return connection.execute(statement).fetchall()


def flying(count: int = 1) -> NewMessage:
    return mail(*(f"{number}@example.net" for number in range(count)), state=State.FLIGHT)


async def test_a_message_has_ended_when_its_recipients_are_settled_by_several_at_the_same_time(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as queue:
        new, half = flying(3), flying(3)
        await queue.add(new)
        await queue.add(half)
        commits = queue.writer.commits
        await asyncio.gather(
            *(queue.settle([delivered(each)]) for each in in_flight(new)),
            *(queue.settle([delivered(each)]) for each in in_flight(half)[1:]),
        )
        assert queue.writer.commits == commits + 1
        told = rows(tmp_path, "select id, open, ended from message order by key")
    assert told == [(new.message.id, 0, NOON), (half.message.id, 1, None)]


@pytest.mark.parametrize("count", [2, 7, 33, 65])
async def test_many_are_kept_as_one_by_one(tmp_path: Path, count: int) -> None:
    mails = [flying(1 + number % 3) for number in range(count)]
    dues = [in_flight(each) for each in mails]
    outcomes = [[deferred(due, NOON + 9) if due.number == 2 else delivered(due) for due in each] for each in dues]
    kept = []
    for name in ("together", "apart"):
        async with opened(tmp_path / name) as queue:
            if name == "together":
                await asyncio.gather(*map(queue.add, mails))
                await asyncio.gather(*map(queue.settle, outcomes))
                assert queue.writer.commits < queue.writer.writes
            else:
                for each in mails:
                    await queue.add(each)
                for settlements in outcomes:
                    await queue.settle(settlements)
        kept.append(
            [
                rows(tmp_path / name, f"select * from {table} order by 1")
                for table in ("message", "content", "recipient", "journal")
            ]
        )
    assert kept[0] == kept[1]


async def test_a_write_that_fails_takes_none_of_its_neighbours_along(tmp_path: Path) -> None:
    async with opened(tmp_path) as queue:
        first, settled, twice = flying(2), flying(), flying()
        await asyncio.gather(queue.add(first), queue.add(settled), queue.add(twice))
        (one, other), (gone,), (again,) = in_flight(first), in_flight(settled), in_flight(twice)
        await queue.settle([delivered(gone)])
        fresh = mail()
        answers = await asyncio.gather(
            queue.settle([delivered(one)]),
            queue.add(first),  # there is one of that id
            queue.add(fresh),
            queue.settle([deferred(gone, NOON + 1)], [report := mail("me@example.com")]),  # it has ended
            queue.settle([delivered(again)]),
            queue.settle([deferred(again, NOON + 1)]),
            queue.settle([delivered(other)]),
            return_exceptions=True,
        )
        assert [type(each) for each in answers] == [type(None), Exists, *[type(None)] * 5]
        told = rows(tmp_path, "select id, open from message order by key")
        events = rows(tmp_path, 'select count(*) from journal where event like \'%"event":"delivered"%\'')
    assert dict(told) == {first.message.id: 0, settled.message.id: 0, twice.message.id: 0, fresh.message.id: 1}
    assert report.message.id not in dict(told)
    assert events == [(4,)]


async def test_what_became_of_recipients_is_written_however_many_others_write(tmp_path: Path) -> None:
    async with opened(tmp_path) as queue:
        await queue.add(new := flying())
        begun = 0

        async def add_on_and_on() -> None:
            nonlocal begun
            while begun < 20 * BATCH:
                begun += 1
                await queue.add(mail())

        crowd = [asyncio.ensure_future(add_on_and_on()) for _ in range(3 * BATCH)]
        await queue.settle([delivered(due) for due in in_flight(new)])
        assert begun < 20 * BATCH
        for each in crowd:
            each.cancel()
        await asyncio.wait(crowd)


async def test_where_a_crowd_writes_a_commit_waits_for_as_many_as_the_last_one_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "GATHER", 60.0)
    async with opened(tmp_path) as queue:
        await asyncio.gather(*(queue.add(mail()) for _ in range(4)))
        commits = queue.writer.commits
        adding = []
        for _ in range(4):
            adding.append(asyncio.create_task(queue.add(mail())))
            await asyncio.sleep(0.01)  # turns of the loop, in each of which one writes
        await asyncio.wait_for(asyncio.gather(*adding), 5)  # the fourth makes them as many as they were
        assert queue.writer.commits == commits + 1


async def test_who_comes_alone_after_a_crowd_waits_for_it_once_and_not_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as queue:
        await asyncio.gather(*(queue.add(mail()) for _ in range(4)))
        await asyncio.wait_for(queue.add(mail()), 5)
        monkeypatch.setattr(writer, "GATHER", 60.0)
        await asyncio.wait_for(queue.add(mail()), 5)


def test_a_wait_that_is_over_before_it_begins_harms_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "GATHER", 0.0)  # as if another thread had run for as long; uvloop sets no timer then

    async def crowd() -> None:
        async with opened(tmp_path) as queue:
            await asyncio.gather(*(queue.add(mail()) for _ in range(4)))
            await asyncio.wait_for(asyncio.gather(*(queue.add(mail()) for _ in range(3))), 5)

    uvloop.run(crowd())
