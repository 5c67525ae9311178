"""Journals become the report database: every row once, whatever dies in between."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import apsw
import pytest

from relay.report import log
from relay.report import reporter as module
from relay.report.fold import fold
from relay.report.search import Filter, events
from relay.store.interface import StoreDown
from relay.store.sqlite import read_cursor, shard_directory
from tests.report.stage import config, event, names, new_ids, reporter, shard
from tests.store.mail import NOON


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(log, "write", lambda text, **_: said.extend(text.split("\n")))
    return said


async def test_rows_of_all_shards_are_folded_once_and_said_once(tmp_path: Path, lines: list[str]) -> None:
    async with shard(tmp_path, 0) as zero, shard(tmp_path, 3) as three:
        await zero.record([event("received", new_ids().new(), to=["ann@example.net"])])
        await three.record([event("rejected", reply="550 no")])
        with reporter(tmp_path) as one:
            assert not one.turn()
            assert not one.turn()
        assert sorted(names(events(tmp_path, Filter()))) == ["received", "rejected"]
        assert len(lines) == 2
        with reporter(tmp_path) as two:  # a successor goes on where it stopped
            two.turn()
            await zero.record([event("delivered", new_ids().new(), recipient=1, to="ann@example.net")])
            two.turn()
        assert len(lines) == 3
        assert len(events(tmp_path, Filter())) == 3


async def test_the_cursor_is_exported_only_after_the_rows_are_kept(
    tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shard(tmp_path) as queue:
        await queue.record([event("received", new_ids().new()), event("rejected")])
        with reporter(tmp_path) as one:
            monkeypatch.setattr(module, "fold", _fail_at(fold, 2))
            with pytest.raises(OSError, match="as asked"):
                one.turn()
        assert read_cursor(shard_directory(tmp_path, 0)) == 0
        assert lines == []
        with reporter(tmp_path) as two:
            two.turn()
        assert read_cursor(shard_directory(tmp_path, 0)) == 2
        assert len(lines) == 2
        assert len(events(tmp_path, Filter())) == 2


def _fail_at(act: Any, call: int, fault: Exception | None = None) -> Any:
    calls = 0

    def failing(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise fault or OSError("as asked")
        return act(*arguments)

    return failing


async def test_a_long_journal_is_folded_in_batches_and_the_lag_is_told(
    tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 10)
    async with shard(tmp_path) as queue:
        await queue.record([event("rejected", at=NOON - 5) for _ in range(25)])
        with reporter(tmp_path) as one:
            assert one.turn()
            assert one.lag == 5
            assert one.turn()
            assert not one.turn()
            assert one.lag == 0
    assert len(lines) == 25


async def test_events_past_their_retention_are_forgotten_with_all_that_points_to_them(
    tmp_path: Path, lines: list[str]
) -> None:
    message = new_ids().new()
    async with shard(tmp_path) as queue:
        old = event("received", message, NOON - 101, to="ann@example.net", tags=["a"])
        await queue.record([old, event("received", at=NOON - 99, to="bob@example.net")])
        with reporter(tmp_path, "retention: {events: 100s}") as one:
            one.turn()
    with apsw.Connection(str(tmp_path / "report.db")) as database:
        for table, left in (("event", 1), ("about", 1), ("labelled", 0)):
            assert database.execute(f"select count(*) from {table}").fetchone() == (left,)


async def test_a_shard_that_cannot_be_read_keeps_nobody_waiting(
    tmp_path: Path, lines: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    broken = shard_directory(tmp_path, 0) / "queue.db"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"no database" * 1000)
    async with shard(tmp_path, 1) as queue:
        await queue.record([event("rejected")])
        with reporter(tmp_path) as one:
            one.turn()
            one.turn()
    assert len(lines) == 1
    assert caplog.text.count("the journal of shard 0 waits") == 1


async def test_told_to_stop_it_folds_what_is_left(tmp_path: Path, lines: list[str]) -> None:
    async with shard(tmp_path) as queue:
        with reporter(tmp_path) as one:
            stopping = asyncio.Event()
            heard: list[Any] = []
            running = asyncio.create_task(one.run(stopping, heard.append))
            async with asyncio.timeout(10):
                while not heard:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                await queue.record([event("rejected")])
                stopping.set()
                await running
    assert heard[0] == {"lag": 0.0}
    assert len(lines) == 1


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with apsw.Connection(str(tmp_path / "report.db")) as database:
        database.execute("pragma user_version = 99")
    with pytest.raises(StoreDown, match="schema 99"), reporter(tmp_path) as one:
        one.turn()
    with pytest.raises(StoreDown, match="schema 99"):
        events(tmp_path, Filter())


async def test_a_database_that_fails_makes_the_reporter_late_and_loses_nothing(
    tmp_path: Path, lines: list[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGAIN", 0.02)
    (tmp_path / "report.db").write_bytes(b"no database" * 1000)
    stopping = asyncio.Event()
    heard: list[Any] = []
    async with shard(tmp_path) as queue, asyncio.timeout(10):
        await queue.record([event("rejected")])
        with reporter(tmp_path) as one:
            running = asyncio.create_task(one.run(stopping, heard.append))
            while len(heard) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert caplog.text.count("events wait in the journals") == 1
            (tmp_path / "report.db").unlink()
            while not lines:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            # Full in the middle of a batch: rolled back, and folded once there is room.
            monkeypatch.setattr(one, "_add", _fail_at(one._add, 1, apsw.FullError("as asked")))
            await queue.record([event("rejected"), event("rejected")])
            while len(lines) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            stopping.set()
            await running
    assert len(events(tmp_path, Filter())) == 3
    assert caplog.text.count("well again") == 2


async def test_the_log_is_json_where_the_configuration_says_so(tmp_path: Path, lines: list[str]) -> None:
    async with shard(tmp_path) as queue:
        await queue.record([event("rejected", reply="550 no")])
        with reporter(tmp_path) as one:
            one.config = config(tmp_path, "log: {format: json}")
            one.turn()
    assert json.loads(lines[0])["event"] == "rejected"
