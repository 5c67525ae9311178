"""The time an event query is about, as SMTPeter has it: a month at most. Pure.

In:  `start` and `end` (dates, UTC), and what holds where neither is given.
Out: seconds since 1970, the end not included.

    neither    for a message the month after it was sent; else the last month
    start      a month from it on
    end        the month before it
    both       as they are, cut to a month from `start`

Why so: a month is a month of the calendar: from January 31 to the last of February. `start` equal to `end` is a
fault, as with SMTPeter, and so is one that lies behind it: nothing could be found. A message comes in before it has
an id, whose time is all we know here; so its window begins an hour earlier.
"""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime

EARLIER = 3600.0  # seconds


def window(start: date | None, end: date | None, *, now: float, sent: float | None = None) -> tuple[float, float]:
    """`sent`: when the message that is asked about got its id.

    Raises:
        ValueError: `start` is not before `end`.
    """
    if start is not None and end is not None:
        if start >= end:
            raise ValueError("end: it is not included, so it has to be after start")
        return _at(start), min(_at(end), _at(month(start, 1)))
    if start is not None:
        return _at(start), _at(month(start, 1))
    if end is not None:
        return _at(month(end, -1)), _at(end)
    if sent is not None:
        return sent - EARLIER, _moved(sent, 1)
    return _moved(now, -1), now + 1


def month(day: date, by: int) -> date:
    """The same day `by` months on, or the last of its month. Dates stop at the years 1 and 9999."""
    number = day.year * 12 + day.month - 1 + by
    year, index = divmod(number, 12)
    if not date.min.year <= year <= date.max.year:
        return date.min if by < 0 else date.max
    return date(year, index + 1, min(day.day, calendar.monthrange(year, index + 1)[1]))


def _at(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _moved(at: float, by: int) -> float:
    moment = datetime.fromtimestamp(at, UTC)
    return datetime.combine(month(moment.date(), by), moment.timetz()).timestamp()
