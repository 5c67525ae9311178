"""No row of the list is forgotten: each has a test, or says what it waits for."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conformance.rows import PARTLY, READINGS, ROWS, WAITING

TEST = re.compile(r"^def (test_\w+)", re.MULTILINE)
ROW = re.compile(r"test_row_(\d+)_")


def _tests() -> set[str]:
    here = Path(__file__).parent
    return {name for each in here.glob("test_*.py") for name in TEST.findall(each.read_text())}


def test_every_row_has_a_test_or_says_what_it_waits_for() -> None:
    assert set(ROWS) == set(range(1, 65))
    tested = {int(found[1]) for name in _tests() if (found := ROW.match(name))}
    assert tested | set(WAITING) == set(ROWS)
    assert tested & set(WAITING) == set(), "it waits no longer"
    assert set(PARTLY) <= tested


def test_every_reading_is_held_by_a_test_or_waits_for_its_door() -> None:
    named = {each for each in READINGS.values() if each.startswith("test_")}
    assert named <= _tests()
    assert {each for each in _tests() if each.startswith("test_reading_")} <= named
    assert len(READINGS) == 17
