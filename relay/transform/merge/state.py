"""What a rendering may cost, and what it has at hand while it runs.

A step is a construct that was carried out; long texts count as a step for every 64 characters, so that work and
memory follow the count. Whoever makes a text asks `room` first where it may be much longer than what it is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from relay.model.clock import system_clock
from relay.transform.merge.error import Exhausted, Fault, TemplateError

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
COMPLAINTS = 20  # that are kept of one rendering


@dataclass(frozen=True, slots=True)
class Given:
    """What a rendering is given."""

    data: Mapping[str, Value]
    limits: Limits = LIMITS
    clock: Callable[[], float] = field(default=system_clock)  # seconds since 1970, for dates said as "tomorrow"
    complaints: list[TemplateError] | None = None  # a list: what fails is put there, and leaves an empty place

    def complain(self, error: TemplateError) -> None:
        """Raises the error, or notes it where it is to leave an empty place."""
        if self.complaints is None:
            raise error from None
        if len(self.complaints) < COMPLAINTS:
            self.complaints.append(error)

    @contextmanager
    def place(self, name: str) -> Iterator[None]:
        """What fails in here is told as one of this place."""
        before = len(self.complaints or ())
        try:
            yield
        except TemplateError as error:
            raise error.within(name) from None
        if self.complaints is not None:
            self.complaints[before:] = [each.within(name) for each in self.complaints[before:]]


class State:
    """One rendering. Variables that were assigned hide those of the data."""

    __slots__ = ("data", "failed", "limits", "now", "out", "own", "size", "steps")

    def __init__(self, given: Given, failed: Callable[[Fault], None]) -> None:
        self.data = given.data
        self.own: dict[str, Value] = {}
        self.limits = given.limits
        self.now = given.clock()
        self.failed = failed  # raises, or notes the fault: then its construct leaves an empty place
        self.out: list[str] = []
        self.size = given.limits.output  # characters that may still come out
        self.steps = given.limits.steps

    def step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise Exhausted(f"over the limit of {self.limits.steps} steps")

    def spend(self, characters: int) -> None:
        """Count work on a text of that length."""
        self.steps -= 1 + characters // _PER_STEP
        if self.steps < 0:
            raise Exhausted(f"over the limit of {self.limits.steps} steps")

    def room(self, characters: int) -> None:
        """Before a text of that length is made: may it be?"""
        if characters > self.limits.output:
            raise Fault(f"makes a text over the limit of {self.limits.output} characters")
        self.spend(characters)

    def emit(self, text: str) -> None:
        self.size -= len(text)
        if self.size < 0:
            raise Exhausted(f"the output is over the limit of {self.limits.output} characters")
        self.out.append(text)
