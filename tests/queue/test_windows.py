"""When send windows open, also over midnight and on the days the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.model.options import Window
from relay.queue.windows import next_open

BERLIN = "Europe/Berlin"
HOUR = 3600.0
OFFICE = Window((0, 1, 2, 3, 4), BERLIN, 9 * HOUR, 17 * HOUR)
NIGHT = Window((4,), BERLIN, 22 * HOUR, 6 * HOUR)  # Friday into Saturday
ALWAYS = Window((0, 1, 2, 3, 4, 5, 6), "UTC", 0.0, 0.0)


def berlin(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(BERLIN)).timestamp()


@pytest.mark.parametrize(
    ("windows", "at", "opens"),
    [
        ((), "2026-11-21 12:00", "2026-11-21 12:00"),
        ((OFFICE,), "2026-11-20 10:00", "2026-11-20 10:00"),  # a Friday
        ((OFFICE,), "2026-11-20 08:59:59", "2026-11-20 09:00"),
        ((OFFICE,), "2026-11-20 09:00", "2026-11-20 09:00"),
        ((OFFICE,), "2026-11-20 17:00", "2026-11-23 09:00"),
        ((NIGHT,), "2026-11-20 21:00", "2026-11-20 22:00"),
        ((NIGHT,), "2026-11-21 03:00", "2026-11-21 03:00"),
        ((NIGHT,), "2026-11-21 06:00", "2026-11-27 22:00"),
        ((OFFICE, NIGHT), "2026-11-20 18:00", "2026-11-20 22:00"),
        ((ALWAYS,), "2026-11-21 00:00", "2026-11-21 00:00"),
        ((Window((5,), BERLIN, 0.0, 86_400.0),), "2026-11-21 23:59", "2026-11-21 23:59"),
        # Clocks go forward on 2026-03-29: from two they jump to three.
        ((Window((6,), BERLIN, 9 * HOUR, 10 * HOUR),), "2026-03-28 12:00", "2026-03-29 09:00"),
        ((Window((6,), BERLIN, 2 * HOUR, 4 * HOUR),), "2026-03-29 01:00", "2026-03-29 03:00"),
        # And back on 2026-10-25.
        ((Window((6,), BERLIN, 9 * HOUR, 10 * HOUR),), "2026-10-24 12:00", "2026-10-25 09:00"),
    ],
)
def test_a_weekly_window_opens_by_the_clock_of_its_zone(windows: tuple[Window, ...], at: str, opens: str) -> None:
    assert next_open(windows, berlin(at)) == berlin(opens)


def test_a_window_that_opens_once_is_over_for_good() -> None:
    once = Window((), "", 1000.0, 2000.0)
    assert [next_open((once,), at) for at in (0.0, 1000.0, 1999.0, 2000.0)] == [1000.0, 1000.0, 1999.0, None]
    later = Window((), "", 5000.0, 6000.0)
    assert next_open((once, later), 2000.0) == 5000.0


def test_a_window_without_days_never_opens_and_an_unknown_zone_is_utc() -> None:
    assert next_open((Window((), BERLIN, 0.0, HOUR),), 0.0) is None
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()
    assert next_open((Window((5,), "Mars/Base", 13 * HOUR, 14 * HOUR),), noon) == noon + HOUR


_WINDOWS = st.builds(
    lambda days, zone, start, end: Window(tuple(sorted(days)), zone, start, end),
    st.sets(st.integers(0, 6), min_size=1),
    st.sampled_from([BERLIN, "UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Apia"]),
    st.integers(0, 86_399).map(float),
    st.integers(0, 86_400).map(float),
)


@given(st.lists(_WINDOWS, min_size=1, max_size=3), st.floats(1.0e9, 2.0e9))
def test_what_it_says_is_open_and_none_is_further_off_than_the_week_after_next(
    windows: list[Window], at: float
) -> None:
    opens = next_open(windows, at)
    assert opens is not None
    assert at <= opens <= at + 9 * 86_400
    assert next_open(windows, opens) == opens
