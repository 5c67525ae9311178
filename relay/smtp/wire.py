"""What an SMTP session hears, and when: octets become lines and contents, and somebody's turn always ends.

Commands are handled where their octets arrive, in `data_received`; what has to be waited for (the Door, a TLS
handshake, the answer to a challenge) runs as the session's one task, and until it ends further input is
kept, up to a bound, and then reading pauses. All replies that a packet causes leave in one write.

Every session has one deadline:
    the client's turn     command_timeout for a whole command; data_timeout for silence inside a content, which
                          comes at a least pace besides
    our turn              WORK; the client's patience ends after ten minutes (RFC 5321 section 4.5.3.2.6)
    a PROXY header        proxy_timeout
    a TLS handshake       HANDSHAKE
    after what looks like an end of data and is none: FALSE_END, then 550 5.6.0 (421 4.4.2 where one octet is missing)
    after the last reply  LINGER, then the connection is cut
    in all                session_timeout, kept while we work

Why so: a message under way is handed in also when its client is lost meanwhile. It may be on disk already, and
the client that did not hear so will send it again in any case (RFC 1047).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine
from typing import Any, cast

from relay.model.reply import Refused, Reply
from relay.smtp.chunks import Chunks
from relay.smtp.connection import HANDSHAKE, LINGER, Connection
from relay.smtp.data import Collector
from relay.smtp.door import SessionInfo
from relay.smtp.handshakes import CLOSED, SILENT
from relay.smtp.networks import client_address
from relay.smtp.proxy import ProxyError, read_header
from relay.smtp.service import Service

LINE = 12_288  # octets of a line while AUTH is spoken (RFC 4954 section 4.1)
HELD_INPUT = 1 << 16  # octets kept unread before reading pauses
STREAK = 192 << 10  # octets of a content after which the others come first
FALSE_END = 5.0  # seconds
WORK = 570.0

Contents = Collector | Chunks  # of a message, as they arrive


class Wire(Connection):
    _header: bytes | None = None  # of PROXY, which must come before anything else; None: no more

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._input = b""
        self._behind = False  # more input stands behind the line being handled
        self._skipping = False  # in a line that is too long
        self._streak = 0  # octets that came since reading paused for the others
        self._collector: Contents | None = None
        self._task: asyncio.Task[None] | None = None
        self._answer: asyncio.Future[bytes] | None = None  # the task waits for the client's next line
        self._draining = False
        self._entered = False
        self._ends = service.loop.time() + service.limits.session_timeout

    # What a session does with what arrives.

    def opened(self) -> None:
        """The connection stands, and the client is known."""
        raise NotImplementedError

    def closed(self) -> None:
        """The connection is lost and no work is left. Called once."""
        raise NotImplementedError

    def line(self, line: bytes) -> None:
        """A command came, without its LF."""
        raise NotImplementedError

    def content(self, collector: Contents) -> None:
        """A content came to its end, or a chunk of it."""
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
            self._deadline.stop()
            transport.close()
            return
        self._entered = True
        service.enter(self)
        limits = service.limits
        self.watch(min(limits.command_timeout, limits.data_timeout, HANDSHAKE))  # set early, a timer moves no more
        if self.info.address in service.balancers:
            self._header = b""
            self.watch(limits.proxy_timeout)
        else:
            self._open()

    def _open(self) -> None:
        """The client is known."""
        if self.service.implicit_tls:
            self.secure()
        self.opened()
        self._consume(turn=True)

    def _introduced(self, data: bytes) -> bytes:
        """Read the PROXY header; what stands behind it is the client's."""
        assert self._header is not None
        self._header += data
        try:
            proxied = read_header(self._header)
        except ProxyError as error:
            self.service.headers.failed(self.info.address, str(error))
            self.hang_up()
            return b""
        if proxied is None:
            return b""
        rest, self._header = self._header[proxied.length :], None
        if proxied.address:
            self.info.address, self.info.port = proxied.address, proxied.port
        self._open()
        return rest

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        if self._header is not None:
            data = self._introduced(data)
            if not data or self._closing:
                return
        turn = False
        if self._channel is not None:
            turn = self._handshaking
            data = self.unseal(self._channel, data)
        self._input = self._input + data if self._input else data
        self._consume(turn=turn)
        if len(self._input) > HELD_INPUT:
            self.hold()
        elif self._collector is not None:
            self._give_way(len(data))

    def _give_way(self, octets: int) -> None:
        """Pause for one turn of the loop now and then: uvloop reads up to 8 MB of one client before the next one."""
        self._streak += octets
        if self._streak >= STREAK:
            self._streak = 0
            self.hold()
            self.loop.call_soon(self._rest, False)

    def eof_received(self) -> bool:
        self._eof = True
        # A client that sends its commands and shuts its side hears the replies all the same.
        return self._busy and not self._closing and not self._handshaking

    def connection_lost(self, error: Exception | None) -> None:
        if self._gone:
            return
        if self._handshaking and not self._closing:
            self._unshaken(CLOSED)
        self._closing = self._gone = True
        self._out.clear()
        self.cut()
        self._end_handshake()
        self._deadline.stop()
        if self._task is None:
            self._end()

    def resume_writing(self) -> None:
        self._choked = False
        if not self._closing:
            self._consume(turn=True)

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
                if self._answer is not None or self._skipping or len(line) > LINE:
                    self._handle(line)
                else:
                    self.line(line)
        self._input = b"" if self._closing or at == size else data[at:]
        self.flush()
        self._rest(turn)

    def _handle(self, line: bytes) -> None:
        """An answer, or a line that is too long."""
        answer, self._answer = self._answer, None
        too_long = self._skipping or len(line) > LINE
        self._skipping = False
        if answer is not None:
            if too_long:
                answer.set_exception(Refused(500, "5.5.6", f"AUTH line longer than {LINE} octets"))
            elif not answer.done():
                answer.set_result(line)
        else:
            self.refuse(Reply(500, "5.5.2", f"Line longer than {LINE} octets"))

    def _rest(self, turn: bool) -> None:
        """Nothing is left to handle now: whose turn is it, and how long may it take?"""
        if self._closing:
            return
        if self._handshaking:
            if self._eof:
                self._unshaken(CLOSED)
            if self._eof or self._draining:
                self.hang_up()
            return
        busy = self._busy
        if self._still and not busy and len(self._input) <= HELD_INPUT:
            self.read_on()
        if busy:
            if turn:
                self.watch(WORK)
        elif self._draining and self._collector is None:
            self.farewell(Reply(421, "4.3.2", "Shutting down; please try again in a minute"))
        elif self._eof and not self._choked:
            self.hang_up()
        elif self._collector is not None:
            self._watch_content(self._collector)
        elif turn:
            self.watch(self.service.limits.command_timeout, self._ends)

    def collect(self, collector: Contents) -> None:
        """What follows is content."""
        self._collector = collector
        limits = self.service.limits
        if limits.pace:
            collector.latest = self.loop.time() + limits.data_timeout - collector.seen / limits.pace

    def _watch_content(self, collector: Contents) -> None:
        limits = self.service.limits
        latest = collector.latest + collector.seen / limits.pace if limits.pace else math.inf
        self.watch(FALSE_END if collector.false_end else limits.data_timeout, min(self._ends, latest))

    def cut(self) -> None:
        self._input = b""
        if self._collector is not None:
            self._collector.release()
            self._collector = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError())
        self._answer = None

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
        if self._header is not None:  # whoever it is will hear nothing from us
            self.hang_up()
        elif not self._busy:
            self._consume()

    def abort(self) -> None:
        """End it now."""
        if self._task is not None:
            self._task.cancel()
        if not self._gone:
            self.transport.abort()

    # Time.

    def late(self) -> None:
        """The deadline has passed. Whose was it?"""
        if self._gone:
            return
        if self._closing:
            self.transport.abort()
        elif self._header is not None:
            self.service.headers.failed(self.info.address, "no whole header came in time")
            self.hang_up()
        elif self._handshaking:
            self._unshaken(SILENT)
            self.hang_up()
        elif self._busy:
            assert self._task is not None
            self._task.cancel()
            self.watch(LINGER)
        elif self._collector is not None and self._collector.half_end:  # perhaps the network lost it
            self.farewell(
                Reply(421, "4.4.2", "Timeout: the message must end with CR LF dot CR LF, and the LF is missing")
            )
        elif self._collector is not None and self._collector.false_end:
            self.farewell(Reply(550, "5.6.0", "The message must end with CR LF dot CR LF, and nothing else"))
        else:
            self.farewell(Reply(421, "4.4.2", self._lateness()))

    def _lateness(self) -> str:
        """What a client hears that took too long."""
        now, collector, pace = self.loop.time(), self._collector, self.service.limits.pace
        if now >= self._ends:
            return "The session has lasted too long"
        if collector is not None and pace and now >= collector.latest + collector.seen / pace:
            return f"Timeout: a message comes with {pace} octets a second at the least"
        return "Timeout, closing"
