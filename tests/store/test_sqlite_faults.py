"""What was promised is kept when the process is killed, the disk fails, or nobody owns the shard."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from relay.config.schema import Retention, Sandbox
from relay.model.message import Lane, State
from relay.model.order import Act, Order, Selection
from relay.store.interface import StoreDown
from relay.store.sqlite import SqliteQueue, open_queue, open_reader, write_cursor
from tests.store.mail import HELLO, NOON, mail

ROOT = Path(__file__).parents[2]

ADD_FOR_EVER = """
import asyncio, sys
from pathlib import Path
from relay.config.schema import Retention, Sandbox
from relay.model.ids import IdSource
from relay.model.clock import system_clock
from relay.model.message import State
from relay.store.sqlite import open_queue
from tests.store.mail import mail

async def main():
    queue = await open_queue(Path(sys.argv[1]), 7, Retention(), Sandbox(), system_clock)
    ids = IdSource(7, system_clock, queue.last_id)
    async def add(size):
        while True:
            new = mail(ident=ids.new(), contents=(b"x" * size,), state=State.FLIGHT)
            await queue.add(new)
            sys.stdout.write(new.message.id + "\\n")
            sys.stdout.flush()
    await asyncio.gather(*(add(10_000) for _ in range(10)), add(200_000))

