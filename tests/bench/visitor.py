"""The reader's side, a process of its own: asks for addresses over connections that are kept, and measures itself.

In:  a `Visit` as JSON on standard input.
Out: a `Visited` as JSON on standard output, once its seconds are over.

Each connection asks for the next address as soon as it has its answer; at a rate, all of them together keep to it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import sys
import time
from collections.abc import Sequence
from typing import cast

import uvloop

PATIENCE = 20.0  # seconds without an answer after which it has failed
FAULTS = 5
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_LOCATION = re.compile(rb"\r\nlocation: *([^\r\n]*)", re.IGNORECASE)
_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    port: int
    addresses: Sequence[tuple[str, str]]  # path, and where it must lead: nowhere for a picture, which is 200
    connections: int = 20
    seconds: float = 3.0
    rate: float = 0.0  # requests a second in all; 0: as fast as answers come
    host: str = "clicks.example.com"


@dataclasses.dataclass(slots=True)
class Visited:
    answers: int = 0
    begin: float = 0.0  # CLOCK_MONOTONIC
    end: float = 0.0
    cpu: float = 0.0
    latencies: list[float] = dataclasses.field(default_factory=list)
    faults: list[str] = dataclasses.field(default_factory=list)


class Reader:
    """What all connections share."""

    def __init__(self, visit: Visit) -> None:
        head = f" HTTP/1.1\r\nHost: {visit.host}\r\nUser-Agent: {_AGENT}\r\nAccept: */*\r\n\r\n"
        self.requests = [(f"GET {path}{head}".encode(), target.encode()) for path, target in visit.addresses]
        self.visit = visit
        self.next = 0
        self.open = visit.connections
        self.result = Visited(begin=time.monotonic())
        self.due = self.result.begin  # at a rate: when the last request that was given out is
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def pause(self) -> float:
        """Seconds until the next request is due."""
        if not self.visit.rate:
            return 0.0
        self.due += 1 / self.visit.rate
        return max(0.0, self.due - time.monotonic())

    def more(self) -> tuple[bytes, bytes] | None:
        if time.monotonic() - self.result.begin >= self.visit.seconds:
            return None
        self.next = (self.next + 1) % len(self.requests)
        return self.requests[self.next]

    def fault(self, what: str) -> None:
        self.result.faults.append(what)
        if len(self.result.faults) >= FAULTS and not self.ended.done():
            self.ended.set_result(None)

    def gone(self) -> None:
        self.open -= 1
        if not self.open and not self.ended.done():
            self.ended.set_result(None)


class Connection(asyncio.Protocol):
    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.rest = b""
        self.target = b""
        self.waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by class
        self._ask()

    def data_received(self, data: bytes) -> None:
        self.rest += data
        head = self.rest.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _LENGTH.search(self.rest, 0, head + 2)
        if len(self.rest) < head + 4 + (int(length[1]) if length else 0):
            return
        self._judge(self.rest[: head + 2])
        self.rest = b""
        self.waiting = False
        self.reader.result.latencies.append(time.monotonic() - self.asked)
        self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        if self.waiting:
            self.reader.fault(f"a connection was lost before its answer: {error}")
        self.reader.gone()

    def _ask(self) -> None:
        if pause := self.reader.pause():
            asyncio.get_running_loop().call_later(pause, self._ask_now)
        else:
            self._ask_now()

    def _ask_now(self) -> None:
        request = self.reader.more()
        if request is None:
            self.transport.close()
            return
        octets, self.target = request
        self.waiting = True
        self.asked = time.monotonic()
        self.transport.write(octets)

    def _judge(self, head: bytes) -> None:
        status = head[9:12]
        found = _LOCATION.search(head)
        location = found[1] if found else b""
        if status != (b"302" if self.target else b"200") or location != self.target:
            self.reader.fault(f"{status.decode()} to {location.decode()!r} and not to {self.target.decode()!r}")


async def visit(wanted: Visit) -> Visited:
    loop = asyncio.get_running_loop()
    reader = Reader(wanted)
    cpu = time.process_time()
    for _ in range(wanted.connections):
        await loop.create_connection(lambda: Connection(reader), "127.0.0.1", wanted.port)
    await asyncio.wait([reader.ended], timeout=wanted.seconds + PATIENCE)
    if not reader.ended.done():
        reader.fault(f"no answer for {PATIENCE:.0f} s")
    result = reader.result
    result.end, result.cpu, result.answers = time.monotonic(), time.process_time() - cpu, len(result.latencies)
    return result


def main() -> None:
    json.dump(dataclasses.asdict(uvloop.run(visit(Visit(**json.load(sys.stdin))))), sys.stdout)


if __name__ == "__main__":
    main()
