"""The sink's book of one run: which messages came, for whom, and what was wrong with them. No IO."""

from __future__ import annotations

import array
import time
from typing import Any

from tests.bench.content import DIGITS, MARK, RUN, body

SIGNATURE = b"\r\nDKIM-Signature:"
SAMPLE = 12  # messages kept of a run
_EVERY = 401  # after the first three, each so many-th is kept; a prime, so that no pattern of connections hides


class Book:
    """What came in one run: which numbers, for which recipients, and what was wrong with them."""

    def __init__(self, run: str = "", size: int = 1000, recipients: int = 1, signed: bool = False) -> None:
        self.run = run.encode()
        self.body = body(size)
        self.full = (1 << recipients) - 1
        self.signed = signed
        self.seen = bytearray(4096)  # by number: a bit for each recipient
        self.at = array.array("d", bytes(8 * 4096))  # by number: CLOCK_MONOTONIC of the last recipient's arrival
        self.whole = 0  # messages of which every recipient's copy came
        self.doubled = self.cut = self.unsigned = self.stray = 0
        self.last = 0.0  # CLOCK_MONOTONIC of the last arrival
        self.transactions = 0
        self.sample: list[bytes] = []
        self.cpu = time.process_time()

    def take(self, content: bytearray, length: int, mask: int) -> None:
        """A message came: `length` octets of content on the wire, for the recipients in `mask`."""
        self.last = now = time.monotonic()
        self.transactions += 1
        head = content.find(b"\r\n\r\n", 0, length)
        mark = content.find(MARK, 0, head) + len(MARK)
        digits = mark + RUN + 1
        if mark < len(MARK) or content[mark : mark + RUN] != self.run:
            self.stray += 1
            return
        if length - head - 4 != len(self.body) or not content.startswith(self.body, head + 4):
            self.cut += 1
        if self.signed and content.find(SIGNATURE, 0, head) < 0 and not content.startswith(SIGNATURE[2:]):
            self.unsigned += 1
        number = int(content[digits : digits + DIGITS])
        self._count(number, mask, now)
        if len(self.sample) < SAMPLE and (self.transactions <= 3 or self.transactions % _EVERY == 0):
            self.sample.append(bytes(content[:length]))

    def _count(self, number: int, mask: int, now: float) -> None:
        if number >= len(self.seen):
            more = number + 4096 - len(self.seen)
            self.seen.extend(bytes(more))
            self.at.extend([0.0] * more)
        before = self.seen[number]
        if before & mask:
            self.doubled += 1
        after = before | mask
        self.seen[number] = after
        if after == self.full != before:
            self.whole += 1
            self.at[number] = now

    def report(self, messages: int) -> dict[str, Any]:
        """What came, and what is wrong with it, if so many messages (numbers from 0) were sent."""
        seen, full = self.seen, self.full
        return {
            "whole": self.whole,
            "lost": sum(1 for each in range(messages) if each >= len(seen) or seen[each] != full),
            "doubled": self.doubled,
            "cut": self.cut,
            "unsigned": self.unsigned,
            "stray": self.stray,
            "transactions": self.transactions,
            "sample": len(self.sample),
            "last": self.last,
            "cpu": time.process_time() - self.cpu,
        }
