"""The grammars of times, durations and windows.

In:  text or JSON. Out: unix seconds, or `After` for what is counted from now; seconds; windows; or ValueError.

Standards: RFC 3339 section 5.6, RFC 5322 section 3.3, ISO 8601 durations without months and years.

Why so: a time without zone is UTC, as all services in this field have it; a date without a time is refused, since
whether it means its first or its last second is anybody's guess.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from relay.model.options import Window
from relay.submission.control.carrier import parse_json
from relay.submission.control.grammar import is_json, items, shown, word

DAY = 86_400.0
LONGEST = 366 * DAY  # of a duration
WINDOWS = 20
YEAR_10000 = 253_402_300_800.0  # in UTC; no calendar here goes on

_TIME = "expected a time such as 2026-05-01T08:00:00Z, 2026-05-01 08:00:00 (UTC), unix seconds or +90m"
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?\s*(Z|UTC|GMT|[+-]\d\d:?\d\d)?", re.I | re.A
)
_MAIL = re.compile(
    r"(?:[A-Za-z]{3},\s*)?(\d\d?)\s+([A-Za-z]{3})\s+(\d{4})\s+(\d\d):(\d\d)(?::(\d\d))?\s*"
    r"([+-]\d{4}|[A-Za-z]{1,5})?(?:\s*\([^()]*\))?",
    re.A,
)
_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,20})?", re.A)
_RELATIVE = re.compile(r"(?:\+|in\s+)\s*(\S.*)", re.I)
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?\s*[a-z]+\s*)+", re.A)
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)", re.A)
_PERIOD = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?", re.I | re.A)
_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), DAY),
    **dict.fromkeys(("w", "week", "weeks"), 7 * DAY),
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ZONES = {"": 0, "z": 0, "ut": 0, "utc": 0, "gmt": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5} | {
    "mst": -7,
    "mdt": -6,
    "pst": -8,
    "pdt": -7,
}
_CLOCK = re.compile(r"(\d\d?):(\d\d)(?::(\d\d))?", re.A)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")


@dataclass(frozen=True, slots=True)
class After:
    """A time counted from when the message is taken."""

    seconds: float


Moment = float | After


def moment(value: Any) -> Moment:
    """Unix seconds (9 to 11 digits) or milliseconds (12 to 14), RFC 3339, a date of mail, `+90m`, `in 2h`."""
    said = word(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _unix(float(value))
    if _NUMBER.fullmatch(said):
        return _unix(float(said))
    relative = _RELATIVE.fullmatch(said)
    if relative is not None:
        return After(duration(relative[1]))
    if (found := _ISO.fullmatch(said)) is not None:
        year, month, day, hour, minute, second, fraction, zone = found.groups()
        return _instant(year, month, day, hour, minute, second, _offset(zone)) + float(f"0.{fraction or 0}")
    if (found := _MAIL.fullmatch(said)) is not None:
        day, month, year, hour, minute, second, zone = found.groups()
        if month.lower() in _MONTHS:
            return _instant(year, _MONTHS.index(month.lower()) + 1, day, hour, minute, second, _offset(zone))
    raise ValueError(f"{_TIME}, not {shown(value)}")


def settled(value: Moment, now: float) -> float:
    """A time in unix seconds."""
    return now + value.seconds if isinstance(value, After) else value


def duration(value: Any) -> float:
    """Seconds: `1h30m`, `90m`, `5400`, `PT1H30M`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds: float | None = float(value) if value >= 0 else None
    else:
        seconds = _seconds(word(value).lower())
    if seconds is None:
        raise ValueError(f"expected a duration such as 90m, 1h30m, 5400 (seconds) or PT1H30M, not {shown(value)}")
    if seconds > LONGEST:
        raise ValueError(f"a duration is at most a year, not {shown(value)}")
    return seconds


def durations(value: Any) -> tuple[float, ...]:
    """Durations separated by commas, or a list of them."""
    return tuple(duration(each) for each in items(value))


def windows(value: Any) -> tuple[Window, ...]:
    """`{"dow", "tz", "start", "end"}`, `start/end` with two times, or a list of such."""
    if isinstance(value, str):
        value = parse_json(value) if is_json(value, "{") or is_json(value, "[") else items(value)
    found = tuple(_window(each) for each in (value if isinstance(value, list | tuple) else [value]))
    return tuple(dict.fromkeys(found))


def few_windows(found: tuple[Window, ...]) -> None:
    if len(found) > WINDOWS:
        raise ValueError(f"at most {WINDOWS} windows, not {len(found)}")


def _unix(number: float) -> float:
    if 1e8 <= number < 1e11:
        return number
    if 1e11 <= number < 1e14:
        return number / 1000
    raise ValueError(f"unix seconds have 9 to 11 digits and milliseconds 12 to 14, not {shown(number)}")


