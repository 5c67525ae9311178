"""Sets of targets in a database: written once, remembered only where they are, gone with their last message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from relay.config.schema import Retention, Sandbox
from relay.model.message import NewMessage, State
from relay.store.interface import Exists
from relay.store.sqlite import SqliteQueue, open_queue, write_cursor
from relay.store.sqlite.connect import connect_reader, fetch, migrate, value
from relay.store.sqlite.rows import pack
from relay.store.sqlite.targets import LARGE, Known, digest_of, packed, rows, unpacked
from relay.store.sqlite.together import Insert, run_together
from tests.store.mail import NOON, mail

LEADS = ("https://example.com/a", "https://example.com/b")


@pytest.fixture
async def queue(tmp_path: Path) -> AsyncIterator[SqliteQueue]:
    made = await open_queue(tmp_path, 7, Retention(contents=10.0), Sandbox(), lambda: NOON, 20.0)
    yield made
    await made.close()


def linked(*targets: str, **given: Any) -> NewMessage:
    return replace(mail(links=True, state=State.SUPPRESSED, **given), targets={0: targets or LEADS})


def counted(directory: Path) -> tuple[int, int]:
    """Sets, and contents that have one."""
    connection = connect_reader(directory / "queue.db")
    found = tuple(value(connection, f"select count(*) from {table}") for table in ("target_set", "tracked"))
    connection.close()
    return found[0], found[1]


async def test_a_mailing_writes_its_targets_once(tmp_path: Path, queue: SqliteQueue) -> None:
    await queue.add(linked())
    await asyncio.gather(*(queue.add(linked()) for _ in range(40)))
    for _ in range(5):
        await queue.add(linked())
    assert counted(tmp_path) == (1, 46)
    await queue.add(linked(account="other"))
    assert counted(tmp_path) == (2, 47)


async def test_contents_of_one_message_share_a_set(tmp_path: Path, queue: SqliteQueue) -> None:
    new = mail(*(f"u{number}@example.net" for number in range(9)), contents=(b"x",) * 9, links=True)
    await queue.add(replace(new, targets={number: tuple(list(LEADS)) for number in range(8)} | {8: ()}))
    assert counted(tmp_path) == (1, 8)


async def test_a_set_goes_with_the_last_message_that_names_it(tmp_path: Path, queue: SqliteQueue) -> None:
    for each in (linked(), linked(), linked("https://example.com/other")):
        await queue.add(each)
    write_cursor(tmp_path, 1000)
    await queue.prune(NOON + 15)
    assert counted(tmp_path) == (2, 3)
    await queue.prune(NOON + 21)
    assert counted(tmp_path) == (0, 0)
    await queue.add(linked())
    await queue.add(linked())
    assert counted(tmp_path) == (1, 2)


async def test_a_refused_message_leaves_no_set_and_its_neighbours_have_theirs(
    tmp_path: Path, queue: SqliteQueue
) -> None:
    first = linked()
    await queue.add(first)
    twice = replace(first, targets={0: ("https://example.com/twice",)})
    fates = await asyncio.gather(
        *(queue.add(each) for each in (linked("https://example.com/1"), twice, linked("https://example.com/1"))),
        return_exceptions=True,
    )
    assert [type(each) for each in fates] == [type(None), Exists, type(None)]
    assert counted(tmp_path) == (2, 3)
    for _ in range(3):
        await queue.add(linked("https://example.com/twice"))
    assert counted(tmp_path) == (3, 6)


def parcel(key: int) -> Insert:
    return Insert(pack(key, linked()))


def test_what_a_failed_transaction_wrote_is_not_taken_for_there(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "queue.db"))
    connection.execute("pragma foreign_keys = on")
    migrate(connection, "queue")
    known = Known()
    for _ in range(3):
        connection.execute("begin immediate")
        run_together(known, [parcel(1), parcel(2)], connection)
        connection.execute("rollback")
    connection.execute("begin immediate")
    run_together(known, [parcel(1), parcel(2)], connection)
    connection.execute("commit")
    assert fetch(connection, "select key, target_set from tracked") == [(1 << 24, 1), (2 << 24, 1)]
    assert known.get(digest_of("demo", LEADS)) is None
    for key in (3, 4):
        connection.execute("begin immediate")
        run_together(known, [parcel(key)], connection)
        connection.execute("commit")
        assert known.get(digest_of("demo", LEADS)) == 1
    connection.close()


def test_the_memory_of_sets_is_bounded_and_keeps_the_latest_used() -> None:
    known = Known(3)
    for number in range(3):
        known.put(bytes([number]), number + 1)
    assert known.get(b"\0") == 1
    known.put(b"new", 9)
    assert [known.get(bytes([number])) for number in range(3)] == [1, None, 3]


def test_a_known_set_costs_no_look_up() -> None:
    known, digest = Known(), digest_of("demo", LEADS)
    known.put(digest, 5)
    closed = apsw.Connection(":memory:")
    closed.close()
    assert rows([(7, digest, LEADS)], known, closed) == [(7, 5)]


def test_digests_tell_lists_apart_that_look_alike_when_joined() -> None:
    lists = [("a", "b"), ("a\0b",), ("a", "b", ""), ("", "a", "b"), ("b", "a"), ("a\0", "b"), ("a", "\0b"), ()]
    assert len({digest_of("demo", each) for each in lists} | {digest_of("demo2", each) for each in lists}) == 16


@pytest.mark.parametrize("number", [1, 2, 40, 4_000])
def test_large_sets_are_compressed(number: int) -> None:
    targets = tuple(f"https://example.com/{each}" for each in range(number))
    octets = packed(targets)
    assert unpacked(octets) == targets
    assert (octets[:1] == b"[") == (sum(map(len, targets)) + 3 * number + 1 < LARGE)
