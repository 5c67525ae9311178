"""An operator at work on a relay that runs: holding, releasing, returning, following, forgetting, backing up."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import PATIENCE, PROGRAM, Relay
from tests.e2e.world import World, world
from tests.peers.receiver import Behaviour

MESSAGE = b"From: me@example.com\r\nTo: you@example.net\r\nSubject: hello\r\n\r\nHello.\r\n"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Three domains that take mail, our own among them; two workers and the web worker, so three shards."""
    domains = {"one.example": Behaviour(), "two.example": Behaviour(), "example.com": Behaviour()}
    with world(tmp_path_factory.mktemp("town"), domains, {"processes": {"workers": 2}}) as found:
        yield found


def waiting(relay: Relay, *to: str, **options: str) -> str:
    """A message that waits for an hour; its id."""
    fields = {"SendAt": "+1h", **options}
    header = "".join(f"X-SMTPeter-{name}: {value}\r\n" for name, value in fields.items())
    return relay.submit(header.encode() + MESSAGE, to)


def states(relay: Relay, message: str) -> list[str]:
    return [each["state"] for each in relay.ask("queue", "show", message)["recipients"]]


def got(town: World, domain: str, message: str) -> int:
    """How often the message arrived there."""
    explained = town.relay.message(message)
    body = explained[explained.index(b"Message-ID") :]
    return sum(body in each.content for each in town.receivers[domain].messages)


def test_mail_is_held_by_tag_and_goes_once_it_is_released_and_retried(town: World) -> None:
    relay = town.relay
    held = waiting(relay, "ann@one.example", "bob@two.example", Tags="held,spring")
    free = waiting(relay, "cy@one.example", Tags="free")
    assert relay.ask("queue", "hold", "--tag", "held", "--dry-run")["concerned"] == 2
    done = relay.ask("queue", "hold", "--tag", "held", "--reason", "wrong prices")
    assert (done["changed"], done["shards"], done["outstanding"]) == (2, [0, 1, 1000], {})
    assert states(relay, held) == ["held", "held"]
    assert states(relay, free) == ["queued"]
    story = relay.ask("explain", f"{held}-1")["recipients"][0]
    assert any("wrong prices" in each and f"order {done['order']}" in each for each in story["holds"]), story["holds"]
    assert relay.ask("queue", "retry", held)["changed"] == 0
    assert relay.ask("queue", "release", f"{held}-2")["changed"] == 1
    assert states(relay, held) == ["held", "queued"]
    assert relay.ask("queue", "release", "--domain", "one.example", "--state", "held")["changed"] == 1
    assert relay.ask("queue", "retry", held)["changed"] == 2
    relay.wait_for_state(held, "delivered")
    assert got(town, "one.example", held) == got(town, "two.example", held) == 1
    assert states(relay, free) == ["queued"]
    relay.cli("queue", "delete", free)


def test_mail_that_is_returned_comes_back_with_a_report_that_tells_why(town: World) -> None:
    relay = town.relay
    message = waiting(relay, "ann@one.example", "bob@two.example", Campaign="wrong")
    before = len(town.receivers["example.com"].messages)
    assert relay.ask("queue", "fail", "--campaign", "wrong", "--domain", "one.example", "--reason", "no such shop")[
        "changed"
    ]
    relay.wait(lambda: states(relay, message) == ["failed", "queued"], "failed")
    relay.wait(lambda: len(town.receivers["example.com"].messages) > before, "the report")
    report = town.receivers["example.com"].messages[-1]
    assert report.sender == ""
    assert b"ann@one.example" in report.content
    assert b"no such shop" in report.content
    assert message_from_bytes(report.content).get_content_type() == "multipart/report"
    assert got(town, "one.example", message) == 0
    relay.cli("queue", "delete", message)


def test_mail_that_is_deleted_is_not_sent_and_nobody_hears_of_it(town: World) -> None:
    relay = town.relay
    before = len(town.receivers["example.com"].messages)
    ids = [waiting(relay, "ann@one.example", BatchId="letter-7") for _ in range(4)]
    other = waiting(relay, "ann@one.example", BatchId="letter-8")
    done = relay.ask("queue", "delete", "--send-cancel-id", "letter-7", "--older", "0s", "--credential", "demo")
    assert (done["changed"], done["in_flight"]) == (4, 0)
    assert {state for each in ids for state in states(relay, each)} == {"cancelled"}
    assert states(relay, other) == ["queued"]
    assert {each["event"] for each in relay.events(ids[0])} >= {"received", "cancelled"}
    assert relay.ask("queue", "delete", "--account", "demo", "--newer", "1h")["changed"] >= 1
    assert len(town.receivers["example.com"].messages) == before


def test_what_is_held_while_the_relay_is_stopped_stays_held_when_it_starts(town: World) -> None:
    relay = town.relay
    message = waiting(relay, "ann@one.example", Tags="stopped")
    assert relay.stop() == 0
    try:
        assert relay.ask("queue", "hold", message)["changed"] == 1
        assert relay.ask("queue", "retry", message)["changed"] == 0
    finally:
        relay.start()
    assert states(relay, message) == ["held"]
    assert relay.ask("queue", "delete", message)["changed"] == 1


