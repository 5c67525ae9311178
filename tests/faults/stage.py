"""Where a soak's scenario plays: a directory, a random number generator, and the time it may take.

In:  what `python -m tests.faults` was told.
Out: rounds until the time is over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random


@dataclass(slots=True, kw_only=True)
class Stage:
    """One scenario's. `random` depends on the run's seed and the scenario's name alone."""

    home: Path  # empty, the scenario's own; removed afterwards if all was well
    random: Random
    until: float  # of time.monotonic(): when the scenario should be through
    most: int | None  # rounds at most; None: as many as the time allows
    say: Callable[[str], None]  # how far it is, for whoever watches

    @property
    def left(self) -> float:
        """Seconds."""
        return max(0.0, self.until - time.monotonic())

    def part(self, share: float) -> Stage:
        """The same for a part of the scenario, which gets this share of the time that is left."""
        until = time.monotonic() + self.left * share
        return Stage(home=self.home, random=self.random, until=until, most=self.most, say=self.say)

    def rounds(self) -> Iterator[int]:
        """0, 1, 2, ... until the time or the rounds are out; at least one."""
        number = 0
        while number == 0 or (self.left > 0 and (self.most is None or number < self.most)):
            yield number
            number += 1
