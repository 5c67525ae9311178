"""What somebody sees who has just cloned the project: config/local.yaml, and the lines the relay prints."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.harness import ROOT, Relay
from tests.tools import tool

LINES = {
    "swaks": r"^swaks .*$",
    "curl": r"^printf .*\| curl .*$",
    "python": r"^python3 -c .*$",
    "rest": r"^curl -sS http://.*$",
}
SUBJECTS = {
    "swaks": "Hello from swaks",
    "curl": "Hello from curl",
    "python": "Hello from Python",
    "rest": "Hello from HTTP",
}


def local() -> dict[str, object]:
    """config/local.yaml, on ports of the system's choice."""
    config: dict[str, object] = yaml.safe_load((ROOT / "config/local.yaml").read_text())
    for each in config["listeners"]:  # type: ignore[attr-defined]
        each["port"] = 0
    config["http"]["port"] = 0  # type: ignore[index]
    del config["data"]
    return config


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    made = Relay(tmp_path_factory.mktemp("newcomer"), local())
    made.init()
    made.start()
    yield made
    made.kill()


def test_access_json_tells_how_to_send(relay: Relay) -> None:
    path = relay.data / "access.json"
    assert path.stat().st_mode & 0o777 == 0o600
    access = json.loads(path.read_text())
    assert set(access) == {"host", "ports", "username", "password", "token", "sender"}
    assert access["host"] == "127.0.0.1"
    assert access["sender"] == "me@example.com"
    assert set(access["ports"]) == {"submission", "starttls", "tls", "http"}
    for port in access["ports"].values():
        socket.create_connection(("127.0.0.1", port), timeout=5).close()


def test_the_health_page_answers(relay: Relay) -> None:
    def healthy() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{relay.port('http')}/health", timeout=10) as page:
                return bool(json.load(page)["status"] == "ok")
        except urllib.error.HTTPError as error:
            assert error.code == 503  # children still start
            return False

    relay.wait(healthy, "a healthy relay")


@pytest.mark.parametrize("client", LINES)
def test_a_pasted_line_sends_a_message(relay: Relay, client: str) -> None:
    if client != "python":
        tool("curl" if client == "rest" else client)
    found = re.search(LINES[client], relay.printed, re.MULTILINE)
    assert found, relay.printed
    path = f"{Path(tool('swaks')).parent}:" if client == "swaks" else ""
    environment = {**relay.environment, "PATH": path + relay.environment["PATH"]}
    since = time.time()
    done = subprocess.run(
        ["bash", "-c", found[0]], capture_output=True, text=True, cwd=relay.home, env=environment, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    received = relay.ask("events", "--event", "received", "--since", str(int(time.time() - since) + 60))
    contents = [relay.message(each["id"].partition("-")[0]) for each in received]
    [content] = [each for each in contents if f"Subject: {SUBJECTS[client]}\r\n".encode() in each]
    assert content.count(b"DKIM-Signature:") == 2
    assert b"\r\n\r\nIt works.\r\n" in content


def test_the_banner_names_host_ports_user_and_password(relay: Relay) -> None:
    access = relay.access
    for word in ("127.0.0.1", *map(str, access["ports"].values()), access["username"], access["password"]):
        assert word in relay.printed


def test_any_sender_at_the_domain_and_any_recipient_are_taken_and_kept(relay: Relay) -> None:
    message = relay.submit(
        b"From: Somebody <any.body@example.com>\r\nTo: you@nosuch.invalid\r\nSubject: x\r\n\r\nHello.\r\n",
        ["you@nosuch.invalid", "other@nosuch.test"],
        sender="any.body@example.com",
    )
    entries = relay.wait_for_state(message, "delivered")
    assert {each["reply"] for each in entries} == {"250 2.0.0 kept in sandbox"}
    delivered = [each for each in relay.events(message) if each["event"] == "delivered"]
    assert len(delivered) == 2
    assert all(each["test"] is True for each in delivered)


def test_the_second_start_finds_everything_again(tmp_path: Path) -> None:
    relay = Relay(tmp_path, local())
    relay.init()
    relay.start()
    try:
        before = relay.access
        message = relay.submit(b"From: me@example.com\r\nSubject: x\r\n\r\nHello.\r\n", ["you@example.net"])
        octets = relay.message(message)
        started = time.monotonic()
        assert relay.stop() == 0
        assert time.monotonic() - started < 10
        assert not (relay.data / "access.json").exists()
        assert relay.message(message) == octets  # also while it is stopped
        relay.init()
        relay.start()
        after = relay.access
        assert {**before, "ports": None} == {**after, "ports": None}
        relay.wait_for_state(message, "delivered")
        relay.submit(b"From: me@example.com\r\nSubject: y\r\n\r\nHello.\r\n", ["you@example.net"])
    finally:
        relay.kill()