asyncio.run(main())
"""


async def opened(directory: Path, now: float = NOON) -> SqliteQueue:
    return await open_queue(directory, 7, Retention(), Sandbox(), lambda: now)


def killed_while_adding(directory: Path, accepted: int) -> list[str]:
    """The ids a process had promised to keep when it was killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", ADD_FOR_EVER, str(directory)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process:
        lines = [process.stdout.readline() for _ in range(accepted)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    return [each.strip() for each in lines if each.endswith("\n")]


async def test_all_that_was_accepted_is_there_after_a_kill(tmp_path: Path) -> None:
    promised: list[str] = []
    for accepted in (1, 50, 300):
        promised += killed_while_adding(tmp_path / "shard", accepted)
    queue = await opened(tmp_path / "shard")
    claim = await queue.claim(Lane("example.net", "demo"), NOON * 2, 100_000)
    kept = {due.message.id: due.message.size for due in claim.dues}
    assert set(promised) - kept.keys() == set()
    assert len(promised) > 350
    for message, size in kept.items():  # also what was on its way is whole, or not there at all
        assert await queue.content(message, 0) == b"x" * size
    files = {each.name for each in (tmp_path / "shard" / "contents").iterdir()}
    assert len(files) == sum(size == 200_000 for size in kept.values())
    await queue.close()


async def test_a_killed_owners_shard_is_readable_before_anybody_opens_it(tmp_path: Path) -> None:
    promised = killed_while_adding(tmp_path / "shard", 100)
    reader = open_reader(tmp_path / "shard", 7)
    assert reader.counts()[State.FLIGHT] >= len(promised)
    assert {each.event.message for each in reader.journal(0, 100_000)} >= set(promised)
    assert reader.content(promised[-1], 0).startswith(b"xxx")
    reader.close()


# --- killed while an order is carried out -------------------------------------------------------------------

DELETE_ALL = """
import asyncio, sys
from pathlib import Path
from relay.config.schema import Retention, Sandbox
from relay.model.order import Act, Order, Selection
from relay.store.sqlite import open_queue

async def main():
    queue = await open_queue(Path(sys.argv[1]), 7, Retention(), Sandbox(), lambda: 0.0)
    write, act = queue.writer.write, Act(sys.argv[2])
    async def counted(work):
        done = await write(work)
        print("piece", flush=True)
        return done
    queue.writer.write = counted
    selection = Selection(address="ann@example.net") if act is Act.ERASE else Selection()
    await queue.act(Order(number=1, at=0.0, who="root", act=act, selection=selection), 1.0)
    print("end", flush=True)

asyncio.run(main())
"""


def killed_while_acting(directory: Path, act: Act, pieces: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", DELETE_ALL, str(directory), act.value], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process:
        for _ in range(pieces):
            assert process.stdout.readline() == "piece\n"
        process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("act", [Act.DELETE, Act.FAIL, Act.HOLD])
async def test_an_order_that_was_cut_short_is_finished_when_it_is_given_again(tmp_path: Path, act: Act) -> None:
    queue = await opened(tmp_path / "shard")
    wide = [mail(*(f"u{number}@example.net" for number in range(700))) for _ in range(20)]
    await asyncio.gather(*(queue.add(each) for each in wide))
    await queue.close()
    killed_while_acting(tmp_path / "shard", act, 5)
    queue = await opened(tmp_path / "shard")
    again = await queue.act(Order(number=1, at=NOON, who="root", act=act, selection=Selection()), NOON)
    assert 0 < again.changed <= 14_000 - 5 * 500 + 500
    reader = open_reader(tmp_path / "shard", 7)
    wanted = {Act.DELETE: State.CANCELLED, Act.FAIL: State.QUEUED, Act.HOLD: State.HELD}[act]
    assert reader.counts() == {wanted: 14_000}
    told = [(each.event.message, each.event.recipient) for each in reader.journal(0, 100_000)]
    assert len(told) == len(set(told)) == 14_000 + 20  # each was told once, and its message was received once
    if act is Act.DELETE:
        write_cursor(tmp_path / "shard", 100_000)
        assert await queue.prune(NOON * 2) == 20
    reader.close()
    await queue.close()


async def test_an_erasure_that_was_cut_short_leaves_no_file_and_is_finished_later(tmp_path: Path) -> None:
    queue = await opened(tmp_path / "shard")
    news = [mail(contents=(b"x" * 150_000,), state=State.SUPPRESSED) for _ in range(1200)]
    await asyncio.gather(*(queue.add(each) for each in news))
    await queue.close()
    killed_while_acting(tmp_path / "shard", Act.ERASE, 1)
    queue = await opened(tmp_path / "shard")
    reader = open_reader(tmp_path / "shard", 7)
    erased = sum(reader.recipients(each.message.id)[0].address == "erased@invalid" for each in news)
    assert 500 <= erased < 1200
    assert len(list((tmp_path / "shard" / "contents").iterdir())) == 1200 - erased
    selection = Selection(address="ann@example.net")
    await queue.act(Order(number=1, at=0.0, who="root", act=Act.ERASE, selection=selection), NOON)
    assert list((tmp_path / "shard" / "contents").iterdir()) == []
    reader.close()
    await queue.close()


# --- a directory we may only read ---------------------------------------------------------------------------

LOOK = """
import os, sys
from pathlib import Path
from relay.store.sqlite import open_reader
from relay.store.sqlite.connect import steps
steps("queue")  # the program itself may lie where the other user cannot look
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
directory = Path(sys.argv[1])
assert not os.access(directory, os.W_OK)
reader = open_reader(directory, 7)
print(*(f"{state}={count}" for state, count in reader.counts().items()), reader.content(sys.argv[2], 0))
"""


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that others may look into, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="relay-shard-") as name:
        Path(name).chmod(0o755)
        yield Path(name) / "shard"


def look(directory: Path, message: str) -> str:
    """What a process sees that may read all of the shard and write none of it."""
    for each in (directory, *directory.rglob("*")):
        each.chmod(0o555 if each.is_dir() else 0o444)
    try:
        result = subprocess.run(
            [sys.executable, "-c", LOOK, str(directory), message],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        for each in (directory, *directory.rglob("*")):
            each.chmod(0o755 if each.is_dir() else 0o644)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


async def test_a_shard_is_readable_in_a_directory_one_may_only_read(public: Path) -> None:
    queue = await opened(public)
    new = mail()
    await queue.add(new)
    assert look(public, new.message.id) == f"queued=1 {HELLO!r}"  # while its owner runs
    await queue.close()
    assert not (public / "queue.db-wal").exists()
    assert look(public, new.message.id) == f"queued=1 {HELLO!r}"  # when it was closed in order


async def test_a_killed_owners_shard_is_readable_in_such_a_directory_too(public: Path) -> None:
    promised = killed_while_adding(public, 20)
    assert (public / "queue.db-wal").exists()
    assert look(public, promised[0]).startswith("flight=")


# --- a disk that fails --------------------------------------------------------------------------------------


class Failing:
    """A file system whose sync fails on request, and that counts how often it was asked."""

    def __init__(self) -> None:
        self.broken = False
        self.broken_database = False  # the log can be synced, the database cannot
        self.syncs = 0
        disk = self

        class File(apsw.VFSFile):
            def __init__(self, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
                super().__init__("unix", name, flags)
                self._database = bool(flags[0] & apsw.SQLITE_OPEN_MAIN_DB)

            def xSync(self, flags: int) -> None:
                disk.syncs += 1
                if disk.broken or (disk.broken_database and self._database):
                    raise apsw.IOError("the disk does not answer")
                super().xSync(flags)

        class Disk(apsw.VFS):
            def __init__(self) -> None:
                super().__init__("failing", "unix", makedefault=True)

            def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
                return File(name, flags)

        self.vfs = Disk()


@pytest.fixture
def disk() -> Iterator[Failing]:
    made = Failing()
    yield made
    made.vfs.unregister()


async def test_a_failed_sync_refuses_the_batch_and_the_shard_is_opened_again(
    tmp_path: Path, disk: Failing, caplog: pytest.LogCaptureFixture
) -> None:
    queue = await opened(tmp_path / "shard")
    before, lost, after = mail(), [mail(contents=(b"x" * size,)) for size in (10, 100_000, 200_000)], mail()
    await queue.add(before)

    disk.broken, disk.syncs = True, 0
    fates = await asyncio.gather(*(queue.add(each) for each in lost), return_exceptions=True)
    assert [type(each) for each in fates] == [StoreDown] * 3
    # One sync a batch and at most one more as its connection closes; none is tried a second time.
    batches = sum("a batch of" in record.message for record in caplog.records)
    assert 1 <= batches <= 3
    assert disk.syncs <= 2 * batches

    disk.broken = False
    await queue.add(after)
    reader = open_reader(tmp_path / "shard", 7)
    assert {each.event.message for each in reader.journal(0, 10)} == {before.message.id, after.message.id}
    reader.close()
    assert list((tmp_path / "shard" / "contents").iterdir()) == []
    await queue.close()

    queue = await opened(tmp_path / "shard")
    claim = await queue.claim(Lane("example.net", "demo"), NOON, 10)
    assert [due.message.id for due in claim.dues] == [before.message.id, after.message.id]
    await queue.close()


async def test_what_is_in_flight_stays_so_when_the_shard_is_opened_again(tmp_path: Path, disk: Failing) -> None:
    queue = await opened(tmp_path / "shard")
    lane = Lane("example.net", "demo")
    await queue.add(mail())
    (due,) = (await queue.claim(lane, NOON, 10)).dues
    disk.broken = True
    with pytest.raises(StoreDown):
        await queue.release([due], NOON)
    disk.broken = False
    assert (await queue.claim(lane, NOON, 10)).dues == ()
    await queue.release([due], NOON)
    assert (await queue.claim(lane, NOON, 10)).dues == (due,)
    await queue.close()


async def test_a_log_that_cannot_be_written_back_stops_nobody(
    tmp_path: Path, disk: Failing, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("relay.store.sqlite.writer.CHECKPOINT", 1)
    queue = await opened(tmp_path / "shard")
    disk.broken_database = True
    for _ in range(3):
        await queue.add(mail())
    # The last message is told before its checkpoint is tried.
    assert sum("could not be written back" in each.message for each in caplog.records) >= 2
    disk.broken_database = False
    await queue.add(mail())
    await queue.close()
    queue = await opened(tmp_path / "shard")
    assert [lane.queued for lane in await queue.lanes()] == [4]
    await queue.close()
