"""Clients that want to wear a relay out: a command an octet at a time, connections without number, lines without end.

In:  where the relay listens, and how its users log in.
Out: what each heard in the end, and after how long.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Access = Mapping[str, Any]
LONGEST = 60.0  # seconds; who is not turned away by then never is


@dataclass(frozen=True, slots=True)
class Heard:
    last: str  # the last line; "" where the connection was closed without a word
    seconds: float  # from where it began to do wrong


class Client:
    """A bare SMTP client. Close it with `with`."""

    def __init__(self, access: Access, listener: str = "submission") -> None:
        self.access = access
        self.sock: socket.socket = socket.create_connection(
            (access["host"], access["ports"][listener]), timeout=LONGEST
        )
        self._rest = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def line(self) -> str:
        """The next line. Raises ConnectionError at the end."""
        while b"\n" not in self._rest:
            data = self.sock.recv(65536)
            if not data:
                raise ConnectionResetError("closed")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode("ascii", "replace").rstrip("\r")

    def reply(self) -> str:
        """The last line of the next reply."""
        while (line := self.line())[3:4] == "-":
            pass
        return line

    def say(self, command: str) -> str:
        self.sock.sendall(command.encode() + b"\r\n")
        return self.reply()

    def expect(self, code: str, command: str = "") -> None:
        heard = self.say(command) if command else self.reply()
        assert heard.startswith(code), f"{command}: {heard}"

    def secure(self, *, greeted: bool = False) -> None:
        if not greeted:
            self.expect("220")
        self.expect("250", "EHLO rogue.test")
        self.expect("220", "STARTTLS")
        self.sock = _context().wrap_socket(self.sock)
        self.expect("250", "EHLO rogue.test")

    def log_in(self, *, greeted: bool = False) -> None:
        login = f"\0{self.access['username']}\0{self.access['password']}"
        self.secure(greeted=greeted)
        self.expect("235", f"AUTH PLAIN {base64.b64encode(login.encode()).decode()}")

    def envelope(self) -> None:
        self.log_in()
        self.expect("250", "MAIL FROM:<me@example.com>")
        self.expect("250", "RCPT TO:<ann@example.net>")

    def last_words(self) -> str:
        """The last line until the connection ends; "" if there is none."""
        last = ""
        with contextlib.suppress(OSError):
            while True:
                last = self.line()
        return last


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def hello() -> bytes:
    """The first octets of a TLS handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        _context().wrap_bio(incoming, outgoing, server_hostname="relay.test").do_handshake()
    return outgoing.read()


# A step, how far the client goes in good order before it, and what it then says an octet at a time.
LORIS: dict[str, tuple[str, bytes]] = {
    "EHLO": ("greeting", b"EHLO a-name-of-some-length.example.com"),
    "STARTTLS": ("ehlo", b"STARTTLS" + b" " * 500),
    "handshake": ("starttls", hello()),
    "handshake at once": ("tls", hello()),
    "EHLO under TLS": ("secure", b"EHLO another-name-of-some-length.example.com"),
    "AUTH": ("secure", b"AUTH PLAIN " + b"QUFB" * 500),
    "challenge": ("challenge", b"QUFB" * 500),
    "MAIL": ("login", b"MAIL FROM:<" + b"a" * 500),
    "RCPT": ("mail", b"RCPT TO:<" + b"a" * 500),
    "DATA": ("rcpt", b"DATA" + b" " * 500),
    "content": ("data", b"From: me@example.com\r\n" * 100),
    "BDAT": ("rcpt", b"BDAT " + b"1" * 500),
    "chunk": ("bdat", b"From: me@example.com\r\n" * 100),
    "RSET": ("login", b"RSET" + b" " * 500),
    "NOOP": ("login", b"NOOP" + b" " * 500),
    "QUIT": ("login", b"QUIT" + b" " * 500),
    "nothing": ("greeting", b""),
    "nothing under TLS": ("login", b""),
}


def go_to(client: Client, place: str) -> None:
    """All that a good client says up to there."""
    match place:
        case "tls":
            pass
        case "greeting":
            client.expect("220")
        case "ehlo" | "starttls":
            client.expect("220")
            client.expect("250", "EHLO rogue.test")
            if place == "starttls":
                client.expect("220", "STARTTLS")
        case "secure" | "challenge":
            client.secure()
            if place == "challenge":
                client.expect("334", "AUTH PLAIN")
        case "login" | "mail":
            client.log_in()
            if place == "mail":
                client.expect("250", "MAIL FROM:<me@example.com>")
        case _:
            client.envelope()
            if place == "data":
                client.expect("354", "DATA")
            elif place == "bdat":
                client.sock.sendall(b"BDAT 100000 LAST\r\n")


def loris(access: Access, step: str, every: float) -> Heard:
    """Say the step's octets one at a time, with so many seconds between them, until the relay has enough."""
    place, octets = LORIS[step]
    with Client(access, "tls" if place == "tls" else "submission") as client:
        go_to(client, place)
        began = time.monotonic()
        client.sock.settimeout(every)
        at, last = 0, ""
        while time.monotonic() - began < LONGEST:
            try:
                last = client.line()
            except TimeoutError:
                with contextlib.suppress(OSError):  # the end is heard at the next look
                    client.sock.send(octets[at : at + 1])
                at += 1
            except OSError:
                return Heard(last, time.monotonic() - began)
    return Heard("never turned away", time.monotonic() - began)


def pour(access: Access, place: str, octets: int, end: bytes) -> str:
    """A line of so many octets, as fast as the relay takes it; the last line it says."""
    piece = b"y" * (1 << 16)
    with Client(access) as client:
        go_to(client, place)
        with contextlib.suppress(OSError):
            for _ in range(octets // len(piece)):
                client.sock.sendall(piece)
            client.sock.sendall(end)
            return client.reply()
        return client.last_words()
