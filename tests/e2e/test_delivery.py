"""Delivery to receivers that do what receivers do: greylist, refuse, drop the line, offer no TLS or a bad one."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.e2e.world import HOME_DOMAIN, World, address, world
from tests.peers.receiver import Behaviour
from tests.tools import tool

BEHAVIOURS: dict[str, Behaviour | None] = {
    HOME_DOMAIN: Behaviour(),
    "greylists.example": Behaviour(greylist=True),
    "refuses.example": Behaviour(on={"rcpt": ["550 5.1.1 no such mailbox"] * 100}),
    "busy.example": Behaviour(on={"greeting": "421 4.3.2 too busy"}),
    "hangs-up.example": Behaviour(on={"data": ["drop"]}),
    "forgets.example": Behaviour(on={"dot": ["drop"]}),
    "not-now.example": Behaviour(on={"dot": ["451 4.3.0 try again"]}),
    "clear.example": Behaviour(starttls=False),
    "bad-tls.example": Behaviour(on={"handshake": ["garbage", "garbage", "garbage"]}),
    "old.example": Behaviour(pipelining=False, eight_bit=False, size=None, on={"ehlo": ["502 5.5.1 what?"] * 100}),
    "sink.example": None,
}
DELIVERED = [
    ("greylists.example", ["deferred", "delivered"]),
    ("hangs-up.example", ["deferred", "delivered"]),
    ("not-now.example", ["deferred", "delivered"]),
    ("clear.example", ["delivered"]),
    ("old.example", ["delivered"]),
]


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("delivery"), BEHAVIOURS) as made:
        yield made


def content(subject: str) -> bytes:
    return (
        f"From: me@example.com\r\nTo: you@somewhere.example\r\nSubject: {subject}\r\n"
        "Date: Thu, 01 Jan 2026 12:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n\r\nHello.\r\n"
    ).encode()


def names(internet: World, message: str) -> list[str]:
    """The decisive events of a message, in order."""
    return [
        each["event"] for each in internet.relay.events(message) if each["event"] not in ("received", "attempted")
    ]


@pytest.mark.parametrize(("domain", "expected"), DELIVERED)
def test_mail_gets_through(internet: World, domain: str, expected: list[str]) -> None:
    message = internet.relay.submit(content(domain), [f"you@{domain}"])
    internet.relay.wait_for_state(message, "delivered")
    [arrived] = internet.receivers[domain].wait(1)
    assert arrived.content.endswith(content(domain))
    internet.check_signatures(arrived.content)
    assert names(internet, message) == expected


def test_broken_tls_falls_back_to_clear_text_and_each_step_is_recorded(internet: World) -> None:
    message = internet.relay.submit(content("tls"), ["you@bad-tls.example"])
    internet.relay.wait_for_state(message, "delivered")
    [arrived] = internet.receivers["bad-tls.example"].wait(1)
    assert not arrived.tls
    steps = internet.relay.ask("explain", message)["recipients"][0]["steps"]
    assert any(each["event"] == "attempted" for each in steps)
    assert any("STARTTLS" in line for each in steps for line in each["conversation"])


def test_a_connection_lost_after_the_dot_is_uncertain_and_tried_again(internet: World) -> None:
    message = internet.relay.submit(content("dot"), ["you@forgets.example"])
    internet.relay.wait_for_state(message, "delivered")
    deferred = [each for each in internet.relay.events(message) if each["event"] == "deferred"]
    assert [each["class"] for each in deferred] == ["uncertain"]


def test_a_refused_message_comes_back_as_a_report(internet: World) -> None:
    home = internet.receivers[HOME_DOMAIN]
    before = len(home.messages)
    message = internet.relay.submit(content("gone"), ["gone@refuses.example"])
    internet.relay.wait_for_state(message, "failed")
    assert names(internet, message) == ["failed"]
    report = home.wait(before + 1, 20)[before]
    assert report.sender == ""
    assert report.recipients == ("me@example.com",)
    parsed = message_from_bytes(report.content)
    assert parsed.get_content_type() == "multipart/report"
    assert b"550 5.1.1 no such mailbox" in report.content
    assert b"Final-Recipient: rfc822; gone@refuses.example" in report.content.replace(b"rfc822;gone", b"rfc822; gone")
    assert b"Action: failed" in report.content


def test_a_busy_site_keeps_its_mail_queued_and_the_reason_is_told(internet: World) -> None:
    message = internet.relay.submit(content("busy"), ["you@busy.example"])

    def deferred() -> bool:
        return any(each["attempts"] >= 1 for each in internet.relay.ask("queue", "--domain", "busy.example"))

    internet.relay.wait(deferred, "an attempt at busy.example")
    [entry] = internet.relay.ask("queue", "--domain", "busy.example")
    assert entry["id"] == f"{message}-1"
    assert "421" in entry["reply"]
    [story] = internet.relay.ask("explain", message)["recipients"]
    assert story["state"] in ("queued", "flight")
    internet.receivers["busy.example"].behaviour.on.clear()
    internet.relay.wait_for_state(message, "delivered")


def test_a_domain_that_does_not_exist_is_returned_at_once(internet: World) -> None:
    message = internet.relay.submit(content("nowhere"), ["you@nowhere.example"])
    [entry] = internet.relay.wait_for_state(message, "failed")
    assert "5.1.2" in entry["reply"] or "5.4.4" in entry["reply"]


def test_smtp_sink_takes_it_byte_for_byte(internet: World, tmp_path: Path) -> None:
    port = internet.receivers[HOME_DOMAIN].port
    where = address(list(BEHAVIOURS).index("sink.example"))
    line = [tool("smtp-sink"), "-u", "root", "-d", f"{tmp_path}/%H%M%S.", "-m", "20", f"{where}:{port}", "50"]
    sink = subprocess.Popen(line, cwd=tmp_path)
    try:
        internet.relay.wait(lambda: _listens(where, port), "smtp-sink")
        messages = [internet.relay.submit(content(f"sink {number}"), ["you@sink.example"]) for number in range(5)]
        for message in messages:
            internet.relay.wait_for_state(message, "delivered")
        dumped = [each.read_bytes() for each in tmp_path.iterdir() if each.is_file()]
        for message in messages:
            octets = internet.relay.message(message).replace(b"\r\n", b"\n")
            assert sum(octets in each.replace(b"\r\n", b"\n") for each in dumped) == 1
    finally:
        sink.terminate()
        sink.wait(10)


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def test_mail_waits_out_a_stop_of_the_relay(internet: World) -> None:
    receiver = internet.receivers["not-now.example"]
    receiver.behaviour.on["dot"] = ["451 4.3.0 try again"] * 3
    before = len(receiver.messages)
    message = internet.relay.submit(content("stop"), ["later@not-now.example"])
    started = time.monotonic()
    assert internet.relay.stop() == 0
    assert time.monotonic() - started < 10
    assert internet.relay.ask("explain", message)["recipients"][0]["state"] in ("queued", "delivered")
    internet.relay.start()
    internet.relay.wait_for_state(message, "delivered")
    assert len(receiver.wait(before + 1)) == before + 1


def test_the_log_has_a_line_for_each_event_and_no_secret(internet: World) -> None:
    message = internet.relay.submit(content("log"), ["you@clear.example"])
    internet.relay.wait_for_state(message, "delivered")
    line = internet.relay.wait(
        lambda: [
            each for each in internet.relay.printed.splitlines() if "event=delivered" in each and message in each
        ],
        "the log line",
    )[0]
    assert "to=you@clear.example" in line
    log = "\n".join(each for each in internet.relay.printed.splitlines() if "event=" in each)
    secrets = json.loads((internet.relay.data / "secrets.json").read_text())
    assert secrets["password"] not in log
    assert secrets["token"] not in log
    assert "Hello." not in log
