"""The HTTP application over a real socket, and health as a value."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from relay import __version__
from relay.config import parse
from relay.web.application import State, application
from relay.web.health import LATE, STALE, Seen, health
from relay.web.protocol import Protocol
from relay.web.serve import HttpServer

CONFIG = parse(
    """
hostname: relay.example
sandbox: {enabled: true}
listeners: [{name: submission, port: 2525}]
"""
).model_copy(update={"hostname": "<relay>.example"})  # no configuration lets it through; a page must not rely on that
WELL: dict[str, dict[str, object]] = {"worker-0": {"running": True, "ready": True, "beating": True}}
WELL["reporter"] = {"running": True, "ready": True, "beating": True, "lag": 0.2}


@contextlib.asynccontextmanager
async def served(state: State) -> AsyncIterator[Callable[[str], Any]]:
    sock = socket.create_server(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    server = HttpServer(application(state), sock, 1)
    running = asyncio.create_task(server.run())
    async with asyncio.timeout(10):
        await server.answering()

    def fetch(path: str) -> tuple[int, Any, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()

    yield lambda path: asyncio.to_thread(fetch, path)
    server.stop()
    async with asyncio.timeout(10):
        await running


async def test_health_says_ok_with_version_processes_and_lag() -> None:
    state = State(CONFIG, lambda: 1000.0)
    state.seen = Seen(999.0, WELL)
    async with served(state) as fetch:
        status, headers, text = await fetch("/health")
    body = json.loads(text)
    assert status == 200
    assert (body["status"], body["version"]) == ("ok", __version__)
    assert body["processes"]["worker-0"] == {"running": True, "ready": True, "beating": True}
    assert body["reporter"] == {"lag": 0.2}
    assert headers["Cache-Control"] == "no-store"
    assert "server" not in headers


async def test_health_is_503_when_the_supervisor_is_silent() -> None:
    state = State(CONFIG, lambda: 1000.0)
    state.seen = Seen(1000.0 - STALE - 1, WELL)
    async with served(state) as fetch:
        status, _, text = await fetch("/health")
    assert status == 503
    assert "supervisor has said nothing" in json.loads(text)["faults"][0]


async def test_the_front_page_tells_the_state_and_escapes_what_it_shows() -> None:
    state = State(CONFIG, lambda: 1000.0)
    state.seen = Seen(1000.0, WELL)
    async with served(state) as fetch:
        status, headers, text = await fetch("/")
    assert status == 200
    assert "relay " + __version__ in text
    assert "&lt;relay&gt;.example" in text
    assert "<relay>.example" not in text
    assert "submission: port 2525" in text
    assert "sandbox" in text
    assert "default-src 'none'" in headers["Content-Security-Policy"]


async def test_there_is_no_page_that_loads_from_elsewhere() -> None:
    async with served(State(CONFIG, lambda: 1000.0)) as fetch:
        for path in ("/docs", "/redoc", "/openapi.json"):
            assert (await fetch(path))[0] == 404


async def test_a_slow_client_does_not_keep_the_server_from_stopping() -> None:
    sock = socket.create_server(("127.0.0.1", 0))
    server = HttpServer(application(State(CONFIG, lambda: 0.0)), sock, 1)
    address = sock.getsockname()
    running = asyncio.create_task(server.run())
    async with asyncio.timeout(10):
        await server.answering()
        _, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Half: ")
        await writer.drain()
        server.stop()
        await running
        writer.close()


def test_what_is_wrong_is_named() -> None:
    ill: dict[str, dict[str, object]] = {
        "worker-0": {"running": True, "ready": True, "beating": False},
        "worker-1": {"running": False},
        "worker-2": {"running": True, "ready": False, "beating": True},
        "reporter": {"running": True, "ready": True, "beating": True, "lag": LATE + 1},
    }
    status, body = health(Seen(1000.0, ill), 1000.0)
    assert status == 503
    assert [each.split()[0] for each in body["faults"]] == ["worker-0", "worker-1", "worker-2", "the"]


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    sock = socket.create_server(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    server = HttpServer(application(State(CONFIG, lambda: 1000.0)), sock, 1)
    running = asyncio.create_task(server.run())
    async with asyncio.timeout(10):
        await server.answering()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        yield reader, writer
        writer.close()
        server.stop()
        await running


@pytest.mark.parametrize("piece", [b"A: b\r\n", b"x"])
async def test_a_request_head_without_measure_is_refused(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[bool] = []
    refuse = Protocol._refuse

    def noted(it: Protocol) -> None:
        refused.append(True)
        refuse(it)

    monkeypatch.setattr(Protocol, "_refuse", noted)
    async with connected() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nB: ")
        with contextlib.suppress(ConnectionError):
            for _ in range(64):
                writer.write(piece * ((1 << 16) // len(piece)))
                await writer.drain()
        with contextlib.suppress(ConnectionError):  # a reset may overtake the answer, since we still sent
            assert (await reader.read()).startswith(b"HTTP/1.1 431 ")
        assert refused == [True]


async def test_a_client_that_never_ends_its_request_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Protocol, "patience", 0.2)
    async with connected() as (reader, writer):
        writer.write(b"GET /health HTTP/1.1\r\n")
        assert await reader.read() == b""


@pytest.mark.parametrize(
    ("length", "behind"),
    [
        (b"100000", b"a"),  # of a body that nobody wanted
        (b"0", b"\r\n"),
    ],
)
async def test_octets_behind_an_answer_do_not_keep_the_connection(
    length: bytes, behind: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Protocol, "patience", 0.3)
    async with connected() as (reader, writer), asyncio.timeout(10):
        writer.write(b"GET /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: " + length + b"\r\n\r\n")
        await reader.readuntil(b"page.\n")
        writer.write(behind)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""


async def test_who_does_not_take_an_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Protocol, "patience", 0.2)
    monkeypatch.setattr(Protocol, "stall", 0.2)
    left = asyncio.Event()
    lost = Protocol.connection_lost

    def noted(it: Protocol, exc: Exception | None) -> None:
        left.set()
        lost(it, exc)

    monkeypatch.setattr(Protocol, "connection_lost", noted)

    async def endless(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not left.is_set():
            await send({"type": "http.response.body", "body": bytes(1 << 16), "more_body": True})

    async def little(_scope: Any, _receive: Any, send: Any) -> None:
        """More than the sockets take, less than makes the server wait."""
        await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
        await send({"type": "http.response.body", "body": bytes(50_000)})

    for app in (endless, little):
        left.clear()
        sock = socket.create_server(("127.0.0.1", 0))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        server = HttpServer(app, sock, 1)
        running = asyncio.create_task(server.run())
        async with asyncio.timeout(10):
            await server.answering()
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            await asyncio.get_running_loop().sock_connect(client, sock.getsockname())
            await asyncio.get_running_loop().sock_sendall(client, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await left.wait()
            client.close()
            server.stop()
            await running


async def test_connections_beyond_the_bound_are_closed_when_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.web.serve._connections", lambda: 2)
    sock = socket.create_server(("127.0.0.1", 0))
    server = HttpServer(application(State(CONFIG, lambda: 1000.0)), sock, 1)
    running = asyncio.create_task(server.run())
    async with asyncio.timeout(10):
        await server.answering()
        idle = [await asyncio.open_connection(*sock.getsockname()) for _ in range(2)]
        for _ in range(5):
            reader, writer = await asyncio.open_connection(*sock.getsockname())
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
        idle[0][1].close()
        await idle[0][1].wait_closed()
        idle[1][1].close()
        server.stop()
        await running


async def test_requests_one_after_the_other_are_answered_on_one_connection() -> None:
    async with connected() as (reader, writer):
        for _ in range(3):
            writer.write(b"GET /nowhere HTTP/1.1\r\nHost: x\r\nC: " + b"y" * 30_000 + b"\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 404 ")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            await reader.readexactly(length)


async def test_fields_behind_a_body_are_left_out_however_many() -> None:
    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await asyncio.wait_for(ended.wait(), 10)
        body = str(len(scope["headers"])).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
        await send({"type": "http.response.body", "body": body})

    ended = asyncio.Event()
    sock = socket.create_server(("127.0.0.1", 0))
    server = HttpServer(app, sock, 1)
    running = asyncio.create_task(server.run())
    async with asyncio.timeout(20):
        await server.answering()
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n")
        writer.write(b"X-Late: y\r\n" * 10_000 + b"\r\n")
        await writer.drain()
        ended.set()
        answer = await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(1)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"\r\n\r\n2")
        writer.close()
        server.stop()
        await running
