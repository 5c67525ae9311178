"""HTTP/1.1 as uvicorn speaks it, with bounds on the head of a request, on how long a connection is left without one,
and on how slowly an answer may be taken.

In:  octets of a client. Out: requests for the application; or 431, or a closed connection.

    the head of a request      `HEAD` octets, complete after `PATIENCE`
    fields behind a body       are left out
    after an answer            the head of the next request is complete after `PATIENCE`; what else comes, such as a
                               body that nobody wants or empty lines, does not keep the connection
    an answer on its way       what was given to the system is taken within `STALL`, again and again; so a slow reader
                               takes `STALL` for some 64 KiB, and who reads nothing is left
    connections                as many as the server answers; those beyond it are closed when they come

Why so: uvicorn's fast parser keeps whatever comes before a body, and waits for it for ever; its own timer for silent
connections ends with the first octet, and a connection that is closed waits for its client to read what is left. So a
client could fill the memory of the process, and a few thousand that cost it nothing use up its connections.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD = 64 << 10  # octets of request line and fields; what the first read brings is not counted
PATIENCE = 15.0  # seconds for a head to be complete
STALL = 15.0  # seconds in which nothing of an answer is taken
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Protocol(HttpToolsProtocol):
    patience = PATIENCE
    stall = STALL

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._head: int | None = None  # octets of a head that is not complete, but for its first read; None: in none
        self._goes_on = False  # what is read now belongs to the head that was open before
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.limit_concurrency is not None and len(self.connections) > self.limit_concurrency:
            transport.abort()
            return
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        self._taken()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._taken()
        self._stalled = self.loop.call_later(self.stall, self.transport.abort)

    def resume_writing(self) -> None:
        self._taken()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        before, self._goes_on = self._head, True
        super().data_received(data)
        if before is not None and self._goes_on and not self.transport.is_closing():
            self._head = before + len(data)
            if self._head > HEAD:
                self._refuse()

    def on_message_begin(self) -> None:
        self._head, self._goes_on = 0, False
        self._stop()
        self._wait()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head is not None:  # else it follows a body: nobody reads those, and there is no end to them
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._head, self._goes_on = None, False
        self._stop()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete and self._head is None:  # no further request is at work, nor on its way
            self._wait()

    def send_400_response(self, msg: str) -> None:
        super().send_400_response(msg)
        self._stop()
        self._leave()

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.patience, self._leave)

    def _leave(self) -> None:
        """Close; and if the client does not take what is left of an answer, do without."""
        self.transport.close()
        self._timer = self.loop.call_later(self.stall, self.transport.abort)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _taken(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _refuse(self) -> None:
        self._stop()
        if self.cycle is None or self.cycle.response_complete:  # else an answer is on its way
            self.transport.write(_TOO_LARGE)
        self._leave()
