"""A clock that is set forward gives up no mail before its time, and one that is set back takes nothing away."""

from __future__ import annotations

from typing import Any

from relay.delivery.leeway import Leeway
from tests.delivery.test_settle import NOW, due

DAY = 86_400.0


class Clocks:
    """One that can be set (`ahead`) and one that cannot."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.ahead = 0.0

    def clock(self) -> float:
        return NOW + self.passed + self.ahead

    def steady(self) -> float:
        return 77.0 + self.passed


def deadline(leeway: Leeway, clocks: Clocks, **given: Any) -> float:
    """Of mail that was received at NOW, as seconds from now."""
    return leeway.of(due(**given), clocks.clock()).message.deadline - clocks.clock()


def test_mail_that_was_there_keeps_the_time_it_had_left() -> None:
    clocks = Clocks()
    leeway = Leeway(clocks.clock, clocks.steady)
    clocks.passed, clocks.ahead = DAY, 10 * DAY
    assert deadline(leeway, clocks) == 4 * DAY
    clocks.passed += 3 * DAY
    assert deadline(leeway, clocks) == DAY
    clocks.passed += DAY
    assert deadline(leeway, clocks) == 0.0
    late = leeway.of(due(delay_at=NOW + 4 * 3600.0), clocks.clock()).message
    assert late.delay_at == NOW + 10 * DAY + 4 * 3600.0


def test_nobody_is_told_of_a_delay_that_only_the_clock_saw() -> None:
    clocks = Clocks()
    leeway = Leeway(clocks.clock, clocks.steady)
    clocks.passed, clocks.ahead = 60.0, DAY  # beyond the delay, before the deadline
    assert leeway.of(due(delay_at=NOW + 4 * 3600.0), clocks.clock()).message.delay_at == NOW + DAY + 4 * 3600.0


def test_it_is_given_once_however_often_it_is_asked() -> None:
    clocks = Clocks()
    leeway = Leeway(clocks.clock, clocks.steady)
    clocks.ahead = 10 * DAY
    once = leeway.of(due(), clocks.clock())
    assert leeway.of(once, clocks.clock()) is once
    clocks.ahead = 12 * DAY
    leeway.look()
    assert leeway.of(once, clocks.clock()).message == leeway.of(due(), clocks.clock()).message


def test_a_clock_that_came_from_long_ago_gives_no_more_than_a_whole_lifetime() -> None:
    clocks = Clocks()
    clocks.ahead = -20_000 * DAY
    leeway = Leeway(clocks.clock, clocks.steady)
    clocks.ahead = 10 * DAY
    assert deadline(leeway, clocks) == 5 * DAY


def test_what_is_set_forward_and_back_again_changes_nothing() -> None:
    clocks = Clocks()
    leeway = Leeway(clocks.clock, clocks.steady)
    clocks.ahead = 10 * DAY
    assert leeway.look() == 10 * DAY
    assert leeway.look() == 0.0
    clocks.ahead = 0.0
    assert leeway.look() == -10 * DAY
    assert leeway.of(mail := due(), clocks.clock()) is mail


def test_mail_that_came_after_the_step_has_its_own_deadline_and_so_has_a_time_of_day() -> None:
    clocks = Clocks()
    clocks.ahead = -20.0
    leeway = Leeway(clocks.clock, clocks.steady)
    clocks.ahead = -10.0
    assert leeway.look() == 10.0
    for mail in (due(), due(deadline=NOW + 60.0, deliver_by=NOW + 60.0)):
        assert leeway.of(mail, clocks.clock()) is mail


def test_a_slow_correction_is_no_step() -> None:
    clocks = Clocks()
    leeway = Leeway(clocks.clock, clocks.steady)
    for _ in range(10):
        clocks.ahead += 4.0
        assert leeway.look() == 0.0
    assert leeway.of(mail := due(deadline=NOW), clocks.clock()) is mail
