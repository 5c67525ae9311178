"""The lists beside the registry on SQLite: the contract, and what several processes and a kill make of them."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from relay.model.suppression import Cause, Suppression
from relay.store.beside import Idempotency, Suppressions
from relay.store.interface import StoreDown
from relay.store.sqlite import open_idempotency, open_suppressions
from relay.store.sqlite.connect import connect_writer, steps
from relay.store.sqlite.shared import open_shared
from relay.store.sqlite.suppressions import SqliteSuppressions
from tests.store.contract_lists import IdempotencyContract, SuppressionsContract, wanted
from tests.store.mail import NOON, ids

ROOT = Path(__file__).parents[2]


@pytest.fixture
def suppressions(tmp_path: Path) -> Iterator[Suppressions]:
    opened = open_suppressions(tmp_path / "suppressions.db")
    yield opened
    opened.close()


@pytest_asyncio.fixture
async def keys(tmp_path: Path) -> AsyncIterator[Idempotency]:
    opened = await open_idempotency(tmp_path / "idempotency.db")
    yield opened
    await opened.close()


class TestSuppressions(SuppressionsContract):
    @pytest.fixture
    def others(self, tmp_path: Path, suppressions: Suppressions) -> Iterator[Suppressions]:
        opened = open_suppressions(tmp_path / "suppressions.db")
        yield opened
        opened.close()


def test_a_list_that_was_empty_is_looked_at_again_when_the_lag_is_over(tmp_path: Path) -> None:
    now = 100.0
    path = tmp_path / "suppressions.db"
    with (
        closing(SqliteSuppressions(open_shared(path, "suppressions"), 0.01, lambda: now)) as lagging,
        closing(open_suppressions(path)) as others,
    ):
        assert lagging.find("", "a@example.net", "", NOON) is None
        others.add([Suppression(account="", address="a@example.net", created=NOON)])
        assert lagging.find("", "a@example.net", "", NOON) is None
        now += 0.02
        assert lagging.find("", "a@example.net", "", NOON) is not None
        lagging.remove("", "a@example.net")
        assert lagging.find("", "a@example.net", "", NOON) is None
        lagging.add([Suppression(account="", address="a@example.net", created=NOON)])
        assert lagging.find("", "a@example.net", "", NOON) is not None, "what it put in itself is seen at once"


class TestIdempotency(IdempotencyContract):
    @pytest_asyncio.fixture
    async def others(self, tmp_path: Path, keys: Idempotency) -> AsyncIterator[Idempotency]:
        opened = await open_idempotency(tmp_path / "idempotency.db")
        yield opened
        await opened.close()


def modes(directory: Path) -> dict[str, int]:
    return {each.name: stat.S_IMODE(each.stat().st_mode) for each in directory.iterdir()}


async def test_the_lists_are_readable_by_the_owner_alone(
    tmp_path: Path, suppressions: Suppressions, keys: Idempotency
) -> None:
    suppressions.add([Suppression(account="", address="a@example.net", created=NOON)])
    await keys.reserve("app", "k", wanted())
    assert len(modes(tmp_path)) == 6
    assert set(modes(tmp_path).values()) == {0o600}


async def test_a_list_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    for name in ("suppressions.db", "idempotency.db"):
        connection = connect_writer(tmp_path / name)
        connection.execute("pragma user_version = 999")
        connection.close()
    with pytest.raises(StoreDown, match="schema 999"):
        open_suppressions(tmp_path / "suppressions.db")
    with pytest.raises(StoreDown, match="schema 999"):
        await open_idempotency(tmp_path / "idempotency.db")


def test_a_look_up_in_an_empty_list_costs_next_to_nothing(suppressions: Suppressions) -> None:
    def fastest() -> float:
        """Seconds a look-up, the best of many rounds: what it costs when nothing else runs."""
        rounds = []
        for _ in range(50):
            before = time.perf_counter()
            for _ in range(100):
                suppressions.find("demo", "ann@example.net", "bulk", NOON)
            rounds.append((time.perf_counter() - before) / 100)
        return min(rounds)

    empty = fastest()
    suppressions.add(Suppression(account="", address=f"u{n}@example.net", created=NOON) for n in range(20_000))
    assert empty < 10e-6
    assert fastest() < 50e-6


# --- several processes ------------------------------------------------------------------------------------

# Each process asks for the same keys in the same order and says which it got.
RACE = """
import asyncio, json, sys
from pathlib import Path
from relay.model.ids import IdSource
from relay.store.beside import Reservation
from relay.store.sqlite import open_idempotency

