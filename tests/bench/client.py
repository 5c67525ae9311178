"""One client's session: step by step, a reply awaited after each, as most applications' libraries do.

`Load` is what all sessions of a run share. TLS goes through MemoryBIOs, because a session to resume can be given to
them. Certificates are not verified: that is the client's cost, and would be the same for both systems.
"""

from __future__ import annotations

import array
import asyncio
import base64
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from tests.bench.content import message
from tests.bench.job import TURN, Job, Result

FAULTS = 20  # refusals and lost connections after which there is no point in going on


class Worker(Protocol):
    """Who begins messages, by SMTP or otherwise."""

    def begin(self, at: float) -> None: ...
    def quit(self) -> None: ...


class Load:
    """What all connections share: the message, the numbers, the end."""

    def __init__(self, job: Job, connect: Callable[[ssl.SSLSession | None], None]) -> None:
        """Args:
        connect: opens another connection, with a TLS session to resume.
        """
        self.job = job
        self.connect = connect
        self.message = message(job.size, job.run, job.sender, job.recipients, job.fields, job.content, job.fresh)
        self.mail = f"MAIL FROM:<{job.sender}>\r\n".encode()
        self.rcpts = [f"RCPT TO:<{each}>\r\n".encode() for each in job.recipients]
        secret = base64.b64encode(f"\0{job.username}\0{job.password}".encode())
        self.auth = b"AUTH PLAIN " + secret + b"\r\n" if job.username else b""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.result = Result()
        self.latencies = array.array("d")
        self.started = array.array("d")
        self.number = 0
        self.stop = 0.0
        self.open = 0
        self.ready: deque[Worker] = deque()  # at a rate: who waits for work
        self.due: deque[float] = deque()  # at a rate: what nobody was ready for
        loop = asyncio.get_running_loop()
        self.paced = False  # at a rate: all its messages have become due
        self.ended: asyncio.Future[None] = loop.create_future()
        self.all_ready: asyncio.Future[None] = loop.create_future()  # at a rate: every session stands
        self.heard = time.monotonic()

    def recipients(self, number: int) -> list[bytes]:
        """The RCPT commands of a message."""
        return self.rcpts if self.job.copies != TURN else [self.rcpts[number % len(self.rcpts)]]

    def more(self) -> bool:
        """Whether there is a message to begin, or will be."""
        job = self.job
        if job.rate:
            return not self.paced or bool(self.due)
        if self.stop and time.monotonic() >= self.stop:
            return False
        return not job.messages or self.number < job.messages

    def begun(self, at: float) -> int:
        if not self.number:
            self.result.begin = at
            self.result.cpu = time.process_time()
            self.stop = at + self.job.seconds if self.job.seconds else 0.0
        number = self.number
        self.number += 1
        self.started.append(at)
        return number

    def await_work(self, connection: Worker) -> None:
        self.ready.append(connection)
        if len(self.ready) == self.job.connections and not self.all_ready.done():
            self.all_ready.set_result(None)

    def accept(self, began: float) -> None:
        now = time.monotonic()
        self.latencies.append(now - began)
        self.result.end = self.heard = now

    def fault(self, what: str) -> None:
        self.result.faults.append(what)
        if len(self.result.faults) >= FAULTS:
            self.finish()

    def finish(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def gone(self) -> None:
        self.open -= 1
        if not self.open:
            self.finish()


class Connection(asyncio.Protocol):
    """One client slot's present session. `step` is what the next reply is for."""

    def __init__(self, load: Load, session: ssl.SSLSession | None = None) -> None:
        self.load = load
        self.session = session
        self.sent = 0
        self.rcpts: list[bytes] = []
        self.rcpt = 0
        self.number = 0
        self.began = 0.0
        self.rest = b""
        self.secure: ssl.SSLObject | None = None
        self.shaking = False
        self.step: Callable[[bytes], None] = self._greeted
        self.expected = b"220"
        self.finished = False

    # The wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by class
        self.put: Callable[[bytes], None] = self.transport.write
        self.load.result.connections += 1

    def data_received(self, data: bytes) -> None:
        if self.secure is not None and not (data := self._secured_data(data)):
            return
        if self.rest:
            data = self.rest + data
        # One reply is outstanding at a time. It ends with a line whose fourth octet is no hyphen.
        if not data.endswith(b"\r\n") or data[data.rfind(b"\n", 0, -1) + 4 : data.rfind(b"\n", 0, -1) + 5] == b"-":
            self.rest = data
            return
        self.rest = b""
        if data.startswith(self.expected):
            self.step(data)
        else:
            self._refused(data)

    def connection_lost(self, error: Exception | None) -> None:
        load = self.load
        if self in load.ready:
            load.ready.remove(self)
        if not self.finished:
            load.fault(f"connection lost before the reply to {self.step.__name__}: {error}")
        if load.more() and not load.ended.done():
            load.connect(self.session)
        else:
            load.gone()

    def _refused(self, reply: bytes) -> None:
        self.load.fault(
            f"{self.step.__name__} expected {self.expected.decode()}: {reply.decode(errors='replace').strip()}"
        )
        self.finished = True
        self.transport.close()

    def _secured_data(self, data: bytes) -> bytes:
        """What the server said in these octets, or nothing; the handshake goes on by them."""
        assert self.secure is not None
        self.incoming.write(data)
        try:
            if self.shaking and not self._shake():
                return b""
            said = b""
            while self.incoming.pending or self.secure.pending():
                said += self.secure.read(65536)
            return said
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            return said
        except ssl.SSLError as error:
            self._refused(str(error).encode())
            return b""

    def _write_secure(self, data: bytes) -> None:
        assert self.secure is not None
        self.secure.write(data)
        self.transport.write(self.outgoing.read())

    def _shake(self) -> bool:
        assert self.secure is not None
        try:
            self.secure.do_handshake()
        except ssl.SSLWantReadError:
            self.transport.write(self.outgoing.read())
            return False
        self.shaking = False
        if self.secure.session_reused:
            self.load.result.resumed += 1
        flight = self.outgoing.read()
        self.put = self._write_secure
        self.secure.write(b"EHLO client.example.com\r\n")
        self.step, self.expected = self._secured, b"250"
        self.transport.write(flight + self.outgoing.read())
        return True

    # The dialogue, each step called with the reply to what the one before wrote

    def _greeted(self, _reply: bytes) -> None:
        self.put(b"EHLO client.example.com\r\n")
        self.step, self.expected = self._offered, b"250"

    def _offered(self, _reply: bytes) -> None:
        if self.load.job.tls:
            self.put(b"STARTTLS\r\n")
            self.step, self.expected = self._starttls, b"220"
        else:
            self._secured(b"")

    def _starttls(self, _reply: bytes) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.secure = self.load.context.wrap_bio(self.incoming, self.outgoing, session=self.session)
        self.shaking = True
        self._shake()

    def _secured(self, _reply: bytes) -> None:
        if self.load.auth:
            self.put(self.load.auth)
            self.step, self.expected = self._next, b"235"
        else:
            self._next(b"")

    def _next(self, _reply: bytes) -> None:
        load = self.load
        if self.sent < load.job.each and load.more():
            if not load.job.rate:
                self.begin(time.monotonic())
            elif load.due:
                self.begin(load.due.popleft())
            else:
                load.await_work(self)
        else:
            self.quit()

    def begin(self, at: float) -> None:
        self.began = at
        self.number = self.load.begun(at)
        self.put(self.load.mail)
        self.step, self.expected = self._mailed, b"250"

    def _mailed(self, _reply: bytes) -> None:
        self.rcpts = self.load.recipients(self.number)
        self.rcpt = 1
        self.put(self.rcpts[0])
        self.step = self._named

    def _named(self, _reply: bytes) -> None:
        if self.rcpt < len(self.rcpts):
            self.put(self.rcpts[self.rcpt])
            self.rcpt += 1
            return
        self.put(b"DATA\r\n")
        self.step, self.expected = self._open, b"354"

    def _open(self, _reply: bytes) -> None:
        self.put(self.load.message.numbered(self.number))
        self.step, self.expected = self._taken, b"250"

    def _taken(self, _reply: bytes) -> None:
        self.load.accept(self.began)
        self.sent += 1
        self._next(b"")

    def quit(self) -> None:
        self.put(b"QUIT\r\n")
        self.step, self.expected = self._bye, b"221"

    def _bye(self, _reply: bytes) -> None:
        self.finished = True
        if self.load.job.resume and self.session is None and self.secure is not None:
            # Once a slot: to copy a session costs as much as half a handshake, and tickets can be used again.
            self.session = self.secure.session
        self.transport.close()
