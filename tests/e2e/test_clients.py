"""Usual clients submit; what arrives at the receiver is what they sent, byte for byte, under good signatures."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.e2e.clients import CLIENTS, Postfix
from tests.e2e.world import HOME_DOMAIN, World, world
from tests.peers.receiver import Behaviour
from tests.tools import tool, unavailable

SENDER = "me@example.com"
RECIPIENTS = ["ann@example.net", "bob@example.net"]
ADDED = {"DKIM-Signature", "Received"}  # what may stand above the message as it was sent


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("clients"), {"example.net": Behaviour(), HOME_DOMAIN: Behaviour()}) as made:
        yield made


def message(subject: str) -> bytes:
    """With what clients and relays like to spoil: folding, dots, 8-bit text, blanks and empty lines at the end."""
    return (
        f"From: =?utf-8?Q?J=C3=BCrgen?= <{SENDER}>\r\nTo: {', '.join(RECIPIENTS)}\r\nSubject: {subject},\r\n"
        "\tfolded   with blanks\r\nDate: Thu, 01 Jan 2026 12:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
        "X-Empty:\r\nx-MiXed-CaSe:no blank\r\n\r\n"
        ".a dot\r\n..two\r\n.\r\nGrüße, blanks at the end:  \t\r\n\r\nFrom here on\r\n"
        + "long " * 150
        + "\r\n\r\n\r\n"
    ).encode()


@pytest.mark.parametrize("client", CLIENTS)
def test_what_a_client_sends_arrives_as_it_was(internet: World, client: str) -> None:
    receiver = internet.receivers["example.net"]
    before = len(receiver.messages)
    content = message(f"from {client}")
    CLIENTS[client](internet.relay, content, SENDER, RECIPIENTS)
    arrived = receiver.wait(before + 1)[before]
    assert arrived.sender == SENDER
    assert sorted(arrived.recipients) == RECIPIENTS
    assert arrived.tls
    assert arrived.content.endswith(content)
    assert set(message_from_bytes(arrived.content[: -len(content)]).keys()) == ADDED
    internet.check_signatures(arrived.content)
    sent = internet.relay.ask("events", "--event", "received", "--limit", "1")[0]["id"]
    assert internet.relay.message(sent) == arrived.content


def test_postfix_as_a_smart_host_client(internet: World, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        unavailable("Postfix can only be started by root")
    tool("postfix")
    receiver = internet.receivers["example.net"]
    before = len(receiver.messages)
    content = message("from Postfix")
    with Postfix(internet.relay, tmp_path / "postfix") as postfix:
        postfix.send(content, SENDER, RECIPIENTS)
        try:
            arrived = receiver.wait(before + 1, 30)[before]
        except TimeoutError as error:
            raise AssertionError(f"{postfix.maillog}\n{internet.relay.printed}") from error
        assert "Trusted TLS connection established to localhost" in postfix.maillog
    assert arrived.sender == SENDER
    assert sorted(arrived.recipients) == RECIPIENTS
    assert arrived.content.endswith(content)
    above = message_from_bytes(arrived.content[: -len(content)])
    assert set(above.keys()) == ADDED
    assert len(above.get_all("Received", [])) == 2  # Postfix's and ours
    internet.check_signatures(arrived.content)


def test_the_client_stays_hidden(internet: World) -> None:
    receiver = internet.receivers["example.net"]
    before = len(receiver.messages)
    internet.relay.submit(message("hidden"), RECIPIENTS[:1])
    arrived = receiver.wait(before + 1)[before]
    [received] = message_from_bytes(arrived.content).get_all("Received", [])
    assert "127.0.0.1" not in received
    assert re.search(r"by relay\.test", received)
