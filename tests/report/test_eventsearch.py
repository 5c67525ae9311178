"""Pages of events: each way that leads to them finds the same, none is told twice or left out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from relay.model.event import EventName
from relay.report import database, eventsearch, log
from relay.report.eventsearch import Page, Place, Wanted, between, following, newest
from relay.store.interface import StoreDown
from tests.report.stage import event, new_ids, reporter, shard
from tests.store.mail import NOON

IDS = new_ids()
ONE, TWO, THREE = IDS.new(), IDS.new(), IDS.new()
ANN, BOB, DAN = "ann@example.net", "bob@example.org", "Dan@example.net"
TOLD = [
    event("received", ONE, NOON, to=[ANN, BOB], tags=["news", "may"], campaign="spring", template=7),
    event("delivered", ONE, NOON + 1, 1, to=ANN, tags=["news", "may"], campaign="spring"),
    event("failed", ONE, NOON + 1, 2, to=BOB, tags=["news", "may"], campaign="spring"),
    event("received", TWO, NOON + 2, to=[ANN, DAN], tags=["news"]),
    event("delivered", TWO, NOON + 3, 2, to=DAN, tags=["news"]),
    replace(event("received", THREE, NOON + 4, to=ANN, tags=["news"]), account="other"),
    event("opened", ONE, NOON + 5, 1, to=ANN, tags=["news", "may"]),
]
ALL = ["opened", "delivered", "received", "failed", "delivered", "received"]
DEMO = Wanted(account="demo")
WANTED: list[tuple[Wanted, list[str]]] = [
    (DEMO, ALL),
    (Wanted(account="other"), ["received"]),
    (Wanted(account="nobody"), []),
    (replace(DEMO, names=frozenset({EventName.DELIVERED, EventName.OPENED})), ["opened", "delivered", "delivered"]),
    (replace(DEMO, message=ONE), ["opened", "failed", "delivered", "received"]),
    (replace(DEMO, message=ONE, recipient=2), ["failed", "received"]),
    (replace(DEMO, message=ONE, address=BOB), ["failed", "received"]),
    (replace(DEMO, message=THREE), []),
    (replace(DEMO, address="ANN@example.net"), ["opened", "received", "delivered", "received"]),
    (replace(DEMO, domain="Example.NET"), ["opened", "delivered", "received", "delivered", "received"]),
    (replace(DEMO, address=ANN, domain="example.org"), []),
    (replace(DEMO, labels=(("tag", "news"),)), ALL),
    (replace(DEMO, labels=(("tag", "news"), ("tag", "may"))), ["opened", "failed", "delivered", "received"]),
    (replace(DEMO, labels=(("tag", "june"),)), []),
    (replace(DEMO, labels=(("template", "7"),), names=frozenset({EventName.OPENED})), ["opened"]),
    (replace(DEMO, labels=(("campaign", "spring"),), domain="example.org"), ["failed", "received"]),
    (replace(DEMO, since=NOON + 1, until=NOON + 3), ["received", "failed", "delivered"]),
    (replace(DEMO, address=ANN, since=NOON + 5), ["opened"]),
]


@pytest.fixture
async def connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[apsw.Connection]:
    monkeypatch.setattr(log, "write", lambda *_, **__: None)
    async with shard(tmp_path) as queue:
        await queue.record(TOLD)
        with reporter(tmp_path) as one:
            one.turn()
    found = database.open_to_read(tmp_path)
    assert found is not None
    with closing(found):
        yield found


@pytest.fixture(params=[2000, 1], ids=["labels that few bear", "labels that many bear"])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(eventsearch, "FEW", request.param)
    return int(request.param)


def names(pages: Iterator[Page]) -> list[str]:
    return [each.event.name.value for page in pages for each in page.events]


def back(connection: apsw.Connection, wanted: Wanted, limit: int) -> Iterator[Page]:
    page = newest(connection, wanted, limit)
    yield page
    while page.next is not None:
        assert page.more and len(page.events) == limit
        page = newest(connection, wanted, limit, Place.parse(str(page.next)))
        yield page


def forth(connection: apsw.Connection, wanted: Wanted, limit: int, after: Place | None = None) -> Iterator[Page]:
    more = True
    while more:
        page = following(connection, wanted, limit, after)
        assert page.next is not None
        after, more = Place.parse(str(page.next)), page.more
        yield page


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_every_wish_finds_what_fits_in_pages_of_any_size(
    connection: apsw.Connection, few: int, limit: int
) -> None:
    for wanted, found in WANTED:
        assert names(back(connection, wanted, limit)) == found, wanted


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_who_follows_gets_the_same_in_the_order_it_was_folded(connection: apsw.Connection, limit: int) -> None:
    for wanted, found in WANTED:
        assert sorted(names(forth(connection, wanted, limit))) == sorted(found), wanted
    assert names(forth(connection, DEMO, limit)) == [each.name.value for each in TOLD if each.account == "demo"]


async def test_who_follows_goes_on_where_it_stopped_though_a_walk_is_short(
    connection: apsw.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eventsearch, "WALK", 2)
    assert names(forth(connection, replace(DEMO, names=frozenset({EventName.OPENED})), 5)) == ["opened"]
    *_, last = forth(connection, DEMO, 5)
    assert last.next is not None
    again = following(connection, DEMO, 5, last.next)
    assert (again.events, again.more, again.next) == ([], False, Place(last.next.id, last.next.at))


async def test_a_journal_that_is_folded_late_is_followed_all_the_same(tmp_path: Path) -> None:
    async with shard(tmp_path) as queue, shard(tmp_path, 3) as late:
        await queue.record([event("received", ONE, NOON + 60, to=ANN)])
        with reporter(tmp_path) as one:
            one.turn()
            connection = database.open_to_read(tmp_path)
            assert connection is not None
            with closing(connection):
                *_, last = forth(connection, DEMO, 10)
                await late.record([event("opened", ONE, NOON, 1, to=ANN)])
                one.turn()
                assert names(forth(connection, DEMO, 10, last.next)) == ["opened"]


async def test_a_place_in_a_database_that_was_made_anew_goes_on_by_its_time(connection: apsw.Connection) -> None:
    before = Place(1_000_000, NOON + 3)
    assert names(forth(connection, DEMO, 10, before)) == ["delivered", "opened"]


async def test_a_day_comes_in_the_order_of_time_some_at_a_time(connection: apsw.Connection) -> None:
    wanted = replace(DEMO, since=NOON + 1, until=NOON + 5)
    chunks = list(between(connection, wanted, 2))
    assert [len(each) for each in chunks] == [2, 2]
    assert [each.event.name.value for chunk in chunks for each in chunk] == [
        "delivered",
        "failed",
        "received",
        "delivered",
    ]


@pytest.mark.parametrize("text", ["", "5", "x-1.0", "5-1", "-5-1.0", "5-1.0-", "٥-1.0"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a place"):
        Place.parse(text)


def test_a_place_is_read_as_it_was_written_to_the_last_digit() -> None:
    place = Place(42, 1_767_268_800.1234567)
    assert Place.parse(str(place)) == place


def test_a_database_that_breaks_is_told_as_such() -> None:
    with closing(apsw.Connection(":memory:")) as empty, pytest.raises(StoreDown):
        newest(empty, DEMO, 1)
