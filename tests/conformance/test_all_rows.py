"""No row of the list is forgotten: each has a test, or says what it waits for."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conformance.rows import PARTLY, ROWS, WAITING

NAMED = re.compile(r"^(?:async )?def test_row_(\d+)_", re.MULTILINE)


def _tested() -> set[int]:
    here = Path(__file__).parent
    return {int(number) for each in here.glob("test_*.py") for number in NAMED.findall(each.read_text())}


def test_every_row_has_a_test_or_says_what_it_waits_for() -> None:
    assert set(ROWS) == set(range(1, 65))
    assert _tested() | set(WAITING) == set(ROWS)
    assert _tested() & set(WAITING) == set(), "it waits no longer"
    assert set(PARTLY) <= _tested()