class Follower:
    """`relay events --follow --json`, read line by line."""

    def __init__(self, relay: Relay, *words: str) -> None:
        self.process = subprocess.Popen(
            [*PROGRAM, "events", "--follow", "--json", *words],
            cwd=relay.home,
            env=relay.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        self.out = self.process.stdout
        self._rest = b""

    def until(self, **wanted: Any) -> dict[str, Any]:
        """Read on until an event has these words."""
        deadline = time.monotonic() + PATIENCE
        while True:
            while b"\n" in self._rest:
                line, _, self._rest = self._rest.partition(b"\n")
                event: dict[str, Any] = json.loads(line)
                if wanted.items() <= event.items():
                    return event
            left = deadline - time.monotonic()
            assert left > 0, f"no {wanted}"
            if select.select([self.out], [], [], left)[0]:
                octets = os.read(self.out.fileno(), 65536)
                assert octets, f"it ended: {self.process.wait(10)}"
                self._rest += octets

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture
def follower(town: World) -> Iterator[Follower]:
    found = Follower(town.relay, "--tag", "watched")
    try:
        yield found
    finally:
        found.process.kill()
        found.process.wait(10)
        found.out.close()


def test_events_are_followed_through_a_restart_until_ctrl_c(town: World, follower: Follower) -> None:
    relay = town.relay
    first = relay.submit(b"X-SMTPeter-Tags: watched\r\n" + MESSAGE, ["ann@one.example"])
    relay.submit(b"X-SMTPeter-Tags: other\r\n" + MESSAGE, ["bob@one.example"])
    follower.until(event="received", id=first)
    assert follower.until(event="delivered", id=f"{first}-1")["to"] == "ann@one.example"
    assert relay.stop() == 0
    relay.start()
    second = relay.submit(b"X-SMTPeter-Tags: watched\r\n" + MESSAGE, ["ann@one.example"])
    follower.until(event="received", id=second)  # and nothing of the other one, which would not fit
    follower.until(event="delivered", id=f"{second}-1")
    assert follower.end(signal.SIGINT) == 0
    assert follower.process.stderr is not None
    assert follower.process.stderr.read() == b""


def test_following_ends_when_nobody_reads_it_any_more(town: World, follower: Follower) -> None:
    follower.out.close()
    follower.process.wait(PATIENCE)
    assert follower.process.stderr is not None
    assert follower.process.stderr.read() == b""


def test_a_person_is_forgotten_by_a_relay_that_runs(town: World) -> None:
    relay = town.relay
    sent = relay.submit(MESSAGE, ["erin@one.example"])
    relay.wait_for_state(sent, "delivered")
    waits = waiting(relay, "erin@one.example", "frank@two.example")
    relay.wait(lambda: len(relay.ask("events", "--to", "erin@one.example")) >= 4, "the events")
    done = relay.ask("erase", "erin@one.example", "--yes")
    assert done["recipients"] == 2
    assert relay.ask("events", "--to", "erin@one.example") == []
    assert relay.ask("queue", "--domain", "one.example", "--state", "delivered", "--limit", "1000") is not None
    assert states(relay, waits) == ["cancelled", "queued"]
    for path in (relay.data / "report.db", *relay.data.glob("shards/*/queue.db")):
        assert path.exists()
    assert b"erin@one.example" not in relay.cli("explain", waits)
    relay.cli("queue", "delete", waits)


@contextlib.contextmanager
def flowing(relay: Relay) -> Iterator[list[str]]:
    """Mail comes in all the while; the ids of what was answered 250."""
    ids: list[str] = []
    over = threading.Event()

    def send() -> None:
        while not over.is_set():
            ids.append(waiting(relay, "ann@one.example"))

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield ids
    finally:
        over.set()
        sender.join(PATIENCE)


def test_a_backup_is_made_while_mail_flows_and_a_relay_restored_from_it_holds_its_mail(
    town: World, tmp_path: Path
) -> None:
    relay = town.relay
    with flowing(relay) as ids:
        relay.wait(lambda: len(ids) >= 20, "mail")
        before = list(ids)
        made = relay.ask("backup", str(tmp_path / "copy.tar"))
    assert made["shards"] == [0, 1, 1000]
    restored = relay.ask("restore", str(tmp_path / "copy.tar"), "--data", str(tmp_path / "home/var"), "--hold")
    assert restored["waiting"] == 0
    assert len(before) <= restored["held"] <= len(ids)
    other = Relay(tmp_path / "home", {"dns": {"servers": [town.dns.address]}, "delivery": _delivery(relay)})
    arrived = len(town.receivers["one.example"].messages)
    other.start()
    try:
        assert states(other, before[0]) == ["held"]
        assert {each["state"] for each in other.ask("queue", "--limit", "10000")} == {"held"}
        assert other.message(before[-1]) == relay.message(before[-1])
        assert other.ask("queue", "release", before[0])["changed"] == 1
        assert other.ask("queue", "retry", before[0])["changed"] == 1
        other.wait_for_state(before[0], "delivered")
        assert len(town.receivers["one.example"].messages) == arrived + 1
    finally:
        other.kill()
    relay.cli("queue", "delete", "--account", "demo")


def _delivery(relay: Relay) -> Any:
    import yaml

    return yaml.safe_load(relay.config.read_text())["delivery"]
