"""Clients that try a message once more when the first try failed, as any program should that submits mail.

In:  a relay. Out: which messages were promised, which were not even at the second try, and how often it took two.

A session carries some messages and is then opened anew, so that connections come at every moment.
"""

from __future__ import annotations

import itertools
import smtplib
import ssl
import threading
import time
from dataclasses import dataclass, field

from tests.e2e.harness import Relay
from tests.peers.load import FIELD

TRIES = 2
SESSION = 20  # messages
TIMEOUT = 30.0  # seconds a client waits for a reply


@dataclass
class Persistent:
    relay: Relay
    domain: str
    threads: int = 3
    pause: float = 0.01
    accepted: dict[int, float] = field(default_factory=dict)  # number -> seconds it took, both tries and all
    failed: dict[int, str] = field(default_factory=dict)  # number -> what the second try heard
    twice: dict[int, str] = field(default_factory=dict)  # number -> what the first try heard

    def __post_init__(self) -> None:
        access = self.relay.access
        self._where = (access["host"], self.relay.port())
        self._login = (access["username"], access["password"])
        self._numbers = itertools.count(1)
        self._stop = threading.Event()
        self._running = [threading.Thread(target=self._work, daemon=True) for _ in range(self.threads)]

    def __enter__(self) -> Persistent:
        for each in self._running:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for each in self._running:
            each.join(TIMEOUT * TRIES)
            assert not each.is_alive(), "a client hangs"

    def more(self, count: int) -> None:
        """Wait for so many more that are accepted."""
        seen = len(self.accepted)
        self.relay.wait(lambda: len(self.accepted) >= seen + count, "more mail accepted", seconds=60)

    def _work(self) -> None:
        client: smtplib.SMTP | None = None
        while not self._stop.is_set():
            number, began = next(self._numbers), time.monotonic()
            for each in range(TRIES):
                try:
                    if client is None:
                        client = self._connect()
                    self._send(client, number)
                    self.accepted[number] = time.monotonic() - began
                    break
                except (OSError, smtplib.SMTPException) as error:
                    _close(client)
                    client = None
                    (self.twice if each + 1 < TRIES else self.failed)[number] = repr(error)
            if number % SESSION == 0:
                _close(client)
                client = None
            self._stop.wait(self.pause)
        _close(client)

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        client = smtplib.SMTP(*self._where, timeout=TIMEOUT)
        try:
            client.starttls(context=context)
            client.login(*self._login)
        except BaseException:
            client.close()
            raise
        return client

    def _send(self, client: smtplib.SMTP, number: int) -> None:
        text = f"From: <me@example.com>\r\nSubject: number {number}\r\n{FIELD}: {number}\r\n\r\nhello\r\n"
        client.sendmail("me@example.com", [f"ann{number}@{self.domain}"], text)


def _close(client: smtplib.SMTP | None) -> None:
    if client is not None:
        client.close()
