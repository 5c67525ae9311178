"""Does time grow as input does? A word or two, repeated: eight times as many octets may take eight times as long.

In:  a target and seconds to spend. Out: the repetitions for which the time grew far more than that, or was too long.

Why so: what takes quadratic time shows in no small input, and libFuzzer makes small ones; what strangers can send
is up to 50 MiB. Each word of a target's grammar is tried, then pairs by chance. CPU time is measured, the least of
several, and a suspicion is measured again: the bound is generous, since quadratic growth is far beyond it.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.fuzz.target import Target

SMALL, FACTOR = 16 << 10, 8
GENEROUS = 4.0  # times as long as it should be
WORTH = 0.1  # seconds for the large one, below which nothing is said
LONG = 4.0  # seconds for the large one, whatever the small one took


@dataclass(frozen=True, slots=True)
class Slow:
    word: bytes
    small: float  # seconds
    large: float

    def __str__(self) -> str:
        times = f"{SMALL * FACTOR >> 10} KiB take {self.large:.2f} s, {SMALL >> 10} KiB {self.small:.3f} s"
        return f"{self.word[:60]!r} again and again: {times}"


def grow(target: Target, seconds: float, spent: Callable[[], float] = time.process_time) -> tuple[int, list[Slow]]:
    """How many repetitions were measured, and those that are slow. `spent` tells the CPU seconds so far."""
    found: list[Slow] = []
    until = time.monotonic() + seconds
    measured = 0
    for word in _words(target):
        if time.monotonic() > until:
            break
        measured += 1
        for repeats in (1, 3):
            slow = _measure(target, word, repeats, spent)
            if slow is None:
                break
        else:
            assert slow is not None
            found.append(slow)
    return measured, found


def _words(target: Target) -> Iterator[bytes]:
    yield from target.words
    yield from (octet.to_bytes() for octet in range(256))
    pairs = [one + other for one, other in itertools.permutations(target.words, 2)]
    random.shuffle(pairs)
    yield from pairs


def _measure(target: Target, word: bytes, repeats: int, spent: Callable[[], float]) -> Slow | None:
    small, large = (_seconds(target, word * (size // len(word)), repeats, spent) for size in (SMALL, SMALL * FACTOR))
    if large > LONG or (large > WORTH and large > small * FACTOR * GENEROUS):
        return Slow(word, small, large)
    return None


def _seconds(target: Target, octets: bytes, repeats: int, spent: Callable[[], float]) -> float:
    """The least CPU time of some runs."""
    assert target.work is not None
    times = []
    for _ in range(repeats):
        began = spent()
        target.work(target.head + octets)
        times.append(spent() - began)
    return min(times)
