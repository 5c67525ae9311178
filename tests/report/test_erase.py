"""An erased person is found by nothing in the report database, and everybody else still is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from relay.model.order import Act, Order, Selection
from relay.report.erase import erase
from relay.report.search import Filter, events
from relay.store.interface import StoreDown
from tests.report.stage import event, names, new_ids, reporter, shard
from tests.store.mail import NOON

ANN = "Ann@Example.net"


def sender(address: str) -> dict[str, Any]:
    return {"from": address}


async def test_an_address_is_found_no_more_and_others_still_are(tmp_path: Path) -> None:
    ids = new_ids()
    first, second = ids.new(), ids.new()
    said = "550 5.1.1 <ann@example.net> unknown; joann@example.net is"
    happened = [
        event("received", first, to=["ann@example.net", "joann@example.net"], **sender("ann@example.net")),
        event("failed", first, recipient=1, to="ann@example.net", reply=said, tags=["ann@example.net", "news"]),
        event("received", second, to=["bob@example.net"], **sender("me@example.com")),
    ]
    async with shard(tmp_path) as queue:
        await queue.record(happened)
        with reporter(tmp_path) as one:
            one.turn()
            assert erase(tmp_path, ANN) == 2
            await queue.record([event("delivered", second, recipient=1, to="bob@example.net")])
            one.turn()  # the reporter goes on
        await queue.act(Order(number=1, at=NOON, who="r", act=Act.ERASE, selection=Selection(address=ANN)), NOON)
    assert erase(tmp_path, ANN) == 0
    for nobody in (Filter(address="ann@example.net"), Filter(sender=ANN), Filter(tag="ann@example.net")):
        assert events(tmp_path, nobody) == []
    assert sorted(names(events(tmp_path, Filter(address="erased@invalid")))) == ["failed", "received"]
    assert sorted(names(events(tmp_path, Filter(sender="erased@invalid")))) == ["failed", "received"]
    assert names(events(tmp_path, Filter(address="joann@example.net"))) == ["received"]
    assert len(events(tmp_path, Filter(tag="news"))) == 2
    assert len(events(tmp_path, Filter(sender="me@example.com"))) == 2
    (failed,) = [each.event for each in events(tmp_path, Filter(message=first)) if each.event.recipient == 1]
    assert failed.data["reply"] == "550 5.1.1 <erased@invalid> unknown; joann@example.net is"
    assert b"ann@example.net" not in str(events(tmp_path, Filter())).replace("joann@", "").encode()


async def test_every_piece_of_a_long_history_is_looked_through(tmp_path: Path) -> None:
    async with shard(tmp_path) as queue:
        news = [event("rejected", to=[f"u{number % 6000}@example.net"]) for number in range(12_000)]
        await queue.record(news)
        with reporter(tmp_path) as one:
            while one.turn():
                continue
    assert erase(tmp_path, "u5999@example.net") == 2
    assert len(events(tmp_path, Filter(address="erased@invalid"))) == 2


def test_where_nothing_was_folded_there_is_nothing_to_erase(tmp_path: Path) -> None:
    assert erase(tmp_path, ANN) == 0
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_address_is_refused(tmp_path: Path) -> None:
    for wrong in ("", "ann", "@example.net", "ann@", " ann@example.net"):
        with pytest.raises(ValueError, match="not an address"):
            erase(tmp_path, wrong)


def test_a_damaged_database_is_said_to_be_down(tmp_path: Path) -> None:
    (tmp_path / "report.db").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(StoreDown):
        erase(tmp_path, ANN)
