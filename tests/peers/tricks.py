"""What a misbehaving peer does that is no reply: octets of no use, at a bad moment, at a bad pace, or none at all.

In:  a socket, perhaps under TLS, and what stands behind the trick's name.
Out: whether the session goes on after it.

    raw OCTETS   these octets and nothing else: no CR LF is added (a step counts as done if they begin with 2 or 3)
    drip         a line of a reply every fifth of a second, and never the last one
    reset        RST in place of an answer
    half         no more from us (FIN), but we go on reading, until the other side closes
    alert        a fatal TLS alert in clear text in the middle of whatever is spoken, and the end
    notify       the orderly end of TLS (close_notify), and the connection stays open without a word
    slurp        take an octet every tenth of a second, and never answer
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable

_ALERT = b"\x15\x03\x03\x00\x02\x02\x50"  # fatal, internal_error (RFC 8446 section 6)
Trick = Callable[[socket.socket, str, threading.Event], bool]


def _raw(sock: socket.socket, text: str, _: threading.Event) -> bool:
    sock.sendall(text.encode("latin-1"))
    return True


def _drip(sock: socket.socket, _: str, ended: threading.Event) -> bool:
    while not ended.wait(0.2):
        sock.sendall(b"250-and there is more\r\n")
    return False


def _reset(sock: socket.socket, _: str, __: threading.Event) -> bool:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    return False


def _half(sock: socket.socket, _: str, __: threading.Event) -> bool:
    socket.socket.shutdown(sock, socket.SHUT_WR)  # the bare connection's, also under TLS
    return _deaf(sock)


def _alert(sock: socket.socket, _: str, __: threading.Event) -> bool:
    os.write(sock.fileno(), _ALERT)
    return False


def _notify(sock: socket.socket, _: str, __: threading.Event) -> bool:
    if isinstance(sock, ssl.SSLSocket):
        sock.settimeout(0.0)
        with contextlib.suppress(OSError):  # it would wait for theirs
            sock.unwrap()
        sock.settimeout(None)
    return _deaf(sock)


def _slurp(sock: socket.socket, _: str, ended: threading.Event) -> bool:
    while not ended.wait(0.1) and sock.recv(1):
        pass
    return False


def _deaf(sock: socket.socket) -> bool:
    fresh = socket.socket(fileno=os.dup(sock.fileno()))
    with fresh:
        while fresh.recv(65536):
            pass
    return False


TRICKS: dict[str, Trick] = {
    "raw": _raw,
    "drip": _drip,
    "reset": _reset,
    "half": _half,
    "alert": _alert,
    "notify": _notify,
    "slurp": _slurp,
}


def answers(doing: str) -> str:
    """What a step is answered with, as far as its code goes."""
    return doing.removeprefix("raw ")
