"""`date_format`: a moment, said in one of several ways, printed by a format. All times are UTC, all names English.

A moment is a count of seconds since 1970, a date of ISO 8601 or of a mail header (RFC 5322), or words beside the
time of the rendering: `now`, `today`, `tomorrow 12:00`, `yesterday`, `+2 days`, `2026-03-01 -1 month`, `3 weeks ago`.
What is none of these stays as it is.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from relay.transform.merge.state import State, Value
from relay.transform.merge.values import number_of, text_of

FORMAT = "%b %e, %Y"
LONGEST = 256  # characters of a moment, and of a format

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_SECONDS = re.compile(r"[+-]?\d{1,12}(?:\.\d{1,9})?", re.A)
_SHIFT = re.compile(
    r"\s*(?P<sign>[+-]?)\s*(?P<count>\d{1,6})\s*(?P<unit>sec|second|min|minute|hour|day|week|fortnight|month|year)s?\b"
    r"(?P<ago>\s+ago\b)?",
    re.IGNORECASE | re.A,
)
_WORD = re.compile(r"\s*(now|today|midnight|noon|tomorrow|yesterday)\b", re.IGNORECASE)
_CLOCK = re.compile(r"\s*(\d{1,2}):(\d{2})(?::(\d{2}))?\b", re.A)
_LENGTHS = {"sec": 1, "second": 1, "min": 60, "minute": 60, "hour": 3600, "day": 86400, "week": 604800,
            "fortnight": 1209600}  # fmt: skip
_DIRECTIVE = re.compile(r"%(.)", re.DOTALL)


def date_format(value: Value, given: tuple[Value, ...], state: State) -> Value:
    if isinstance(value, list | tuple | Mapping):
        return value
    text = text_of(value).strip()
    form = text_of(given[0]) if given else FORMAT
    state.spend(64 * 8)  # as much work as eight constructs
    if not text or len(text) > LONGEST or len(form) > LONGEST:
        return value
    try:
        moment = _moment(text, state.now)
    except (ValueError, OverflowError):
        return value
    return value if moment is None else formatted(moment, form)


def _moment(text: str, now: float) -> datetime | None:
    """Raises ValueError, OverflowError: no time of the years 1 to 9999."""
    if _SECONDS.fullmatch(text):
        return _at(float(number_of(text)))
    shifts = _first_shift(text)
    head, tail = text[:shifts].strip(), text[shifts:]
    moment = _at(now)
    if head:
        read = _absolute(head) or _worded(head, moment)
        if read is None:
            return None
        moment = read
    return _shifted(moment, tail)


def _at(seconds: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def _first_shift(text: str) -> int:
    found = _SHIFT.search(text)
    return found.start() if found else len(text)


def _absolute(text: str) -> datetime | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
        except (ValueError, TypeError, IndexError):
            continue
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return None


def _worded(text: str, now: datetime) -> datetime | None:
    moment, at = now, 0
    while at < len(text):
        if word := _WORD.match(text, at):
            moment, at = _day(word[1].lower(), moment), word.end()
        elif clock := _CLOCK.match(text, at):
            hour, minute, second = int(clock[1]), int(clock[2]), int(clock[3] or 0)
            moment, at = moment.replace(hour=hour, minute=minute, second=second, microsecond=0), clock.end()
        else:
            return None
    return moment


def _day(word: str, moment: datetime) -> datetime:
    if word == "now":
        return moment
    days = {"tomorrow": 1, "yesterday": -1}.get(word, 0)
    return moment.replace(hour=12 if word == "noon" else 0, minute=0, second=0, microsecond=0) + timedelta(days=days)


def _shifted(moment: datetime, text: str) -> datetime | None:
    at = 0
    while at < len(text):
        found = _SHIFT.match(text, at)
        if found is None:
            return None if text[at:].strip() else moment
        count = int(found["count"]) * (-1 if (found["sign"] == "-") != (found["ago"] is not None) else 1)
        unit, at = found["unit"].lower(), found.end()
        if unit in _LENGTHS:
            moment += timedelta(seconds=count * _LENGTHS[unit])
        else:
            moment = _months(moment, count * (12 if unit == "year" else 1))
    return moment


def _months(moment: datetime, count: int) -> datetime:
    """Months on; a day the month has not becomes its last one."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + count, 12)
    if not 1 <= year <= 9999:
        raise ValueError(year)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


def _week(moment: datetime, first: int) -> int:
    """Weeks of the year that begin on a weekday (0 Monday, 6 Sunday); the days before the first are week 0."""
    return (moment.timetuple().tm_yday + 6 - (moment.weekday() - first) % 7) // 7


_PARTS: Mapping[str, Callable[[datetime], str]] = {
    "a": lambda at: _DAYS[at.weekday()][:3],
    "A": lambda at: _DAYS[at.weekday()],
    "b": lambda at: _MONTHS[at.month - 1][:3],
    "B": lambda at: _MONTHS[at.month - 1],
    "C": lambda at: f"{at.year // 100:02}",
    "d": lambda at: f"{at.day:02}",
    "e": lambda at: f"{at.day:2}",
    "G": lambda at: str(at.isocalendar().year),
    "g": lambda at: f"{at.isocalendar().year % 100:02}",
    "H": lambda at: f"{at.hour:02}",
    "I": lambda at: f"{at.hour % 12 or 12:02}",
    "j": lambda at: f"{at.timetuple().tm_yday:03}",
    "k": lambda at: f"{at.hour:2}",
    "l": lambda at: f"{at.hour % 12 or 12:2}",
    "m": lambda at: f"{at.month:02}",
    "M": lambda at: f"{at.minute:02}",
    "n": lambda at: "\n",
    "p": lambda at: "AM" if at.hour < 12 else "PM",
    "P": lambda at: "am" if at.hour < 12 else "pm",
    "s": lambda at: str(int(at.timestamp())),
    "S": lambda at: f"{at.second:02}",
    "t": lambda at: "\t",
    "u": lambda at: str(at.isoweekday()),
    "U": lambda at: f"{_week(at, 6):02}",
    "V": lambda at: f"{at.isocalendar().week:02}",
    "w": lambda at: str(at.isoweekday() % 7),
    "W": lambda at: f"{_week(at, 0):02}",
    "y": lambda at: f"{at.year % 100:02}",
    "Y": lambda at: str(at.year),
    "z": lambda at: "+0000",
    "Z": lambda at: "UTC",
    "%": lambda at: "%",
}
_WHOLE = {
    "c": "%a %b %e %H:%M:%S %Y",
    "D": "%m/%d/%y",
    "F": "%Y-%m-%d",
    "h": "%b",
    "r": "%I:%M:%S %p",
    "R": "%H:%M",
    "T": "%H:%M:%S",
    "x": "%m/%d/%y",
    "X": "%H:%M:%S",
}


def formatted(moment: datetime, form: str) -> str:
    """As strftime in the C locale; a directive there is none for stays as it is."""

    def one(found: re.Match[str]) -> str:
        if found[1] in _WHOLE:
            return _DIRECTIVE.sub(one, _WHOLE[found[1]])
        part = _PARTS.get(found[1])
        return found[0] if part is None else part(moment)

    return _DIRECTIVE.sub(one, form)
