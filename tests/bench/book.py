"""The sink's book of one run: which messages came, for whom, and what was wrong with them. No IO."""

from __future__ import annotations

import array
import time
from collections.abc import Sequence
from typing import Any

from tests.bench import letter
from tests.bench.content import DIGITS, MARK, RUN, WORDS, body, letter_body
from tests.bench.job import APART, TOGETHER, TURN

SIGNATURE = b"\r\nDKIM-Signature:"
_CLOSE = 300  # octets in which a changed letter closes its html
SAMPLE = 12  # messages kept of a run
_EVERY = 401  # after the first three, each so many-th is kept; a prime, so that no pattern of connections hides


class Book:
    """What came in one run: which numbers, for which recipients, and what was wrong with them.

    A body that the system changes is whole if it is as long as the first one of the run, and ends as a letter does;
    what it says is looked at in the sample (`links`).
    """

    def __init__(
        self,
        run: str = "",
        size: int = 1000,
        recipients: int = 1,
        signed: bool = False,
        content: str = WORDS,
        fresh: bool = False,
        copies: str = TOGETHER,
        changed: bool = False,
    ) -> None:
        self.run = run.encode()
        self.body = (body(size),) if content == WORDS else letter_body(content, fresh)
        self.length = 0 if changed else sum(map(len, self.body)) + DIGITS * (len(self.body) - 1)
        self.changed = changed
        self.copies = copies
        self.recipients = recipients
        self.full = (1 << recipients) - 1 if copies == TOGETHER else 1
        self.signed = signed
        self.seen = bytearray(4096)  # by number: a bit for each recipient
        self.at = array.array("d", bytes(8 * 4096))  # by number: CLOCK_MONOTONIC of the last recipient's arrival
        self.whole = 0  # messages of which every recipient's copy came
        self.doubled = self.cut = self.unsigned = self.stray = 0
        self.last = 0.0  # CLOCK_MONOTONIC of the last arrival
        self.transactions = 0
        self.sample: list[tuple[int, bytes]] = []  # place of the recipient, content
        self.cpu = time.process_time()

    def take(self, content: bytearray, length: int, mask: int, places: Sequence[int] = ()) -> None:
        """A message came: `length` octets of content on the wire, for the recipients in `mask` or at `places`."""
        self.last = now = time.monotonic()
        self.transactions += 1
        head = content.find(b"\r\n\r\n", 0, length)
        mark = content.find(MARK, 0, head) + len(MARK)
        digits = mark + RUN + 1
        if mark < len(MARK) or content[mark : mark + RUN] != self.run:
            self.stray += 1
            return
        number = int(content[digits : digits + DIGITS])
        if not self._whole(content, head + 4, length, number):
            self.cut += 1
        if self.signed and content.find(SIGNATURE, 0, head) < 0 and not content.startswith(SIGNATURE[2:]):
            self.unsigned += 1
        if self.copies == TOGETHER:
            self._count(number, mask, now)
        for place in places if self.copies == APART else ():
            self._count(number * self.recipients + place, 1, now)
        if self.copies == TURN:
            if list(places) == [number % self.recipients]:
                self._count(number, 1, now)
            else:
                self.stray += 1
        if len(self.sample) < SAMPLE and (self.transactions <= 3 or self.transactions % _EVERY == 0):
            self.sample.append((places[0] if places else 0, bytes(content[:length])))

    def _whole(self, content: bytearray, start: int, end: int, number: int) -> bool:
        if self.changed:
            self.length = self.length or end - start
            return end - start == self.length and content.find(letter.END, max(start, end - _CLOSE), end) >= 0
        text = (b"%08d" % number).join(self.body)
        return end - start == self.length and content.startswith(text, start)

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
