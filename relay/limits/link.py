"""Lines over a non-blocking socket, for a single-threaded process that waits on a selector.

In:  a connected stream socket, and what to call with each line that came and when the peer is gone.
Out: lines to the peer; what the peer does not read is buffered up to a bound, then refused.

The owner's loop calls the data of each selector key with the events it saw: `key.data(events)`.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable

LINE = 256 << 10  # octets of one line; a peer that sends more without an end is cut off
BUFFER = 1 << 20  # octets a peer may leave unread


class Link:
    def __init__(
        self,
        sock: socket.socket,
        selector: selectors.BaseSelector,
        received: Callable[[bytes], None],
        lost: Callable[[], None],
        drained: Callable[[], None] = lambda: None,
    ) -> None:
        """`lost` is called once, after the socket is closed; `drained` whenever all that was buffered has gone."""
        sock.setblocking(False)
        self._sock = sock
        self._selector = selector
        self._received = received
        self._lost = lost
        self._drained = drained
        self._in = bytearray()
        self._out = bytearray()
        self._open = True
        selector.register(sock, selectors.EVENT_READ, self._ready)

    @property
    def open(self) -> bool:
        return self._open

    def send(self, line: bytes, *, beyond_bound: bool = False) -> bool:
        """Send a line (without its end). False: the peer left too much unread, and the line is not kept."""
        if not self._open or (len(self._out) > BUFFER and not beyond_bound):
            return False
        idle = not self._out
        self._out += line + b"\n"
        if idle:
            self._write()
        return True

    def close(self) -> None:
        """Close without calling `lost`."""
        if self._open:
            self._open = False
            self._selector.unregister(self._sock)
            self._sock.close()

    def forget(self) -> None:
        """Close our copy of the socket only: for a forked child, whose selector is a shared kernel object."""
        self._open = False
        self._sock.close()

    def _ready(self, events: int) -> None:
        if events & selectors.EVENT_READ:
            self._read()
        if events & selectors.EVENT_WRITE and self._open:
            self._write()

    def _read(self) -> None:
        try:
            octets = self._sock.recv(64 << 10)
        except BlockingIOError:
            return
        except OSError:
            octets = b""
        if not octets:
            self._end()
            return
        self._in += octets
        *lines, rest = bytes(self._in).split(b"\n")
        self._in = bytearray(rest)
        for line in lines:
            if self._open:
                self._received(line)
        if len(self._in) > LINE and self._open:
            self._end()

    def _write(self) -> None:
        try:
            while self._out:
                sent = self._sock.send(self._out)
                del self._out[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self._out.clear()  # the read side will see the end, and tells
        waits = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out else 0)
        key = self._selector.get_key(self._sock)
        if key.events != waits:
            self._selector.modify(self._sock, waits, self._ready)
            if not self._out:
                self._drained()

    def _end(self) -> None:
        self.close()
        self._lost()
