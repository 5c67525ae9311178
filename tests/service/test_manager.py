"""Under a service manager: sockets that it opened, what it is told, and what it hands over."""

from __future__ import annotations

import contextlib
import itertools
import signal
import smtplib
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import Relay
from tests.processes.program import Program
from tests.tools import tool


@pytest.fixture
def relay(tmp_path: Path) -> Relay:
    made = Relay(tmp_path / "home", {"sandbox": {"enabled": True}})
    made.init()
    return made


def serving(relay: Relay, *before: str, **environ: str) -> Program:
    """`relay serve`, started by the words before it."""
    words = ["-m", "relay", "serve"]
    if before:
        become = "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"
        words = ["-c", become, *before, sys.executable, *words]
    return Program(words, {**relay.environment, **environ})


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def test_a_first_connection_starts_the_relay_which_answers_it_on_the_socket_it_was_given(relay: Relay) -> None:
    activate = tool("systemd-socket-activate")
    port = free_port()
    passed = [f"--setenv={name}" for name in ("PYTHONPATH", "RELAY_CONFIG")]
    with serving(relay, activate, "-l", f"127.0.0.1:{port}", "--fdname=starttls", *passed) as program:
        program.line("Listening on")
        with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
            assert client.ehlo()[0] == 250
        program.line("listener starttls is at port")
        program.send(signal.SIGTERM)
        assert program.end() == 0


class Manager:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(str(path))
        self.heard: list[str] = []

    def expect(self, word: str, seconds: float = 30) -> float:
        """Read until a message has the line; when it came, by the monotonic clock."""
        deadline = time.monotonic() + seconds
        while True:
            self.sock.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                said = self.sock.recv(4096).decode().split("\n")
            except TimeoutError:
                raise AssertionError(f"never heard {word}, but {self.heard}") from None
            self.heard += said
            if word in said:
                return time.monotonic()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path / "notify")
    with contextlib.closing(made.sock):
        yield made


def test_the_manager_hears_when_it_is_ready_that_it_lives_when_it_reloads_and_when_it_ends(
    relay: Relay, manager: Manager
) -> None:
    with serving(relay, NOTIFY_SOCKET=str(manager.path), WATCHDOG_USEC="1000000") as program:
        manager.expect("READY=1")
        beats = [manager.expect("WATCHDOG=1", 5) for _ in range(4)]
        assert max(later - earlier for earlier, later in itertools.pairwise(beats)) < 1.0
        program.send(signal.SIGHUP)
        manager.expect("RELOADING=1")
        manager.expect("READY=1")
        program.send(signal.SIGTERM)
        manager.expect("STOPPING=1")
        assert program.end() == 0


def test_a_supervisor_that_hangs_no_longer_says_that_it_lives(relay: Relay, manager: Manager) -> None:
    with serving(relay, NOTIFY_SOCKET=str(manager.path), WATCHDOG_USEC="1000000") as program:
        manager.expect("READY=1")
        manager.expect("WATCHDOG=1")
        program.send(signal.SIGSTOP)
        with pytest.raises(AssertionError, match="never heard WATCHDOG=1"):
            while True:
                manager.expect("WATCHDOG=1", 1.5)
        program.send(signal.SIGCONT)
        manager.expect("WATCHDOG=1")


def test_the_certificate_may_be_handed_over_as_a_credential(relay: Relay, tmp_path: Path) -> None:
    given = tmp_path / "credentials"
    given.mkdir()
    for name in ("cert", "key"):
        (relay.data / f"tls/{name}.pem").rename(given / name)
    relay.configure(
        {"sandbox": {"enabled": True}, "tls": {"certificate": "credential:cert", "key": "credential:key"}}
    )
    with serving(relay, CREDENTIALS_DIRECTORY=str(given)) as program:
        program.line("STARTTLS")
        program.send(signal.SIGTERM)
        assert program.end() == 0
    with serving(relay) as program:
        assert program.end() == 1
    assert "tls.key: no service manager gave us this credential" in program.output
