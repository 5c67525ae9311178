"""When a recipient's send windows are open. Pure: time comes in as an argument.

In:  windows (`send_window`), and a time. Out: the first moment from then on at which an attempt may begin.

A window is open from its start up to, not including, its end. A weekly one whose end is not after its start goes
over midnight and belongs to the day it starts on; `00:00` to `00:00` so is the whole day.

Why so: hours are those of the wall clock in the window's zone, also on the day the clocks change: nine in the
morning stays nine. An hour that a change leaves out begins when the clock has jumped over it. A zone this
machine does not know any more counts as UTC, since mail must not wait for ever for a missing file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from relay.model.options import Window

_DAY = 86_400
# From the day before (a window that began then may still be open) to the same weekday of the next week, whose
# window is the next one when today's is over.
_DAYS = range(-1, 9)


def next_open(windows: Sequence[Window], at: float) -> float | None:
    """The first time from `at` on at which one of the windows is open; None when none opens again.

    Without windows every time is open.
    """
    if not windows:
        return at
    best: float | None = None
    for window in windows:
        for start, end in _openings(window, at):
            if at < end:
                opens = max(start, at)
                best = opens if best is None else min(best, opens)
                break
        if best == at:
            return at
    return best


def _openings(window: Window, at: float) -> Iterator[tuple[float, float]]:
    """The times it is open, in order, from shortly before `at`."""
    if not window.zone:
        yield window.start, window.end
        return
    zone = _zone(window.zone)
    today = datetime.fromtimestamp(at, zone).date()
    last = window.end if window.end > window.start else window.end + _DAY
    for days in _DAYS:
        day = today + timedelta(days=days)
        if day.weekday() in window.days:
            start, end = _moment(day, window.start, zone), _moment(day, last, zone)
            if start < end:  # not so where a change of clocks left out all of it
                yield start, end


def _moment(day: date, seconds: float, zone: tzinfo) -> float:
    """So many seconds of the wall clock after midnight."""
    return (datetime(day.year, day.month, day.day) + timedelta(seconds=seconds)).replace(tzinfo=zone).timestamp()


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        return UTC
