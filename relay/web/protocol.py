"""HTTP/1.1 as uvicorn speaks it, with a bound on the head of a request: in octets and in time.

In:  octets of a client. Out: requests for the application; or 431, or a closed connection.

Why so: uvicorn's fast parser keeps whatever comes before a body, and waits for it for ever: one client could fill the
memory of the process, and a few hundred silent ones use up its connections.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD = 64 << 10  # octets of request line and fields; what the first read brings is not counted
PATIENCE = 15.0  # seconds for a head to be complete
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Protocol(HttpToolsProtocol):
    patience = PATIENCE

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._head: int | None = None  # octets of a head that is not complete, but for its first read; None: in none
        self._goes_on = False  # what is read now belongs to the head that was open before
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before, self._goes_on = self._head, True
        super().data_received(data)
        if before is not None and self._goes_on and not self.transport.is_closing():
            self._head = before + len(data)
            if self._head > HEAD:
                self._refuse()

    def on_message_begin(self) -> None:
        self._head, self._goes_on = 0, False
        self._wait()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head, self._goes_on = None, False
        self._stop()
        super().on_headers_complete()

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.patience, self.transport.close)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self) -> None:
        self._stop()
        if self.cycle is None or self.cycle.response_complete:  # else an answer is on its way
            self.transport.write(_TOO_LARGE)
        self.transport.close()
