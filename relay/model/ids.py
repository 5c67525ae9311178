"""Ids of submissions and of their recipients.

A submission id is 16 characters of base32hex (`0-9a-v`): 48 bits of milliseconds, 10 of shard, 22 of
counter, so ids sort by time and tell which shard holds the message. To others they are opaque.
A recipient's id is the submission's, `-`, and its number from 1.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from relay.model.clock import Clock

_DIGITS = "0123456789abcdefghijklmnopqrstuv"
_PAIRS = [a + b for a in _DIGITS for b in _DIGITS]
_ID = re.compile(r"([0-9a-v]{16})(?:-([1-9][0-9]{0,6}))?")
SHARDS = 1 << 10
_COUNTERS = 1 << 22


@dataclass(frozen=True, slots=True)
class Id:
    submission: str
    recipient: int | None = None  # number from 1; None names the whole submission

    def __str__(self) -> str:
        return self.submission if self.recipient is None else f"{self.submission}-{self.recipient}"


def parse_id(text: str) -> Id:
    """Read a submission's or a recipient's id.

    Raises:
        ValueError: it is neither.
    """
    found = _ID.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"not an id: {text!r} (16 characters of 0-9 and a-v, perhaps with -1)")
    return Id(found[1], int(found[2]) if found[2] else None)


def shard_of(submission: str) -> int:
    """The shard that made this id and holds its message."""
    return (int(submission, 32) >> 22) & (SHARDS - 1)


def made_at(submission: str) -> float:
    """When the id was made, to the millisecond."""
    return (int(submission, 32) >> 32) / 1000


class IdSource:
    """Makes the ids of one shard; never the same one twice, also when the clock steps back."""

    def __init__(self, shard: int, clock: Clock, after: str | None = None) -> None:
        """`after` is the greatest id the shard holds already, so that a clock set back makes none again."""
        if not 0 <= shard < SHARDS:
            raise ValueError(f"a shard has a number from 0 to {SHARDS - 1}, not {shard}")
        self._shard = shard
        self._clock = clock
        self._last = (int(after, 32) >> 32) + 1 if after else 0
        self._counter = secrets.randbelow(_COUNTERS // 2)

    def new(self) -> str:
        milliseconds = int(self._clock() * 1000)
        if milliseconds > self._last:
            self._last = milliseconds
        self._counter += 1
        if self._counter == _COUNTERS:
            self._counter = 0
            self._last += 1  # 4 million ids in one tick: borrow the next
        number = (self._last << 32) | (self._shard << 22) | self._counter
        return "".join(_PAIRS[(number >> shift) & 1023] for shift in (70, 60, 50, 40, 30, 20, 10, 0))
