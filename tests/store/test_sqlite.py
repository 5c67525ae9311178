"""The SQLite engine keeps the contract, and what only it can promise."""

from __future__ import annotations

import asyncio
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from relay.config.schema import Retention, Sandbox
from relay.model.event import Event, EventName
from relay.model.message import State
from relay.store.interface import Reader, Registry, StoreDown, StoreFull
from relay.store.sqlite import (
    SqliteQueue,
    existing_shards,
    open_queue,
    open_reader,
    open_registry,
    read_cursor,
    shard_directory,
    write_cursor,
)
from relay.store.sqlite import statements as sql
from tests.store.contract import DAY, QueueContract
from tests.store.contract_choosing import ChoosingContract
from tests.store.contract_dropping import DroppingContract
from tests.store.contract_links import LinksContract
from tests.store.contract_orders import ErasingContract, OrdersContract
from tests.store.contract_reading import ReadingContract
from tests.store.contract_registry import RegistryContract
from tests.store.mail import HELLO, NOON, delivered, in_flight, mail


class SqliteShard:
    def __init__(self, directory: Path) -> None:
        self.now = NOON
        self.directory = directory
        self._readers: list[Reader] = []

    async def open(
        self,
        retention: Retention = Retention(),  # noqa: B008
        sandbox: Sandbox = Sandbox(),  # noqa: B008
        life: float = 99 * DAY,
    ) -> SqliteQueue:
        return await open_queue(self.directory, 7, retention, sandbox, lambda: self.now, life)

    def reader(self) -> Reader:
        self._readers.append(open_reader(self.directory, 7))
        return self._readers[-1]

    def folded(self, seq: int) -> None:
        write_cursor(self.directory, seq)

    def close(self) -> None:
        for each in self._readers:
            each.close()


@pytest.fixture
def shard(tmp_path: Path) -> Iterator[SqliteShard]:
    made = SqliteShard(shard_directory(tmp_path, 7))
    yield made
    made.close()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    opened = open_registry(tmp_path / "registry.db")
    yield opened
    opened.close()


@pytest.fixture
def other(tmp_path: Path, registry: Registry) -> Iterator[Registry]:
    opened = open_registry(tmp_path / "registry.db")
    yield opened
    opened.close()


class TestQueue(QueueContract):
    pass


class TestReading(ReadingContract):
    pass


class TestChoosing(ChoosingContract):
    pass


class TestOrders(OrdersContract):
    pass


class TestDropping(DroppingContract):
    pass


class TestErasing(ErasingContract):
    pass


class TestLinks(LinksContract):
    pass


class TestRegistry(RegistryContract):
    pass


# --- group commit -----------------------------------------------------------------------------------------


async def test_a_hundred_messages_at_once_take_few_commits(shard: SqliteShard) -> None:
    queue = await shard.open()
    await asyncio.gather(*(queue.add(mail()) for _ in range(100)))
    assert queue.writer.writes == 100
    # The first may go alone while the others gather; all were waiting before the loop came to rest.
    assert queue.writer.commits <= 10
    await queue.close()


async def test_a_lone_message_waits_for_nobody(shard: SqliteShard) -> None:
    queue = await shard.open()
    for number in range(1, 4):
        await asyncio.wait_for(queue.add(mail()), 5)
        assert queue.writer.commits == number
    await queue.close()


async def test_a_write_cancelled_before_its_turn_is_left_out(shard: SqliteShard) -> None:
    queue = await shard.open()
    entered, go_on = threading.Event(), threading.Event()

    def hold(_connection: apsw.Connection) -> None:
        entered.set()
        assert go_on.wait(10)

    holding = asyncio.ensure_future(queue.writer.write(hold))
    assert await asyncio.to_thread(entered.wait, 10)
    kept, left = asyncio.ensure_future(queue.add(mail())), asyncio.ensure_future(queue.add(mail()))
    await asyncio.sleep(0)  # both are waiting for the writer now
    left.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(holding, kept)
    assert left.cancelled()
    assert shard.reader().counts() == {State.QUEUED: 1}
    await queue.close()


async def test_the_log_goes_into_the_database_before_it_grows_large(shard: SqliteShard) -> None:
    queue = await shard.open()
    for _ in range(12):
        await asyncio.gather(*(queue.add(mail(contents=(b"x" * 100_000,))) for _ in range(40)))
    log = shard.directory / "queue.db-wal"
    assert 0 < log.stat().st_size <= 40 << 20
    await queue.close()
    assert not log.exists()


