"""`relay send` against a server that answers as it is told."""

from __future__ import annotations

import io
import json
import socket
import sys
from collections.abc import Iterator

import pytest

import relay.cli.client
from tests.cli.conftest import Cli
from tests.peers.receiver import Behaviour, Receiver, authority


@pytest.fixture
def server() -> Iterator[Receiver]:
    with Receiver(Behaviour(login=["demo", "secret"])) as receiver:
        yield receiver


@pytest.fixture
def client(ready: Cli, server: Receiver) -> Cli:
    """A directory in which the relay that runs is that server."""
    access = {
        "host": "127.0.0.1",
        "ports": {"submission": server.port, "http": 1},
        "username": "demo",
        "password": "secret",
        "sender": "me@example.com",
    }
    (ready.home / "var/access.json").write_text(json.dumps(access))
    authority().cert_pem.write_to_path(str(ready.home / "var/tls/cert.pem"))
    return ready


def test_a_message_is_made_of_options(client: Cli, server: Receiver) -> None:
    client("send", "--to", "you@example.net", "--subject", "Grüße", "--text", "Hallo", "--html", "<p>Hallo</p>",
           "--header", "X-Order: 17")  # fmt: skip
    [message] = server.messages
    assert (message.sender, message.recipients, message.tls) == ("me@example.com", ("you@example.net",), True)
    head, _, _ = message.content.partition(b"\r\n\r\n")
    assert b"X-Order: 17" in head
    assert b"Subject: =?utf-8?" in head
    assert b"multipart/alternative" in head


def test_html_may_stand_alone(client: Cli, server: Receiver) -> None:
    client("send", "--to", "you@example.net", "--html", "<p>Hallo</p>")
    [message] = server.messages
    head, _, body = message.content.partition(b"\r\n\r\n")
    assert b"Content-Type: text/html" in head and b"<p>Hallo</p>" in body


