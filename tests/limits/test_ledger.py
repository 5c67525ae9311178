"""Places, strikes and marks: arithmetic with the time as an argument."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.limits.interface import Kind, Mark, Place
from relay.limits.ledger import Marks, Places, Strikes

SITE = Place.SITE


def test_all_holders_together_never_get_more_than_the_limit() -> None:
    places: Places[str] = Places()
    assert places.lease("one", SITE, "mx", 10, 6) == 6
    assert places.lease("two", SITE, "mx", 10, 6) == 4
    assert places.lease("three", SITE, "mx", 10, 1) == 0
    places.give_back("one", SITE, "mx", 2)
    assert places.lease("three", SITE, "mx", 10, 6) == 2


def test_nobody_gives_back_more_than_it_has() -> None:
    places: Places[str] = Places()
    places.lease("one", SITE, "mx", 10, 6)
    places.lease("two", SITE, "mx", 10, 4)
    places.give_back("two", SITE, "mx", 9)
    assert places.held(SITE, "mx") == 6


def test_who_departs_leaves_its_places() -> None:
    places: Places[str] = Places()
    places.lease("one", SITE, "mx", 10, 6)
    places.lease("two", SITE, "mx", 10, 2)
    places.depart("one")
    assert places.held(SITE, "mx") == 2
    assert places.holders(SITE, "mx") == ["two"]


def test_a_full_table_refuses_a_new_key_and_still_serves_the_known_ones() -> None:
    places: Places[str] = Places(keys=1)
    assert places.lease("one", SITE, "mx", 10, 1) == 1
    assert places.lease("one", SITE, "other", 10, 1) == 0
    assert places.lease("one", SITE, "mx", 10, 1) == 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(1, 5)), max_size=60), st.integers(1, 9))
def test_whatever_the_order_the_total_is_the_sum_and_stays_in_the_limit(
    acts: list[tuple[str, bool, int]], limit: int
) -> None:
    places: Places[str] = Places()
    has = dict.fromkeys("abc", 0)
    for who, lease, count in acts:
        if lease:
            has[who] += places.lease(who, SITE, "mx", limit, count)
        else:
            places.give_back(who, SITE, "mx", count)
            has[who] = max(0, has[who] - count)
        assert places.held(SITE, "mx") == sum(has.values()) <= limit


def test_the_third_failure_within_the_window_is_a_mark() -> None:
    strikes = Strikes()

    def fail(now: float) -> Mark | None:
        return strikes.strike(
            Kind.BANNED_ADDRESS, "192.0.2.1", limit=3, window=60, rest=900, why="failed AUTH", now=now
        )

    assert fail(0) is None
    assert fail(50) is None
    assert fail(61) is None  # the first no longer counts
    assert fail(62) == Mark(Kind.BANNED_ADDRESS, "192.0.2.1", 962, "failed AUTH")
    assert fail(63) is None  # and it begins anew


def test_a_full_table_of_failures_forgets_who_failed_longest_ago() -> None:
    strikes = Strikes(keys=2)

    def fail(key: str, now: float) -> Mark | None:
        return strikes.strike(Kind.BANNED_USER, key, limit=2, window=60, rest=1, why="", now=now)

    fail("a", 0), fail("b", 1), fail("c", 2)
    assert fail("a", 3) is None
    assert fail("c", 4) is not None


def test_a_mark_ends_at_its_time_and_a_later_one_replaces_it() -> None:
    marks = Marks()
    marks.put(Mark(Kind.DEAD_HOST, "192.0.2.1:25", 10, "refused"), 0)
    assert marks.get(Kind.DEAD_HOST, "192.0.2.1:25", 9.9) is not None
    assert marks.get(Kind.DEAD_HOST, "192.0.2.1:25", 10) is None
    marks.put(Mark(Kind.DEAD_HOST, "192.0.2.1:25", 30, "refused"), 20)
    marks.put(Mark(Kind.DEAD_HOST, "192.0.2.1:25", 25, "timed out"), 20)
    assert [each.until for each in marks.all(20)] == [25]


def test_a_full_table_of_marks_drops_what_is_over_first_and_then_the_oldest() -> None:
    marks = Marks(bound=2)
    marks.put(Mark(Kind.DEAD_HOST, "a", 100, ""), 0)
    marks.put(Mark(Kind.DEAD_HOST, "b", 5, ""), 0)
    marks.put(Mark(Kind.DEAD_HOST, "c", 100, ""), 6)
    assert {each.key for each in marks.all(6)} == {"a", "c"}
    marks.put(Mark(Kind.DEAD_HOST, "d", 100, ""), 6)
    assert {each.key for each in marks.all(6)} == {"c", "d"}
