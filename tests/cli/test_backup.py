"""A backup is whole, private and checked; what is restored from it is what was there."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from relay.bounce.aggregate import read_aggregate
from relay.model.clock import system_clock
from relay.model.message import State
from relay.model.order import Selection
from relay.report import log
from relay.store.assets import Assets
from relay.store.readers import Readers
from relay.store.requests import Request, Requests, new_id
from relay.store.sqlite import existing_shards, open_reader, open_registry, shard_directory
from relay.store.sqlite.reports import Room, add_report
from relay.store.sqlite.reports_read import report_xml
from relay.web.tracking import pictures
from tests.bounce.test_aggregate import sample
from tests.cli.conftest import Cli
from tests.cli.stage import Post, events, opened, put, states
from tests.report.stage import reporter
from tests.store.test_migration import former_shard

BIG = b"Subject: big\r\n\r\n" + b"x" * 200_000 + b"\r\n"


@pytest.fixture
def full(ready: Cli) -> Cli:
    """Two shards, a suppression, a content in a file."""
    post = Post()
    put(ready.home / "var", post.mail("ann@example.net"), post.mail("big@example.net", contents=(BIG,)))
    put(ready.home / "var", Post(3).mail("bob@example.net"), shard=3)
    ready("suppress", "add", "cy@example.net")
    return ready


@pytest.mark.parametrize("name", ["copy", "copy.tar"])
def test_what_is_restored_is_what_was_there(full: Cli, name: str) -> None:
    made = full.json("backup", name)
    assert made["shards"] == [0, 3]
    target = full.home / name
    assert target.stat().st_mode & 0o777 == (0o600 if name.endswith(".tar") else 0o700)
    assert not list(full.home.glob("*.part*"))
    before = sorted((each["to"], each["state"]) for each in full.json("queue"))
    restored = full.json("restore", name, "--data", "new")
    assert (restored["held"], restored["waiting"]) == (0, 3)
    assert "3 recipients wait in it" in full.errors
    data = full.home / "new"
    assert existing_shards(data) == [0, 3]
    for path in (data, *data.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path
    registry = open_registry(data / "registry.db")
    assert registry.credential("demo").account == "demo"
    assert len(registry.keys("example.com")) == 2
    registry.close()
    assert (data / "tls/key.pem").read_bytes() == (full.home / "var/tls/key.pem").read_bytes()
    assert (data / "secrets.json").exists()
    (full.home / "var").rename(full.home / "old")
    data.rename(full.home / "var")
    assert sorted((each["to"], each["state"]) for each in full.json("queue")) == before
    assert [each["address"] for each in full.json("suppress", "list")] == ["cy@example.net"]
    contents = [full("message", each["id"]) for each in full.json("queue")]
    assert any(len(each) > 200_000 for each in contents)


def test_a_restored_queue_can_be_held_until_somebody_looked_at_it(full: Cli) -> None:
    full("backup", "copy")
    restored = full.json("restore", "copy", "--data", "new", "--hold")
    assert (restored["held"], restored["waiting"]) == (3, 0)
    assert full.errors == ""
    for shard in (0, 3):
        reader = open_reader(shard_directory(full.home / "new", shard), shard)
        assert set(reader.counts()) == {State.HELD}
        reader.close()


def test_a_backup_of_data_of_a_former_version_is_restored_too(full: Cli) -> None:
    for shard in (0, 3):
        directory = shard_directory(full.home / "var", shard)
        shutil.rmtree(directory)
        former_shard(directory)
    full("backup", "copy")
    assert full.json("restore", "copy", "--data", "new")["waiting"] == 4
    assert "4 recipients wait in it" in full.errors


async def _busy(full: Cli, post: Post) -> tuple[int, int]:
    """How many messages were there before, and after, a backup made while mail came in."""
    queue = await opened(full.home / "var", 5)
    added = 0
    over = asyncio.Event()

    async def come() -> None:
        nonlocal added
        while not over.is_set():
            await queue.add(post.mail("ann@example.net", contents=(BIG,) if added % 5 == 0 else (b"x\r\n",)))
            added += 1

    coming = asyncio.create_task(come())
    while added < 20:  # noqa: ASYNC110 - what it waits for is on disk
        await asyncio.sleep(0.01)
    before = added
    process = await asyncio.create_subprocess_exec(
        *("python", "-m", "relay", "backup", "busy.tar", "--config", str(full.home / "config/local.yaml")),
        cwd=full.home,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(60):
        assert await process.wait() == 0
    over.set()
    await coming
    await queue.close()
    return before, added


def test_a_backup_is_made_while_mail_comes_in(full: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    before, after = asyncio.run(_busy(full, Post(5)))
    full("restore", "busy.tar", "--data", "new")
    reader = open_reader(shard_directory(full.home / "new", 5), 5)
    kept = reader.counts()[State.QUEUED]
    found = [each for each, _ in reader.listing(Selection(), 100_000)]
    for message in found:
        assert reader.content(message.id, 0)
    reader.close()
    assert before <= kept <= after


def test_the_report_database_is_left_out_on_request_and_rebuilt(full: Cli) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "write", lambda *_, **__: None)
        with reporter(full.home / "var") as one:
            while one.turn():
                pass
    full("backup", "with")
    full("backup", "without", "--without-report")
    assert (full.home / "with/data/report.db").exists()
    assert not (full.home / "without/data/report.db").exists()
    full("restore", "without", "--data", "new")
    (full.home / "var").rename(full.home / "old")
    (full.home / "new").rename(full.home / "var")
    assert len(full.json("events", "--event", "received")) == 3


@pytest.mark.parametrize("name", ["copy", "copy.tar"])
def test_a_backup_that_was_changed_is_refused_and_nothing_is_left(full: Cli, name: str) -> None:
    full("backup", name)
    path = full.home / name
    if path.is_dir():
        victim = path / "data/registry.db"
        victim.write_bytes(victim.read_bytes()[:-1] + b"!")
    else:
        octets = bytearray(path.read_bytes())
        at = octets.index(b"SQLite format 3") + 2000
        octets[at] ^= 1
        path.write_bytes(octets)
    full("restore", name, "--data", "new", code=1)
    assert "is not what was put there" in full.errors
    assert not (full.home / "new").exists()


def test_a_backup_that_was_cut_off_or_has_foreign_files_is_refused(full: Cli) -> None:
    full("backup", "copy.tar")
    whole = (full.home / "copy.tar").read_bytes()
    (full.home / "cut.tar").write_bytes(whole[: len(whole) // 2])
    full("restore", "cut.tar", "--data", "new", code=1)
    (full.home / "none.tar").write_bytes(b"")
    full("restore", "none.tar", "--data", "new", code=1)
    with tarfile.open(full.home / "evil.tar", "w") as tar:
        member = tarfile.TarInfo("data/../../evil")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"evil"))
    full("restore", "evil.tar", "--data", "new", code=1)
    assert not (full.home.parent / "evil").exists()
    (full.home / "empty").mkdir()
    full("restore", "empty", "--data", "new", code=1)
    assert "no manifest.json" in full.errors
    assert not (full.home / "new").exists()


def test_a_file_that_is_missing_or_that_nobody_listed_is_told(full: Cli) -> None:
    full("backup", "copy")
    (full.home / "copy/data/more").write_text("x")
    full("restore", "copy", "--data", "new", code=1)
    assert "data/more is not in its manifest" in full.errors
    (full.home / "copy/data/more").unlink()
    (full.home / "copy/data/suppressions.db").unlink()
    full("restore", "copy", "--data", "new", code=1)
    assert "data/suppressions.db is missing" in full.errors


def test_nothing_is_overwritten(full: Cli) -> None:
    full("backup", "copy")
    full("backup", "copy", code=4)
    full("backup", "var/copy", code=2)
    full("restore", "copy", "--data", "var", code=4)
    full("restore", "none", "--data", "new", code=3)
    (full.home / "new").mkdir()
    full("restore", "copy", "--data", "new")
    assert (full.home / "new/registry.db").exists()


def test_the_configuration_is_in_it_and_what_belongs_to_the_running_relay_is_not(full: Cli) -> None:
    (full.home / "var/access.json").write_text("{}")
    (full.home / "var/relay.lock").write_text("1")
    full("backup", "copy")
    assert (full.home / "copy/config/local.yaml").read_text() == (full.home / "config/local.yaml").read_text()
    manifest = json.loads((full.home / "copy/manifest.json").read_text())
    assert "data/registry.db" in manifest["files"]
    assert not {"data/access.json", "data/relay.lock"} & manifest["files"].keys()
    assert not any("-wal" in each or "/lock" in each for each in manifest["files"])


def test_hosted_pictures_are_in_it_and_those_that_are_fetched_again_are_not(full: Cli) -> None:
    data = full.home / "var"
    names = [Assets(data, 1000, system_clock).put(each, "image/png") for each in (b"one", b"two")]
    (data / pictures.DIRECTORY).mkdir()
    (data / pictures.DIRECTORY / "cached").write_bytes(b"three")
    full("backup", "copy.tar")
    full("restore", "copy.tar", "--data", "new")
    assert not (full.home / "new" / pictures.DIRECTORY).exists()
    restored = Assets(full.home / "new", 1000, system_clock)
    assert [restored.get(each) for each in names] == [(b"one", "image/png"), (b"two", "image/png")]
    assert restored.octets() == 6
    assert restored.put(b"one", "image/png") == names[0]


def test_links_of_a_restored_relay_lead_where_they_led(full: Cli) -> None:
    new = replace(Post().mail("dee@example.net", links=True), targets={0: ("https://example.com/a",)})
    put(full.home / "var", new)
    registry = open_registry(full.home / "var/registry.db")
    key = registry.add_link_key(b"k" * 32, 1.0)
    registry.close()
    full("backup", "copy")
    full("restore", "copy", "--data", "new", "--hold")
    registry = open_registry(full.home / "new/registry.db")
    assert registry.link_keys() == [key]
    registry.close()
    readers = Readers(full.home / "new")
    found = readers.tracked(new.message.id, 1)
    readers.close()
    assert found is not None
    assert (found.address, found.targets) == ("dee@example.net", ("https://example.com/a",))


def test_certificates_of_other_names_are_in_it_wherever_they_lie(full: Cli) -> None:
    live = full.home / "live"
    (live / "mail.example.org").mkdir(parents=True)
    for name in ("two.pem", "two.key", "mail.example.org/fullchain.pem", "mail.example.org/privkey.pem"):
        (live / name).write_text(name)
    (live / "README").write_text("of the ACME client")
    written = full.home / "config/local.yaml"
    written.write_text(f"{written.read_text()}\ntls:\n  directory: {live}\n")
    full("backup", "copy")
    kept = full.home / "copy/config/live"
    found = {str(each.relative_to(kept)): each.read_text() for each in kept.rglob("*") if each.is_file()}
    assert found.keys() == {"two.pem", "two.key", "mail.example.org/fullchain.pem", "mail.example.org/privkey.pem"}
    assert all(name == text for name, text in found.items())
    shutil.rmtree(live)
    full("backup", "without")  # a directory that is gone stops no backup
    assert not (full.home / "without/config/live").exists()


def test_a_person_is_forgotten_everywhere(ready: Cli) -> None:
    data = ready.home / "var"
    post = Post()
    alone, both = post.mail("Ann@example.net"), post.mail("ann@example.net", "bob@example.org")
    put(data, alone, both)
    put(data, Post(3).mail("ann@example.net"), shard=3)
    ready("suppress", "add", "ann@example.net")
    found = ready.json("erase", "ann@example.net", "--dry-run")
    assert (found["recipients"], found["suppressions"]) == (3, 1)
    assert states(data, both) == [State.QUEUED, State.QUEUED]
    ready("erase", "ann@example.net", code=2)
    assert "--yes" in ready.errors
    done = ready.json("erase", "ann@example.net", "--yes")
    assert (done["recipients"], done["suppressions_left"]) == (3, 1)
    assert states(data, both) == [State.CANCELLED, State.QUEUED]
    assert states(data, alone) == [State.CANCELLED]
    ready("message", alone.message.id, code=3)
    said = json.dumps([[each.as_dict() for each in events(data, shard)] for shard in (0, 3)])
    assert "ann@example.net" not in said.lower()
    registry = open_registry(data / "registry.db")
    audits = json.dumps([dict(each) for each in registry.audits() if "erase" in str(each["act"])])
    registry.close()
    assert "example.net" in audits
    assert "ann@" not in audits.lower()
    assert ready.json("erase", "ann@example.net", "--yes")["recipients"] == 0


def test_what_is_no_address_is_not_erased(ready: Cli) -> None:
    ready("erase", "@example.net", "--yes", code=2)
    ready("erase", "nonsense", "--yes", code=2)


def test_reports_and_data_requests_are_in_it(full: Cli) -> None:
    data, xml = full.home / "var", sample()
    assert add_report(data, "demo", read_aggregate(xml), xml, 1_795_000_000.0, Room(1 << 30, 9))
    asked = Request(id=new_id(), account="demo", credential="", email="ann@example.net", monitor="", asked=1.0)
    Requests(data).add(asked, 9)
    full("backup", "copy")
    full("restore", "copy", "--data", "new")
    assert report_xml(full.home / "new", "demo", "2026-11-18", "reports.example.net", "example.com", 0) == xml
    assert Requests(full.home / "new").listing() == [asked]
