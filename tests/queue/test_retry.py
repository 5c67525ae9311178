from __future__ import annotations

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from relay.queue.retry import SPREAD, next_attempt

WAITS = (300.0, 600.0, 1200.0, 2400.0, 3600.0, 7200.0, 14_400.0)
DAY = 86_400.0


def schedule(*, lifetime: float, jitter: float = 0.2, seed: int = 1) -> list[float]:
    """Times of all attempts of a message that is always deferred, from its arrival at 0."""
    random, times = Random(seed), [0.0]
    while True:
        at = next_attempt(WAITS, jitter=jitter, attempts=len(times), now=times[-1], deadline=lifetime, random=random)
        if at is None:
            return times
        times.append(at)


def test_waits_follow_the_list_and_the_last_one_repeats() -> None:
    times = schedule(lifetime=5 * DAY, jitter=0.0)
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert waits[:7] == list(WAITS)
    assert set(waits[7:-1]) == {14_400.0}


def test_the_first_hour_has_two_attempts_at_least_as_rfc_5321_wants() -> None:
    for seed in range(20):
        assert len([at for at in schedule(lifetime=5 * DAY, seed=seed) if at <= 3600]) >= 3


def test_jitter_stays_in_its_share_and_reaches_both_sides() -> None:
    random = Random(7)
    waits = [
        (next_attempt(WAITS, jitter=0.2, attempts=2, now=50.0, deadline=1e9, random=random) or 0) - 50
        for _ in range(500)
    ]
    assert 480 <= min(waits) < 500 and 700 < max(waits) <= 720


def test_the_last_attempt_falls_shortly_before_the_deadline() -> None:
    for seed in range(20):
        last = schedule(lifetime=5 * DAY, seed=seed)[-1]
        assert 5 * DAY - SPREAD - 1 <= last < 5 * DAY


def test_a_message_that_may_wait_an_hour_is_tried_at_the_end_of_it() -> None:
    assert schedule(lifetime=3600.0, jitter=0.0) == [0.0, 300.0, 900.0, 2100.0, 3599.0]


def test_no_attempt_follows_so_close_that_it_could_tell_nothing_new() -> None:
    ask = {"jitter": 0.0, "attempts": 3, "random": Random(1)}
    assert next_attempt(WAITS, now=1000.0, deadline=1150.0, **ask) is None  # type: ignore[arg-type]
    assert next_attempt(WAITS, now=1000.0, deadline=1151.0, **ask) == 1150.0  # type: ignore[arg-type]


def test_past_the_deadline_there_is_no_attempt() -> None:
    assert next_attempt(WAITS, jitter=0.2, attempts=9, now=11.0, deadline=10.0, random=Random(1)) is None


@given(
    attempts=st.integers(1, 10_000),
    jitter=st.floats(0, 0.99),
    now=st.floats(0, 4e9),
    left=st.floats(-1e6, 1e6),
    seed=st.integers(0, 99),
)
def test_an_attempt_lies_between_now_and_the_deadline(
    attempts: int, jitter: float, now: float, left: float, seed: int
) -> None:
    at = next_attempt(WAITS, jitter=jitter, attempts=attempts, now=now, deadline=now + left, random=Random(seed))
    assert at is None or now < at < now + left
