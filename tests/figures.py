"""Put the figures of the last runs into the handbook: `python -m tests.figures`.

In:  what `make soak`, `make fuzz` and `make bench` left behind.
Out: the tables at the end of `promises.md`; one whose run left nothing stays as it is.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "relay/handbook/promises.md"
LEFT = {"soak": "var/soak/soak.md", "fuzz": ".cache/fuzz/report.json", "bench": ".cache/bench.json"}
_BLOCK = "<!-- figures: {name} -->\n"
_END = "<!-- end of figures -->"


def put(page: str, name: str, figures: str) -> str:
    """The page with these figures in their place. Raises ValueError where it has none of that name."""
    block = re.compile(re.escape(_BLOCK.format(name=name)) + r".*?" + re.escape(_END), re.DOTALL)
    if len(block.findall(page)) != 1:
        raise ValueError(f"the page has no place for the figures of {name}")
    return block.sub(lambda _: f"{_BLOCK.format(name=name)}{figures.strip()}\n{_END}", page)


def soak(left: str) -> str:
    """It is a table already."""
    return left


def fuzz(left: str) -> str:
    report: Mapping[str, Any] = json.loads(left)
    rows = [
        [each["target"], f"{each['runs']:,}", f"{each['seconds']:.0f}", f"{each['reached']:,}",
         f"{each['measured']:,}", str(len(each["crashes"]) + len(each["slow"]))]
        for each in report["targets"]
    ]  # fmt: skip
    head = ["target", "inputs", "seconds", "edges reached", "repetitions timed", "broken"]
    return f"Python {report['python']}.\n\n{_table(head, rows)}"


def bench(left: str) -> str:
    report: Mapping[str, Any] = json.loads(left)
    rows = []
    for each in report["rows"]:
        cost, other = each["cost"] or {}, each["cost_other"] or {}
        rows.append(
            [each["title"], _spread(each["relay"], each["unit"]), _spread(each["other"], each["unit"]),
             _number(each["ratio"]), _number(each["goal"]), _number(each["least"]), each["reached"],
             _number(cost.get("cpu_ms")), _number(each["cpu_goal"]), _number(other.get("cpu_ms"))]
        )  # fmt: skip
    head = [
        "load", "relay", "Postfix + OpenDKIM", "ratio", "goal", "at the least", "reached",
        "CPU ms, relay", "goal", "CPU ms, other",
    ]  # fmt: skip
    facts = ", ".join(f"{name} {value}" for name, value in report["machine"].items() if isinstance(value, str | int))
    return f"{facts}.\n\n{_table(head, rows)}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(each.replace('|', '/') for each in line)} |" for line in lines)


def _spread(spread: Mapping[str, float] | None, unit: str) -> str:
    """Median, least and most."""
    if spread is None:
        return ""
    places = 2 if unit == "ms" and spread["median"] < 10 else 0
    median, low, high = (f"{spread[each]:,.{places}f}" for each in ("median", "low", "high"))
    return f"{median}{unit.replace('ms', ' ms')} ({low}-{high})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


MADE: Mapping[str, Callable[[str], str]] = {"soak": soak, "fuzz": fuzz, "bench": bench}


def main() -> int:
    page = PAGE.read_text()
    for name, make in MADE.items():
        left = ROOT / LEFT[name]
        if left.exists():
            page = put(page, name, make(left.read_text()))
            print(f"{name}: from {LEFT[name]}")
        else:
            print(f"{name}: {LEFT[name]} is not there; what stood there stays")
    PAGE.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
