"""Clients that submit without pause and remember exactly what they were promised.

Each thread holds a session (STARTTLS, AUTH) and sends message after message. A message carries its own
number in the header field X-Load-Number. Once the relay said 250 to it, the number is in `accepted`; a number
whose session broke before the reply is in `unsure` (it may be queued or not; nobody promised anything).
A broken session is opened anew until `stop`. How long each submission took, from MAIL to the reply, is in `seconds`.
"""

from __future__ import annotations

import itertools
import smtplib
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

FIELD = "X-Load-Number"


@dataclass
class Load:
    host: str
    port: int
    username: str
    password: str
    sender: str
    recipient: Callable[[int], str]  # number -> forward-path
    size: int = 2048  # octets of the body
    threads: int = 4
    pause: float = 0.0  # seconds between two messages of a thread
    accepted: dict[int, str] = field(default_factory=dict)  # number -> the reply's text
    refused: dict[int, str] = field(default_factory=dict)
    unsure: set[int] = field(default_factory=set)
    seconds: list[float] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _stop: threading.Event = field(default_factory=threading.Event)
    _running: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self._stop.clear()
        self._running = [threading.Thread(target=self._work, daemon=True) for _ in range(self.threads)]
        for each in self._running:
            each.start()

    def first(self, number: int) -> None:
        """Count from here, so that two loads have numbers of their own. Before `start`."""
        self._numbers = itertools.count(number)

    def stop(self) -> None:
        self._stop.set()
        for each in self._running:
            each.join(timeout=30)
            assert not each.is_alive(), "a load client hangs"

    def slowest(self, share: float = 0.99) -> float:
        """Seconds within which this share of the submissions was answered."""
        taken = sorted(self.seconds)
        return taken[min(len(taken) - 1, int(len(taken) * share))] if taken else 0.0

    def has_more_than(self, count: int) -> bool:
        return len(self.accepted) > count

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self._session()
            except (OSError, smtplib.SMTPException):
                self._stop.wait(0.05)  # the relay is gone; it will be back

    def _session(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with smtplib.SMTP(self.host, self.port, timeout=15) as client:
            client.starttls(context=context)
            client.login(self.username, self.password)
            while not self._stop.is_set():
                self._send(client, next(self._numbers))
                if self.pause:
                    self._stop.wait(self.pause)

    def _send(self, client: smtplib.SMTP, number: int) -> None:
        recipient = self.recipient(number)
        content = (
            f"From: <{self.sender}>\r\nTo: <{recipient}>\r\nSubject: number {number}\r\n"
            f"{FIELD}: {number}\r\n\r\n" + ("x" * 70 + "\r\n") * (self.size // 72)
        )
        began = time.monotonic()
        if client.mail(self.sender)[0] != 250 or client.rcpt(recipient)[0] != 250:
            raise smtplib.SMTPException("the envelope was refused")
        self.unsure.add(number)
        code, text = client.data(content)
        self.unsure.discard(number)
        self.seconds.append(time.monotonic() - began)
        if code == 250:
            self.accepted[number] = text.decode()
        else:
            self.refused[number] = f"{code} {text.decode()}"
