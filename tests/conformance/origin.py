"""A web server that pictures and pages lie on, in a thread of its own, for the relay and for a browser."""

from __future__ import annotations

import struct
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Origin:
    """Says what a test puts into `says` (path: type, body), and keeps which paths were asked for."""

    def __init__(self) -> None:
        self.says: dict[str, tuple[str, bytes]] = {}
        self.asked: list[str] = []
        says, asked = self.says, self.asked

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked.append(self.path)
                kind, body = says.get(self.path, ("", b""))
                self.send_response(200 if kind else 404)
                self.send_header("Content-Type", kind or "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def __enter__(self) -> Origin:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


def picture(width: int, height: int, seed: int) -> bytes:
    """A PNG in colours that no other seed has, so that mixing up two is seen."""
    colour = bytes((seed * 67 % 200 + 40, seed * 131 % 200 + 40, seed * 29 % 200 + 40))
    other = bytes(255 - each for each in colour)
    row = b"\0" + (colour * 5 + other * 5) * (width // 10 + 1)
    rows = row[: 1 + 3 * width] * height

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
