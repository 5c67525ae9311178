"""Broker and clients over real sockets; the broker turns in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from relay.limits.broker import QUOTAS, Broker, read_marks
from relay.limits.client import BrokerLimits
from relay.limits.interface import Charge, Kind, Mark, Place
from relay.limits.spending import Alone


class Turning:
    """A broker whose selector turns in a thread; `paused` makes it deaf, as a hung supervisor is."""

    def __init__(self, saved: Path | None = None) -> None:
        self.selector = selectors.DefaultSelector()
        self.broker = Broker(self.selector, time.time, saved)
        self.lock = threading.Lock()
        self.ended = False
        self.thread = threading.Thread(target=self._turn)
        self.thread.start()

    def _turn(self) -> None:
        while not self.ended:
            with self.lock:
                for key, events in self.selector.select(0.01):
                    key.data(events)
            time.sleep(0.001)  # lets the test take the lock

    def connect(self, who: str) -> socket.socket:
        with self.lock:
            return self.broker.connect(who)

    def disconnect(self, who: str) -> None:
        with self.lock:
            self.broker.disconnect(who)

    def tick(self) -> None:
        with self.lock:
            self.broker.tick()

    def used(self, charge: Charge) -> int:
        with self.lock:
            return self.broker._quotas.used(charge)

    def held(self, key: str) -> int:
        with self.lock:
            return self.broker.held(Place.SITE, key)

    def end(self) -> None:
        self.ended = True
        self.thread.join()


@pytest.fixture
def turning() -> Iterator[Turning]:
    broker = Turning()
    yield broker
    broker.end()


@contextlib.asynccontextmanager
async def client(turning: Turning, who: str, workers: int = 2) -> AsyncIterator[BrokerLimits]:
    limits = BrokerLimits(turning.connect(who), workers, time.time)
    await limits.start()
    running = asyncio.create_task(limits.run(round_seconds=0.05))
    try:
        yield limits
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await limits.close()


async def until(true: Callable[[], object], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - the broker lives in a thread and has no event of ours to set
            await asyncio.sleep(0.01)


async def test_two_workers_together_get_no_more_than_the_limit(turning: Turning) -> None:
    async with client(turning, "one") as one, client(turning, "two") as two:
        got = await asyncio.gather(*(each.lease(Place.SITE, "mx", 10) for each in [one, two] * 20))
        assert sum(got) == 10


async def test_a_place_given_back_is_at_hand_for_the_next_one_and_for_one_only(turning: Turning) -> None:
    async with client(turning, "one") as one:
        assert not one.at_hand(Place.SITE, "mx")
        assert await one.lease(Place.SITE, "mx", 1)
        assert not one.at_hand(Place.SITE, "mx")
        one.give_back(Place.SITE, "mx")
        assert one.at_hand(Place.SITE, "mx")
        assert not one.at_hand(Place.SITE, "mx")
        assert turning.held("mx") == 1


async def test_what_one_keeps_idle_comes_back_for_the_other(turning: Turning) -> None:
    async with client(turning, "one") as one, client(turning, "two") as two:
        assert await one.lease(Place.SITE, "mx", 1)
        assert not await two.lease(Place.SITE, "mx", 1)
        one.give_back(Place.SITE, "mx")
        await until(lambda: turning.held("mx") == 0)
        assert await two.lease(Place.SITE, "mx", 1)


async def test_the_places_of_a_dead_worker_are_free_again(turning: Turning) -> None:
    async with client(turning, "two") as two:
        async with client(turning, "one") as one:
            assert await one.lease(Place.SITE, "mx", 1)
        await until(lambda: turning.held("mx") == 0)
        assert await two.lease(Place.SITE, "mx", 1)


async def test_a_mark_reaches_the_others_and_is_replayed_to_who_comes_later(turning: Turning) -> None:
    async with client(turning, "one") as one, client(turning, "two") as two:
        one.mark(Mark(Kind.PAUSED_SITE, "mx", time.time() + 60, "rate"))
        await until(lambda: two.marked(Kind.PAUSED_SITE, "mx"), 1)
        async with client(turning, "three") as three:
            await until(lambda: three.marked(Kind.PAUSED_SITE, "mx"), 1)
            two.unmark(Kind.PAUSED_SITE, "mx")
            await until(lambda: not one.marked(Kind.PAUSED_SITE, "mx"), 1)
            await until(lambda: not three.marked(Kind.PAUSED_SITE, "mx"), 1)


async def test_failures_seen_by_two_workers_add_up_to_a_ban_both_know(
    turning: Turning, caplog: pytest.LogCaptureFixture
) -> None:
    async with client(turning, "one") as one, client(turning, "two") as two:
        for limits in (one, two, one):
            limits.strike(Kind.BANNED_ADDRESS, "192.0.2.1", limit=3, window=60, rest=60, why="failed AUTH")
        for limits in (one, two):
            await until(lambda each=limits: each.marked(Kind.BANNED_ADDRESS, "192.0.2.1"), 1)  # type: ignore[misc]
    (line,) = [each.getMessage() for each in caplog.records if "banned-address" in each.getMessage()]
    assert line.startswith("banned-address address=192.0.2.1 until=2")
    assert line.endswith(": failed AUTH")


async def test_a_strike_takes_the_place_of_the_guess_that_it_was(turning: Turning) -> None:
    who = "ann 192.0.2.1"

    async def guess(limits: BrokerLimits) -> bool:
        if limits.marked(Kind.BANNED_USER, who) or not await limits.lease(Place.LOGIN_USER, who, 10):
            return False
        banned = limits.marked(Kind.BANNED_USER, who)
        await asyncio.sleep(0.001)  # the examination
        if not banned:
            limits.strike(Kind.BANNED_USER, who, limit=10, window=60, rest=60, why="failed logins")
        limits.give_back(Place.LOGIN_USER, who)
        return not banned

    async with client(turning, "one") as one, client(turning, "two") as two:
        rounds = [await asyncio.gather(*(guess(each) for each in [one, two] * 10)) for _ in range(3)]
        assert sum(map(sum, rounds)) == 10
        assert one.marked(Kind.BANNED_USER, who)


async def test_without_an_answer_a_worker_keeps_to_its_share_and_returns_to_the_broker_later(
    turning: Turning,
) -> None:
    async with client(turning, "one") as one:
        with turning.lock:  # the broker hears nothing now
            got = [await one.lease(Place.SITE, "mx", 10) for _ in range(8)]
            assert got == [True] * 5 + [False] * 3
            one.strike(Kind.BANNED_USER, "ann 192.0.2.1", limit=1, window=60, rest=60, why="failed AUTH")
            assert one.marked(Kind.BANNED_USER, "ann 192.0.2.1")
        for _ in range(5):
            one.give_back(Place.SITE, "mx")
        await until(lambda: not one._silent)
        await until(lambda: turning.held("mx") == 0)
        assert [await one.lease(Place.SITE, "mx", 10) for _ in range(11)] == [True] * 10 + [False]


async def test_a_worker_cut_off_from_the_broker_lives_on_its_share(turning: Turning) -> None:
    async with client(turning, "one") as one:
        assert await one.lease(Place.SITE, "mx", 4)
        turning.disconnect("one")
        await until(lambda: one._silent)
        assert await one.lease(Place.SITE, "mx", 4)
        assert not await one.lease(Place.SITE, "mx", 4)
        one.give_back(Place.SITE, "mx")
        assert await one.lease(Place.SITE, "mx", 4)


async def test_a_very_long_key_is_one_key(turning: Turning) -> None:
    site = ",".join(f"mx{number}.example.net" for number in range(1000))
    async with client(turning, "one") as one, client(turning, "two") as two:
        assert await one.lease(Place.SITE, site, 1)
        assert not await two.lease(Place.SITE, site, 1)


async def test_who_does_not_read_misses_no_mark_in_the_end(turning: Turning) -> None:
    deaf = turning.connect("deaf")
    async with client(turning, "one") as one:
        for number in range(12_000):
            one.mark(Mark(Kind.DEAD_HOST, f"host-{number}:25", time.time() + 60, "x" * 200))
            if number % 500 == 0:
                await one.lease(Place.SITE, f"mx{number}", 1)  # its answer means that all of them were read
        last = Mark(Kind.DEAD_HOST, "last:25", time.time() + 60, "")
        one.mark(last)
        await until(lambda: b"last:25" in _marks(turning), 20)
        limits = BrokerLimits(deaf, 2, time.time)
        await limits.start()
        running = asyncio.create_task(limits.run())
        await until(lambda: limits.marked(Kind.DEAD_HOST, "last:25"), 20)
        await until(lambda: limits.marked(Kind.DEAD_HOST, "host-0:25"), 20)
        running.cancel()
        await limits.close()


def _marks(turning: Turning) -> bytes:
    with turning.lock:
        return b" ".join(each.key.encode() for each in turning.broker._marks.all(0))


async def test_marks_outlive_a_restart_of_the_broker(tmp_path: Path) -> None:
    saved = tmp_path / "marks.json"
    first = Turning(saved)
    async with client(first, "one") as one, client(first, "two") as two:
        one.mark(Mark(Kind.PAUSED_SITE, "mx", time.time() + 60, "rate"))
        one.mark(Mark(Kind.PAUSED_SITE, "over", time.time() - 1, "rate"))
        await until(lambda: two.marked(Kind.PAUSED_SITE, "mx"))
        first.tick()
    first.end()
    assert [each.key for each in read_marks(saved, time.time())] == ["mx"]
    second = Turning(saved)
    async with client(second, "one") as one:
        await until(lambda: one.marked(Kind.PAUSED_SITE, "mx"))
    second.end()


async def test_a_client_that_talks_nonsense_is_cut_off(turning: Turning) -> None:
    sock = turning.connect("one")
    sock.settimeout(5)
    sock.sendall(b'["lease"]\n')
    while sock.recv(4096):
        pass


async def test_alone_a_worker_has_its_share_at_least_one(turning: Turning) -> None:
    async with client(turning, "one", workers=4) as limits:
        turning.disconnect("one")
        await until(lambda: limits._silent)
        assert [await limits.lease(Place.SESSION, "a", 10) for _ in range(3)] == [True, True, False]
        assert [await limits.lease(Place.SESSION, "b", 1) for _ in range(2)] == [True, False]
        limits.give_back(Place.SESSION, "a")
        assert await limits.lease(Place.SESSION, "a", 10)


MESSAGES = Charge("credential crm messages 3600", 3600, 10, 1)


async def test_two_workers_together_spend_no_more_than_the_quota(turning: Turning) -> None:
    async with client(turning, "one") as one, client(turning, "two") as two:
        got = await asyncio.gather(*(each.spend([MESSAGES]) for each in [one, two] * 20))
        assert got.count(None) == 10
        spent = await two.spend([MESSAGES])
        assert spent is not None
        assert spent.charge == MESSAGES
        assert spent.used == 10
        assert 3500 < spent.until - time.time() < 3700


async def test_names_that_one_worker_counted_are_known_to_the_other(turning: Turning) -> None:
    def domains(*names: str) -> Charge:
        return Charge("credential crm domains", 3600, 2, names=names)

    async with client(turning, "one") as one, client(turning, "two") as two:
        assert await one.spend([domains("example.net", "b\u00fccher.example"), MESSAGES]) is None
        assert await two.spend([domains("example.net"), MESSAGES]) is None
        assert (await two.spend([domains("example.org"), MESSAGES])) is not None
        assert turning.used(MESSAGES) == 2


async def test_a_message_to_very_many_domains_fits_into_a_line(turning: Turning) -> None:
    names = tuple(f"{number}.{'x' * 60}.example.net" for number in range(25_000))
    charges = [Charge(f"{who} {hours}", hours * 3600, 100_000, names=names) for who in "ab" for hours in (1, 24)]
    async with client(turning, "one") as one:
        assert await one.spend(charges) is None
        assert turning.used(charges[0]) == 20_000
        assert not one._silent


async def test_who_is_forced_in_is_told_its_turn(turning: Turning) -> None:
    async with client(turning, "one") as one, client(turning, "two") as two:
        got = [await each.spend([MESSAGES], force=True) for each in [one, two] * 11]
    turns = [each.until if each else 0.0 for each in got]
    assert turns == sorted(turns)
    assert [turns.count(each) for each in dict.fromkeys(turns)] == [10, 10, 2]


async def test_without_an_answer_a_worker_spends_its_share_and_tells_the_broker_later(turning: Turning) -> None:
    async with client(turning, "one") as one:
        with turning.lock:
            got = [await one.spend([MESSAGES]) for _ in range(8)]
            assert got[:5] == [None] * 5  # half of ten, there being two workers
            assert None not in got[5:]
            big = await one.spend([Charge(MESSAGES.key, 3600, 10, 6)])
            assert big is not None
            assert big.until < time.time() + 600  # with the broker there would be room
        await until(lambda: not one._silent)
        await until(lambda: turning.used(MESSAGES) == 5)  # the question it did not answer in time is no sixth
        assert await one.spend([MESSAGES]) is None


async def test_quotas_outlive_a_restart_of_the_broker(tmp_path: Path) -> None:
    first = Turning(tmp_path / "limits.json")
    async with client(first, "one") as one:
        assert await one.spend([Charge(MESSAGES.key, 3600, 10, 7)]) is None
        first.tick()
    first.end()
    assert (tmp_path / QUOTAS).stat().st_mode & 0o777 == 0o600
    second = Turning(tmp_path / "limits.json")
    async with client(second, "one") as one:
        assert await one.spend([Charge(MESSAGES.key, 3600, 10, 4)]) is not None
        assert await one.spend([Charge(MESSAGES.key, 3600, 10, 3)]) is None
    second.end()


def test_a_file_of_quotas_that_makes_no_sense_is_told_of_and_begun_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / QUOTAS).write_text('{"clock": 1}')
    with selectors.DefaultSelector() as selector:
        Broker(selector, time.time, tmp_path / "limits.json").end()
    assert "all quotas are counted anew" in caplog.text


def test_alone_a_worker_spends_its_share() -> None:
    alone = Alone(2, time.time)
    assert [alone.spend([MESSAGES], force=False) is None for _ in range(6)] == [True] * 5 + [False]
    forced = alone.spend([Charge("other", 60, 10, 8)], force=True)
    assert forced is not None
    assert forced.until < time.time() + 60


@pytest.mark.parametrize("step", [-86_400.0, 86_400.0])
async def test_bans_and_pauses_last_as_long_as_they_were_to_though_the_clock_is_set(
    turning: Turning, caplog: pytest.LogCaptureFixture, step: float
) -> None:
    def left(limits: BrokerLimits) -> float:
        mark = limits.marked(Kind.PAUSED_SITE, "mx")
        return mark.until - step - time.time() if mark else 0.0

    async with client(turning, "one") as one, client(turning, "two") as two:
        one.mark(Mark(Kind.PAUSED_SITE, "mx", time.time() + 60, "rate"))
        await until(lambda: two.marked(Kind.PAUSED_SITE, "mx"))
        with turning.lock:
            for which in (one, two, turning.broker):  # it is one clock for all
                which._clock = lambda: time.time() + step
            turning.broker.tick()
        for each in (one, two):
            await until(lambda each=each: 50 < left(each) < 61)  # type: ignore[misc]
    assert caplog.text.count("the clock was set by") == 1
