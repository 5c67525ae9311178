"""Two sessions as articles about SMTP print them, played word by word.

Both send in clear text, one of them without any login; so they need listeners that only a test configures. What
must hold is the order, the codes and the two prompts; texts and the size are ours.
"""

from __future__ import annotations

import base64
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.e2e.harness import Relay, listeners, queue_id

HELLO = b"""\
From: "Bob Example" <bob@example.com>
To: "Alice Example" <alice@example.com>
Cc: theboss@example.com
Date: Tue, 15 Jan 2008 16:02:43 -0500
Subject: Test message

Hello Alice.
This is a test message with 5 header fields and 4 lines in the message body.
Your friend,
Bob
""".replace(b"\n", b"\r\n")


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    home = tmp_path_factory.mktemp("printed")
    open_doors = {"address": "127.0.0.1", "port": 0, "networks": ["127.0.0.0/8"]}
    made = Relay(
        home,
        {
            "sandbox": {"enabled": True},
            "listeners": [
                *listeners(),
                {"name": "clear", "kind": "plain", "auth_without_tls": True, **open_doors},
                {"name": "trusting", "kind": "plain", "auth": "none", "credential": "demo", **open_doors},
            ],
        },
    )
    made.init()
    made.start()
    yield made
    made.kill()


def play(port: int, script: str, content: bytes) -> list[str]:
    """Say each "C:" line, expect each "S:" pattern; `<content>` stands for the message and its dot. All replies."""
    heard = []
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        server = connection.makefile("rb")
        for line in script.strip().splitlines():
            who, _, text = line.strip().partition(": ")
            if who == "C":
                octets = content + b"." if text == "<content>" else text.encode()
                connection.sendall(octets + b"\r\n")
                continue
            reply = _reply(server)
            assert re.match(text, reply), f"expected {text}, heard {reply}"
            heard.append(reply)
        assert server.read() == b""  # the server closes after its 221
    return heard


def _reply(server: BinaryIO) -> str:
    lines = [server.readline().decode()]
    while lines[-1][3:4] == "-":
        lines.append(server.readline().decode())
    return "".join(lines)


def test_the_session_without_login(relay: Relay) -> None:
    heard = play(
        relay.port("trusting"),
        """
        S: 220 relay\\.test ESMTP
        C: HELO relay.example.com
        S: 250 relay\\.test
        C: MAIL FROM:<bob@example.com>
        S: 250
        C: RCPT TO:<alice@example.com>
        S: 250
        C: RCPT TO:<theboss@example.com>
        S: 250
        C: DATA
        S: 354 .*<CR><LF>\\.<CR><LF>
        C: <content>
        S: 250 .*Ok: queued as
        C: QUIT
        S: 221
        """,
        HELLO,
    )
    message = queue_id(heard[-2])
    assert len(relay.wait_for_state(message, "delivered")) == 2
    assert relay.message(message).endswith(HELLO)


def test_the_session_with_login_in_clear_text(relay: Relay) -> None:
    access = relay.access
    username, password = (base64.b64encode(access[name].encode()).decode() for name in ("username", "password"))
    content = (
        b"From: Me <me@example.com>\r\nTo: you@example.net\r\nSubject: Hello\r\n"
        b"Date: Tue, 1 Oct 2019 12:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n\r\nHello there.\r\n"
    )
    heard = play(
        relay.port("clear"),
        f"""
        S: 220 \\S+ ESMTP
        C: EHLO client
        S: 250-
        C: AUTH LOGIN
        S: 334 VXNlcm5hbWU6
        C: {username}
        S: 334 UGFzc3dvcmQ6
        C: {password}
        S: 235 2\\.
        C: MAIL FROM:<me@example.com>
        S: 250 2\\.1\\.0
        C: RCPT TO:<you@example.net>
        S: 250 2\\.1\\.
        C: DATA
        S: 354
        C: <content>
        S: 250 2\\.0\\.0 Ok: queued as
        C: QUIT
        S: 221
        """,
        content,
    )
    assert re.search(r"^250[- ]SIZE \d+", heard[1], re.MULTILINE)
    message = queue_id(heard[-2])
    relay.wait_for_state(message, "delivered")
    assert relay.message(message).endswith(content)


@pytest.mark.parametrize("listener", ["submission", "starttls"])
def test_the_usual_listeners_play_neither(relay: Relay, listener: str) -> None:
    heard = play(
        relay.port(listener),
        """
        S: 220
        C: EHLO client
        S: 250-
        C: AUTH LOGIN
        S: 53[08] 5\\.7\\.
        C: MAIL FROM:<bob@example.com>
        S: 530 5\\.7\\.0
        C: QUIT
        S: 221
        """,
        b"",
    )
    assert "STARTTLS" in heard[1]
    assert "AUTH" not in heard[1]


def test_the_session_without_login_is_for_listed_networks_only(tmp_path: Path) -> None:
    relay = Relay(tmp_path, {"sandbox": {"enabled": True}})
    relay.init()
    relay.configure(
        {"listeners": [{"name": "open", "kind": "plain", "port": 0, "auth": "none", "credential": "demo"}]}
    )
    relay.cli("check", code=1)
    relay.configure(
        {"listeners": [{"name": "open", "kind": "plain", "port": 0, "auth": "none", "networks": ["0.0.0.0/0"]}]}
    )
    relay.cli("check", code=1)
