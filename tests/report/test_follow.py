"""Events are followed as they come, through restarts, and none is told twice or left out."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from relay.report import log
from relay.report.fold import Filter
from relay.report.follow import Follower
from tests.report.stage import event, names, new_ids, reporter, shard
from tests.store.mail import NOON

IDS = new_ids()
ONE = IDS.new()


@pytest.fixture(autouse=True)
def _silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "write", lambda *_, **__: None)


async def test_what_was_there_comes_once_and_what_comes_later_once(tmp_path: Path) -> None:
    async with shard(tmp_path) as queue:
        await queue.record([event("received", ONE, NOON)])
        with reporter(tmp_path) as one:
            one.turn()
        await queue.record([event("deferred", ONE, NOON + 1, 1)])
        with closing(Follower(tmp_path, Filter())) as follower:
            await queue.record([event("delivered", ONE, NOON + 2, 1)])
            assert names(follower.before(10)) == ["received", "deferred"]
            assert names(list(follower.fresh())) == ["delivered"]
            assert list(follower.fresh()) == []


async def test_events_of_a_message_labelled_before_are_followed(tmp_path: Path) -> None:
    two = IDS.new()
    async with shard(tmp_path) as queue:
        await queue.record([event("received", ONE, NOON, tags=["news"])])
        with reporter(tmp_path) as one:
            one.turn()
        await queue.record([event("received", two, NOON, tags=["news"])])
        with closing(Follower(tmp_path, Filter(tag="news"))) as follower:
            await queue.record([event("delivered", ONE, NOON + 1, 1), event("delivered", IDS.new(), NOON + 1, 1)])
            await queue.record([event("delivered", two, NOON + 1, 1)])
            assert [each.event.message for each in follower.fresh()] == [ONE, two]


async def test_a_shard_that_comes_later_or_is_opened_anew_is_followed_too(tmp_path: Path) -> None:
    with closing(Follower(tmp_path, Filter())) as follower:
        assert list(follower.fresh()) == []
        async with shard(tmp_path, 3) as queue:
            await queue.record([event("received", ONE, NOON)])
            assert names(list(follower.fresh())) == ["received"]
        async with shard(tmp_path, 3) as queue:
            await queue.record([event("delivered", ONE, NOON, 1)])
            assert names(list(follower.fresh())) == ["delivered"]


async def test_a_shard_that_cannot_be_read_for_a_while_is_said_once_and_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with shard(tmp_path) as queue:
        await queue.record([event("received", ONE, NOON)])
    database = tmp_path / "shards/0000/queue.db"
    with closing(Follower(tmp_path, Filter())) as follower:
        follower.close()
        whole = database.read_bytes()
        database.write_bytes(b"not a database" * 1000)
        assert list(follower.fresh()) == list(follower.fresh()) == []
        assert len([each for each in caplog.records if "cannot be read" in each.message]) == 1
        database.write_bytes(whole)
        async with shard(tmp_path) as queue:
            await queue.record([event("delivered", ONE, NOON, 1)])
        assert names(list(follower.fresh())) == ["delivered"]
