"""What a target is, and how one string of octets becomes the several values it needs.

Why so: a target takes octets and nothing else, so that any driver can make inputs for it, a crash is one plain file,
and making it smaller is leaving octets out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import uvloop

from relay.model.reply import Reply

T = TypeVar("T")
PIECES = 64  # at most, so that cutting costs no more than what is cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    name: str
    check: Callable[[bytes], None]  # raises where a property is broken
    words: Sequence[bytes]  # what its grammar is made of
    work: Callable[[bytes], object] | None = None  # the operation alone, whose time must grow as its input does
    examples: int = 1000  # inputs that `make test` makes of it
    head: bytes = b""  # what octets of `words` need before them to be understood


class Source:
    """Octets, taken from the front."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    def byte(self) -> int:
        return int.from_bytes(self.take(1))

    def bit(self) -> bool:
        return bool(self.byte() & 1)

    def take(self, count: int) -> bytes:
        self._at += count
        return self._octets[self._at - count : self._at]

    def line(self) -> bytes:
        """Up to the next NUL, which is taken, too."""
        end = self._octets.find(b"\0", self._at)
        end = len(self._octets) if end < 0 else end
        found, self._at = self._octets[self._at : end], end + 1
        return found

    def text(self) -> str:
        return self.line().decode("utf-8", "replace")

    def of(self, choices: Sequence[T]) -> T:
        return choices[self.byte() % len(choices)]

    @property
    def ahead(self) -> bytes:
        """The next octet, which is not taken; empty at the end."""
        return self._octets[self._at : self._at + 1]

    @property
    def rest(self) -> bytes:
        return self._octets[self._at :]


def fits(reply: Reply) -> bool:
    """Whether it goes over the wire as RFC 5321 section 4.5.3.1.5 has it: lines of 512 octets, and only a few."""
    lines = reply.octets().split(b"\r\n")
    return max(map(len, lines)) <= 510 and len(lines) <= 5


def cut(octets: bytes, sizes: bytes) -> list[bytes]:
    """The octets in pieces: of these sizes in turn, 0 standing for 1; the rest in one piece."""
    pieces: list[bytes] = []
    at = 0
    while at < len(octets) and sizes and len(pieces) < PIECES:
        size = sizes[len(pieces) % len(sizes)] or 1
        pieces.append(octets[at : at + size])
        at += size
    return [*pieces, octets[at:]] if at < len(octets) else pieces


_runners: dict[bool, asyncio.Runner] = {}


def run(coroutine: Coroutine[Any, Any, T], *, fast: bool = False) -> T:
    """Run it in a loop that is kept, since making one costs more than most inputs; `fast`: in one of uvloop."""
    if fast not in _runners:
        _runners[fast] = asyncio.Runner(loop_factory=uvloop.new_event_loop if fast else None)
    return _runners[fast].run(coroutine)
