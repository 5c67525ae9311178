"""A child's life, adoption, and what a reload may change: decisions without processes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.config import Config, parse
from relay.supervisor.child import FIRST_WAIT, LONGEST_WAIT, SETTLED, START_GRACE, Child, Role
from relay.supervisor.renew import moved, renewed
from relay.supervisor.roles import adopted

HANG = 5.0


def born(at: float) -> Child:
    child = Child(Role(name="worker-0", run=lambda _: 0))
    child.born(4711, at)
    return child


def test_a_child_may_take_longer_to_start_than_to_beat() -> None:
    child = born(100.0)
    assert not child.hangs(100.0 + START_GRACE, HANG)
    assert child.hangs(100.1 + START_GRACE, HANG)
    child.ready, child.beat = True, 200.0
    assert not child.hangs(200.0 + HANG, HANG)
    assert child.hangs(200.1 + HANG, HANG)


def test_who_was_killed_already_is_not_found_hanging_again() -> None:
    child = born(0.0)
    child.killed = True
    assert not child.hangs(1e9, HANG)


def test_successors_wait_longer_each_time_and_not_for_ever() -> None:
    child, now, waits = born(0.0), 0.0, []
    for _ in range(15):
        child.ended(now)
        waits.append(child.start_at - now)
        now = child.start_at
        child.born(4711, now)
    assert waits[:3] == pytest.approx([FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT])
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT


def test_a_child_that_cannot_be_started_for_days_is_tried_on() -> None:
    child, now = born(0.0), 0.0
    for _ in range(5000):
        child.ended(now)
        assert child.start_at <= now + LONGEST_WAIT
        now = child.start_at
        child.born(1, now)


def test_after_a_long_life_the_waits_begin_anew() -> None:
    child = born(0.0)
    for at in (1.0, 2.0, 3.0):
        child.ended(at)
        child.born(4711, at)
    child.ended(3.0 + SETTLED)
    assert child.start_at == pytest.approx(3.0 + SETTLED + FIRST_WAIT)


@given(st.integers(1, 8), st.sets(st.integers(0, 40)))
def test_every_shard_has_exactly_one_owner(workers: int, shards: set[int]) -> None:
    drains = adopted(workers, sorted(shards))
    owned = [*range(workers), *(shard for each in drains for shard in each)]
    assert len(owned) == len(set(owned))
    assert set(owned) == shards | set(range(workers))


def config(text: str = "") -> Config:
    return parse(f"hostname: relay.example\nlisteners: [{{name: a, port: 0}}]\n{text}")


def test_a_reload_changes_what_is_no_matter_of_sockets_and_processes() -> None:
    asked = config()
    now = asked.model_copy(update={"http": asked.http.model_copy(update={"port": 40001})})
    new = config(
        "delivery: {connections: 3}\nlimits: {size: 1MiB}\nprocesses: {hang: 7s, drain: 3s}\n"
        "http: {api: {rate: 7, cors: [https://app.example.com]}}"
    )
    result, waits = renewed(now, new, asked)
    assert waits == []
    assert (result.delivery.connections, result.limits.size) == (3, 1 << 20)
    assert (result.processes.hang, result.processes.drain) == (7.0, 3.0)
    assert result.http.port == 40001  # the one that was bound
    assert (result.http.api.rate, result.http.api.cors) == (7, ("https://app.example.com",))


def test_what_waits_for_a_restart_is_named_and_stays_as_it_is() -> None:
    asked = config()
    new = parse(
        "hostname: other.example\ndata: elsewhere\nhttp: {port: 1}\nprocesses: {workers: 3}\n"
        "listeners: [{name: a, port: 0}, {name: b, port: 0}]"
    )
    result, waits = renewed(asked, new, asked)
    assert sorted(waits) == ["data", "hostname", "http", "listeners", "processes"]
    assert result == asked


def test_the_log_says_what_is_different_about_the_listeners() -> None:
    def having(*listeners: str) -> Config:
        return parse(f"hostname: relay.example\nlisteners: [{', '.join(listeners)}]")

    one, two, other = "{name: one, port: 0}", "{name: two, port: 0, purpose: returns}", "{name: one, port: 25}"
    assert moved(having(one), having(one)) == []
    assert moved(having(one, two), having(one)) == ["two is new"]
    assert moved(having(two), having(one, two)) == ["one is gone"]
    assert moved(having(other, two), having(one, two)) == ["one is changed"]
    assert moved(having(two, one), having(one, two)) == ["their order is changed"]
