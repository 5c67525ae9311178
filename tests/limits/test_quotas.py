"""Quotas that slide: never more than the limit in any window, first come first served, in a book that stays small."""

from __future__ import annotations

import itertools
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.limits.interface import Charge
from relay.limits.quotas import AHEAD, SLOTS, Quotas

HOUR = 3600.0


def messages(amount: int = 1, limit: int = 10, key: str = "crm", window: float = HOUR) -> Charge:
    return Charge(key, window, limit, amount)


def domains(*names: str, limit: int = 3) -> Charge:
    return Charge("crm domains", HOUR, limit, names=names)


def test_what_is_used_comes_back_after_the_window_and_one_part_of_it_at_the_latest() -> None:
    quotas = Quotas()
    assert quotas.spend([messages(10)], 0) is None
    spent = quotas.spend([messages()], HOUR)
    assert spent is not None
    assert spent.charge == messages()
    assert spent.used == 10
    assert HOUR < spent.until <= HOUR + HOUR / SLOTS + 1
    assert quotas.spend([messages(10)], spent.until) is None


def test_of_several_charges_all_are_taken_or_none() -> None:
    quotas = Quotas()
    account = messages(1, limit=100, key="shop")
    assert quotas.spend([messages(10)], 0) is None
    spent = quotas.spend([account, messages()], 1)
    assert spent is not None
    assert spent.charge == messages()
    assert quotas.used(account) == 0


def test_the_charge_that_waits_longest_is_the_one_that_is_told() -> None:
    quotas = Quotas()
    hour, day = messages(10), messages(10, key="day", window=24 * HOUR)
    assert quotas.spend([hour, day], 0) is None
    spent = quotas.spend([hour, day], 1)
    assert spent is not None
    assert spent.charge is day
    assert spent.until > 24 * HOUR


def test_what_is_over_the_limit_by_itself_is_never_taken() -> None:
    quotas = Quotas()
    for charge in (messages(11), domains("a", "b", "c", "d")):
        for force in (False, True):
            spent = quotas.spend([charge], 0, force=force)
            assert spent is not None
            assert spent.until == math.inf
            assert quotas.used(charge) == 0


def test_a_name_counts_once_in_its_time_and_anew_after_it() -> None:
    quotas = Quotas()
    assert quotas.spend([domains("a", "b", "a")], 0) is None
    assert quotas.spend([domains("a", "c")], 1800) is None  # a is used again, and stays longer than b
    assert quotas.spend([domains("a", "b", "c")], 1900) is None
    spent = quotas.spend([domains("d")], 2000)
    assert spent is not None
    assert spent.used == 3
    assert 1900 + HOUR < spent.until <= 1900 + HOUR + HOUR / SLOTS + 1
    assert quotas.spend([domains("d")], spent.until) is None


def test_who_is_forced_in_gets_a_turn_each_and_the_backlog_is_spread_over_the_windows() -> None:
    quotas = Quotas()
    turns = []
    for _ in range(35):
        spent = quotas.spend([messages()], 0, force=True)
        turns.append(spent.until if spent else 0.0)
    assert turns == sorted(turns)
    assert turns[:10] == [0.0] * 10
    starts = sorted(set(turns))
    assert [turns.count(each) for each in starts] == [10, 10, 10, 5]
    assert all(later - earlier > HOUR for earlier, later in itertools.pairwise(starts))


def test_nobody_overtakes_those_who_wait() -> None:
    quotas = Quotas()
    assert quotas.spend([messages(6)], 0) is None
    big = quotas.spend([messages(10)], 0, force=True)
    assert big is not None
    small = quotas.spend([messages(1)], 60)  # there is room now, and it would take it from the one that waits
    assert small is not None
    assert small.until > big.until


def test_the_backlog_of_one_credential_leaves_room_in_its_account() -> None:
    quotas = Quotas()
    account = messages(1, limit=1000, key="shop")
    for _ in range(50):
        quotas.spend([messages(), account], 0, force=True)
    assert quotas.spend([messages(key="other"), account], 1) is None


def test_a_line_of_more_than_a_week_is_full() -> None:
    quotas = Quotas()
    charge = messages(1, limit=1, window=24 * HOUR)
    turns = [quotas.spend([charge], 0, force=True) for _ in range(9)]
    assert turns[0] is None
    assert [each is not None and each.until < AHEAD for each in turns[1:7]] == [True] * 6
    assert turns[8] is not None
    assert turns[8].until == math.inf
    assert quotas.used(charge) <= 8


@given(
    st.lists(st.tuples(st.floats(0, 2000), st.integers(1, 6), st.booleans()), max_size=60),
    st.integers(6, 20),
    st.sampled_from([60.0, 600.0, HOUR]),
)
def test_no_window_ever_holds_more_than_the_limit(
    acts: list[tuple[float, int, bool]], limit: int, window: float
) -> None:
    quotas = Quotas()
    now, turns = 1.8e9, list[tuple[float, int]]()
    for wait, amount, force in acts:
        now += wait
        spent = quotas.spend([Charge("crm", window, limit, amount)], now, force=force)
        assert spent is None or spent.until > now
        if spent is None or (force and spent.until < math.inf):
            turns.append((spent.until if spent else now, amount))
    for end, _ in turns:
        assert sum(amount for at, amount in turns if end - window < at <= end) <= limit
    assert [at for at, _ in turns] == sorted(at for at, _ in turns)


