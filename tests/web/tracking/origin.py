"""A host that pictures lie at: a small HTTP server that says what a test wants."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100


@dataclass(slots=True)
class Origin:
    port: int = 0
    says: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)  # path: status, type, body
    asked: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)  # answers wait for it
    called: asyncio.Event = field(default_factory=asyncio.Event)
    heads: list[str] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ")[1]
            self.asked.append(path)
            self.called.set()
            self.heads.append(head)
            await self.gate.wait()
            status, kind, body = self.says.get(path, (404, "text/plain", b"no"))
            more = f"Location: {body.decode()}\r\n" if status in (301, 302) else ""
            writer.write(
                f"HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}"
                "Connection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def origin() -> AsyncIterator[Origin]:
    it = Origin()
    it.gate.set()
    server = await asyncio.start_server(it.serve, "127.0.0.1", 0)
    it.port = server.sockets[0].getsockname()[1]
    try:
        yield it
    finally:
        it.gate.set()
        server.close()
        await server.wait_closed()