def _instant(year: Any, month: Any, day: Any, hour: Any, minute: Any, second: Any, offset: int) -> float:
    leap = int(second or 0) == 60  # RFC 3339 section 5.6 allows a leap second; it is the next second's begin here
    try:
        zone = timezone(timedelta(minutes=offset)) if offset else UTC
        at = datetime(
            int(year), int(month), int(day), int(hour), int(minute), 59 if leap else int(second or 0), tzinfo=zone
        )
        moment = at.timestamp() + leap
        if moment >= YEAR_10000:
            raise ValueError("it is after the year 9999")
        return moment
    except (ValueError, OverflowError) as error:
        raise ValueError(f"no such time: {error}") from error


def _offset(zone: str | None) -> int:
    """Minutes east of UTC."""
    zone = (zone or "").lower()
    if zone[:1] in ("+", "-") and len(zone) > 1:
        digits = zone[1:].replace(":", "")
        hours, minutes = int(digits[:2]), int(digits[2:])
        if hours > 23 or minutes > 59:
            raise ValueError(f"no such zone: {shown(zone)}")
        return (hours * 60 + minutes) * (-1 if zone[0] == "-" else 1)
    if zone not in _ZONES:
        raise ValueError(f"an unknown zone: {shown(zone)}; say Z or an offset such as +0200")
    return _ZONES[zone] * 60


def _seconds(said: str) -> float | None:
    if _NUMBER.fullmatch(said):
        return float(said)
    if _SPAN.fullmatch(said):
        parts = [(float(found[1]), found[2]) for found in _PART.finditer(said)]
        if all(unit in _UNITS for _, unit in parts):
            return math.fsum(amount * _UNITS[unit] for amount, unit in parts)
        return None
    found = _PERIOD.fullmatch(said)
    if found is not None and any(found.groups()):
        weeks, days, hours, minutes, seconds = (float(each or 0) for each in found.groups())
        return weeks * 7 * DAY + days * DAY + hours * 3600 + minutes * 60 + seconds
    return None


def _window(value: Any) -> Window:
    if isinstance(value, str):
        return _once(value)
    if not isinstance(value, Mapping):
        raise ValueError(f'expected {{"dow", "tz", "start", "end"}} or start/end, not {shown(value)}')
    if value.keys() == {"days", "zone", "start", "end"}:  # as options are stored
        value = {"dow": value["days"], "tz": value["zone"], "start": value["start"], "end": value["end"]}
        if value["tz"] == "":
            return _between(value["start"], value["end"])
    missing = [each for each in ("dow", "tz", "start", "end") if value.get(each) in (None, "", [])]
    if missing:
        raise ValueError(f"a window needs dow, tz, start and end; {', '.join(missing)} is missing")
    if strange := [each for each in value if each not in ("dow", "tz", "start", "end")]:
        raise ValueError(f"a window has dow, tz, start and end, and no {shown(strange[0])}")
    start, end = _clock(value["start"]), _clock(value["end"])
    if start % DAY == end % DAY and not (start == 0 and end == DAY):
        raise ValueError(f"a window that begins and ends at {shown(value['start'])} is none")
    return Window(_days(value["dow"]), _zone(value["tz"]), start, end)


def _once(value: str) -> Window:
    start, slash, end = value.partition("/")
    if not slash:
        raise ValueError(f"expected two times with a / between them, not {shown(value)}")
    return _between(start, end)


def _between(start: Any, end: Any) -> Window:
    first, last = moment(start), moment(end)
    if isinstance(first, After) or isinstance(last, After):
        raise ValueError("the times of a window are not counted from now")
    if last <= first:
        raise ValueError(f"a window that ends before it begins: {shown(start)}/{shown(end)}")
    return Window((), "", first, last)


def _clock(value: Any) -> float:
    """Seconds after midnight, up to 24:00."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if 0 <= value <= DAY:
            return float(value)
    elif isinstance(value, str) and (found := _CLOCK.fullmatch(value.strip())) is not None:
        hours, minutes, seconds = int(found[1]), int(found[2]), int(found[3] or 0)
        at = hours * 3600 + minutes * 60 + seconds
        if minutes < 60 and seconds < 60 and at <= DAY:
            return float(at)
    raise ValueError(f"expected a time of day such as 09:30, not {shown(value)}")


def _days(value: Any) -> tuple[int, ...]:
    found: set[int] = set()
    for item in items(value):
        if isinstance(item, int) and not isinstance(item, bool) and 0 <= item <= 6:
            found.add(item)
            continue
        first, dash, last = word(item).lower().partition("-")
        start, end = _day(first), _day(last) if dash else _day(first)
        found.update((start + each) % 7 for each in range((end - start) % 7 + 1))
    return tuple(sorted(found))


def _day(value: str) -> int:
    found = value.strip()
    for number, name in enumerate(_DAYS):
        if found[:3] == name and found in (
            ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"][number],
            name,
        ):
            return number
    raise ValueError(f"expected days such as Mon, Wed or Mon-Fri, not {shown(value)}")


def _zone(value: Any) -> str:
    name = value.strip() if isinstance(value, str) else ""
    if len(name) > 64 or _ZONE.fullmatch(name) is None or not _known_zone(name):
        raise ValueError(f"expected a time zone such as Europe/Amsterdam or UTC, not {shown(value)}")
    return name


@lru_cache(maxsize=1024)
def _known_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # no such file, a directory, a file that is no zone
        return False
    return True
