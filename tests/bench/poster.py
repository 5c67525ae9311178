"""One client's connection to the API, kept: POST /v1/send, its answer awaited, the next.

In:  what all connections share (`client.Load`), with a token in its job.
Out: as of a session of SMTP: latencies, faults.

The body is the message of the other loads as `mime`, so that the sink can tell it octet for octet; as JSON it is made
once, and only its number changes.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import cast

from tests.bench.client import Load

_AT = b"@NUMBER@"


def pieces(load: Load) -> tuple[bytes, ...]:
    """The request around the number."""
    job = load.job
    content = load.message.pieces
    wire = _AT.join(content)[:-3].replace(b"\r\n..", b"\r\n.")  # without the final dot and the doubled ones
    properties = {
        "recipients": list(job.recipients),
        "envelope": job.sender,
        "trackclicks": False,
        "trackopens": False,
        "trackbounces": False,
        "mime": wire.decode("ascii"),
    }
    body = json.dumps(properties).encode()
    length = len(body) + body.count(_AT) * (8 - len(_AT))
    head = (
        f"POST /v1/send HTTP/1.1\r\nHost: {job.host}:{job.port}\r\nAuthorization: Bearer {job.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
    return tuple((head.encode() + body).split(_AT))


class Poster(asyncio.Protocol):
    def __init__(self, load: Load) -> None:
        self.load = load
        self.pieces = pieces(load)
        self.rest = b""
        self.began = 0.0
        self.sent = 0
        self.finished = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.load.result.connections += 1
        self._next()

    def data_received(self, data: bytes) -> None:
        data = self.rest + data
        head, blank, body = data.partition(b"\r\n\r\n")
        if not blank or len(body) < _length(head):
            self.rest = data
            return
        self.rest = b""
        if not data.startswith(b"HTTP/1.1 200 "):
            self.load.fault(f"refused: {data[:300].decode(errors='replace')}")
            self._quit()
            return
        self.load.accept(self.began)
        self.sent += 1
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.finished:
            self.load.fault(f"connection lost: {error}")
        self.load.gone()

    def begin(self, at: float) -> None:
        self.began = at
        number = self.load.begun(at)
        self.transport.write((b"%08d" % number).join(self.pieces))

    def quit(self) -> None:
        self._quit()

    def _next(self) -> None:
        load = self.load
        if not load.more() or load.ended.done():
            self._quit()
        elif not load.job.rate:
            self.begin(time.monotonic())
        elif load.due:
            self.begin(load.due.popleft())
        else:
            load.await_work(self)

    def _quit(self) -> None:
        self.finished = True
        self.transport.close()


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].partition(b"\r\n")[0]) if at >= 0 else 0
