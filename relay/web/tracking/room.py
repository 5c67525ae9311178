"""How much of large answers may be on its way at once: pictures and mails that readers are still taking.

In:  the body of an answer. Out: whether there is room for it.

Why so: an answer stays in memory until its reader has taken it, and a reader may take its time. A few thousand who
ask for large ones and read slowly would fill the memory of the process otherwise. What is the same object for many
readers, as the pictures of today's mail are, counts once.
"""

from __future__ import annotations

MOST = 256 << 20  # octets


class Room:
    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._held: dict[int, int] = {}  # how many readers, by the identity of the body
        self._octets = 0

    @property
    def octets(self) -> int:
        return self._octets

    def enter(self, body: bytes) -> bool:
        """Whether it may be sent; if so, `leave` is to follow. The caller keeps the body until then."""
        readers = self._held.get(id(body), 0)
        if not readers:
            if self._octets + len(body) > self._most:
                return False
            self._octets += len(body)
        self._held[id(body)] = readers + 1
        return True

    def leave(self, body: bytes) -> None:
        readers = self._held[id(body)] - 1
        if readers:
            self._held[id(body)] = readers
        else:
            del self._held[id(body)]
            self._octets -= len(body)
