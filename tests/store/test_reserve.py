"""Room set aside on the disk: made while there is plenty, given back when there is none, and no sooner."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.config.schema import Retention, Sandbox
from relay.model.message import State
from relay.store.interface import StoreFull
from relay.store.sqlite import open_queue, reserve
from relay.store.sqlite.layout import RESERVE
from tests.faults.mounts import fill, small_disk
from tests.store.mail import NOON, delivered, in_flight, mail


def test_it_is_made_once_there_is_room_beside_what_must_stay_free(tmp_path: Path) -> None:
    reserve.keep(tmp_path, 1 << 62)
    assert not (tmp_path / RESERVE).exists()
    reserve.keep(tmp_path, 0)
    made = (tmp_path / RESERVE).stat()
    assert (made.st_size, made.st_blocks * 512 >= reserve.SIZE, made.st_mode & 0o777) == (reserve.SIZE, True, 0o600)
    reserve.keep(tmp_path, 0)
    assert (tmp_path / RESERVE).stat().st_ino == made.st_ino


def test_one_that_was_not_made_to_its_end_is_made_whole(tmp_path: Path) -> None:
    (tmp_path / RESERVE).touch()
    reserve.keep(tmp_path, 0)
    assert (tmp_path / RESERVE).stat().st_size == reserve.SIZE


def test_it_stays_while_the_disk_has_room(tmp_path: Path) -> None:
    reserve.keep(tmp_path, 0)
    assert not reserve.give(tmp_path)
    assert (tmp_path / RESERVE).exists()


def test_it_is_given_back_once_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not reserve.give(tmp_path / "not there")
    reserve.keep(tmp_path, 0)
    monkeypatch.setattr(reserve, "LEAST", 1 << 62)
    assert reserve.give(tmp_path)
    assert not (tmp_path / RESERVE).exists()
    assert not reserve.give(tmp_path)


async def test_outcomes_are_written_down_on_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        queue = await open_queue(disk / "shard", 7, Retention(min_free=0), Sandbox(), lambda: NOON)
        new = [mail(contents=(b"x" * 50_000,), state=State.FLIGHT) for _ in range(100)]
        for each in new:
            await queue.add(each)
        await queue.prune(NOON)
        assert (disk / "shard" / RESERVE).exists()
        fill(disk)
        settled, refused = 0, 0
        while settled < len(new):
            try:
                await queue.settle([delivered(due) for due in in_flight(new[settled])])
                settled += 1
            except StoreFull:
                refused += 1
                assert refused < 10
        assert refused > 0
        assert not (disk / "shard" / RESERVE).exists()
        await queue.close()
