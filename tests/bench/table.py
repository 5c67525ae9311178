"""Rows from figures, and the tables as text. Arithmetic only."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable, Sequence

from tests.bench.goal import DIRECT, POSTFIX, RELAY
from tests.bench.load import Load
from tests.bench.traffic import Figures


@dataclasses.dataclass(frozen=True, slots=True)
class Spread:
    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread | None:
        known = list(values)
        return cls(statistics.median(known), min(known), max(known)) if known else None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one system took for a load; medians, memory the highest."""

    cpu_ms: float  # a message, all its processes
    bench_ms: float  # a message, generator and sink
    memory: float  # octets
    p50: float  # milliseconds from MAIL to the 250
    p95: float
    p99: float

    @classmethod
    def of(cls, runs: Sequence[Figures]) -> Cost | None:
        if not runs:
            return None
        middle = statistics.median
        return cls(
            cpu_ms=middle(each.cpu_ms for each in runs),
            bench_ms=middle(each.generator_ms + each.sink_ms for each in runs),
            memory=max(each.memory for each in runs),
            p50=middle(each.p50 for each in runs),
            p95=middle(each.p95 for each in runs),
            p99=middle(each.p99 for each in runs),
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    load: str
    title: str
    unit: str  # of relay, other and direct: "/s" or "ms"
    relay: Spread | None
    other: Spread | None  # Postfix, or what relay did in the pair of each run
    direct: Spread | None  # the bench alone
    ratio: float | None  # of medians
    goal: float | None
    least: float | None
    reached: str  # "goal", "least", "no", or nothing where there is no goal or no ratio
    cpu_goal: float | None  # milliseconds a message
    cpu_reached: str  # "yes", "no" or nothing
    cost: Cost | None
    cost_other: Cost | None
    cost_direct: Cost | None


def rows(loads: Sequence[Load], figures: Sequence[Figures]) -> list[Row]:
    """One row for each load that was run."""
    ran = {each.load for each in figures}
    return [_row(load, figures) for load in loads if load.name in ran]


def _row(load: Load, figures: Sequence[Figures]) -> Row:
    def of(system: str) -> list[Figures]:
        return [each for each in figures if each.system == system and each.load == load.name]

    def spread(runs: list[Figures]) -> Spread | None:
        return Spread.of(getattr(each, load.goal.figure) for each in runs)

    ours = of(RELAY)
    others = [each.pair for each in ours if each.pair is not None] or of(POSTFIX)
    relay, other = spread(ours), spread(others)
    ratio = relay.median / other.median if relay and other and other.median else None
    cost, bound = Cost.of(ours), load.goal.cpu_ms
    return Row(
        load=load.name,
        title=load.title,
        unit="ms" if load.goal.smaller else "/s",
        relay=relay,
        other=other,
        direct=spread(of(DIRECT)),
        ratio=ratio,
        goal=load.goal.goal,
        least=load.goal.least,
        reached=verdict(ratio, load.goal.goal, load.goal.least, smaller=load.goal.smaller),
        cpu_goal=bound,
        cpu_reached="" if cost is None or bound is None else "yes" if cost.cpu_ms <= bound else "no",
        cost=cost,
        cost_other=Cost.of(others),
        cost_direct=Cost.of(of(DIRECT)),
    )


def verdict(ratio: float | None, goal: float | None, least: float | None, *, smaller: bool = False) -> str:
    """Which of the two marks a ratio reaches."""
    if ratio is None or goal is None or least is None:
        return ""
    sign = -1 if smaller else 1
    if sign * ratio >= sign * goal:
        return "goal"
    return "least" if sign * ratio >= sign * least else "no"


_RATES = ("delivered/s", "relay", "min-max", "Postfix", "min-max", "ratio", "goal", "least", "reached", "bench alone")
_COSTS = ("a message", "CPU ms", "goal", "reached", "Postfix", "over relay", "bench", "bench alone", "MB", "Postfix")
_LATENCY = ("p50/95/99 ms", "Postfix")


def text(made: Sequence[Row]) -> str:
    """The tables, for a terminal."""
    rates = [_RATES, *(_rates(row) for row in made)]
    costs = [(*_COSTS, *_LATENCY), *(_costs(row) for row in made)]
    return f"{columns(rates)}\n\n{columns(costs)}"


def columns(cells: Sequence[tuple[str, ...]]) -> str:
    """A table, its first line the head; nothing of nothing."""
    if not cells:
        return ""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width) for place, (cell, width) in enumerate(pairs)
        ).rstrip()
        for pairs in (list(zip(line, widths, strict=True)) for line in cells)
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _rates(row: Row) -> tuple[str, ...]:
    return (
        row.title,
        *_spread(row.relay, row.unit),
        *_spread(row.other, row.unit),
        _number(row.ratio),
        _number(row.goal),
        _number(row.least),
        row.reached,
        _spread(row.direct, row.unit)[0],
    )


def _costs(row: Row) -> tuple[str, ...]:
    mine, other, alone = row.cost, row.cost_other, row.cost_direct
    return (
        row.title,
        _number(mine.cpu_ms if mine else None),
        _number(row.cpu_goal, 1),
        row.cpu_reached,
        _number(other.cpu_ms if other else None),
        _number(other.cpu_ms / mine.cpu_ms if mine and other and mine.cpu_ms else None),
        _number(mine.bench_ms if mine else None),
        _number(alone.bench_ms if alone else None),
        _number(mine.memory / 1e6 if mine else None, 0),
        _number(other.memory / 1e6 if other else None, 0),
        _latency(mine),
        _latency(other),
    )


def _latency(cost: Cost | None) -> str:
    return f"{cost.p50:.1f}/{cost.p95:.1f}/{cost.p99:.1f}" if cost else ""


def _spread(found: Spread | None, unit: str) -> tuple[str, str]:
    if found is None:
        return "", ""
    places = 2 if unit == "ms" and found.median < 10 else 1 if unit == "ms" or found.median < 100 else 0
    mark = " ms" if unit == "ms" else ""
    return f"{found.median:,.{places}f}{mark}", f"{found.low:,.{places}f}-{found.high:,.{places}f}"


def _number(value: float | None, places: int = 2) -> str:
    return "" if value is None else f"{value:.{places}f}"
