"""What a service manager and we tell each other: sockets it opened for us, and how we fare.

Protocols: sd_listen_fds(3), sd_notify(3), systemd.service(5) WatchdogSec=. All of it is off where the
environment does not speak of it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import MutableMapping
from dataclasses import dataclass

FIRST = 3  # file descriptor of the first socket, by protocol


@dataclass(frozen=True, slots=True)
class Inherited:
    name: str  # FileDescriptorName= in the socket unit; "" when the manager gave none
    sock: socket.socket


def inherited(environ: MutableMapping[str, str]) -> list[Inherited]:
    """Sockets of a socket unit, meant for this process. The variables are taken out, so no child reads them.

    Raises:
        ValueError: a variable does not hold what the protocol says.
    """
    pid, count, names = (environ.pop(key, "") for key in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"))
    if not count or (pid and int(pid) != os.getpid()):
        return []
    called = names.split(":") if names else []
    given = []
    for number in range(int(count)):
        os.set_inheritable(FIRST + number, False)
        name = called[number] if number < len(called) else ""
        given.append(Inherited("" if name == "unknown" else name, socket.socket(fileno=FIRST + number)))
    return given


class Notifier:
    """Tells the service manager; does nothing when there is none."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        path = environ.pop("NOTIFY_SOCKET", "")
        self._sock: socket.socket | None = None
        if path:
            self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._sock.setblocking(False)
            self._path = "\0" + path[1:] if path.startswith("@") else path
        usec = environ.pop("WATCHDOG_USEC", "")
        watched = environ.pop("WATCHDOG_PID", "")
        mine = not watched or int(watched) == os.getpid()
        self.watchdog_seconds = int(usec) / 2e6 if usec and mine else 0.0  # half of what it allows

    def tell(self, *lines: str) -> None:
        if self._sock is None:
            return
        with contextlib.suppress(OSError):  # who does not read now misses one message; the next says the same
            self._sock.sendto("\n".join(lines).encode(), self._path)

    def ready(self) -> None:
        self.tell("READY=1", "STATUS=all listeners answer")

    def reloading(self) -> None:
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self.tell("STOPPING=1", "STATUS=draining")

    def watchdog(self) -> None:
        self.tell("WATCHDOG=1")

    def forget(self) -> None:
        """For a forked child."""
        if self._sock is not None:
            self._sock.close()
