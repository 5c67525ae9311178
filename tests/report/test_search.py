"""Search answers the same before the reporter came by, half-way, and after."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relay.model.event import EventName
from relay.report import log
from relay.report.search import Filter, events, history
from tests.report.stage import event, names, new_ids, reporter, shard
from tests.store.mail import NOON

IDS = new_ids()
ONE, TWO = IDS.new(), IDS.new()
FROM_ME: dict[str, Any] = {"from": "Me@example.com"}
FROM_MALLORY: dict[str, Any] = {"from": "Mallory@example.com"}
TOLD = [
    replace(
        event(
            "received",
            ONE,
            NOON,
            to=["ann@example.net", "bob@example.org"],
            tags=["news"],
            campaign="spring sale",
            message_ref="order 4711",
            **FROM_ME,
        ),
        credential="App",
    ),
    event("delivered", ONE, NOON + 1, recipient=1, to="ann@example.net"),
    event("deferred", ONE, NOON + 2, recipient=2, to="Bob@example.org"),
    event("received", TWO, NOON + 3, to=["ann@example.net"], tags=["bill"]),
    event("failed", TWO, NOON + 4, recipient=1, to="ann@example.net"),
    event("received", IDS.new(), NOON + 5, to=["eve@example.net", "dan@example.net"]),
]
WANTED: list[tuple[Filter, list[str]]] = [
    (Filter(), ["received", "failed", "received", "deferred", "delivered", "received"]),
    (Filter(message=ONE), ["deferred", "delivered", "received"]),
    (Filter(message=ONE, recipient=1), ["delivered", "received"]),
    (Filter(address="ANN@example.net"), ["failed", "received", "delivered", "received"]),
    (Filter(domain="example.org"), ["deferred", "received"]),
    (Filter(domain="example.net", since=NOON + 4.5), ["received"]),
    (Filter(address="ann@example.net", name=EventName.FAILED), ["failed"]),
    (Filter(tag="news"), ["deferred", "delivered", "received"]),
    (Filter(tag="news", domain="example.org"), ["deferred", "received"]),
    (Filter(name=EventName.RECEIVED, until=NOON + 3), ["received", "received"]),
    (Filter(account="demo", since=NOON + 3, until=NOON + 4), ["failed", "received"]),
    (Filter(account="other"), []),
    (Filter(sender="me@EXAMPLE.com"), ["deferred", "delivered", "received"]),
    (Filter(sender="you@example.com"), []),
    (Filter(campaign="spring sale"), ["deferred", "delivered", "received"]),
    (Filter(campaign="spring sale", tag="bill"), []),
    (Filter(message_ref="order 4711"), ["deferred", "delivered", "received"]),
    (Filter(message_ref="order"), []),
    (Filter(campaign="spring sale", sender="me@example.com", name=EventName.DELIVERED), ["delivered"]),
    (Filter(credential="app"), ["received"]),
    (Filter(credential="ap"), []),
    (Filter(address="bob@example.org", domain="example.net"), []),
]


@pytest.fixture(params=["nothing folded", "half folded", "all folded"])
async def data(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Path]:
    monkeypatch.setattr(log, "write", lambda *_, **__: None)
    async with shard(tmp_path) as queue:
        await queue.record(TOLD[:3])
        if request.param != "nothing folded":
            with reporter(tmp_path) as one:
                one.turn()
        await queue.record(TOLD[3:])
        if request.param == "all folded":
            with reporter(tmp_path) as one:
                one.turn()
        yield tmp_path


async def test_every_filter_finds_what_fits_newest_first(data: Path) -> None:
    for wanted, found in WANTED:
        assert names(events(data, wanted)) == found, wanted


async def test_the_limit_keeps_the_newest(data: Path) -> None:
    assert names(events(data, Filter(), limit=2)) == ["received", "failed"]
    assert names(events(data, Filter(domain="example.net"), limit=2)) == ["received", "failed"]


async def test_history_is_all_of_one_message_oldest_first(data: Path) -> None:
    assert names(history(data, ONE)) == ["received", "delivered", "deferred"]


async def test_a_refused_message_is_found_by_its_sender_although_it_has_no_id(data: Path) -> None:
    async with shard(data, 3) as other:
        await other.record([event("rejected", **FROM_MALLORY)])
    assert names(events(data, Filter(sender="mallory@example.com"))) == ["rejected"]
    with reporter(data) as one:
        one.turn()
    assert names(events(data, Filter(sender="mallory@example.com"))) == ["rejected"]


async def test_what_another_process_saw_of_a_message_is_found_too(tmp_path: Path) -> None:
    async with shard(tmp_path, 0) as home, shard(tmp_path, 5) as other:
        await home.record([event("received", ONE)])
        await other.record([event("bounced", ONE, NOON + 9, recipient=1)])
        assert names(history(tmp_path, ONE)) == ["received", "bounced"]


def test_without_any_data_nothing_is_found(tmp_path: Path) -> None:
    assert events(tmp_path, Filter()) == []
    assert history(tmp_path, ONE) == []
