"""Data of a former version is taken over: nothing is lost, what waited is claimed, what ended is forgotten."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from relay.config.schema import Retention, Sandbox
from relay.model.account import NO_QUOTA, OnInvalid
from relay.model.envelope import Notify
from relay.model.message import Lane, State
from relay.model.order import Selection
from relay.store.interface import StoreDown
from relay.store.sqlite import open_queue, open_reader, open_registry, write_cursor
from relay.store.sqlite.connect import connect_writer, schema_version, steps
from tests.store.mail import NOON, delivered, mail

ROOT = Path(__file__).parents[2]
DAY = 86_400.0

# As the first version wrote them: one message that waits, one in flight, one that ended, each with one recipient.
MESSAGE = """
insert into message values (?, ?, 'demo', 'app@example.com', 'me@example.com', null, 'HDRS', '7BIT', 0, ?, ?, 5,
                            ?, 'submission', 0, '', 5, ?, ?)
"""
RECIPIENT = """
insert into recipient values (?, 'demo', 'example.net', ?, 6, null, 0, ?, 1, ?, '451 later', ?)
"""
ROWS = (
    (1, "waits", "queued", NOON + 60, None),
    (2, "flies", "flight", NOON, None),
    (3, "ended", "delivered", None, NOON),
)


def ident(key: int) -> str:
    return f"{key:016d}"


def former_shard(directory: Path, more: int = 0) -> None:
    """`more` recipients wait beside the three."""
    directory.mkdir(parents=True)
    connection = connect_writer(directory / "queue.db")
    connection.execute("begin")
    connection.execute(steps("queue")[0])
    connection.execute("pragma user_version = 1")
    resolved = '{"options":{"tags":["a"]},"sources":{"tags":"header X-Tags"},"warnings":[]}'
    for key, name, state, due, ended in ROWS:
        connection.execute(MESSAGE, (key, ident(key), NOON, NOON + 5 * DAY, resolved, int(ended is None), ended))
        connection.execute("insert into content values (?, x'48656c6c6f')", (key << 24,))
        connection.execute(RECIPIENT, (key << 24 | 1, f"{name}@example.net", state, due, ended))
        connection.execute(
            "insert into journal (at, message, event) values (?, ?, ?)",
            (NOON, ident(key), f'{{"event":"received","at":{NOON},"message":"{ident(key)}"}}'),
        )
    rows = ((1 << 24 | number, f"u{number}@example.net", "queued", NOON, None) for number in range(2, more + 2))
    connection.executemany(RECIPIENT, rows)
    connection.execute("update message set open = open + ? where key = 1", (more,))
    connection.execute("commit")
    connection.close()


async def test_a_shard_of_the_first_version_goes_on(tmp_path: Path) -> None:
    former_shard(tmp_path / "shard")
    queue = await open_queue(tmp_path / "shard", 7, Retention(contents=DAY), Sandbox(), lambda: NOON + 30)
    lane = Lane("example.net", "demo")
    assert [(each.lane, each.due, each.queued) for each in await queue.lanes()] == [(lane, NOON + 30, 2)]
    dues = (await queue.claim(lane, NOON + 60, 10)).dues
    assert [due.recipient.address for due in dues] == ["flies@example.net", "waits@example.net"]
    for due in dues:
        assert (due.told, due.doomed, due.attempts, due.recipient.notify) == (False, "", 1, Notify(6))
        assert (due.message.delay_at, due.message.return_host) == (None, "")
        assert due.message.resolved.options.tags == ("a",)
        assert await queue.content(due.message.id, 0) == b"Hello"
    assert queue.last_id == ident(3)
    await queue.add(mail("new@example.net", state=State.HELD))
    reader = open_reader(tmp_path / "shard", 7)
    assert [each.address for _, each in reader.listing(Selection(tag="a", states=(State.DELIVERED,)))] == [
        "ended@example.net"
    ]
    await queue.settle([delivered(due) for due in dues])
    write_cursor(tmp_path / "shard", 1000)
    assert await queue.prune(NOON + 30 * DAY) == 3
    assert reader.counts() == {State.HELD: 1}
    reader.close()
    await queue.close()


def test_a_shard_that_was_not_taken_over_yet_is_not_read(tmp_path: Path) -> None:
    former_shard(tmp_path / "shard")
    with pytest.raises(StoreDown, match="schema 1, this program needs"):
        open_reader(tmp_path / "shard", 7)


MIGRATE = """
import sys
from pathlib import Path
from relay.store.sqlite.connect import connect_writer, migrate
connection = connect_writer(Path(sys.argv[1]))
steps = []
def told(connection, statement, bindings):
    print(statement.split()[0], flush=True)
    return True
connection.exec_trace = told
migrate(connection, "queue")
print("end", flush=True)
"""


def killed_while_migrating(database: Path, statements: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", MIGRATE, str(database)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process:
        for _ in range(statements):
            assert process.stdout.readline().strip() != "end"
        process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("statements", [1, 4, 9, 12, 22, 25])
async def test_a_process_killed_while_it_takes_over_leaves_a_shard_of_one_version(
    tmp_path: Path, statements: int
) -> None:
    """`statements`: so many were begun when the signal came; the slow ones are the indexes."""
    former_shard(tmp_path / "shard", more=200_000)
    database = tmp_path / "shard" / "queue.db"
    killed_while_migrating(database, statements)
    connection = apsw.Connection(str(database))
    names = {row[1] for row in connection.execute("pragma table_info(recipient)")}
    indexes = {row[0] for row in connection.execute("select name from sqlite_schema where type = 'index'")}
    version = schema_version(connection)
    assert ("priority" in names, "message_open" in indexes) == (version >= 2, version >= 3)
    connection.close()
    queue = await open_queue(tmp_path / "shard", 7, Retention(), Sandbox(), lambda: NOON)
    (lane,) = await queue.lanes()
    assert lane.queued == 200_002
    await queue.close()


def test_a_registry_of_the_first_version_keeps_what_it_has(tmp_path: Path) -> None:
    connection = connect_writer(tmp_path / "registry.db")
    connection.execute("begin; " + steps("registry")[0] + "; pragma user_version = 1; commit")
    connection.execute("insert into account values ('demo', 1.0, 0)")
    connection.execute(
        "insert into credential values ('app', 'App', 'demo', '$argon2id$', 1.0, 'n', 0, 1, 'strip', ?)",
        ('["any-sender"]',),
    )
    connection.execute("insert into domain values ('example.com', 'demo', 'c', 1.0, 2.0, 'dns')")
    connection.close()
    registry = open_registry(tmp_path / "registry.db")
    credential = registry.credential("APP")
    assert (credential.grants, credential.sandbox) == (frozenset({"any-sender"}), True)
    assert (credential.allowed, credential.forbidden, credential.presets) == ({}, frozenset(), frozenset())
    assert (credential.on_invalid, credential.lifetime, credential.quota) == (OnInvalid.REJECT, None, NO_QUOTA)
    assert registry.account("demo").options == {}
    domain = registry.domain("example.com")
    assert (domain.verified, domain.bounce_host, domain.bounce_verified, domain.options) == (2.0, "", None, {})
    assert (registry.presets(), registry.orders(0), registry.return_keys()) == ([], [], [])
    registry.close()
