"""Rows from figures, and the table as text. Arithmetic only."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable, Sequence

from tests.bench.loads import DIRECT, P99, POSTFIX, RELAY, Load
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
class Row:
    load: str
    title: str
    unit: str  # of relay, other and direct: "/s" or "ms"
    relay: Spread | None
    other: Spread | None  # Postfix, or relay in the load this one is compared with
    direct: Spread | None  # the bench alone
    ratio: float | None  # of medians
    goal: float | None
    least: float | None
    reached: str  # "goal", "least", "no", or nothing where there is no goal or no ratio
    cpu: float | None  # relay, milliseconds a message, median
    cpu_goal: float | None
    cpu_other: float | None
    cpu_bench: float | None  # generator and sink in relay's runs


def rows(loads: Sequence[Load], figures: Sequence[Figures]) -> list[Row]:
    """One row for each load that was run."""
    ran = {each.load for each in figures}
    return [_row(load, figures) for load in loads if load.name in ran]


def _row(load: Load, figures: Sequence[Figures]) -> Row:
    def of(system: str, name: str = load.name) -> list[Figures]:
        return [each for each in figures if each.system == system and each.load == name]

    def spread(runs: list[Figures]) -> Spread | None:
        return Spread.of(getattr(each, load.goal.figure) for each in runs)

    ours = of(RELAY)
    others = of(POSTFIX) if load.against == POSTFIX else of(RELAY, load.against)
    relay, other = spread(ours), spread(others)
    ratio = relay.median / other.median if relay and other and other.median else None
    return Row(
        load=load.name,
        title=load.title,
        unit="ms" if load.goal.figure == P99 else "/s",
        relay=relay,
        other=other,
        direct=spread(of(DIRECT)),
        ratio=ratio,
        goal=load.goal.goal,
        least=load.goal.least,
        reached=verdict(ratio, load.goal.goal, load.goal.least, smaller=load.goal.figure == P99),
        cpu=_median(each.cpu_ms for each in ours),
        cpu_goal=load.goal.cpu_ms,
        cpu_other=_median(each.cpu_ms for each in others),
        cpu_bench=_median(each.generator_ms + each.sink_ms for each in ours),
    )


def verdict(ratio: float | None, goal: float | None, least: float | None, *, smaller: bool = False) -> str:
    """Which of the two marks a ratio reaches."""
    if ratio is None or goal is None or least is None:
        return ""
    sign = -1 if smaller else 1
    if sign * ratio >= sign * goal:
        return "goal"
    return "least" if sign * ratio >= sign * least else "no"


def _median(values: Iterable[float]) -> float | None:
    found = Spread.of(values)
    return found.median if found else None


HEAD = (
    "load",
    "relay",
    "(min-max)",
    "Postfix",
    "(min-max)",
    "ratio",
    "goal",
    "least",
    "reached",
    "CPU ms",
    "goal",
    "Postfix",
    "bench",
    "bench alone",
)


def text(made: Sequence[Row]) -> str:
    """The table, for a terminal."""
    cells = [HEAD, *(_cells(row) for row in made)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
    lines.insert(1, "-" * max(len(line) for line in lines))
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.title,
        *_spread(row.relay, row.unit),
        *_spread(row.other, row.unit),
        _number(row.ratio, 2),
        _number(row.goal, 2),
        _number(row.least, 2),
        row.reached,
        _number(row.cpu, 2),
        _number(row.cpu_goal, 1),
        _number(row.cpu_other, 2),
        _number(row.cpu_bench, 2),
        _spread(row.direct, row.unit)[0],
    )


def _spread(found: Spread | None, unit: str) -> tuple[str, str]:
    if found is None:
        return "", ""
    places = 1 if unit == "ms" or found.median < 100 else 0
    return (
        f"{found.median:,.{places}f} {unit}" if unit == "ms" else f"{found.median:,.{places}f}{unit}",
        f"({found.low:,.{places}f}-{found.high:,.{places}f})",
    )


def _number(value: float | None, places: int) -> str:
    return "" if value is None else f"{value:.{places}f}"