async def test_a_closed_shard_takes_nothing_more(shard: SqliteShard) -> None:
    queue = await shard.open()
    await queue.close()
    with pytest.raises(StoreDown):
        await queue.add(mail())
    with pytest.raises(StoreDown):
        await queue.content(mail().message.id, 0)


# --- the index of what waits ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "given", "index"),
    [
        (
            sql.CLAIM,
            ("d", "a", 5, NOON, 1),
            "COVERING INDEX recipient_queued (domain=? AND account=? AND priority=? AND next_attempt<?)",
        ),
        (
            sql.NEXT_DUE,
            ("d", "a", 5),
            "COVERING INDEX recipient_queued (domain=? AND account=? AND priority=?)",
        ),
        (sql.LANES, (), "SCAN recipient USING COVERING INDEX recipient_queued"),
        (sql.REQUEUE, (NOON,), "COVERING INDEX message_open (sandbox=? AND ended=?)"),
        (
            sql.OVERDUE,
            {"sandbox": 0, "before": 0, "cursor": 0, "limit": 1},
            "INDEX message_ended (sandbox=? AND ended<?)",
        ),
        (sql.OPEN, (0, 1, 2), "INDEX message_open (sandbox=? AND ended=? AND rowid>?)"),
        (sql.TO_DROP, (NOON, 1), "INDEX message_drop (<expr><?)"),
        (sql.TO_CUT, (NOON, 1), "INDEX message_cut (<expr><?)"),
        (sql.LANE, ("d", "a", 5), "COVERING INDEX recipient_queued (domain=? AND account=? AND priority=?)"),
        (sql.SANDBOX_BYTES, (), "COVERING INDEX message_ended (sandbox=? AND ended>?)"),
    ],
)
async def test_what_runs_often_is_answered_from_an_index(
    shard: SqliteShard, statement: str, given: apsw.Bindings, index: str
) -> None:
    await (await shard.open()).close()
    connection = apsw.Connection(str(shard.directory / "queue.db"))
    plan = [str(row[3]) for row in connection.execute(f"explain query plan {statement}", given)]
    assert any(step.endswith(index) for step in plan), plan
    assert [step for step in plan if "TEMP B-TREE" in step] == []
    connection.close()


async def test_recipients_in_flight_never_enter_the_index_of_what_waits(shard: SqliteShard) -> None:
    queue = await shard.open()
    await queue.add(mail("a@example.net", state=State.FLIGHT))
    await queue.add(mail("b@example.net"))

    def indexed(connection: apsw.Connection) -> object:
        statement = "select count(*) from recipient indexed by recipient_queued where state = 'queued'"
        return connection.execute(statement).get

    assert await queue.writer.write(indexed) == 1
    await queue.close()


# --- files ------------------------------------------------------------------------------------------------


async def test_orphaned_files_are_swept_at_start_and_others_stay(shard: SqliteShard) -> None:
    queue = await shard.open()
    large = mail(contents=(b"x" * (1 << 20),))
    await queue.add(large)
    await queue.close()
    contents = shard.directory / "contents"
    (mine,) = list(contents.iterdir())
    for name in ("123456", "16777216.part", "junk", "9" * 30):
        (contents / name).write_bytes(b"orphan")
    queue = await shard.open()
    assert list(contents.iterdir()) == [mine]
    assert await queue.content(large.message.id, 0) == b"x" * (1 << 20)
    await queue.close()


async def test_a_forgotten_message_leaves_no_file(shard: SqliteShard) -> None:
    queue = await shard.open()
    new = mail(state=State.FLIGHT, contents=(HELLO, b"x" * (1 << 20), b"y" * (1 << 20)))
    await queue.add(new)
    contents = shard.directory / "contents"
    assert len(list(contents.iterdir())) == 2
    await queue.settle([delivered(due) for due in in_flight(new)])
    write_cursor(shard.directory, 100)
    assert await queue.prune(NOON + 365 * 86_400) == 1
    assert list(contents.iterdir()) == []
    await queue.close()


