"""A child's line to the supervisor: heartbeats and `ready` out, orders in, and the end when it is cut.

In:  lines `reload <configuration as JSON>` and `status <JSON>` from the supervisor; SIGTERM from anybody.
Out: lines `beat <JSON>` while the event loop turns, `ready` once; `stopping` is set when it is time to drain.

A child without a supervisor must not go on: nobody would replace it, and the next start needs its ports and
shards. So the end of this line ends the process at once, without a drain; what it had is on disk.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable, Mapping
from typing import Any

ABANDONED = 75  # exit code of a child whose supervisor went away
Heard = Callable[[str], None]


class Lifeline:
    def __init__(self, sock: socket.socket, beat_seconds: float) -> None:
        sock.setblocking(False)
        self._sock = sock
        self.seconds = beat_seconds  # between beats
        self._in = bytearray()
        self._hears: dict[str, Heard] = {}
        self._facts: dict[str, Any] = {}
        self.stopping = asyncio.Event()

    def start(self) -> None:
        """Begin to beat and to listen; call it inside the running loop."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stopping.set)
        loop.add_reader(self._sock.fileno(), self._read)
        self._beat()

    def hear(self, word: str, act: Heard) -> None:
        """Call `act` with the rest of each line that begins with `word`."""
        self._hears[word] = act

    def tell(self, facts: Mapping[str, Any]) -> None:
        """Facts that go along with every beat from now on, for the health page."""
        self._facts.update(facts)

    def ready(self) -> None:
        self._send(b"ready\n")

    def _beat(self) -> None:
        self._send(b"beat " + json.dumps(self._facts).encode() + b"\n")
        asyncio.get_running_loop().call_later(self.seconds, self._beat)

    def _send(self, line: bytes) -> None:
        try:
            self._sock.send(line)
        except BlockingIOError:
            pass  # the supervisor does not read; it will find the next beat, or be gone
        except OSError:
            os._exit(ABANDONED)

    def _read(self) -> None:
        try:
            octets = self._sock.recv(64 << 10)
        except BlockingIOError:
            return
        except OSError:
            octets = b""
        if not octets:
            os._exit(ABANDONED)
        self._in += octets
        *lines, rest = bytes(self._in).split(b"\n")
        self._in = bytearray(rest)
        for line in lines:
            word, _, text = line.decode().partition(" ")
            if word in self._hears:
                self._hears[word](text)
