"""The power goes at any moment, and with it any part of what was not synced: what was promised is there.

A shard at work is recorded once; then hundreds of states that a lost page cache could leave are opened, each by
the same functions that open it every day. `make soak` tries many thousands.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

import pytest

from relay.config.schema import Retention, Sandbox
from relay.model.message import State
from relay.store.sqlite import open_queue, open_reader, shard_directory
from tests.faults.diary import SHARD, Diary
from tests.faults.pagecache import SECTOR, Disk, Kind, Loss, Op, put
from tests.faults.power import Found, Recorded, memory, moments, record, try_states
from tests.faults.recorder import Recorder
from tests.store.mail import NOON
from tests.store.test_migration import former_shard, ident

STATES = 400


@pytest.fixture(scope="module")
def seed() -> int:
    return random.randrange(1 << 32)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with memory() as made:
        yield made


@pytest.fixture(scope="module")
def recorded(place: Path, seed: int) -> Recorded:
    """Two runs of a shard from its first start; in them mail of all sizes comes, goes and is forgotten."""
    return record(place / "data", Random(seed), (60, 150))


def tried(recorded: Recorded, states: int, seed: int, scratch: Path) -> Found:
    found, chosen = Found(), Random(seed)
    try_states(recorded, moments(recorded, states, chosen), chosen, scratch, found)
    return found


def test_all_that_was_promised_is_there_after_any_of_hundreds_of_cuts(
    recorded: Recorded, seed: int, place: Path
) -> None:
    found = tried(recorded, STATES, seed, place / "cuts")
    assert found.faults == [], f"seed {seed}"
    assert found.by_loss.keys() == {each.name for each in Loss}
    assert found.messages > STATES * 5  # so the states were no empty ones
    print(f"{found.states} states, {found.messages} messages looked for, 0 lost (seed {seed})")


def test_a_second_cut_while_it_recovers_from_the_first_takes_nothing_either(
    recorded: Recorded, seed: int, place: Path
) -> None:
    chosen = Random(seed)
    for number in range(4):
        disk, at = Disk(), chosen.randrange(len(recorded.ops) // 2, len(recorded.ops))
        for op in recorded.ops[:at]:
            disk.do(op)
        cut, until = (
            disk.after_cut(chosen.choice(list(Loss)), chosen),
            partial(recorded.diary.until, recorded.ops[at].at),
        )
        second = complete(cut, place / f"again{number}", chosen, until)
        early = dataclasses.replace(second, ops=second.ops[: max(60, len(second.ops) // 3)])
        assert tried(early, 20, seed, place / f"cuts{number}").faults == [], f"seed {seed}"


def complete(cut: dict[str, bytes | None], root: Path, chosen: Random, until: Callable[[], Diary]) -> Recorded:
    """A recording of all that happened: one that missed something proves nothing, and is made anew, twice at most."""
    for turn in range(3):
        place = root.with_name(f"{root.name}-{turn}")
        put(cut, place)
        try:
            return record(place, chosen, (20,), until())
        except AssertionError:
            if turn == 2:
                raise
    raise AssertionError("unreachable")


def without_syncs(recorded: Recorded, what: str) -> Recorded:
    ops = [op for op in recorded.ops if not (op.kind is Kind.SYNC and what in op.path)]
    return dataclasses.replace(recorded, ops=ops)


@pytest.mark.parametrize("what", ["queue.db-wal", "/contents/", "/contents", "idempotency.db-wal", "registry.db-wal"])
def test_a_store_that_left_out_a_sync_would_be_caught(
    recorded: Recorded, seed: int, tmp_path: Path, what: str
) -> None:
    """Else all of this would prove nothing."""
    careless = without_syncs(recorded, what)
    assert any(tried(careless, 10, seed + turn, tmp_path / f"cuts{turn}").faults for turn in range(20))


def test_a_shard_of_a_former_version_survives_a_cut_at_every_step_of_its_migration(seed: int, place: Path) -> None:
    root, base = place / "former", place / "former.base"
    for each in (root, base):
        each.mkdir()
        former_shard(shard_directory(each, SHARD), more=300)
    ops: list[Op] = []
    with Recorder(root, ops.append).recording():
        asyncio.run(_opened_once(root))
    chosen, disk, cuts = Random(seed), Disk(base), 0
    for number, op in enumerate(ops):
        disk.do(op)
        for loss in (Loss.ALL, Loss.HALF):
            state = place / f"state-former-{number}-{loss.name}"
            put(disk.after_cut(loss, chosen), state)
            assert asyncio.run(_opened_once(state)) == {State.QUEUED: 302, State.DELIVERED: 1}, (state, seed)
            _remove(state)
            cuts += 1
    assert cuts == 2 * len(ops) > 100


async def _opened_once(root: Path) -> dict[State, int]:
    directory = shard_directory(root, SHARD)
    queue = await open_queue(directory, SHARD, Retention(), Sandbox(), lambda: NOON)
    with contextlib.closing(open_reader(directory, SHARD)) as reader:
        counts = dict(reader.counts())
        assert [reader.content(ident(key), 0) for key in (1, 2, 3)] == [b"Hello"] * 3
    await queue.close()
    return counts


def _remove(root: Path) -> None:
    for each in sorted(root.rglob("*"), reverse=True):
        each.rmdir() if each.is_dir() else each.unlink()
    root.rmdir()


# --- the model itself ---------------------------------------------------------------------------------------


def disk_of(*ops: Op) -> Disk:
    disk = Disk()
    for op in ops:
        disk.do(op)
    return disk


def test_what_was_not_synced_may_be_lost_and_what_was_may_not() -> None:
    disk = disk_of(
        Op(1, Kind.CREATE, "a"),
        Op(2, Kind.WRITE, "a", data=b"x" * SECTOR),
        Op(3, Kind.SYNC, "a", begun=2.5),
        Op(4, Kind.SYNC, ".", begun=3.5),
        Op(5, Kind.WRITE, "a", offset=SECTOR, data=b"y" * SECTOR),
    )
    assert disk.after_cut(Loss.ALL, Random(1)) == {"a": b"x" * SECTOR}
    assert disk.after_cut(Loss.NONE, Random(1)) == disk.live == {"a": b"x" * SECTOR + b"y" * SECTOR}


def test_a_sync_does_not_hold_for_what_came_after_it_began() -> None:
    disk = disk_of(
        Op(1, Kind.CREATE, "a"),
        Op(2, Kind.SYNC, ".", begun=1.5),
        Op(3, Kind.WRITE, "a", data=b"x"),
        Op(4, Kind.SYNC, "a", begun=2.5),
    )
    assert disk.after_cut(Loss.ALL, Random(1)) == {"a": b""}


def test_a_name_is_lost_with_its_directorys_sync_though_the_file_was_synced() -> None:
    ops = [
        Op(1, Kind.CREATE, "a.part"),
        Op(2, Kind.WRITE, "a.part", data=b"x"),
        Op(3, Kind.SYNC, "a.part", begun=2.5),
        Op(4, Kind.RENAME, "a.part", other="a"),
    ]
    assert disk_of(*ops).after_cut(Loss.ALL, Random(1)) == {}
    assert disk_of(*ops, Op(5, Kind.SYNC, ".", begun=4.5)).after_cut(Loss.ALL, Random(1)) == {"a": b"x"}


def test_each_sector_of_a_torn_write_is_the_old_one_or_the_new_one() -> None:
    disk = disk_of(
        Op(1, Kind.CREATE, "a"),
        Op(2, Kind.SYNC, ".", begun=1.5),
        Op(3, Kind.WRITE, "a", data=b"o" * SECTOR * 8),
        Op(4, Kind.SYNC, "a", begun=3.5),
        Op(5, Kind.WRITE, "a", offset=100, data=b"n" * SECTOR * 6),
    )
    (content,) = disk.after_cut(Loss.HALF, Random(3)).values()
    assert content is not None and len(content) == SECTOR * 8
    kinds = {content[at : at + SECTOR].strip(b"o") for at in range(SECTOR, SECTOR * 6, SECTOR)}
    assert kinds == {b"", b"n" * SECTOR}
