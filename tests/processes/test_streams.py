"""Nobody reads what the relay says: its streams are closed, broken or full, and the mail goes on all the same."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from relay.store.sqlite import open_reader, read_cursor, shard_directory
from tests.e2e.harness import PROGRAM, Relay
from tests.peers.dns import DnsServer
from tests.peers.receiver import Receiver

CONTENT = b"From: me@example.com\r\nSubject: test\r\n\r\nhello\r\n"
ZONE = {"example.net": {"MX": ["10 mx.example.net."]}, "mx.example.net": {"A": ["127.0.0.1"]}}


def start(relay: Relay, how: str) -> None:
    """As `Relay.start`, with other standard streams."""
    arguments = [*PROGRAM, "serve", "--config", str(relay.config)]
    if how == "closed":
        arguments = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *arguments]
    reading, writing = os.pipe()
    if how == "full":
        os.set_blocking(writing, False)
        while True:
            try:
                os.write(writing, b"x" * 4096)
            except BlockingIOError:
                break
        os.set_blocking(writing, True)
    relay.process = subprocess.Popen(
        arguments,
        cwd=relay.home,
        env=relay.environment,
        stdout=subprocess.DEVNULL if how == "full" else writing,
        stderr=writing,
        start_new_session=True,
    )
    os.close(writing)
    if how != "full":  # a full one stays open, unread, for the life of the test
        os.close(reading)
    relay.wait(lambda: (relay.data / "access.json").exists(), "access.json")


@pytest.mark.parametrize("how", ["closed", "broken", "full"])
def test_mail_flows_and_the_dead_are_replaced_though_nobody_reads_the_log(tmp_path: Path, how: str) -> None:
    with Receiver() as receiver, DnsServer(ZONE) as dns:
        relay = Relay(
            tmp_path,
            {
                "dns": {"servers": [dns.address]},
                "delivery": {"mx_port": receiver.port, "allow_private": True},
                "log": {"level": "debug"},
            },
        )
        relay.init()
        try:
            start(relay, how)
            assert relay.process is not None
            supervisor = relay.process.pid
            relay.submit(CONTENT, ["ann@example.net"])
            receiver.wait(1)
            for number in range(2, 6):  # each successor is told of with a line, and by the one before with a trace
                old = children(supervisor)
                os.kill(old[0], signal.SIGKILL)
                relay.wait(lambda: len(set(children(supervisor)) - set(old)) == 1, "a successor")  # noqa: B023
                relay.submit(CONTENT, ["ann@example.net"])
                receiver.wait(number)
            if how != "full":  # there the reporter waits for its reader, with the last event in its hand
                relay.wait(lambda: everything_is_folded(shard_directory(relay.data, 0)), "a cursor at the end")
            assert relay.stop() == 0
        finally:
            relay.kill()


def everything_is_folded(shard: Path) -> bool:
    with contextlib.closing(open_reader(shard, 0)) as reader:
        entries = reader.journal(0, 1000)
    last = entries[-1].seq
    return last >= 10 and read_cursor(shard) == last  # received and delivered, five times


def children(pid: int) -> list[int]:
    """In the order of their start."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
