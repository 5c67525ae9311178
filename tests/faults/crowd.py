"""Many more clients than a relay has places for, all at once and without a pause.

In:  where the relay listens. Out: what they heard, how long each answer took, and which messages were promised.

Every one of them must get an answer in time: a place and a 250, or a 4xx that says what is short just now.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults.rogues import Client
from tests.peers.load import FIELD

MESSAGES = 5  # of a session


@dataclass
class Crowd:
    access: Mapping[str, Any]
    domain: str
    clients: int
    size: int = 2000  # octets of a message
    heard: Counter[str] = field(default_factory=Counter)  # code and status of answers to a connection or a message
    silent: list[str] = field(default_factory=list)  # connections that broke, or were answered by nothing
    accepted: set[int] = field(default_factory=set)
    seconds: list[float] = field(default_factory=list)  # until each of those answers

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        self._stop = threading.Event()
        self._running = [threading.Thread(target=self._work, daemon=True) for _ in range(self.clients)]
        self._filling = (b"a line of some fifty octets that stands for a text\r\n" * (self.size // 50 + 1))[
            : self.size
        ]

    def __enter__(self) -> Crowd:
        for each in self._running:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for each in self._running:
            each.join(90)
            assert not each.is_alive(), "a client hangs"

    def slowest(self, share: float = 0.99) -> float:
        taken = sorted(self.seconds)
        return taken[min(len(taken) - 1, int(len(taken) * share))] if taken else 0.0

    def _work(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                with Client(self.access) as client:
                    self._session(client, began)
            except (OSError, AssertionError) as error:
                self.silent.append(f"{error!r} after {time.monotonic() - began:.1f} s")
            self._stop.wait(0.02)

    def _session(self, client: Client, began: float) -> None:
        greeting = client.reply()
        if not greeting.startswith("220"):
            self._note(greeting, began)
            return
        client.log_in(greeted=True)
        for _ in range(MESSAGES):
            if self._stop.is_set():
                return
            self._message(client, next(self._numbers))

    def _message(self, client: Client, number: int) -> None:
        began = time.monotonic()
        client.expect("250", "MAIL FROM:<me@example.com>")
        client.expect("250", f"RCPT TO:<ann{number}@{self.domain}>")
        answer = client.say("DATA")
        if answer.startswith("354"):
            head = f"From: <me@example.com>\r\nSubject: number {number}\r\n{FIELD}: {number}\r\n\r\n".encode()
            client.sock.sendall(head + self._filling + b"\r\n.\r\n")
            answer = client.reply()
        self._note(answer, began)
        if answer.startswith("250"):
            self.accepted.add(number)
        else:
            client.expect("250", "RSET")

    def _note(self, answer: str, began: float) -> None:
        self.heard[answer[:9]] += 1
        self.seconds.append(time.monotonic() - began)