@given(
    st.lists(st.tuples(st.floats(0, 2000), st.sets(st.sampled_from("abcdefgh"), min_size=1), st.booleans())),
    st.integers(1, 8),
)
def test_no_window_ever_holds_more_names_than_the_limit(acts: list[tuple[float, set[str], bool]], limit: int) -> None:
    quotas = Quotas()
    now, turns = 1.8e9, list[tuple[float, set[str]]]()
    for wait, names, force in acts:
        now += wait
        spent = quotas.spend([domains(*sorted(names), limit=limit)], now, force=force)
        if spent is None or (force and spent.until < math.inf):
            turns.append((spent.until if spent else now, names))
    for end, _ in turns:
        assert len(set[str]().union(*(names for at, names in turns if end - HOUR < at <= end))) <= limit


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(1, 5)), max_size=40), st.floats(0, 10_000))
def test_a_refused_charge_has_room_at_the_time_that_was_told(acts: list[tuple[float, int]], late: float) -> None:
    quotas = Quotas()
    now = 1.8e9
    for wait, amount in acts:
        now += wait
        quotas.spend([messages(amount)], now)
    spent = quotas.spend([messages(10)], now)
    if spent is not None:
        assert spent.until < math.inf
        assert quotas.spend([messages(10)], spent.until + late) is None


def test_a_key_costs_nothing_once_its_window_is_over() -> None:
    quotas = Quotas()
    quotas.spend([messages(), domains("a"), messages(window=24 * HOUR)], 0)
    quotas.expire(2 * HOUR)
    assert len(quotas) == 1
    quotas.expire(26 * HOUR)
    assert len(quotas) == 0
    assert quotas.dump(26 * HOUR)["keys"] == []


def test_a_full_book_forgets_the_key_that_was_used_longest_ago() -> None:
    quotas = Quotas(keys=2)
    one, two, three = (messages(10, key=key) for key in "abc")
    quotas.spend([one], 0), quotas.spend([two], 1), quotas.spend([three], 2)
    assert [quotas.used(each) for each in (one, two, three)] == [0, 10, 10]
    names = Quotas(cells=5)
    names.spend([domains("a", "b", "c")], 0)
    names.spend([messages()], 0)
    names.spend([Charge("other", HOUR, 9, names=("a", "b"))], 0)
    assert names.used(domains("a")) == 0
    assert names.used(messages()) == 1


def test_a_clock_that_is_set_back_shuts_nobody_out() -> None:
    quotas = Quotas()
    assert quotas.spend([messages(5)], 10 * HOUR) is None
    assert quotas.spend([messages(5)], HOUR) is None
    spent = quotas.spend([messages()], HOUR)
    assert spent is not None
    assert HOUR < spent.until < 2.1 * HOUR
    assert quotas.spend([messages(10)], spent.until) is None


@pytest.mark.parametrize("step", [-24 * HOUR, 24 * HOUR])
def test_a_clock_that_is_set_changes_nothing(step: float) -> None:
    quotas = Quotas()
    now = 1.8e9
    assert quotas.spend([messages(10)], now) is None
    now += step
    quotas.step(step)
    spent = quotas.spend([messages()], now)
    assert spent is not None
    assert HOUR < spent.until - now < 1.1 * HOUR


def test_the_book_is_the_same_after_a_restart_at_whatever_time() -> None:
    quotas = Quotas()
    quotas.spend([messages(10), domains("a", "b")], 10 * HOUR)
    forced = quotas.spend([messages()], 10 * HOUR, force=True)
    assert forced is not None
    book = json.loads(json.dumps(quotas.dump(10 * HOUR)))
    for now in (10 * HOUR + 60, 5 * HOUR):  # the clock may be wrong after a start
        again = Quotas()
        again.load(book, now)
        assert again.used(messages()) == 11
        assert again.used(domains("a")) == 2
        spent = again.spend([messages(10)], now)
        assert spent is not None
        assert now + 2 * HOUR < spent.until + 200 < now + 2.2 * HOUR


@pytest.mark.parametrize(
    "book", [{}, {"clock": 1, "time": 1, "keys": [["a", 0, False, []]]}, {"clock": 1, "time": 1, "keys": [1]}]
)
def test_a_book_that_makes_no_sense_is_an_error_and_changes_nothing(book: dict[str, object]) -> None:
    quotas = Quotas()
    quotas.spend([messages(4)], 0)
    with pytest.raises((ValueError, TypeError, KeyError)):
        quotas.load(book, 0)
    assert quotas.used(messages()) == 4


def test_what_was_used_anyway_is_counted_over_the_limit_too() -> None:
    quotas = Quotas()
    quotas.count([messages(25), domains("a", "b", "c", "d")], 0)
    assert quotas.used(messages()) == 25
    assert quotas.spend([messages()], 1) is not None
    assert quotas.spend([messages()], HOUR * 1.1) is None
