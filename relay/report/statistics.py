"""Hourly counts, summed up: what is asked by time, kind and account, as lines with their rates.

In:  a `Question`. Out: lines, in the order of time and then of how much was sent. Reads only.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import apsw

from relay.model.division import By, Per
from relay.report import database
from relay.report.counts import HOUR, TEST
from relay.store.interface import StoreDown
from relay.store.sqlite.connect import fetch

HOURS = {Per.HOUR: 1, Per.DAY: 24, Per.TOTAL: 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    by: By = By.ACCOUNT
    per: Per = Per.TOTAL
    since: float = 0.0
    until: float | None = None
    account: str = ""
    name: str = ""  # of the tag, campaign, domain or site
    test: bool = False  # tests, and nothing else
    limit: int = 1000  # lines


@dataclass(frozen=True, slots=True)
class Line:
    start: float | None  # of its hour or day; None: all of the time asked for
    account: str
    name: str
    counts: dict[str, int]  # by event; `resubscribed`: who unsubscribed and came back
    machine: dict[str, int]  # opens and clicks of machines
    first: dict[str, int]  # opens and clicks that were the first of their recipient

    def rates(self) -> dict[str, float]:
        """Shares from 0 to 1; those nothing can be said of are left out."""
        count = self.counts
        delivered = count.get("delivered", 0)
        ended = delivered + count.get("failed", 0) + count.get("expired", 0)
        given = {"delivered": (delivered, ended), "failed": (count.get("failed", 0), ended)}
        for name in ("bounced", "complained", "unsubscribed"):
            given[name] = (count.get(name, 0), delivered)
        for name in ("opened", "clicked"):
            given[name] = (self.first.get(name, 0), delivered)
        return {name: round(part / whole, 6) for name, (part, whole) in given.items() if whole}

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "rates": self.rates()}


def statistics(data: Path, asked: Question) -> list[Line]:
    """Of what is folded, which is half a second behind what happens.

    Raises:
        StoreDown: the report database cannot be read.
    """
    connection = database.open_to_read(data)
    if connection is None:
        return []
    statement, given = _query(asked)
    with closing(connection):
        try:
            rows = fetch(connection, statement, given)
        except apsw.Error as error:
            raise StoreDown(f"{data / database.NAME} cannot be read: {error}") from error
    lines: dict[tuple[int, str, str], Line] = {}
    for period, account, name, event, variant, count in rows:
        start = period * HOURS[asked.per] * HOUR if asked.per is not Per.TOTAL else None
        line = lines.setdefault((period, account, name), Line(start, account, name, {}, {}, {}))
        variant = variant.removeprefix(TEST).removeprefix("-")
        part = {"machine": line.machine, "first": line.first}.get(variant, line.counts)
        part["resubscribed" if variant == "back" else event] = count
    found = sorted(lines.values(), key=_order)
    return found[: asked.limit]


def _order(line: Line) -> tuple[float, int, str, str]:
    most = line.counts.get("delivered", 0) + line.counts.get("failed", 0) or sum(line.counts.values())
    return line.start or 0.0, -most, line.account, line.name


def _query(asked: Question) -> tuple[str, dict[str, Any]]:
    period = f"hour / {HOURS[asked.per]}" if asked.per is not Per.TOTAL else "0"
    terms = ["hour >= :since", "kind = :kind", f"variant {'' if asked.test else 'not '}like '{TEST}%'"]
    given: dict[str, Any] = {"since": int(asked.since // HOUR), "kind": asked.by.value}
    if asked.until is not None:
        terms.append("hour <= :until")
        given["until"] = int(asked.until // HOUR)
    if asked.account:
        terms.append("account = :account")
        given["account"] = asked.account
    if asked.name:
        terms.append("name = :name")
        given["name"] = asked.name
    # The terms are the fixed texts above; what a user gave is bound.
    return (
        f"select {period}, account, name, event, variant, sum(count) from counted "  # noqa: S608
        f"where {' and '.join(terms)} group by 1, 2, 3, 4, 5",
        given,
    )
