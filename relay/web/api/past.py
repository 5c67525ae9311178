"""Times in the parameters of a request: RFC 3339, a date, or how long ago."""

from __future__ import annotations

from datetime import date

from relay.manage.times import ago_or_at
from relay.model.address import printable
from relay.web.api.problem import Problem

LAST = 253_402_300_799.0  # of the year 9999
HELP = "as 2026-01-31T12:00:00Z, 2026-01-31, or 2h, 7d for how long ago"


def past(name: str, text: str | None, now: float) -> float | None:
    """None where nothing is given. Raises Problem."""
    if not text:
        return None
    try:
        at = ago_or_at(text, now)
        if not 0 <= at <= LAST:
            raise ValueError
    except (ValueError, OverflowError) as error:
        shown = printable(text, 60)
        raise Problem("bad_parameter", f"{name}: expected a time, {HELP}, not {shown!r}", field=name) from error
    return at


def day(name: str, text: str | None) -> date | None:
    """None where nothing is given. Raises Problem: there is no such day."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Problem(
            "bad_parameter", f"{name}: expected a date as YYYY-MM-DD, not {printable(text, 60)!r}", field=name
        ) from error
