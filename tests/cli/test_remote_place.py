"""Which relay a command is for, and what is said where it cannot be done there."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from relay.cli.frame import CommandError, ExitCode
from relay.cli.remote.place import place
from tests.cli.conftest import Cli, Elsewhere
from tests.e2e.harness import PROGRAM, ROOT

TOKEN = "4kd92mzq7r.Zt4kd92mzq7rw3n5s8vbyhc6jx2pgk4m"


@contextmanager
def server(
    status: int,
    body: bytes,
    tls: Path | None = None,
    answers: Sequence[tuple[int, Any]] = (),
    **headers: str,
) -> Iterator[tuple[int, list[str]]]:
    """Answers everything with this, or one after the other with `answers` and again with the last of them; its port,
    and the requests it got."""
    got: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, octets = status, body
            if answers:
                code, told = answers[min(len(got), len(answers) - 1)]
                octets = json.dumps(told).encode()
            got.append(f"{self.path} {self.headers['Authorization']}")
            self.send_response(code)
            for name, value in {"Content_Length": str(len(octets)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(octets)

        def log_message(self, format: str, *args: Any) -> None:
            return

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls / "cert.pem", tls / "key.pem")
        listening.socket = context.wrap_socket(listening.socket, server_side=True)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield listening.server_address[1], got
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join(10)


@pytest.fixture
def far(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("RELAY_TOKEN", TOKEN)
    return cli


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1", "http://relay.example.com:8025", "http://localhost.example.com", "http://0.0.0.0"]
)
def test_a_token_does_not_go_to_another_machine_in_clear_text(url: str) -> None:
    with pytest.raises(CommandError, match="over https alone") as told:
        place({"url": url, "token": TOKEN})
    assert told.value.code is ExitCode.USAGE
    assert TOKEN not in str(told.value)


@pytest.mark.parametrize(
    "url",
    ["relay.example.com", "ftp://a", "https://", "https://a b", "https://a:x", "https://u:p@a", "https://a/?q=1"],
)
def test_what_is_no_url_of_a_relay_is_refused(url: str) -> None:
    with pytest.raises(CommandError, match="expected https://HOST"):
        place({"url": url, "token": TOKEN})


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://relay.example.com", "relay.example.com", 443, "/v1"),
        ("https://relay.example.com:8443/", "relay.example.com", 8443, "/v1"),
        ("https://example.com/relay/v2/", "example.com", 443, "/relay/v2"),
        ("http://127.0.0.1:8025", "127.0.0.1", 8025, "/v1"),
        ("http://[::1]:8025/v1", "::1", 8025, "/v1"),
        ("http://localhost", "localhost", 80, "/v1"),
    ],
)
def test_a_url_names_host_port_and_path(url: str, host: str, port: int, path: str) -> None:
    found = place({"url": url, "token": TOKEN})
    assert found is not None
    assert (found.host, found.port, found.path) == (host, port, path)
    assert TOKEN not in repr(found)


def test_options_go_before_the_environment_and_an_empty_url_is_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELAY_URL", "https://one.example")
    monkeypatch.setenv("RELAY_TOKEN", TOKEN)
    found = place({})
    assert found is not None
    assert (found.host, found.token) == ("one.example", TOKEN)
    (tmp_path / "token").write_text("another.token\n")
    found = place({"url": "https://two.example", "token": f"file:{tmp_path / 'token'}"})
    assert found is not None
    assert (found.host, found.token) == ("two.example", "another.token")
    assert place({"url": ""}) is None
    for alone in ("token", "ca_file"):
        with pytest.raises(CommandError, match="say --url, too"):
            place({"url": "", alone: "x"})


@pytest.mark.parametrize("token", ["file:empty", "a b", "a\x07b", "ä.b"])
def test_what_is_no_token_is_refused(token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RELAY_TOKEN", raising=False)
    (tmp_path / "empty").touch()
    with pytest.raises(CommandError) as told:
        place({"url": "https://one.example", "token": token})
    assert told.value.code is ExitCode.USAGE


def test_help_shows_what_can_be_done_there(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    said = cli("--url", "https://one.example", "--help")
    assert "Commands for a relay elsewhere:" in said
    assert "queue" in said
    assert "serve " not in said
    assert "restore" in cli("--help")
    monkeypatch.setenv("RELAY_URL", "https://one.example")
    assert "restore" not in cli("--help")
    assert "restore" in cli("--url", "", "--help")
    assert "--account" not in cli("events", "--help")


@pytest.mark.parametrize(
    "words",
    [["init"], ["serve"], ["check"], ["apply", "x"], ["backup", "x"], ["erase", "a@b.example"], ["completion"]],
)
def test_what_is_of_the_machine_is_done_there(words: list[str], far: Cli) -> None:
    far("--url", "https://one.example", *words, code=2)
    assert far.errors == (
        f"relay: `relay {words[0]}` is done on the relay's own machine (there without --url and RELAY_URL)\n"
    )


def test_what_nobody_knows_is_told_as_ever(far: Cli) -> None:
    far("--url", "https://one.example", "sned", code=2)
    assert "No such command 'sned'" in far.errors
    far("--url", "https://one.example", "events", "--limti", "3", code=2)
    assert "--limit" in far.errors
    far("--url", "https://one.example", "queue", "hold", "--config", "x", code=2)
    assert far.errors == "relay: --config: is for the relay's own machine; the API has no such choice\n"
    far("--url", "https://one.example", "stats", "--by", "dya", code=2)
    assert "is not one of" in far.errors


def test_a_relay_that_does_not_answer_is_unreachable(far: Cli) -> None:
    far("--url", "http://127.0.0.1:1", "events", code=5)
    assert far.errors == "relay: no relay answers at 127.0.0.1:1: Connection refused\n"


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>"), (404, b"<html>"), (302, b""), (500, b'{"error": "no"}'), (200, b"")]
)
def test_what_speaks_no_api_is_told_apart(status: int, body: bytes, far: Cli) -> None:
    with server(status, body, Location="http://192.0.2.1/") as (port, got):
        far("--url", f"http://127.0.0.1:{port}", "account", "show", code=5)
    assert "speaks no API of a relay's" in far.errors
    assert got == [f"/v1/account Bearer {TOKEN}"], "no redirect is followed"


def test_an_answer_that_breaks_off_is_no_answer(far: Cli) -> None:
    with server(200, b'{"account": {}}', Content_Length="1000") as (port, _):
        far("--url", f"http://127.0.0.1:{port}", "account", "show", code=5)
    assert "that is no answer over HTTP" in far.errors
    with server(200, b"address,account\n", Content_Length="1000") as (port, _):
        far("--url", f"http://127.0.0.1:{port}", "suppress", "export", code=5)
    assert "that is no answer over HTTP" in far.errors


@pytest.mark.parametrize(
    ("status", "code"), [(400, 2), (401, 4), (403, 4), (404, 3), (409, 1), (410, 3), (422, 2), (429, 4), (503, 1)]
)
def test_faults_end_with_the_code_that_a_local_command_has(status: int, code: int, far: Cli) -> None:
    body = b'{"error": {"message": "no such luck", "code": "x", "field": "", "reply": ""}}'
    with server(status, body, Retry_After="7") as (port, _):
        far("--url", f"http://127.0.0.1:{port}", "account", "show", code=code)
    again = "; try again in 7 s" if status in (429, 503) else ""
    assert far.errors == f"relay: no such luck{again}\n"


def test_an_answer_that_comes_before_all_is_sent_is_told(far: Cli) -> None:
    fault = {"error": {"message": "over the limit", "code": "too_large", "field": "", "reply": ""}}
    (far.home / "large.csv").write_bytes(b"a@b.example\n" * (2 << 20))

    def refuse(listening: socket.socket) -> None:
        client, _ = listening.accept()
        with client:
            client.recv(1000)
            body = json.dumps(fault).encode()
            client.sendall(b"HTTP/1.1 413 No\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=refuse, args=(listening,), daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        far("--url", url, "suppress", "import", "large.csv", code=2)
        thread.join(10)
    assert far.errors == "relay: over the limit\n"


def test_the_certificate_of_the_relay_is_verified(ready: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAY_TOKEN", TOKEN)
    tls = ready.home / "var/tls"
    with server(200, b'{"options": [], "grants": {"a": "b"}}', tls) as (port, got):
        url = f"https://127.0.0.1:{port}"
        ready("--url", url, "options", "--grants", code=5)
        assert "name the authority of the server's certificate with --ca-file PATH" in ready.errors
        assert got == [], "the token is not sent"
        assert "a" in ready("--url", url, "--ca-file", str(tls / "cert.pem"), "options", "--grants")
        ready("--url", url, "--ca-file", "nowhere.pem", "options", code=2)
        assert "--ca-file: nowhere.pem: " in ready.errors
    assert len(got) == 1


def test_a_token_in_a_file_and_options_work_against_a_real_relay(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, token = elsewhere.url, elsewhere.relay.access["token"]
    for name in ("RELAY_URL", "RELAY_TOKEN"):
        monkeypatch.delenv(name)
    (elsewhere.cli.home / "token").write_text(f"{token}\n")
    assert "demo" in elsewhere("--url", url, "--token", "file:token", "account", "show")
    assert "demo" in elsewhere("--url", f"{url}/v2", "--token", token, "account", "show")
    elsewhere("--url", url, "--token", f"{token}x", "account", "show", code=4)
    assert token not in elsewhere.errors
    elsewhere("--url", url, "account", "show", code=2)
    assert "with what token?" in elsewhere.errors


def test_following_goes_on_when_the_relay_comes_back(far: Cli) -> None:
    """Busy once, then away with what it had, then there again with an event."""
    event = {"id": "0.1", "event": "delivered", "at": "2026-01-31T12:00:00.000Z", "message": "0f3k2m9s8t7u6v5a-1"}
    fault = {"message": "no room now", "code": "unavailable", "field": "", "reply": ""}
    said: list[tuple[int, dict[str, Any]]] = [
        (200, {"events": [], "next": "1-0.0", "more": False}),
        (200, {"events": [], "next": None, "more": False}),
        (503, {"error": fault}),
        (200, {"events": [event], "next": "2-0.0", "more": False}),
    ]
    with server(200, b"", answers=said) as (port, got):
        environment = {**os.environ, "RELAY_URL": f"http://127.0.0.1:{port}", "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [*PROGRAM, "events", "-f"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline().split()[:3] == [event["at"], "delivered", event["message"]]
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=30)
            assert "relay: no room now; asked again in 3 s\n" in told
        finally:
            process.kill()
            process.wait(10)
    places = [parse_qs(urlsplit(each.split()[0]).query).get("after", [""])[0] for each in got]
    assert places[:4] == ["", "", "1-0.0", "1-0.0"]
    assert set(places[4:]) <= {"2-0.0"}
