"""The connection under an SMTP session: octets in, lines and contents out, replies back, and time.

Commands are handled where their octets arrive, in `data_received`; what has to be waited for (the Door, a TLS
handshake, the answer to a challenge) runs as the session's one task, and until it ends further input is
kept, up to a bound, and then reading pauses. All replies that a packet causes leave in one write.

Every session has one deadline:
    the client's turn     command_timeout for a whole command; data_timeout for silence inside DATA
    our turn              WORK; the client's patience ends after ten minutes (RFC 5321 section 4.5.3.2.6)
    after what looks like an end of data and is none: FALSE_END, then 550 5.6.0
    after the last reply  LINGER, then the connection is cut
    in all                session_timeout, kept while we work

Why so: aiosmtpd runs a task for each connection, wakes it for each line, sets a timer and writes three log lines for
each command. The class, its vocabulary and its AUTH mechanisms are kept (see `server.py`); its reader is not.
The last reply goes out before input is thrown away, and the socket is closed only then: closing it with unread
input would make the system reset the connection, and the client would never read why.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import os
from collections.abc import Coroutine
from typing import Any, cast

from aiosmtpd.smtp import SMTP

from relay.model.reply import Refused, Reply
from relay.smtp.data import Collector
from relay.smtp.deadline import Deadline
from relay.smtp.door import SessionInfo
from relay.smtp.networks import client_address
from relay.smtp.service import Service

log = logging.getLogger("relay.smtp")

LINE = 12_288  # octets of a line while AUTH is spoken (RFC 4954 section 4.1)
HELD_INPUT = 1 << 16  # octets kept unread before reading pauses
FALSE_END = 5.0  # seconds
LINGER = 5.0
HANDSHAKE = 30.0
WORK = 570.0

_numbers = itertools.count(1)


class Wire(SMTP):
    transport: asyncio.Transport
    info: SessionInfo

    def __init__(self, service: Service) -> None:
        # The parents' __init__ is left out on purpose: it makes a StreamReader, futures and, by `inspect`, a list
        # of its own members for each connection, and nothing here uses them.
        self.service = service
        self.loop = service.loop
        self.number = next(_numbers)
        self._input = b""
        self._behind = False  # more input stands behind the line being handled
        self._out: list[bytes] = []
        self._collector: Collector | None = None
        self._task: asyncio.Task[None] | None = None
        self._answer: asyncio.Future[bytes] | None = None  # the task waits for the client's next line
        self._skipping = False  # in a line that is too long
        self._still = False  # reading is paused
        self._upgrading = False
        self._choked = False  # the client does not read our replies
        self._eof = False  # the client will send no more
        self._draining = False
        self._closing = False  # the last reply is said
        self._gone = False  # the connection is lost
        self._entered = False
        self._errors = 0  # since the last message that was taken
        self._deadline = Deadline(service.loop, self._late)
        self._ends = service.loop.time() + service.limits.session_timeout

    # What a session does with what arrives.

    async def opened(self) -> None:
        """The connection stands. The first work of the session."""
        raise NotImplementedError

    def closed(self) -> None:
        """The connection is lost and no work is left. Called once."""
        raise NotImplementedError

    def line(self, line: bytes) -> None:
        """A command came, without its LF."""
        raise NotImplementedError

    def content(self, collector: Collector) -> None:
        """The end of data came."""
        raise NotImplementedError

    # Connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        service = self.service
        host, port, *_ = transport.get_extra_info("peername") or ("", 0)
        self.info = SessionInfo(service.listener.name, client_address(host), port)
        if not host or not service.budget.enter():
            if host and not service.implicit_tls:
                self.transport.write(b"421 4.3.2 Too many sessions; please try again later\r\n")
            self._closing = self._gone = True
            transport.close()
            return
        self._entered = True
        service.enter(self)
        if service.implicit_tls:
            self.hold()
        self.work(self.opened())
        limits = service.limits
        self._watch(min(limits.command_timeout, limits.data_timeout, WORK))  # set early once, a timer moves no more
        self._watch(WORK)

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        self._input = self._input + data if self._input else data
        self._consume()
        if len(self._input) > HELD_INPUT and not self._still and not self._upgrading:
            self.hold()

    def eof_received(self) -> bool:
        self._eof = True
        # A client that sends its commands and shuts its side hears the replies all the same; TLS cannot do that.
        return self._busy and not self._closing and not self._upgrading and not self.info.tls

    def connection_lost(self, error: Exception | None) -> None:
        if self._gone:
            return
        self._closing = self._gone = True
        self._input = b""
        self._out.clear()
        self._drop_content()
        self._end_answer()
        self._deadline.stop()
        if self._task is None:
            self._end()

    def pause_writing(self) -> None:
        self._choked = True

    def resume_writing(self) -> None:
        self._choked = False
        if not self._closing:
            self._consume(turn=True)

    def hold(self) -> None:
        """Read no more for now."""
        self._still = True
        self.transport.pause_reading()

    async def upgrade(self, seconds: float) -> bool:
        """Speak TLS from here on; False when the handshake failed and the session is over.

        Reading is on hold, and nothing read before is left. What the client says right after its handshake
        may come before `start_tls` returns; like all input in our turn it waits for its time.
        """
        if self._gone:
            return False
        raw, self._upgrading = self.transport, True
        secured: asyncio.Transport | None = None
        try:
            assert self.service.tls is not None
            secured = await self.loop.start_tls(
                raw, self, self.service.tls, server_side=True, ssl_handshake_timeout=seconds
            )
        except OSError as error:  # ssl.SSLError is one; so is the time-out's ConnectionAbortedError
            log.debug("session=%s peer=%s TLS handshake failed: %s", self.id, self.info.peer, error)
        finally:
            self._upgrading = self._still = False
            if secured is None:  # the TLS layer tells nobody of a connection lost in its handshake
                raw.abort()
                self.connection_lost(None)
        if secured is None or self._gone:
            return False
        self.transport = secured
        name, version, _ = secured.get_extra_info("cipher")
        self.info.tls = f"{version} {name}"
        return True

    @property
    def id(self) -> str:
        """Names this session in logs and in the replies that ask people to look there."""
        return f"{os.getpid()}-{self.number}"

    # Input.

    @property
    def _busy(self) -> bool:
        """It is our turn."""
        return self._task is not None and self._answer is None

    def _consume(self, *, turn: bool = False) -> None:
        """Handle input until something has to be waited for; answer all of it in one write.

        `turn`: the client's time starts anew, as it does with each command that is complete.
        """
        data, at, size = self._input, 0, len(self._input)
        while at < size and not (self._closing or self._choked):
            if self._collector is not None:
                at, turn = self._collector.feed(data, at), True
                if self._collector.ended:
                    collector, self._collector = self._collector, None
                    self.content(collector)
                elif self._collector.endless:
                    self.farewell(
                        Reply(552, "5.3.4", f"The message is larger than {self.service.limits.size} octets")
                    )
            elif self._busy:
                break
            else:
                end = data.find(b"\n", at)
                if end < 0:
                    if size - at > LINE:
                        self._skipping, at = True, size
                    break
                line, at, turn = data[at:end], end + 1, True
                self._behind = at < size
                self._handle(line)
        self._input = b"" if self._closing or at == size else data[at:]
        self.flush()
        self._rest(turn)

    def _handle(self, line: bytes) -> None:
        answer, self._answer = self._answer, None
        too_long = self._skipping or len(line) > LINE
        self._skipping = False
        if answer is not None:
            if too_long:
                answer.set_exception(Refused(500, "5.5.6", f"AUTH line longer than {LINE} octets"))
            elif not answer.done():
                answer.set_result(line)
        elif too_long:
            self.refuse(Reply(500, "5.5.2", f"Line longer than {LINE} octets"))
        else:
            self.line(line)

    def _rest(self, turn: bool) -> None:
        """Nothing is left to handle now: whose turn is it, and how long may it take?"""
        if self._closing:
            return
        if self._still and not self._upgrading and not self._busy and len(self._input) <= HELD_INPUT:
            self._still = False
            self.transport.resume_reading()
        if self._busy:
            if turn:
                self._watch(WORK)
        elif self._draining and self._collector is None:
            self.farewell(Reply(421, "4.3.2", "Shutting down; please try again in a minute"))
        elif self._eof and not self._choked:
            self._closing = True
            self.transport.close()
            self._watch(LINGER)
        elif self._collector is not None:
            self._watch(FALSE_END if self._collector.false_end else self.service.limits.data_timeout, self._ends)
        elif turn:
            self._watch(self.service.limits.command_timeout, self._ends)

    def collect(self) -> None:
        """What follows is content."""
        self._collector = Collector(self.service.rule, self.service.budget)

    def _drop_content(self) -> None:
        if self._collector is not None:
            self._collector.release()
            self._collector = None

    # Output.

    def say(self, octets: bytes) -> None:
        """Reply, with the next write."""
        self._out.append(octets)

    def flush(self) -> None:
        if self._out:
            octets = b"".join(self._out)
            self._out.clear()
            if not self._closing and not self.transport.is_closing():
                self.transport.write(octets)

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
        log.exception("session=%s peer=%s listener=%s", self.id, self.info.peer, self.info.listener)
        self.say(f"451 4.3.0 A fault of ours, please try again (session {self.id})\r\n".encode())

    def farewell(self, reply: Reply | None = None) -> None:
        """The last reply; what the client still sends is read and dropped for a moment."""
        if self._closing:
            return
        if reply is not None:
            self.say(reply.octets())
        self.flush()
        self._closing = True
        self._input = b""
        self._drop_content()
        self._end_answer()
        if reply is not None and self.transport.can_write_eof() and not self._eof:
            self.transport.write_eof()
            if self._still:
                self._still = False
                self.transport.resume_reading()
        else:
            self.transport.close()
        self._watch(LINGER)

    # Work.

    def work(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Start what has to be waited for. There is one such thing at a time."""
        assert self._task is None
        self._task = self.loop.create_task(self._run(coroutine))

    async def answer(self) -> bytes:
        """The client's next line, for work that put a challenge to it.

        Raises:
            ConnectionError: there will be none.
        """
        if self._closing:
            raise ConnectionResetError
        answer: asyncio.Future[bytes] = self.loop.create_future()
        self._answer = answer
        self._consume(turn=True)
        return await answer

    def _end_answer(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError())
        self._answer = None

    async def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            await coroutine
        except Refused as refused:
            self.refuse(refused.reply)
        except asyncio.CancelledError:  # by us alone: it took too long, or the process ends
            self.farewell(Reply(451, "4.3.0", f"This took too long, please try again (session {self.id})"))
        except Exception:
            if not self._closing:
                self.fault()
        self._task = None
        if self._gone:
            self._end()
        else:
            self._consume(turn=True)

    def _end(self) -> None:
        if self._entered:
            self._entered = False
            self.service.leave(self)
            self.service.budget.leave()
            self.closed()

    def drain(self) -> None:
        """End the session as soon as it is nobody's turn but the client's, and no content is coming in."""
        self._draining = True
        if not self._busy:
            self._consume()

    def abort(self) -> None:
        """End it now."""
        if self._task is not None:
            self._task.cancel()
        if not self._gone:
            self.transport.abort()

    # Time.

    def _watch(self, seconds: float, latest: float = math.inf) -> None:
        self._deadline.set(min(self.loop.time() + seconds, latest))

    def _late(self) -> None:
        """The deadline has passed. Whose was it?"""
        if self._gone:
            return
        if self._closing:
            self.transport.abort()
        elif self._busy:
            assert self._task is not None
            self._task.cancel()
            self._watch(LINGER)
        elif self._collector is not None and self._collector.false_end:
            self.farewell(Reply(550, "5.6.0", "The message must end with CR LF dot CR LF, and nothing else"))
        else:
            whole = self.loop.time() >= self._ends
            self.farewell(Reply(421, "4.4.2", "The session has lasted too long" if whole else "Timeout, closing"))
