"""Results worth keeping, bounded by their octets: what was worked out for a body that comes again and again.

In:  a key, and what makes the value. Out: the value, made once while it is remembered.

Why so: a mailing is one body sent thousands of times. Two threads may make the same value at the same time; both are
right, and one is kept. What was used longest ago goes first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

V = TypeVar("V")


class Memory(Generic[V]):
    def __init__(self, octets: int, size: Callable[[V], int]) -> None:
        """`size`: octets of a value, about; one larger than a quarter of all is not kept."""
        self._room = octets
        self._size = size
        self._kept: OrderedDict[Hashable, V] = OrderedDict()
        self._used = 0
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        value = make()
        octets = self._size(value)
        if octets > self._room // 4:
            return value
        with self._lock:
            if key not in self._kept:
                self._kept[key] = value
                self._used += octets
            while self._used > self._room:
                _, gone = self._kept.popitem(last=False)
                self._used -= self._size(gone)
        return value

    def __len__(self) -> int:
        return len(self._kept)
