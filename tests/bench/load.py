"""What a load is: it sends something through one system for some seconds, and gives figures.

A load has a name (for `--only`), a title, the systems it is for, a goal, and `run`. A load of another kind than
traffic is another class with these members.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

from tests.bench.goal import DIRECT, NO_GOAL, POSTFIX, RELAY, Goal
from tests.bench.job import Job
from tests.bench.system import API, PLAIN, UNSIGNED, System
from tests.bench.traffic import Bench, Figures, run


class Load(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def systems(self) -> tuple[str, ...]: ...
    @property
    def goal(self) -> Goal:
        """Over Postfix, or over the figures' `pair` where they have one."""

    def run(self, bench: Bench, system: System, seconds: float, number: int) -> Figures: ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """A load of plain traffic through one door."""

    name: str
    title: str
    door: str
    job: Mapping[str, Any]  # members of the generator's `Job`
    goal: Goal = NO_GOAL
    systems: tuple[str, ...] = (RELAY, POSTFIX, DIRECT)
    stretch: float = 1.0  # times the usual seconds
    pair: Mapping[str, Any] | None = None  # the job it is compared with, run in the same round by the same system

    def run(self, bench: Bench, system: System, seconds: float, number: int) -> Figures:
        if self.pair is None:
            return self._run(self.job, bench, system, seconds, number)
        turn = [self.job, self.pair] if number % 2 else [self.pair, self.job]
        made = [self._run(each, bench, system, seconds, number) for each in turn]
        figures, pair = made if number % 2 else reversed(made)
        figures.pair = pair
        figures.faults += pair.faults
        return figures

    def _run(self, words: Mapping[str, Any], bench: Bench, system: System, seconds: float, number: int) -> Figures:
        door = system.doors[self.door]
        job = Job(
            port=door.port,
            username=door.username,
            password=door.password,
            token=door.token,
            tls=self.door not in (PLAIN, API),
            run=bench.name(),
            seconds=seconds * self.stretch,
            **words,
        )
        return run(bench, system, self.name, job, signed=self.door != UNSIGNED, number=number)
