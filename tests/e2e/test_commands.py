"""The documented commands, against a relay that runs and against the same one stopped."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.e2e.harness import PROGRAM, Relay

MESSAGE = b"From: me@example.com\r\nTo: you@example.net\r\nSubject: invoice\r\n\r\nHello.\r\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("commands")


@pytest.fixture(scope="module")
def sent(home: Path) -> Iterator[tuple[Relay, str]]:
    """A relay with one message to two recipients."""
    relay = Relay(home, {"sandbox": {"enabled": True}})
    relay.init()
    relay.start()
    message = relay.submit(b"X-SMTPeter-Tags: bills\r\n" + MESSAGE, ["you@example.net", "two@example.org"])
    relay.wait_for_state(message, "delivered")
    yield relay, message
    relay.kill()


@pytest.fixture(params=["running", "stopped"])
def either(request: pytest.FixtureRequest, sent: tuple[Relay, str]) -> tuple[Relay, str]:
    """The relay while it runs, then stopped; the fixture's order keeps each state together."""
    relay, message = sent
    if request.param == "running" and relay.process is None:
        relay.start()
    if request.param == "stopped" and relay.process is not None:
        assert relay.stop() == 0
    return relay, message


def test_reading_commands_answer_the_same(either: tuple[Relay, str]) -> None:
    relay, message = either
    listed = relay.ask("queue", "--state", "delivered")
    assert {each["id"] for each in listed} == {f"{message}-1", f"{message}-2"}
    assert relay.ask("queue") == []
    assert relay.ask("queue", "--counts")["delivered"] == 2
    assert [each["id"] for each in relay.ask("queue", "--state", "delivered", "--domain", "example.org")] == [
        f"{message}-2"
    ]
    names = [each["event"] for each in relay.events(message)]
    assert names[0] == "received"
    assert names.count("delivered") == 2
    assert {each["id"] for each in relay.ask("events", "--tag", "bills", "--event", "delivered")} == {
        f"{message}-1",
        f"{message}-2",
    }
    assert relay.ask("events", "--tag", "other") == []
    explained = relay.ask("explain", message)
    assert [each["state"] for each in explained["recipients"]] == ["delivered", "delivered"]
    assert explained["options"]["tags"]["value"] == ["bills"]
    assert "X-SMTPeter-Tags" in explained["options"]["tags"]["set_by"]
    assert [each["id"] for each in relay.ask("explain", f"{message}-2")["recipients"]] == [f"{message}-2"]


def test_a_message_is_printed_as_it_leaves_and_nothing_else(either: tuple[Relay, str]) -> None:
    relay, message = either
    octets = relay.message(message)
    assert octets == relay.message(f"{message}-1") == relay.message(f"{message}-2")
    assert octets.endswith(MESSAGE)
    assert b"X-SMTPeter" not in octets
    fields = message_from_bytes(octets[: -len(MESSAGE)]).keys()
    assert set(fields) == {"DKIM-Signature", "Received", "Message-ID", "Date"}


def test_what_is_not_there_is_not_found(either: tuple[Relay, str]) -> None:
    relay, message = either
    for command in ("message", "explain"):
        relay.cli(command, f"{message}-3", code=3)
        relay.cli(command, "0000000000000000", code=3)
        relay.cli(command, "nonsense", code=3)


def test_tables_are_not_cut_without_a_terminal(either: tuple[Relay, str]) -> None:
    relay, message = either
    table = relay.cli("queue", "--state", "delivered").decode()
    assert f"{message}-1" in table
    assert "250 2.0.0 kept in sandbox" in table
    assert "\x1b" not in table + relay.cli("events").decode() + relay.cli("explain", message).decode()


def test_check_finds_no_error(either: tuple[Relay, str]) -> None:
    relay, _ = either
    assert relay.ask("check")["ok"] is True


def test_changes_take_effect_in_the_running_relay(sent: tuple[Relay, str]) -> None:
    relay, _ = sent
    if relay.process is None:
        relay.start()
    made = relay.ask("credential", "add", "--account", "demo")
    login = ["--username", made["username"], "--password", made["password"]]
    line = ["send", "--to", "you@example.net", "--subject", "x"]
    assert relay.ask(*line, *login)["reply"].startswith("250 2.0.0 Ok: queued as ")
    relay.cli("credential", "disable", made["username"])
    relay.cli(*line, *login, code=4)
    relay.cli("credential", "disable", "--undo", made["username"])
    relay.cli("credential", "rotate", made["username"])
    relay.cli(*line, *login, code=4)
    relay.cli(*line)


def test_a_sender_whose_domain_is_not_ours_is_refused_outside_the_sandbox(tmp_path: Path) -> None:
    relay = Relay(tmp_path, {"dns": {"servers": ["127.0.0.1:9"]}})
    relay.init()
    relay.start()
    try:
        line = [*PROGRAM, "send", "--from", "me@example.org", "--to", "you@example.net", "--subject", "x"]
        done = subprocess.run(line, cwd=relay.home, env=relay.environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 4
        assert "550 5.7.1" in done.stderr
        assert "relay domain add example.org" in done.stderr
    finally:
        relay.kill()


def test_a_relay_that_does_not_run_cannot_be_reached(tmp_path: Path) -> None:
    relay = Relay(tmp_path, {})
    relay.init()
    relay.cli("send", "--to", "you@example.net", "--subject", "x", "--from", "me@example.com", code=5)


def test_a_second_relay_on_the_same_data_does_not_start_and_leaves_the_first_alone(sent: tuple[Relay, str]) -> None:
    relay, _ = sent
    if relay.process is None:
        relay.start()
    before = relay.access
    done = subprocess.run(
        [*PROGRAM, "serve"], cwd=relay.home, env=relay.environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "runs already" in done.stderr
    assert relay.access == before
    relay.cli("send", "--to", "you@example.net", "--subject", "x")
