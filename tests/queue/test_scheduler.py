from __future__ import annotations

import time
from collections import Counter
from math import inf
from random import Random

from relay.model.message import Lane
from relay.queue.scheduler import Scheduler

NOW = 1000.0


def lane(domain: str, account: str = "shop") -> Lane:
    return Lane(domain, account)


def domains(given: list[tuple[int, Lane]]) -> list[str]:
    return [each.domain for _, each in given]


def test_a_lane_is_given_when_it_is_due_and_not_before() -> None:
    scheduler = Scheduler()
    scheduler.know(0, lane("a.test"), NOW)
    assert scheduler.due(NOW - 0.1, 10) == []
    assert scheduler.next_time() == NOW
    assert scheduler.due(NOW, 10) == [(0, lane("a.test"))]


def test_a_lane_is_given_to_one_caller_until_its_claim_is_done() -> None:
    scheduler = Scheduler()
    scheduler.know(0, lane("a.test"), NOW)
    scheduler.due(NOW, 10)
    assert scheduler.due(NOW + 99, 10) == []
    scheduler.claimed(0, lane("a.test"), NOW + 100)
    assert scheduler.due(NOW + 99, 10) == []
    assert scheduler.due(NOW + 100, 10) == [(0, lane("a.test"))]


def test_an_empty_lane_is_forgotten() -> None:
    scheduler = Scheduler()
    scheduler.know(0, lane("a.test"), NOW)
    scheduler.due(NOW, 10)
    scheduler.claimed(0, lane("a.test"), None)
    assert len(scheduler) == 0
    assert scheduler.next_time() is None


def test_mail_stored_while_its_lane_is_claimed_is_not_forgotten() -> None:
    scheduler = Scheduler()
    scheduler.know(0, lane("a.test"), NOW)
    scheduler.due(NOW, 10)
    scheduler.know(0, lane("a.test"), NOW + 7)
    scheduler.know(0, lane("a.test"), NOW + 9)
    scheduler.claimed(0, lane("a.test"), None)
    assert scheduler.next_time() == NOW + 7
    scheduler.due(NOW + 7, 1)
    scheduler.know(0, lane("a.test"), NOW + 50)
    scheduler.claimed(0, lane("a.test"), NOW + 20)
    assert scheduler.next_time() == NOW + 20


def test_earlier_mail_brings_a_lane_forward_and_later_mail_does_not_put_it_off() -> None:
    scheduler = Scheduler()
    scheduler.know(0, lane("a.test"), NOW + 50)
    scheduler.know(0, lane("a.test"), NOW + 10)
    scheduler.know(0, lane("a.test"), NOW + 90)
    assert scheduler.next_time() == NOW + 10
    assert len(scheduler.due(NOW + 10, 10)) == 1
    scheduler.claimed(0, lane("a.test"), None)
    assert scheduler.due(NOW + 999, 10) == []


def test_the_same_lane_of_two_shards_is_two() -> None:
    scheduler = Scheduler()
    scheduler.know(0, lane("a.test"), NOW)
    scheduler.know(3, lane("a.test"), NOW)
    assert scheduler.due(NOW, 10) == [(0, lane("a.test")), (3, lane("a.test"))]


def test_the_earliest_goes_first_within_an_account() -> None:
    scheduler = Scheduler()
    for due, domain in [(3.0, "c.test"), (1.0, "a.test"), (2.0, "b.test")]:
        scheduler.know(0, lane(domain), due)
    assert domains(scheduler.due(NOW, 10)) == ["a.test", "b.test", "c.test"]


def test_accounts_take_turns_however_many_domains_one_has() -> None:
    scheduler = Scheduler()
    for number in range(1000):
        scheduler.know(0, lane(f"d{number}.test", "bulk"), NOW - 1)
    scheduler.know(0, lane("a.test", "small"), NOW)
    scheduler.know(0, lane("b.test", "small"), NOW)
    given = [scheduler.due(NOW, 1)[0][1].account for _ in range(6)]
    assert given == ["bulk", "small", "bulk", "small", "bulk", "bulk"]


def test_within_an_account_a_provider_with_many_domains_takes_turns_with_the_others() -> None:
    scheduler = Scheduler()
    for number in range(1000):
        scheduler.belongs(f"d{number}.test", "provider")
        scheduler.know(0, lane(f"d{number}.test"), NOW - 1)
    scheduler.know(0, lane("alone.test"), NOW)
    assert "alone.test" in domains(scheduler.due(NOW, 2))


def test_a_lane_that_is_due_again_waits_for_its_turn() -> None:
    scheduler = Scheduler()
    for domain in ("a.test", "b.test"):
        scheduler.know(0, lane(domain), NOW)
    given = []
    for _ in range(6):
        ((shard, each),) = scheduler.due(NOW, 1)
        given.append(each.domain)
        scheduler.claimed(shard, each, NOW)
    assert Counter(given) == {"a.test": 3, "b.test": 3}


