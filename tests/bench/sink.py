"""The sink, a process of its own: takes mail as a quick receiver does, and keeps book of what came.

In:  SMTP on a port of 127.0.0.1; orders, one JSON object a line, on standard input.
Out: the answers, one JSON object a line, on standard output. The first line names the port.

Orders: `expect` (a new run: what `Book` has to know), `wait` (until so many messages
came with all their recipients, or time is up), `report` (counts, and the sample written into a directory).
With a certificate it offers STARTTLS, and AUTH, so that the generator can be measured against it alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import sys
import time
from pathlib import Path
from typing import Any, cast

import uvloop

from tests.bench.book import Book
from tests.bench.content import END


class Session(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.buffer = bytearray()
        self.content = False
        self.scanned = 0
        self.mask = 0
        self.places: list[int] = []
        self.secure: ssl.SSLObject | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by class
        self.transport.write(b"220 sink.example.net ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        if self.secure is None:
            self.buffer += data
            if out := self._answers():
                self.transport.write(out)
            return
        self.incoming.write(data)
        try:
            while plain := self.secure.read(262144):
                self.buffer += plain
                if out := self._answers():
                    self.secure.write(out)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self.transport.close()
        if out := self.outgoing.read():
            self.transport.write(out)

    def _answers(self) -> bytes:
        """Work through what came; the replies to it."""
        buffer = self.buffer
        out: list[bytes] = []
        while buffer:
            if self.content:
                if not self._message():
                    break
                out.append(b"250 2.0.0 Ok\r\n")
                continue
            end = buffer.find(b"\r\n")
            if end < 0:
                break
            line = bytes(buffer[:end])
            del buffer[: end + 2]
            out.append(self._command(line))
        return b"".join(out)

    def _message(self) -> bool:
        """Take the message at the buffer's begin, if it is there whole."""
        buffer = self.buffer
        end = -2 if buffer.startswith(b".\r\n") else buffer.find(END, self.scanned)
        if end == -1:
            self.scanned = max(0, len(buffer) - 4)
            return False
        self.sink.book.take(buffer, end + 2, self.mask, self.places)
        self.sink.came()
        del buffer[: end + 5]
        self.content = False
        self.scanned = self.mask = 0
        self.places = []
        return True

    def _command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"MAIL":
            self.mask = 0
            self.places = []
            return b"250 2.1.0 Ok\r\n"
        if verb == b"RCPT":
            # RCPT TO:<r3@example.net> or <m0003@example.net>: the digits are the recipient's number
            if line.startswith(b"m", 9):
                self.places.append(int(line[10:14]))
            else:
                self.mask |= 1 << (line[10] - 48)
            return b"250 2.1.5 Ok\r\n"
        if verb == b"DATA":
            self.content = True
            return b"354 go ahead\r\n"
        if verb in {b"EHLO", b"HELO"}:
            more = b"250-STARTTLS\r\n" if self.sink.context and self.secure is None else b"250-AUTH PLAIN\r\n"
            return b"250-sink.example.net\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n" + more + b"250 8BITMIME\r\n"
        if verb == b"AUTH":
            return b"235 2.7.0 Ok\r\n"
        if verb == b"STAR" and self.sink.context:
            self._starttls()
            return b""
        if verb == b"QUIT":
            self.transport.write(b"221 2.0.0 Bye\r\n") if self.secure is None else self.secure.write(b"221 Bye\r\n")
            asyncio.get_running_loop().call_soon(self.transport.close)
            return b""
        return b"250 2.0.0 Ok\r\n" if verb in {b"RSET", b"NOOP"} else b"500 5.5.2 what?\r\n"

    def _starttls(self) -> None:
        assert self.sink.context is not None
        self.transport.write(b"220 2.0.0 go ahead\r\n")
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.secure = self.sink.context.wrap_bio(self.incoming, self.outgoing, server_side=True)


class Sink:
    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.context = context
        self.book = Book()
        self.target = 0
        self.reached = asyncio.Event()

    def came(self) -> None:
        if self.target and self.book.whole >= self.target:
            self.reached.set()

    async def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        match order.pop("do"):
            case "expect":
                self.book, self.target = Book(**order), 0
                self.reached.clear()
                return {}
            case "wait":
                return await self._wait(order["messages"], order["seconds"], order.get("quiet", 20.0))
            case "report":
                return self._report(**order)
            case other:
                return {"error": f"no such order: {other}"}

    async def _wait(self, messages: int, seconds: float, quiet: float) -> dict[str, Any]:
        """Until so many came; not longer than `seconds`, nor than `quiet` seconds without an arrival."""
        if not messages:
            return {"whole": self.book.whole}
        self.target = messages
        self.came()
        begin = time.monotonic()
        while not self.reached.is_set():
            now = time.monotonic()
            if now - begin > seconds or now - max(self.book.last, begin) > quiet:
                break
            try:
                await asyncio.wait_for(self.reached.wait(), 0.5)
            except TimeoutError:
                continue
        return {"whole": self.book.whole}

    def _report(self, messages: int, sample: str = "", times: bool = False) -> dict[str, Any]:
        book = self.book
        for number, (place, content) in enumerate(book.sample if sample else []):
            Path(sample, f"{book.run.decode()}-{number}-{place}.eml").write_bytes(content)
        at = {"at": book.at[:messages].tolist()} if times else {}
        return book.report(messages) | at


async def serve(port: int, certificate: str, key: str) -> None:
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    sink = Sink(context)
    server = await loop.create_server(lambda: Session(sink), "127.0.0.1", port, backlog=1000)
    _say({"port": server.sockets[0].getsockname()[1]})
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        _say(await sink.obey(json.loads(line)))


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--certificate", default="")
    options.add_argument("--key", default="")
    uvloop.run(serve(**vars(options.parse_args())))


if __name__ == "__main__":
    main()
