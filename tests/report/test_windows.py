"""The time an event query is about: a month at most."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from relay.report.windows import month, window

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC).timestamp()


def at(*day: int) -> float:
    return datetime(*day, tzinfo=UTC).timestamp()  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (None, None, (at(2026, 2, 15, 12), NOW + 1)),
        (date(2026, 1, 31), None, (at(2026, 1, 31), at(2026, 2, 28))),
        (None, date(2026, 3, 31), (at(2026, 2, 28), at(2026, 3, 31))),
        (date(2026, 1, 5), date(2026, 1, 7), (at(2026, 1, 5), at(2026, 1, 7))),
        (date(2026, 1, 5), date(2026, 2, 5), (at(2026, 1, 5), at(2026, 2, 5))),
        (date(2026, 1, 5), date(2026, 6, 1), (at(2026, 1, 5), at(2026, 2, 5))),
        (date(2025, 12, 31), None, (at(2025, 12, 31), at(2026, 1, 31))),
    ],
)
def test_a_window_is_a_month_at_most(start: date | None, end: date | None, found: tuple[float, float]) -> None:
    assert window(start, end, now=NOW) == found


def test_a_message_is_asked_about_from_its_sending_on() -> None:
    sent = at(2026, 1, 31, 8)
    assert window(None, None, now=NOW, sent=sent) == (sent - 3600, at(2026, 2, 28, 8))
    assert window(date(2026, 2, 1), None, now=NOW, sent=sent) == (at(2026, 2, 1), at(2026, 3, 1))


@pytest.mark.parametrize("end", [date(2026, 1, 5), date(2026, 1, 4)])
def test_a_window_without_a_day_is_a_fault(end: date) -> None:
    with pytest.raises(ValueError, match="after start"):
        window(date(2026, 1, 5), end, now=NOW)


def test_months_stop_at_the_ends_of_the_calendar() -> None:
    assert month(date(9999, 12, 31), 1) == date.max
    assert month(date(1, 1, 1), -1) == date.min
    assert month(date(2024, 1, 31), 1) == date(2024, 2, 29)