async def main():
    keys = await open_idempotency(Path(sys.argv[1]))
    ids = IdSource(int(sys.argv[2]), lambda: 1.0)
    print("ready", flush=True)
    sys.stdin.readline()
    got = []
    async def ask(number):
        mine = ids.new()
        if await keys.reserve("app", f"k{number}", Reservation(mine, 1, "", 1.0, False)) is None:
            got.append(number)
    for start in range(0, 200, 10):
        await asyncio.gather(*(ask(number) for number in range(start, start + 10)))
    await keys.close()
    print(json.dumps(got), flush=True)

asyncio.run(main())
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_of_several_processes_exactly_one_gets_each_key(tmp_path: Path) -> None:
    processes = [start(RACE, tmp_path / "idempotency.db", shard) for shard in range(4)]
    for each in processes:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    got: list[int] = []
    for each in processes:
        out, _ = each.communicate(timeout=60)
        got += json.loads(out)
    assert sorted(got) == list(range(200))


RESERVE_FOR_EVER = """
import asyncio, sys
from pathlib import Path
from relay.model.ids import IdSource
from relay.store.beside import Reservation
from relay.store.sqlite import open_idempotency

async def main():
    keys = await open_idempotency(Path(sys.argv[1]))
    ids = IdSource(7, lambda: 1.0)
    print("ready", flush=True)
    number = 0
    while True:
        number += 1
        await keys.reserve("app", f"k{number}", Reservation(ids.new(), 1, "", 1.0, False))
        print(f"k{number}", flush=True)

asyncio.run(main())
"""


def reserved_until_killed(path: Path, count: int) -> list[str]:
    process = start(RESERVE_FOR_EVER, path)
    assert process.stdout is not None
    with process:
        promised = [process.stdout.readline() for _ in range(count)]
        process.send_signal(signal.SIGKILL)
        promised += process.stdout.readlines()
    return [each.strip() for each in promised if each.endswith("\n")]


async def test_what_a_killed_process_had_reserved_stays_reserved_until_it_is_settled(tmp_path: Path) -> None:
    promised = reserved_until_killed(tmp_path / "idempotency.db", 50)
    keys = await open_idempotency(tmp_path / "idempotency.db")
    for key in promised:
        assert await keys.reserve("app", key, wanted()) is not None
    released = await keys.resolve(7, lambda _: False)
    assert len(promised) <= released <= len(promised) + 1
    assert await keys.reserve("app", promised[-1], wanted()) is None
    await keys.close()


async def test_a_closed_list_takes_no_key_and_closes_twice(tmp_path: Path) -> None:
    keys = await open_idempotency(tmp_path / "idempotency.db")
    await asyncio.gather(keys.close(), keys.close())
    with pytest.raises(StoreDown):
        await keys.reserve("app", ids.new(), wanted())


def test_entries_of_an_older_version_hold_for_every_group(tmp_path: Path) -> None:
    path = tmp_path / "suppressions.db"
    with closing(connect_writer(path)) as old:
        old.execute(steps("suppressions")[0])
        old.execute("pragma user_version = 1")
        entry = ("ann@example.net", "demo", "bulk", "bounce", "550 gone", NOON, None)
        old.execute("insert into suppression values (?, ?, ?, ?, ?, ?, ?)", entry)
    with closing(open_suppressions(path)) as opened:
        assert opened.listing() == [
            Suppression(
                account="demo",
                address="ann@example.net",
                stream="bulk",
                cause=Cause.BOUNCE,
                note="550 gone",
                created=NOON,
            )
        ]
        assert opened.find("demo", "ann@example.net", "bulk", NOON, "news") is not None
