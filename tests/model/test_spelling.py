"""What is shown of an option can be typed again."""

from __future__ import annotations

import pytest

from relay.model.spelling import duration_text, option_text, written
from relay.submission.control.option import Door
from relay.submission.control.registry import OPTIONS, parse_setting

_EXAMPLES = [
    (option.name, option.example)
    for option in OPTIONS
    if Door.HEADER in option.doors and option.name != "on_invalid" and not option.example.startswith("+")
]
_WINDOWS = [
    "2026-05-01T08:00:00Z/2026-05-01T12:00:00.500Z",
    '{"dow": "Mon,Wed", "tz": "UTC", "start": "22:00:30", "end": "02:00"}',
    '{"dow": "Sun", "tz": "Europe/Amsterdam", "start": "00:00", "end": "24:00"}',
    '["2026-05-01T08:00:00Z/2026-05-01T12:00:00Z", {"dow": "Sat-Mon", "tz": "UTC", "start": "9:00", "end": "10:00"}]',
]


def absolute(text: str) -> str:
    """An example without times that are counted from now, which are others at the next look."""
    return text.replace('"+2h"', '"2026-05-01T08:00:00Z"')


@pytest.mark.parametrize(("name", "text"), [*_EXAMPLES, *(("send_window", each) for each in _WINDOWS)])
def test_an_option_is_shown_as_it_is_read(name: str, text: str) -> None:
    _, value = parse_setting(name, absolute(text), Door.HEADER)
    assert parse_setting(name, option_text(name, value), Door.HEADER) == (name, value)
    assert parse_setting(name, written(name, value), Door.HEADER) == (name, value)


def test_the_null_reverse_path_is_shown_as_it_is_read() -> None:
    assert parse_setting("envelope_from", option_text("envelope_from", ""), Door.HEADER) == ("envelope_from", "")


def test_a_window_is_shown_in_the_words_it_was_asked_for_with() -> None:
    asked = '{"dow": "Mon-Fri", "tz": "Europe/Amsterdam", "start": "09:00", "end": "17:30"}'
    _, value = parse_setting("send_window", asked, Door.HEADER)
    assert option_text("send_window", value) == asked


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (5400, "90min"), (7200, "2h"), (86_400, "1d"), (90_061, "90061s"), (0.5, "0.5s")]
)
def test_durations_have_the_largest_unit_that_fits(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