def test_a_blocked_site_is_skipped_until_its_time_and_holds_up_nobody() -> None:
    scheduler = Scheduler()
    scheduler.belongs("blocked.test", "site")
    scheduler.know(0, lane("blocked.test"), NOW - 5)
    scheduler.know(0, lane("free.test"), NOW)
    scheduler.block_site("site", NOW + 60)
    assert domains(scheduler.due(NOW, 10)) == ["free.test"]
    assert scheduler.next_time() == NOW + 60
    assert domains(scheduler.due(NOW + 60, 10)) == ["blocked.test"]


def test_a_block_covers_lanes_that_were_ready_before_it() -> None:
    scheduler = Scheduler()
    for domain in ("a.test", "b.test", "c.test"):
        scheduler.belongs(domain, f"mx.{domain}")
        scheduler.know(0, lane(domain), NOW)
    scheduler.due(NOW, 1)
    scheduler.block_site("mx.b.test", inf)
    assert domains(scheduler.due(NOW, 10)) == ["c.test"]
    scheduler.block_site("mx.b.test", NOW)
    assert domains(scheduler.due(NOW, 10)) == ["b.test"]


def test_a_later_block_replaces_an_earlier_one_either_way() -> None:
    scheduler = Scheduler()
    scheduler.know(0, lane("a.test"), NOW)
    scheduler.belongs("a.test", "site")
    scheduler.block_site("site", NOW + 10)
    scheduler.block_site("site", NOW + 20)
    assert scheduler.due(NOW + 10, 1) == []
    scheduler.block_site("site", NOW + 12)
    assert scheduler.next_time() == NOW + 12
    assert len(scheduler.due(NOW + 12, 1)) == 1


def test_a_blocked_site_holds_up_all_its_domains_and_no_other() -> None:
    scheduler = Scheduler()
    for domain in ("a.test", "b.test"):
        scheduler.belongs(domain, "mx.provider.test")
    for domain in ("a.test", "b.test", "c.test"):
        scheduler.know(0, lane(domain), NOW)
    scheduler.block_site("mx.provider.test", inf)
    assert domains(scheduler.due(NOW, 10)) == ["c.test"]
    assert scheduler.next_time() is None
    scheduler.unblock_site("mx.provider.test")
    assert domains(scheduler.due(NOW, 10)) == ["a.test", "b.test"]


def test_a_site_learnt_while_its_domains_were_ready_holds_them_up_too() -> None:
    scheduler = Scheduler()
    for domain in ("a.test", "b.test", "c.test"):
        scheduler.know(0, lane(domain), NOW)
    assert domains(scheduler.due(NOW, 1)) == ["a.test"]
    for domain in ("a.test", "b.test"):
        scheduler.belongs(domain, "site")
    scheduler.block_site("site", NOW + 5)
    assert domains(scheduler.due(NOW, 10)) == ["c.test"]
    scheduler.claimed(0, lane("a.test"), NOW)
    assert scheduler.due(NOW, 10) == []
    assert sorted(domains(scheduler.due(NOW + 5, 10))) == ["a.test", "b.test"]


def test_an_account_with_a_way_of_its_own_to_a_domain_is_held_up_by_that_way_alone() -> None:
    scheduler = Scheduler()
    scheduler.belongs("a.test", "site")
    scheduler.belongs("a.test", "bulk/site", ("crm", 5), own=True)
    for account in ("shop", "crm"):
        scheduler.know(0, lane("a.test", account), NOW)
    scheduler.block_site("bulk/site", NOW + 10)
    assert scheduler.due(NOW, 10) == [(0, lane("a.test", "shop"))]
    scheduler.block_site("site", NOW + 20)
    assert scheduler.due(NOW + 10, 10) == [(0, lane("a.test", "crm"))]


def test_an_account_whose_mail_for_a_domain_goes_two_ways_waits_for_the_blocked_one() -> None:
    scheduler = Scheduler()
    scheduler.belongs("a.test", "one/site", ("crm", 5), own=True)
    scheduler.block_site("one/site", NOW + 10)
    scheduler.belongs("a.test", "two/site", ("crm", 5), own=True)
    scheduler.know(0, lane("a.test", "crm"), NOW)
    assert scheduler.due(NOW, 10) == []
    assert len(scheduler.due(NOW + 10, 10)) == 1
    scheduler.belongs("a.test", "site", ("crm", 5))  # the account has left its own ways
    scheduler.block_site("site", NOW + 30)
    scheduler.claimed(0, lane("a.test", "crm"), NOW)
    assert scheduler.due(NOW + 11, 10) == []


def test_the_highest_priority_goes_first_within_an_account() -> None:
    scheduler = Scheduler()
    for priority in (2, 9, 5):
        for number in (1, 2):
            scheduler.know(0, Lane(f"d{number}.test", "shop", priority), NOW - 9 + priority)
    assert [each.priority for _, each in scheduler.due(NOW, 10)] == [9, 9, 5, 5, 2, 2]


