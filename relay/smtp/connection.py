"""The connection of an SMTP session: replies out, TLS, and a last word that is heard.

In:  replies, one after the other. Out: one write for all that a packet caused, sealed where TLS is spoken.

Why so: aiosmtpd's class and vocabulary are kept (see `server.py`), its reader is not: it runs a task for each
connection, wakes it for each line, sets a timer and writes three log lines for each command, and lists its own
members by `inspect` for each connection. The last reply goes out before input is thrown away, and the socket is
closed only then: closing it with unread input would make the system reset the connection, and the client would
never read why.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP

from relay.model.reply import Reply
from relay.smtp.deadline import Deadline
from relay.smtp.door import SessionInfo
from relay.smtp.handshakes import reason_of
from relay.smtp.service import Service
from relay.smtp.tls import Channel

log = logging.getLogger("relay.smtp")

LINGER = 5.0  # seconds from the last reply until the connection is cut
HANDSHAKE = 30.0

_numbers = itertools.count(1)


class Connection(SMTP):
    transport: asyncio.Transport
    info: SessionInfo

    def __init__(self, service: Service) -> None:
        # The parents' __init__ is left out on purpose, with all it would make.
        self.service = service
        self.loop = service.loop
        self.number = next(_numbers)
        self._out: list[bytes] = []
        self._errors = 0  # since the last message that was taken
        self._channel: Channel | None = None  # TLS, from its handshake on
        self._shaken: asyncio.Future[None] | None = None  # somebody waits for the handshake
        self._still = False  # reading is paused
        self._choked = False  # the client does not read our replies
        self._eof = False  # the client will send no more
        self._closing = False  # the last reply is said
        self._gone = False  # the connection is lost
        self._deadline = Deadline(service.loop, self.late)

    # What those above do.

    def secured(self) -> None:
        """The TLS handshake is done."""
        raise NotImplementedError

    def cut(self) -> None:
        """Nothing more will come; drop what is unfinished. May be called again."""
        raise NotImplementedError

    def late(self) -> None:
        """The deadline has passed."""
        raise NotImplementedError

    @property
    def id(self) -> str:
        """Names this session in logs and in the replies that ask people to look there."""
        return f"{os.getpid()}-{self.number}"

    def watch(self, seconds: float, latest: float = math.inf) -> None:
        """Move the session's deadline, but not beyond `latest`."""
        at = self.loop.time() + seconds
        self._deadline.set(at if at < latest else latest)

    # Replies.

    def say(self, octets: bytes) -> None:
        """Reply, with the next write."""
        self._out.append(octets)

    def flush(self) -> None:
        if self._channel is not None:
            return self._flush_sealed(self._channel)
        if self._out:
            octets = b"".join(self._out)
            self._out.clear()
            if not self._closing and not self.transport.is_closing():
                self.transport.write(octets)
        return None

    def _flush_sealed(self, channel: Channel) -> None:
        """What TLS itself has to say goes along, such as the ticket with the reply to the first EHLO."""
        if self._closing:  # the channel has ended, too
            self._out.clear()
            return None
        if channel.open and self._out:
            octets = b"".join(self._out)
            self._out.clear()
            try:
                channel.seal(octets)
            except ssl.SSLError as error:
                self.service.handshakes.failed(self.info.address, reason_of(error))
                return self.hang_up()
        sealed = channel.outgoing()
        if sealed and not self.transport.is_closing():
            self.transport.write(sealed)
        return None

    def refuse(self, reply: Reply) -> None:
        """Say no, and count it if it was the client's mistake."""
        if reply.code == 421:  # whoever says so means the session
            return self.farewell(reply)
        self.say(reply.octets())
        if reply.permanent:
            self.count_error()
        return None

    def count_error(self) -> None:
        self._errors += 1
        if self._errors >= self.service.limits.errors:
            self.farewell(Reply(421, "4.7.0", f"{self._errors} errors in a session are enough"))

    def fault(self) -> None:
        """An exception nobody expected: for us the whole trace, for the client a reason to try again."""
        self.log_fault(sys.exception())
        self.say(f"451 4.3.0 A fault of ours, please try again (session {self.id})\r\n".encode())

    def log_fault(self, error: BaseException | None) -> None:
        log.error("session=%s peer=%s listener=%s", self.id, self.info.peer, self.info.listener, exc_info=error)

    # The end.

    def farewell(self, reply: Reply | None = None) -> None:
        """The last reply; what the client still sends is read and dropped for a moment."""
        if self._closing:
            return
        if reply is not None:
            self.say(reply.octets())
        last = b"".join(self._out)
        if self._channel is not None:
            last = self._channel.close(last)
        self.hang_up(last, linger=reply is not None)

    def hang_up(self, last: bytes = b"", *, linger: bool = False) -> None:
        """Say no more than these octets; `linger` reads on, so that the client can hear what was said."""
        self._closing = True
        self._out.clear()
        self.cut()
        self._end_handshake()
        if last and not self.transport.is_closing():
            self.transport.write(last)
        if linger and not self._eof and not self.transport.is_closing():
            self.transport.write_eof()
            self.read_on()
        else:
            self.transport.close()
        self.watch(LINGER)

    # Flow.

    def hold(self) -> None:
        """Read no more for now."""
        if not self._still:
            self._still = True
            self.transport.pause_reading()

    def read_on(self) -> None:
        if self._still:
            self._still = False
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        self._choked = True

    # TLS.

    def secure(self) -> None:
        """Speak TLS from here on; `secured` is called once the handshake is done."""
        assert self.service.tls is not None
        self._channel = Channel(self.service.tls)
        self.watch(HANDSHAKE)

    async def handshake(self) -> None:
        """Wait for it. Raises ConnectionError when it fails."""
        if self._handshaking:
            self._shaken = self.loop.create_future()
            await self._shaken

    @property
    def _handshaking(self) -> bool:
        return self._channel is not None and not self._channel.open

    def _unshaken(self, reason: str) -> None:
        """The handshake came to nothing. A look at the port without an octet, as monitors take it, is no failure."""
        if self._channel is not None and self._channel.begun:
            self.service.handshakes.failed(self.info.address, reason)

    def unseal(self, channel: Channel, octets: bytes) -> bytes:
        """What the client says with these octets."""
        began = channel.open
        try:
            plain = channel.receive(octets)
        except ssl.SSLError as error:
            self.service.handshakes.failed(self.info.address, reason_of(error))
            self.hang_up(channel.outgoing())  # an alert, that tells the client why
            return b""
        if channel.eof:
            self._eof = True
        if channel.open and not began:
            self.info.tls = channel.name
            self.secured()
            if self._shaken is not None and not self._shaken.done():
                self._shaken.set_result(None)
        return plain

    def _end_handshake(self) -> None:
        if self._shaken is not None and not self._shaken.done():
            self._shaken.set_exception(ConnectionResetError())
        self._shaken = None
