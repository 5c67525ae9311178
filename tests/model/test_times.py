"""Times in values become text, wherever they stand; what a client brought is left alone."""

from __future__ import annotations

import time

from relay.model.ids import IdSource, made_at
from relay.model.times import times_as_text

NOON = 1_767_268_800.0
TEXT = "2026-01-01T12:00:00.000Z"


def test_times_become_text_at_any_depth() -> None:
    given = {"at": NOON, "next_attempt": None, "steps": ({"due": NOON, "seconds": 1.5},), "received": int(NOON)}
    assert times_as_text(given) == {
        "at": TEXT,
        "next_attempt": None,
        "steps": [{"due": TEXT, "seconds": 1.5}],
        "received": TEXT,
    }


def test_what_is_no_number_of_seconds_stays() -> None:
    assert times_as_text({"received": True, "next": "soon"}) == {"received": True, "next": "soon"}


def test_what_a_client_brought_stays() -> None:
    given = {"metadata": {"at": 5, "due": 7}, "options": {"deadline": {"value": 5}}}
    assert times_as_text(given) == given


def test_an_id_says_when_it_was_made() -> None:
    assert made_at(IdSource(3, lambda: NOON).new()) == NOON
    assert abs(made_at(IdSource(1023, time.time).new()) - time.time()) < 60
