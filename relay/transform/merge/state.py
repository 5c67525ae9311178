"""What a rendering may cost, and what it has at hand while it runs.

A step is a construct that was carried out; long texts count as a step for every 64 characters, so that work and
memory follow the count. Whoever makes a text asks `room` first where it may be much longer than what it is made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relay.transform.merge.error import Fault

Value = Any  # None, bool, int, float, str, list or Mapping with such: what JSON has
_PER_STEP = 64  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    source: int = 4 << 20  # characters of a template
    output: int = 4 << 20  # characters that come of it, and of any text made on the way
    steps: int = 200_000  # of one rendering
    nesting: int = 32  # blocks within blocks
    constructs: int = 10_000  # of one template


LIMITS = Limits()


class State:
    """One rendering. Variables that were assigned hide those of the data."""

    __slots__ = ("data", "escape", "limits", "now", "out", "own", "size", "steps")

    def __init__(self, data: Mapping[str, Value], limits: Limits, now: float) -> None:
        self.data = data
        self.own: dict[str, Value] = {}
        self.limits = limits
        self.now = now  # seconds since 1970, for dates said as "tomorrow"
        self.out: list[str] = []
        self.size = limits.output  # characters that may still come out
        self.steps = limits.steps

    def step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise Fault(f"over the limit of {self.limits.steps} steps")

    def spend(self, characters: int) -> None:
        """Count work on a text of that length."""
        self.steps -= 1 + characters // _PER_STEP
        if self.steps < 0:
            raise Fault(f"over the limit of {self.limits.steps} steps")

    def room(self, characters: int) -> None:
        """Before a text of that length is made: may it be?"""
        if characters > self.limits.output:
            raise Fault(f"makes a text over the limit of {self.limits.output} characters")
        self.spend(characters)

    def emit(self, text: str) -> None:
        self.size -= len(text)
        if self.size < 0:
            raise Fault(f"the output is over the limit of {self.limits.output} characters")
        self.out.append(text)