async def test_a_file_that_cannot_be_written_is_a_store_that_is_down(shard: SqliteShard) -> None:
    queue = await shard.open()
    (shard.directory / "contents").rename(shard.directory / "elsewhere")
    with pytest.raises(StoreDown):
        await queue.add(mail(contents=(b"x" * (1 << 20),)))
    assert shard.reader().counts() == {}
    await queue.add(mail())
    await queue.close()


# --- room -------------------------------------------------------------------------------------------------


async def test_a_full_disk_refuses_messages_until_there_is_room(shard: SqliteShard) -> None:
    queue = await shard.open()
    await queue.add(mail())

    def limit(connection: apsw.Connection) -> None:
        used = connection.execute("pragma page_count").get
        connection.execute(f"pragma max_page_count = {used + 4}").fetchall()

    def unlimit(connection: apsw.Connection) -> None:
        connection.execute("pragma max_page_count = 1000000").fetchall()

    await queue.writer.write(limit)
    with pytest.raises(StoreFull):
        await queue.add(mail(contents=(b"x" * 100_000,)))
    assert shard.reader().counts() == {State.QUEUED: 1}
    await queue.writer.write(unlimit)
    await queue.add(mail(contents=(b"x" * 100_000,)))
    assert shard.reader().counts() == {State.QUEUED: 2}
    await queue.close()


async def test_free_pages_go_back_to_the_file_system(shard: SqliteShard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.store.sqlite.prune.SPARE", 100)
    queue = await shard.open()
    news = [mail(state=State.FLIGHT, contents=(b"x" * 100_000,)) for _ in range(100)]
    await asyncio.gather(*(queue.add(each) for each in news))
    await queue.settle([delivered(due) for each in news for due in in_flight(each)])
    write_cursor(shard.directory, 1000)
    assert await queue.prune(NOON + 365 * 86_400) == 100
    await queue.close()
    assert (shard.directory / "queue.db").stat().st_size < 2 << 20


# --- reading without an owner -----------------------------------------------------------------------------


async def test_a_shard_that_is_not_there_is_said_to_be_down(tmp_path: Path) -> None:
    with pytest.raises(StoreDown):
        open_reader(tmp_path / "nowhere", 1)
    assert existing_shards(tmp_path) == []


async def test_a_database_of_a_newer_program_is_left_alone(shard: SqliteShard) -> None:
    await (await shard.open()).close()
    connection = apsw.Connection(str(shard.directory / "queue.db"))
    connection.execute("pragma user_version = 999")
    connection.close()
    with pytest.raises(StoreDown, match="schema 999"):
        await shard.open()
    with pytest.raises(StoreDown, match="schema 999"):
        shard.reader()


async def test_a_half_made_database_is_made_anew(shard: SqliteShard) -> None:
    shard.directory.mkdir(parents=True)
    for name in ("queue.db.new", "queue.db.new-wal"):
        (shard.directory / name).write_bytes(b"torn")
    queue = await shard.open()
    await queue.add(mail())
    await queue.close()
    assert not list(shard.directory.glob("*.new*"))


async def test_shards_are_found_by_their_directories(tmp_path: Path) -> None:
    for number in (0, 12, 1000):
        directory = shard_directory(tmp_path, number)
        await (await open_queue(directory, number, Retention(), Sandbox(), lambda: NOON)).close()
    (tmp_path / "shards" / "0003").mkdir()
    (tmp_path / "shards" / "lost+found").mkdir()
    assert existing_shards(tmp_path) == [0, 12, 1000]


def test_the_cursor_is_kept_beside_the_shard(tmp_path: Path) -> None:
    assert read_cursor(tmp_path) == 0
    write_cursor(tmp_path, 42)
    assert read_cursor(tmp_path) == 42
    (tmp_path / "cursor").write_text("4x")
    assert read_cursor(tmp_path) == 0


def test_the_registry_and_all_beside_it_are_readable_by_the_owner_alone(tmp_path: Path, registry: Registry) -> None:
    registry.audit(NOON, "root", "test", {})
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.glob("registry.db*")}
    assert modes == {"registry.db": 0o600, "registry.db-wal": 0o600, "registry.db-shm": 0o600}


async def test_events_without_a_message_are_journalled(shard: SqliteShard) -> None:
    queue = await shard.open()
    await queue.record([])
    await queue.record([Event(name=EventName.REJECTED, at=NOON, message="")])
    assert shard.reader().history("") == []
    assert len(shard.reader().journal(0, 10)) == 1
    await queue.close()
