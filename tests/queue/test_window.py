from __future__ import annotations

from relay.queue.window import LONGEST_REST, Window

NOON = 1_800_000_000.0


def grown(ceiling: int = 10) -> Window:
    window = Window(ceiling=ceiling)
    for _ in range(1000):
        window.delivered()
    return window


def test_an_unknown_site_gets_two_connections() -> None:
    assert Window(ceiling=10).connections(NOON) == 2


def test_the_window_grows_by_about_one_for_each_window_full_of_deliveries() -> None:
    window = Window(ceiling=10)
    seen = []
    for _ in range(60):
        window.delivered()
        seen.append(window.connections(NOON))
    assert seen.index(3) in range(2, 4)
    assert seen.index(10) in range(40, 55)


def test_the_ceiling_is_never_passed() -> None:
    assert grown().connections(NOON) == 10
    assert Window(ceiling=1).connections(NOON) == 1


def test_a_failure_halves_the_window() -> None:
    window = grown()
    assert not window.unreachable(NOON)
    assert window.connections(NOON) == 5


def test_connections_lost_together_count_once() -> None:
    window = grown()
    for _ in range(10):
        window.unreachable(NOON, since=NOON - 5)
    assert window.connections(NOON) == 5


def test_a_site_that_never_answers_is_dead_after_two_tries_and_rests() -> None:
    window = Window(ceiling=10, rest=120.0)
    assert not window.unreachable(NOON, since=NOON - 30)
    assert window.unreachable(NOON + 30, since=NOON)
    assert window.connections(NOON + 149) == 0
    assert window.connections(NOON + 150) == 1


def test_a_site_that_stays_dead_rests_longer_each_time_within_bounds() -> None:
    window, now, rests = Window(ceiling=10, rest=120.0), NOON, []
    for _ in range(100):
        while not window.unreachable(now, since=now):
            now += 1
        rests.append(window.dead_until - now)
        now = window.dead_until
    assert rests[:5] == [120.0, 240.0, 480.0, 960.0, LONGEST_REST]
    assert set(rests[5:]) == {LONGEST_REST}


def test_one_delivery_ends_the_rest_and_its_growing() -> None:
    window = Window(ceiling=10, rest=120.0)
    while not window.unreachable(NOON):
        pass
    window.delivered()  # by a connection that was open already
    assert window.connections(NOON) == 2
    while not window.unreachable(NOON):
        pass
    assert window.dead_until == NOON + 120
