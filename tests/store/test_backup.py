"""Snapshots are whole while owners write, and a restored shard sends nothing by itself."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from relay.config.schema import Retention, Sandbox
from relay.model.account import Account
from relay.model.event import EventName
from relay.model.message import Lane, NewMessage, State
from relay.model.options import Archive, Options, Resolved
from relay.model.order import Act, Order, Selection
from relay.model.suppression import Suppression
from relay.store.interface import NotFound, ShardBusy, StoreDown
from relay.store.sqlite import (
    SqliteQueue,
    backup,
    existing_shards,
    open_idempotency,
    open_queue,
    open_reader,
    open_registry,
    open_suppressions,
    shard_directory,
)
from relay.store.sqlite.backup import hold_all, snapshot_database, snapshot_shard
from tests.store.contract_lists import wanted
from tests.store.mail import HELLO, NOON, delivered, in_flight, mail

ROOT = Path(__file__).parents[2]
LARGE = b"x" * 200_000
NET = Lane("example.net", "demo")


async def opened(directory: Path) -> SqliteQueue:
    return await open_queue(directory, 7, Retention(), Sandbox(), lambda: NOON)


def modes(directory: Path) -> set[int]:
    return {stat.S_IMODE(each.stat().st_mode) for each in directory.rglob("*") if each.is_file()}


# --- databases --------------------------------------------------------------------------------------------


async def test_databases_are_copied_while_they_are_written_to(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "backup" / "deep"
    registry, suppressions = open_registry(data / "registry.db"), open_suppressions(data / "suppressions.db")
    keys = await open_idempotency(data / "idempotency.db")
    registry.add_account(Account(name="demo", created=NOON))
    suppressions.add([Suppression(account="", address="a@example.net", created=NOON)])
    await keys.reserve("app", "k", wanted())
    for name in ("registry.db", "suppressions.db", "idempotency.db"):
        snapshot_database(data / name, copy / name)
    registry.add_account(Account(name="later", created=NOON))
    assert sorted(each.name for each in copy.iterdir()) == ["idempotency.db", "registry.db", "suppressions.db"]
    assert modes(copy) == {0o600}

    restored = open_registry(copy / "registry.db")
    assert [each.name for each in restored.accounts()] == ["demo"]
    others = await open_idempotency(copy / "idempotency.db")
    assert await others.reserve("app", "k", wanted()) is not None
    listed = open_suppressions(copy / "suppressions.db")
    assert listed.find("demo", "a@example.net", "", NOON) is not None
    for each in (registry, suppressions, restored, listed):
        each.close()
    for one in (keys, others):
        await one.close()


def test_a_second_snapshot_takes_the_place_of_the_first(tmp_path: Path) -> None:
    registry = open_registry(tmp_path / "registry.db")
    copy = tmp_path / "copy.db"
    snapshot_database(tmp_path / "registry.db", copy)
    (tmp_path / "copy.db.part").write_bytes(b"left by a crash")
    registry.add_account(Account(name="demo", created=NOON))
    snapshot_database(tmp_path / "registry.db", copy)
    restored = open_registry(copy)
    assert [each.name for each in restored.accounts()] == ["demo"]
    restored.close()
    registry.close()


def test_what_is_no_database_leaves_no_copy(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        snapshot_database(tmp_path / "nowhere.db", tmp_path / "copy.db")
    (tmp_path / "junk.db").write_bytes(b"no database at all, though long enough to be looked at" * 100)
    with pytest.raises(StoreDown, match=r"junk\.db"):
        snapshot_database(tmp_path / "junk.db", tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


# --- shards -----------------------------------------------------------------------------------------------


async def test_a_shard_is_copied_whole_while_its_owner_writes(tmp_path: Path) -> None:
    source, target = shard_directory(tmp_path / "data", 7), shard_directory(tmp_path / "backup", 7)
    queue = await opened(source)
    promised: list[NewMessage] = []

    async def add_on(until: asyncio.Future[int]) -> None:
        while not until.done():
            new = mail(contents=(LARGE, HELLO), state=State.FLIGHT)
            await queue.add(new)
            await queue.settle([delivered(due) for due in in_flight(new)])
            await queue.act(
                Order(number=1, at=NOON, who="r", act=Act.ERASE, selection=Selection(address="nobody@example.net")),
                NOON,
            )

    for _ in range(200):
        new = mail(contents=(LARGE if len(promised) % 2 else HELLO,))
        await queue.add(new)
        promised.append(new)
    copying = asyncio.ensure_future(asyncio.to_thread(snapshot_shard, source, target))
    await asyncio.gather(copying, *(add_on(copying) for _ in range(4)))
    await queue.close()

    assert existing_shards(tmp_path / "backup") == [7]
    assert modes(target) == {0o600}
    files = {each.name for each in (target / "contents").iterdir()}
    assert len(files) == copying.result() >= 100
    restored = await opened(target)
    assert {each.name for each in (target / "contents").iterdir()} == files  # each has its row
    for new in promised:
        assert await restored.content(new.message.id, 0) == new.contents[0]
    for message, _ in open_reader(target, 7).listing(Selection(states=(State.DELIVERED, State.FLIGHT)), 10_000):
        assert await restored.content(message.id, 0) == LARGE
    connection = apsw.Connection(str(target / "queue.db"))
    assert connection.execute("pragma integrity_check").get == "ok"
    connection.close()
    await restored.close()


def between(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    """Let something happen between the copy of the database and that of the files."""
    copy_database = backup.snapshot_database

    def then(path: Path, target: Path) -> None:
        copy_database(path, target)
        happens()

    monkeypatch.setattr(backup, "snapshot_database", then)


async def test_what_ended_and_went_between_the_copies_is_not_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = await opened(tmp_path / "shard")
    gone = mail(
        "a@example.net", "b@example.net", contents=(LARGE,), resolved=Resolved(options=Options(archive=Archive.NONE))
    )
    cut = mail(contents=(LARGE,), resolved=Resolved(options=Options(archive=Archive.HEADERS)), state=State.SUPPRESSED)
    stays = mail(contents=(LARGE,))
    for new in (gone, cut, stays):
        await queue.add(new)
    claimed = (await queue.claim(NET, NOON, 2)).dues
    loop = asyncio.get_running_loop()

    async def end() -> None:
        await queue.settle([delivered(due) for due in claimed])
        await queue.prune(NOON)

    between(monkeypatch, lambda: asyncio.run_coroutine_threadsafe(end(), loop).result(30))
    assert await asyncio.to_thread(snapshot_shard, tmp_path / "shard", tmp_path / "copy") == 1
    await queue.close()

    restored = await opened(tmp_path / "copy")
    reader = open_reader(tmp_path / "copy", 7)
    assert [each.state for each in reader.recipients(gone.message.id)] == [State.CANCELLED] * 2
    last = reader.history(gone.message.id)[-1].event
    assert (last.name, last.data["reason"]) == (EventName.CANCELLED, "ended while the snapshot was taken")
    for lost in (gone, cut):
        with pytest.raises(NotFound):
            await restored.content(lost.message.id, 0)
    assert [due.message.id for due in (await restored.claim(NET, NOON, 10)).dues] == [stays.message.id]
    assert await restored.content(stays.message.id, 0) == LARGE
    reader.close()
    await restored.close()


async def test_a_copy_that_was_interrupted_is_no_shard_and_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = shard_directory(tmp_path / "data", 7), shard_directory(tmp_path / "backup", 7)
    queue = await opened(source)
    await queue.add(mail(contents=(LARGE,)))

    def broken() -> None:
        raise OSError("the disk is gone")

    with monkeypatch.context() as patched:
        between(patched, broken)
        with pytest.raises(OSError, match="the disk is gone"):
            snapshot_shard(source, target)
    assert existing_shards(tmp_path / "backup") == []
    assert snapshot_shard(source, target) == 1
    with pytest.raises(StoreDown, match="holds a shard already"):
        snapshot_shard(source, target)
    with pytest.raises(NotFound):
        snapshot_shard(tmp_path / "nowhere", tmp_path / "else")
    await queue.close()


# --- restoring --------------------------------------------------------------------------------------------


async def test_all_that_waits_in_a_restored_shard_is_held_until_it_is_released(tmp_path: Path) -> None:
    queue = await opened(tmp_path / "shard")
    await queue.add(mail(*(f"u{number}@example.net" for number in range(1200)), due=NOON + 5))
    done, held = mail(state=State.FLIGHT), mail(state=State.HELD)
    for new in (done, held, mail("late@example.org", state=State.FLIGHT, sandbox=True)):
        await queue.add(new)
    await queue.settle([delivered(in_flight(done)[0])])
    snapshot_shard(tmp_path / "shard", tmp_path / "copy")
    with pytest.raises(ShardBusy):
        hold_all(tmp_path / "shard", NOON)
    await queue.close()

    assert hold_all(tmp_path / "copy", NOON + 9) == 1201
    assert hold_all(tmp_path / "copy", NOON + 9) == 0
    restored = await opened(tmp_path / "copy")
    reader = open_reader(tmp_path / "copy", 7)
    assert reader.counts() == {State.HELD: 1202, State.DELIVERED: 1}
    assert await restored.lanes() == []
    told = [each.event for each in reader.journal(0, 10_000) if each.event.name is EventName.HELD]
    assert len(told) == 1201
    assert (told[-1].at, told[-1].data["reason"]) == (NOON + 9, "restored from a snapshot")
    released = await restored.act(
        Order(number=1, at=NOON, who="root", act=Act.RELEASE, selection=Selection(domain="example.net")), NOON
    )
    assert released.changed == 1201
    assert (await restored.claim(NET, NOON + 5, 2000)).dues[0].due == NOON
    reader.close()
    await restored.close()


HOLD_LOCK = """
import sys
from pathlib import Path
from relay.store.sqlite.lock import Lock
lock = Lock(Path(sys.argv[1]) / "lock")
print("locked", flush=True)
sys.stdin.readline()
"""


async def test_a_restored_shard_has_one_owner_too(tmp_path: Path) -> None:
    queue = await opened(tmp_path / "shard")
    snapshot_shard(tmp_path / "shard", tmp_path / "copy")
    await queue.close()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD_LOCK, str(tmp_path / "copy"),
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert await process.stdout.readline() == b"locked\n"
    with pytest.raises(ShardBusy):
        await opened(tmp_path / "copy")
    with pytest.raises(ShardBusy):
        hold_all(tmp_path / "copy", NOON)
    await process.communicate(b"end\n")
    assert hold_all(tmp_path / "copy", NOON) == 0
    with pytest.raises(NotFound):
        hold_all(tmp_path / "nowhere", NOON)


HOLD_ALL = """
import sys
from pathlib import Path
from relay.store.sqlite import backup
hold, pieces = backup._hold, 0
def counted(now, connection):
    print("piece", flush=True)
    return hold(now, connection)
backup._hold = counted
backup.hold_all(Path(sys.argv[1]), float(sys.argv[2]))
"""


async def test_putting_on_hold_is_finished_after_a_kill(tmp_path: Path) -> None:
    queue = await opened(tmp_path / "shard")
    for _ in range(10):
        await queue.add(mail(*(f"u{number}@example.net" for number in range(1000))))
    await queue.close()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD_ALL, str(tmp_path / "shard"), str(NOON),
        cwd=ROOT, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    for _ in range(4):
        assert await process.stdout.readline() == b"piece\n"
    process.kill()
    await process.wait()
    assert 0 < hold_all(tmp_path / "shard", NOON) <= 8_500
    reader = open_reader(tmp_path / "shard", 7)
    assert reader.counts() == {State.HELD: 10_000}
    assert len(reader.journal(0, 100_000)) == 10_010  # held once each
    reader.close()