def test_a_ready_message_is_sent_as_it_is(client: Cli, server: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    octets = b"From: Me <me@example.com>\nTo: a@example.net, B <b@example.net>\nBcc: c@example.net\n\n.dot\nl\xe4st\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(octets)))
    client("send")
    [message] = server.messages
    assert message.sender == "me@example.com"
    assert message.recipients == ("a@example.net", "b@example.net", "c@example.net")
    assert message.content == octets.replace(b"\n", b"\r\n")


def test_the_envelope_can_differ_from_the_header(client: Cli, server: Receiver) -> None:
    (client.home / "message.eml").write_bytes(b"From: me@example.com\nTo: list@example.net\n\nx\n")
    client("send", "--from", "bounces@example.com", "--to", "you@example.org", "--file", "message.eml")
    assert (server.messages[0].sender, server.messages[0].recipients) == ("bounces@example.com", ("you@example.org",))


def test_recipients_go_to_the_server_as_they_were_typed(client: Cli, server: Receiver) -> None:
    client("send", "--to", "odd@@example.net", "--to", "Ann <ann@example.net>, bob@example.net", "--text", "x")
    assert server.messages[0].recipients == ("odd@@example.net", "ann@example.net", "bob@example.net")


def test_the_id_is_printed(client: Cli, server: Receiver) -> None:
    server.behaviour.on["dot"] = "250 2.0.0 Ok: queued as 0123456789abcdef"
    said = client("send", "--to", "you@example.net", "--subject", "x")
    assert said == "0123456789abcdef\n"
    shown = client.json("send", "--to", "you@example.net", "--subject", "x")
    assert shown["id"] == "0123456789abcdef"
    assert shown["refused"] == {}


@pytest.mark.parametrize("step", ["mail", "rcpt", "data", "dot", "auth"])
def test_a_refusal_at_any_step_is_told_with_its_reply(client: Cli, server: Receiver, step: str) -> None:
    server.behaviour.on[step] = "550 5.7.1 not from you"
    client("send", "--to", "you@example.net", "--subject", "x", code=4)
    assert "550 5.7.1 not from you" in client.errors


def test_a_refused_recipient_does_not_stop_the_others(client: Cli, server: Receiver) -> None:
    server.behaviour.on["rcpt:gone@example.net"] = "550 5.1.1 no such mailbox"
    client("send", "--to", "you@example.net", "--to", "gone@example.net", "--subject", "x", code=4)
    assert server.messages[0].recipients == ("you@example.net",)
    assert "gone@example.net: 550 5.1.1 no such mailbox" in client.errors


def test_without_a_relay_the_code_says_so(client: Cli, server: Receiver) -> None:
    server.close()
    client("send", "--to", "you@example.net", "--subject", "x", code=5)
    assert "no relay answers at 127.0.0.1:" in client.errors
    assert "[Errno" not in client.errors


def test_where_no_relay_runs_the_line_says_how_to_start_one(ready: Cli) -> None:
    ready("send", "--to", "you@example.net", "--subject", "x", code=5)
    assert ready.errors == "relay: no relay answers; start it with `make run` or `relay serve`\n"


def test_a_relay_without_the_account_demo_must_be_told_the_sender(client: Cli, server: Receiver) -> None:
    access = {"host": "127.0.0.1", "ports": {"submission": server.port, "http": 1}}
    (client.home / "var/access.json").write_text(json.dumps(access))
    client("send", "--to", "you@example.net", "--subject", "x", code=2)
    assert "say --from ADDRESS" in client.errors


def test_a_login_that_is_missing_is_told_with_its_options(client: Cli, server: Receiver) -> None:
    server.behaviour.on["mail"] = "530 5.7.0 authentication required"
    client("send", "--to", "you@example.net", "--subject", "x", code=4)
    assert "--username" in client.errors
    assert "RELAY_PASSWORD" in client.errors


def test_a_server_that_never_greets_is_given_up_soon(ready: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert relay.cli.client._GREETING == 10.0
    monkeypatch.setattr(relay.cli.client, "_GREETING", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = ("--host", "127.0.0.1", "--port", str(silent.getsockname()[1]))
        ready("send", *where, "--from", "me@example.com", "--to", "you@example.net", "--subject", "x", code=5)
    assert "timed out" in ready.errors


def test_a_connection_that_breaks_counts_as_unreachable(client: Cli, server: Receiver) -> None:
    server.behaviour.on["dot"] = "drop"
    client("send", "--to", "you@example.net", "--subject", "x", code=5)


def test_a_login_never_goes_in_clear_text(client: Cli, server: Receiver) -> None:
    server.behaviour.starttls = False
    client("send", "--to", "you@example.net", "--subject", "x", code=4)
    assert not server.heard("AUTH")


def test_a_certificate_of_somebody_else_is_not_believed(client: Cli, server: Receiver) -> None:
    server.behaviour.certificate = "wrong"
    client("send", "--to", "you@example.net", "--subject", "x", code=5)
    assert "--ca-file PATH" in client.errors
    assert not server.heard("AUTH")


def test_what_cannot_be_a_message_is_a_usage_error(client: Cli, server: Receiver) -> None:
    client("send", "--subject", "x", code=2)
    client("send", "--to", "you@example.net", "--subject", "x\nBcc: all@example.net", code=2)
    client("send", "--to", "you@example.net", "--subject", "x", "--header", "nonsense", code=2)
    client("send", "--to", "you@example.net", "--subject", "x", "--file", "y", code=2)
    client("send", "--to", "you@example.net", "--file", "nosuch.eml", code=3)
    assert server.messages == []


def test_an_argument_that_is_no_text_is_refused_in_a_line(client: Cli, server: Receiver) -> None:
    client("send", "--to", "\udcff@example.net", "--subject", "x", code=2)
    assert client.errors == "relay: not UTF-8: '\\udcff@example.net'\n"
    assert not server.messages
