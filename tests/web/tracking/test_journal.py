"""Opens and clicks wait for a moment, are judged together, and are all written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest

from relay.config.tracking import ClientAddress
from relay.model.event import Event, EventName
from relay.model.message import State
from relay.model.options import Options
from relay.store.interface import StoreDown, Tracked
from relay.web.tracking import journal as module
from relay.web.tracking.asked import Asked
from relay.web.tracking.happened import Happened, event_of, happened
from relay.web.tracking.journal import Journal
from relay.web.tracking.often import DAY, Often
from tests.store.mail import NOON


def tracked(number: int = 1) -> Tracked:
    return Tracked(
        shard=0,
        message="0" * 16,
        number=number,
        account="demo",
        credential="app",
        address="ann@example.net",
        sender="me@example.com",
        author="example.com",
        options=Options(),
        content=0,
        targets=("https://example.com/",) * 9,
        received=NOON,
        state=State.DELIVERED,
        ended=NOON,
        return_host="",
        links=True,
        test=False,
    )


def click(number: int = 1, link: int = 0, at: float = NOON + 60) -> Happened:
    asked = Asked(method="GET", path="/", client="", secure=False, headers={b"user-agent": b"Firefox"})
    return happened(EventName.CLICKED, at, tracked(number), asked, ClientAddress.FULL, link)


class Disk:
    """Where events go; `closed` while it cannot be written."""

    def __init__(self) -> None:
        self.batches: list[list[Event]] = []
        self.closed = False
        self.asked = asyncio.Event()
        self.wrote = asyncio.Event()

    async def record(self, events: Sequence[Event]) -> None:
        self.asked.set()
        if self.closed:
            raise StoreDown("the disk is away")
        self.batches.append(list(events))
        self.wrote.set()

    @property
    def events(self) -> list[Event]:
        return [event for batch in self.batches for event in batch]


async def ended(journal: Journal, running: asyncio.Task[None]) -> None:
    journal.stop()
    async with asyncio.timeout(10):
        await running


async def test_what_comes_within_the_window_is_written_together() -> None:
    disk = Disk()
    journal = Journal(disk.record, window=1.0)
    running = asyncio.create_task(journal.run())
    for number in range(1, 51):  # which takes far less than half of it
        assert journal.offer(click(number))
    async with asyncio.timeout(10):
        await disk.wrote.wait()
    await ended(journal, running)
    assert [len(each) for each in disk.batches] == [50]
    assert (journal.waiting, journal.lost) == (0, 0)


async def test_a_stop_writes_what_waits_at_once() -> None:
    disk = Disk()
    journal = Journal(disk.record, window=3600)
    running = asyncio.create_task(journal.run())
    for number in range(1, 1201):
        assert journal.offer(click(number))
    await ended(journal, running)
    assert len(disk.events) == 1200
    assert max(map(len, disk.batches)) == module.BATCH


async def test_links_of_one_message_are_judged_together_and_others_are_not() -> None:
    disk = Disk()
    journal = Journal(disk.record, window=3600)
    running = asyncio.create_task(journal.run())
    for link in range(3):
        journal.offer(click(1, link, NOON + 60 + link / 10))
        journal.offer(click(2 + link, link))
    await ended(journal, running)
    machines = [event.recipient for event in disk.events if event.data.get("machine")]
    assert machines == [1, 1, 1]
    assert disk.events[0].data["machine_reason"] == "3 links or more within 2 s"


async def test_who_finds_no_room_waits_for_it() -> None:
    disk = Disk()
    journal = Journal(disk.record, window=0.1, most=2, patience=20)
    assert journal.offer(click(1))
    assert journal.offer(click(2))
    assert not journal.offer(click(3))
    waiting = asyncio.create_task(journal.add(click(3)))
    running = asyncio.create_task(journal.run())
    async with asyncio.timeout(10):
        assert await waiting
    await ended(journal, running)
    assert sorted(event.recipient or 0 for event in disk.events) == [1, 2, 3]


async def test_what_finds_no_room_in_time_is_counted_and_said(caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(Disk().record, most=1, patience=0.05)
    assert journal.offer(click(1))
    with caplog.at_level(logging.ERROR, "relay.web"):
        assert not await journal.add(click(2))
        assert not await journal.add(click(3))
    assert journal.lost == 2
    assert [each.message for each in caplog.records] == [
        "no room for opens and clicks: 1 were not kept since the start"  # once a minute
    ]


async def test_a_disk_that_comes_back_gets_everything_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY", 0.02)
    disk = Disk()
    disk.closed = True
    journal = Journal(disk.record, window=0.0)
    running = asyncio.create_task(journal.run())
    journal.offer(click(1))
    async with asyncio.timeout(10):
        await disk.asked.wait()
    journal.offer(click(2))
    assert journal.waiting == 2
    disk.closed = False
    async with asyncio.timeout(10):
        await disk.wrote.wait()
    await ended(journal, running)
    assert [event.recipient for event in disk.events] == [1, 2]


async def test_what_cannot_be_written_at_the_end_is_said(caplog: pytest.LogCaptureFixture) -> None:
    disk = Disk()
    disk.closed = True
    journal = Journal(disk.record, window=3600)
    running = asyncio.create_task(journal.run())
    journal.offer(click(1))
    with caplog.at_level(logging.ERROR, "relay.web"):
        await ended(journal, running)
    assert caplog.records[-1].message == "1 opens and clicks cannot be written, and are lost"


async def test_who_follows_links_without_end_is_told_of_a_thousand_times_a_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "EACH", 3)
    disk, now = Disk(), [0.0]
    journal = Journal(disk.record, steady=lambda: now[0])
    assert all(journal.offer(click(number, link)) for number in (1, 2) for link in range(9))
    assert journal.waiting == 6
    now[0] += DAY
    assert journal.offer(click(1))
    assert journal.waiting == 7
    journal.stop()
    await journal.run()
    assert sum(map(len, disk.batches)) == 7


def test_counts_are_of_the_recipients_something_happened_to_last() -> None:
    often = Often(1, known=2)
    assert often.take(("a", 1), 0.0)
    assert often.take(("b", 1), 0.0)
    assert not often.take(("a", 1), DAY - 1)
    assert often.take(("c", 1), DAY - 1), "and b is forgotten"
    assert not often.take(("a", 1), DAY - 1)
    assert often.take(("b", 1), DAY - 1)
    assert often.take(("a", 1), DAY), "a day after its first"


@pytest.mark.parametrize("secure", [True, False])
def test_an_event_says_that_its_reader_came_over_https(secure: bool) -> None:
    asked = Asked(method="GET", path="/", client="", secure=secure, headers={})
    event = event_of(happened(EventName.OPENED, NOON, tracked(1), asked, ClientAddress.FULL, None))
    assert event.data.get("secure", False) is secure
