"""Generator and sink, each a process, against one another."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench import certificate
from tests.bench.content import message
from tests.bench.ends import SinkProcess, generate
from tests.bench.job import Job, Result


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SinkProcess]:
    with SinkProcess(*certificate.make(tmp_path_factory.mktemp("sink"))) as process:
        yield process


def send(sink: SinkProcess, **words: Any) -> tuple[Result, dict[str, Any]]:
    """A run of the generator against the sink; what either says."""
    job = Job(port=sink.port, run="test", **{"connections": 3, "seconds": 0, "messages": 60, **words})
    sink.order("expect", run=job.run, size=job.size, recipients=len(job.recipients))
    result = generate(job)
    sink.order("wait", messages=result.accepted, seconds=20)
    return result, sink.order("report", messages=result.accepted)


LOGIN = {"tls": True, "username": "bench", "password": "secret"}


@pytest.mark.parametrize(
    ("words", "connections"),
    [
        ({}, 3),
        ({"each": 1}, 60),
        ({**LOGIN, "each": 10}, 6),
        ({"recipients": [f"r{each}@example.net" for each in range(5)]}, 3),
        ({"size": 300_000, "messages": 10}, 3),
    ],
    ids=["kept", "one a connection", "TLS and AUTH", "five recipients", "large"],
)
def test_everything_that_was_accepted_arrives_once_and_whole(
    sink: SinkProcess, words: dict[str, Any], connections: int
) -> None:
    result, report = send(sink, **words)
    assert result.faults == []
    assert result.accepted == words.get("messages", 60)
    assert {word: report[word] for word in ("whole", "lost", "doubled", "cut", "stray")} == {
        "whole": result.accepted,
        "lost": 0,
        "doubled": 0,
        "cut": 0,
        "stray": 0,
    }
    # Slots that find the last number taken have connected once more, and left.
    assert connections <= result.connections <= connections + 3
    assert len(result.latencies) == result.accepted
    assert report["cpu"] > 0
    assert result.cpu > 0


def test_connections_resume_their_slots_session_where_that_is_asked(sink: SinkProcess) -> None:
    full, _ = send(sink, **LOGIN, each=1, messages=12)
    resumed, _ = send(sink, **LOGIN, each=1, messages=12, resume=True)
    assert full.resumed == 0
    assert resumed.resumed == resumed.connections - 3  # all but each slot's first


def test_a_rate_is_kept_to(sink: SinkProcess) -> None:
    result, report = send(sink, rate=100.0, seconds=0.3, messages=0)
    assert result.faults == []
    assert report["whole"] == result.accepted == 30
    assert max(result.started) - min(result.started) >= 0.28  # 29 steps of a hundredth, less what clocks round


def test_a_refusal_is_told_with_the_step_and_the_reply() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        job = Job(port=server.getsockname()[1], run="test", connections=1, seconds=0, messages=1)
        result = _refused(server, job)
    assert result.accepted == 0
    assert result.faults[0] == "_greeted expected 220: 554 5.3.2 not today"


def _refused(server: socket.socket, job: Job) -> Result:
    """The generator against a server that greets everybody with 554."""
    ended = threading.Event()

    def refuse() -> None:
        while not ended.is_set():
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client, contextlib.suppress(ConnectionError):
                client.sendall(b"554 5.3.2 not today\r\n")
                client.recv(1)

    thread = threading.Thread(target=refuse, daemon=True)
    thread.start()
    try:
        return generate(job)
    finally:
        ended.set()
        socket.create_connection(server.getsockname()).close()  # so that accept returns
        thread.join(5)


@pytest.fixture
def session(sink: SinkProcess) -> Iterator[Session]:
    sink.order("expect", run="hand", size=1000, recipients=1, signed=True)
    with socket.create_connection(("127.0.0.1", sink.port), timeout=20) as client:
        yield Session(sink, client)


class Session:
    """Messages into the sink by hand, as a broken system would deliver them."""

    def __init__(self, sink: SinkProcess, client: socket.socket) -> None:
        self.sink = sink
        self.client = client
        self.reader = client.makefile("rb")
        self.reader.readline()

    def deliver(self, content: bytes, to: str = "r0@example.net") -> None:
        for line in (
            b"MAIL FROM:<me@example.com>",
            f"RCPT TO:<{to}>".encode(),
            b"DATA",
            content.removesuffix(b"\r\n"),
        ):
            self.client.sendall(line + b"\r\n")
            assert self.reader.readline()[:1] in b"23"

    def report(self, sent: int) -> dict[str, int]:
        """What the sink has against `sent` messages, without what is in order."""
        found = self.sink.order("report", messages=sent)
        return {word: found[word] for word in ("lost", "doubled", "cut", "unsigned", "stray") if found[word]}


def content(number: int, *, signed: bool = True, run: str = "hand") -> bytes:
    made = message(1000, run, "me@example.com", ["r0@example.net"])
    signature = b"DKIM-Signature: v=1; a=rsa-sha256\r\n" if signed else b""
    return signature + made.numbered(number)


def test_the_sink_is_content_with_messages_as_they_were_sent(session: Session) -> None:
    session.deliver(content(0))
    session.deliver(content(1).replace(b"From:", b"Received: by somebody\r\nFrom:", 1))
    assert session.report(2) == {}


def test_the_sink_misses_a_lost_message(session: Session) -> None:
    session.deliver(content(1))
    assert session.report(3) == {"lost": 2}


def test_the_sink_sees_a_doubled_message(session: Session) -> None:
    session.deliver(content(0))
    session.deliver(content(0))
    assert session.report(1) == {"doubled": 1}


@pytest.mark.parametrize(
    "change",
    [
        lambda octets: octets[:-100] + b"\r\n.\r\n",
        lambda octets: octets.replace(b"order", b"Order", 2),
        lambda octets: octets.replace(b"\r\n..a line", b"\r\n.a line"),  # a dot lost: not stuffed anew
    ],
    ids=["end missing", "a word changed", "dots not doubled"],
)
def test_the_sink_sees_a_message_that_is_not_whole(session: Session, change: Any) -> None:
    session.deliver(change(content(0)))
    assert session.report(1) == {"cut": 1}


def test_the_sink_sees_an_unsigned_message(session: Session) -> None:
    session.deliver(content(0, signed=False))
    assert session.report(1) == {"unsigned": 1}


def test_the_sink_sees_a_message_of_another_run(session: Session) -> None:
    session.deliver(content(0))
    session.deliver(content(0, run="past"))
    session.deliver(b"DKIM-Signature: v=1\r\nSubject: who is this\r\n\r\nhello\r\n.\r\n")
    assert session.report(1) == {"stray": 2}


def test_the_sample_holds_whole_messages(sink: SinkProcess, session: Session, tmp_path: Path) -> None:
    session.deliver(content(0))
    sink.order("report", messages=1, sample=str(tmp_path))
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [content(0).removesuffix(b".\r\n")]
