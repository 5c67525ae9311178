"""The real program with less patience and a clock that can be set: `python -m tests.faults.hurried serve ...`.

In:  the environment: RELAY_PATIENCE, seconds, for every wait of RFC 5321 section 4.5.3.2 and for TLS handshakes;
     RELAY_CLOCK, a file of eight octets with the seconds its clock is ahead of the machine's; RELAY_SOCKET, the
     number of a listening socket that it was given, which is handed on as a service manager hands on its own.
Out: the program `relay`, and nothing else of it changed. A test that waited for a silent receiver would take ten
     minutes otherwise, and no test may set the machine's clock.

Why so: processes of the relay are forked from one that has these values, so all of them have them. The file is
mapped, not read, so that a clock which is asked a thousand times a second costs no system call.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from tests.faults.shared import Shared

PROGRAM = (sys.executable, "-m", "tests.faults.hurried")
PATIENCE, CLOCK, SOCKET = "RELAY_PATIENCE", "RELAY_CLOCK", "RELAY_SOCKET"


class Ahead:
    """How many seconds the clock of a relay goes ahead; the file is shared with its processes."""

    def __init__(self, path: Path) -> None:
        self._seconds = Shared(path, "=d")

    def get(self) -> float:
        (ahead,) = self._seconds.read()
        return float(ahead)

    def set(self, seconds: float) -> None:
        self._seconds.write(seconds)


def _set_clock(path: Path) -> None:
    """Before anything of the relay is imported: it takes `time.time` as it finds it."""
    ahead, true_time = Ahead(path), time.time
    shifted: Callable[[], float] = lambda: true_time() + ahead.get()  # noqa: E731
    time.time = shifted


def _hurry(seconds: float) -> None:
    from relay.smtp import connection, dialogue

    patience = {each.name: seconds for each in fields(dialogue.Timeouts) if each.name != "quit"}
    dialogue.RFC5321 = dialogue.Timeouts(**patience, quit=min(seconds, 1.0))
    connection.HANDSHAKE = seconds
    connection.LINGER = min(connection.LINGER, seconds)


def _as_a_service_manager(descriptor: int) -> None:
    """The protocol of sd_listen_fds(3): the socket of the listener `submission` is descriptor 3."""
    os.dup2(descriptor, 3)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="submission")


def main() -> int:
    if descriptor := os.environ.get(SOCKET):
        _as_a_service_manager(int(descriptor))
    if path := os.environ.get(CLOCK):
        _set_clock(Path(path))
    if seconds := os.environ.get(PATIENCE):
        _hurry(float(seconds))
    from relay.__main__ import main as program

    return program()


if __name__ == "__main__":
    sys.exit(main())