def test_a_high_priority_takes_no_turn_from_another_account() -> None:
    scheduler = Scheduler()
    for number in range(4):
        scheduler.know(0, Lane(f"d{number}.test", "pushy", 9), NOW)
        scheduler.know(0, Lane(f"d{number}.test", "shop", 1), NOW)
    assert [each.account for _, each in scheduler.due(NOW, 8)] == ["pushy", "shop"] * 4


def test_a_high_priority_behind_a_blocked_site_lets_the_low_ones_go() -> None:
    scheduler = Scheduler()
    scheduler.belongs("a.test", "site")
    scheduler.know(0, Lane("a.test", "shop", 9), NOW)
    scheduler.know(0, Lane("b.test", "shop", 1), NOW)
    scheduler.block_site("site", NOW + 10)
    assert domains(scheduler.due(NOW, 10)) == ["b.test"]
    assert domains(scheduler.due(NOW + 10, 10)) == ["a.test"]


def test_lanes_of_a_priority_that_is_due_later_come_when_they_are_due() -> None:
    scheduler = Scheduler()
    scheduler.know(0, Lane("a.test", "shop", 1), NOW)
    scheduler.know(0, Lane("a.test", "shop", 9), NOW + 5)
    assert [each.priority for _, each in scheduler.due(NOW, 10)] == [1]
    assert [each.priority for _, each in scheduler.due(NOW + 5, 10)] == [9]


def test_every_lane_comes_through_whatever_is_blocked_meanwhile() -> None:
    """A thousand random steps against a plain model: nothing is lost, nothing given twice or early."""
    random = Random(42)
    for round_number in range(30):
        scheduler = Scheduler()
        due: dict[tuple[int, Lane], float] = {}
        out: list[tuple[int, Lane]] = []
        blocks: dict[str, float] = {}
        sites: dict[str, str] = {}
        names = [f"d{n}.test" for n in range(12)]
        now = 0.0
        for _ in range(300):
            now += random.random()
            each = (random.randrange(2), Lane(random.choice(names), random.choice("xyz"), random.choice((1, 5))))
            match random.randrange(5):
                case 0 | 1:
                    at = now + random.choice([-1, 0, 3, 10])
                    scheduler.know(*each, at)
                    due[each] = min(due.get(each, inf), at)
                case 2:
                    sites.setdefault(each[1].domain, random.choice("st"))
                    scheduler.belongs(each[1].domain, sites[each[1].domain])
                case 3:
                    site, until = random.choice("st"), random.choice([now + 2, now + 8, inf])
                    if random.random() < 0.5:
                        scheduler.block_site(site, until)
                        blocks[site] = until
                    else:
                        scheduler.unblock_site(site)
                        blocks.pop(site, None)
                case 4 if out:
                    done = out.pop(random.randrange(len(out)))
                    again = random.choice([None, now, now + 4])
                    scheduler.claimed(*done, again)
                    times = [t for t in (again, due.get(done)) if t is not None]
                    if times:
                        due[done] = min(times)
            for given in scheduler.due(now, random.randrange(3)):
                domain = given[1].domain
                assert given not in out and due[given] <= now, round_number
                assert blocks.get(sites.get(domain, ""), 0) <= now
                out.append(given)
                del due[given]
        for site in "st":
            scheduler.unblock_site(site)
        for given in out:
            scheduler.claimed(*given, None)
        rest = scheduler.due(now + 100, 10_000)
        assert len(rest) == len(set(rest)) and set(rest) == due.keys(), round_number


def test_a_hundred_thousand_lanes_are_cheap() -> None:
    scheduler = Scheduler()
    began = time.perf_counter()
    for number in range(100_000):
        scheduler.know(0, lane(f"d{number}.test", f"a{number % 50}"), NOW + number % 7)
        scheduler.belongs(f"d{number}.test", "paused" if number % 10 else "open")
    scheduler.block_site("paused", inf)
    given = 0
    while lanes := scheduler.due(NOW + 10, 100):
        for shard, each in lanes:
            scheduler.claimed(shard, each, NOW + 3600)
            given += 1
    assert given == 10_000
    for _ in range(1000):  # a connection of the paused site comes free, one lane goes, it is full again
        scheduler.unblock_site("paused")
        ((shard, each),) = scheduler.due(NOW + 10, 1)
        scheduler.block_site("paused", inf)
        scheduler.claimed(shard, each, None)
    assert len(scheduler) == 99_000
    assert time.perf_counter() - began < 10  # about one second on a slow machine; a square law would take minutes


def test_stale_entries_of_the_heap_are_swept() -> None:
    scheduler = Scheduler()
    scheduler.know(0, lane("a.test"), 1e9)
    for number in range(50_000):
        scheduler.know(0, lane("a.test"), 1e9 - number)
        scheduler.block_site("site", 1e9 + number)
    assert len(scheduler._heap) < 5000 and len(scheduler._ends) < 5000
    assert scheduler.next_time() == 1e9 - 49_999
