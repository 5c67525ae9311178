"""How the agent stops, and what it makes of faults of its own and of the store."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from relay.delivery import carrier, claims, settler
from relay.delivery.agent import Agent
from relay.delivery.attempt import Attempt
from relay.model.clock import system_clock
from relay.model.event import EventName
from relay.model.ids import IdSource, shard_of
from relay.model.message import Due, Lane, NewMessage, Settlement, State
from relay.store.interface import Claim, StoreDown, StoreFull
from relay.store.sqlite import open_queue, open_reader, shard_directory
from tests.delivery.rig import HOME, SHORT, Rig, Table, config, route_to
from tests.limits.local import LocalLimits
from tests.peers.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as it:
        yield it


async def test_a_drain_lets_a_transaction_under_way_end(tmp_path: Path, receiver: Receiver) -> None:
    receiver.behaviour.delay = {"dot": 0.3}
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}) as rig:
        message = await rig.submit("ann@example.net")
        await receiver.until(lambda it: it.heard("DATA") != [])
        await rig.agent.drain(5)
        assert rig.states(message)[0].state is State.DELIVERED


async def test_a_drain_gives_back_what_was_not_begun(tmp_path: Path, receiver: Receiver) -> None:
    receiver.behaviour.delay = {"dot": 0.3}
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, connections=1) as rig:
        messages = [await rig.submit("ann@example.net") for _ in range(10)]
        await receiver.until(lambda it: it.heard("DATA") != [])
        await rig.agent.drain(5)
        states = [rig.states(message)[0] for message in messages]
        assert [each.state for each in states].count(State.DELIVERED) == 1
        assert {(each.state, each.attempts) for each in states if each.state is not State.DELIVERED} == {
            (State.QUEUED, 0)
        }
    assert len(receiver.messages) == 1


async def test_mail_cut_off_after_its_final_dot_is_deferred_as_uncertain(tmp_path: Path, receiver: Receiver) -> None:
    receiver.behaviour.delay = {"dot": 30}
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}) as rig:
        message = await rig.submit("ann@example.net")
        await receiver.until(lambda it: it.heard("DATA") != [])
        await rig.agent.drain(0.2)
        (event,) = rig.events(message, EventName.DEFERRED)
        assert event.data["class"] == "uncertain"
        assert (rig.states(message)[0].state, rig.states(message)[0].attempts) == (State.QUEUED, 1)


@pytest.mark.parametrize("step", ["greeting", "mail", "data"])
async def test_mail_cut_off_before_its_final_dot_is_as_if_never_tried(
    tmp_path: Path, receiver: Receiver, step: str
) -> None:
    receiver.behaviour.delay = {step: 30}
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}) as rig:
        message = await rig.submit("ann@example.net")
        await receiver.until(lambda it: len(it.sessions) == 1)
        await rig.agent.drain(0.2)
        assert [each.name for each in rig.events(message)] == [EventName.RECEIVED]
        assert (rig.states(message)[0].state, rig.states(message)[0].attempts) == (State.QUEUED, 0)


async def test_nothing_is_taken_after_a_drain(tmp_path: Path, receiver: Receiver) -> None:
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}) as rig:
        await rig.agent.drain(1)
        assert not rig.agent.reserve(1)
        message = await rig.submit("ann@example.net")
        assert rig.states(message)[0].state is State.QUEUED
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}) as rig:
        await rig.ended(message)  # the next process finds it


async def test_what_was_in_flight_when_a_process_died_is_delivered_by_the_next(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.behaviour.delay = {"greeting": 30}
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}) as rig:
        message = await rig.submit("ann@example.net")
        assert rig.states(message)[0].state is State.FLIGHT
    receiver.behaviour.delay = {}
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}) as rig:
        await rig.ended(message)


async def test_a_fault_in_an_attempt_gives_the_mail_back_and_hurts_nobody_else(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = Attempt.run

    async def faulty(self: Attempt, kept: Any) -> None:
        if self.undecided[0].recipient.address.startswith("bad"):
            raise RuntimeError("a fault of ours")
        await run(self, kept)

    monkeypatch.setattr(Attempt, "run", faulty)
    monkeypatch.setattr(carrier, "AGAIN", 0.2)
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}) as rig:
        bad = await rig.submit("bad@example.net")
        good = await rig.submit("good@example.net")
        await rig.ended(good)
        await rig.until(lambda: rig.states(bad)[0].state is State.QUEUED)
        assert "a fault of ours" in caplog.text
        monkeypatch.setattr(Attempt, "run", run)
        (state,) = await rig.ended(bad)
        assert state.attempts == 1


async def test_a_dead_task_of_its_own_ends_the_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Rig.running(tmp_path, {}) as rig:

        async def broken(lane: Lane, now: float, limit: int) -> Claim:
            raise RuntimeError("the engine broke")

        monkeypatch.setattr(rig.queue, "claim", broken)
        other = Agent(
            config=config(tmp_path),
            queues={HOME: rig.queue},
            router=Table({}),
            limits=LocalLimits(1, system_clock),
            clock=system_clock,
            random=random.Random(1),
            ids=IdSource(HOME, system_clock),
            home=HOME,
            sign=None,
        )
        other.waiting(HOME, [Lane("example.net", "demo")], 0.0)
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.timeout(5):
                await other.run()
        assert "the engine broke" in str(caught.value.exceptions[0])


@pytest.mark.parametrize("fault", [StoreDown, StoreFull])
async def test_outcomes_wait_for_a_store_that_is_down_and_nobody_sends_on_meanwhile(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, connections=1) as rig:
        settle, room = rig.queue.settle, settler.Settler.room
        down, waiting = True, 0

        async def failing(settlements: Sequence[Settlement], reports: Sequence[NewMessage] = ()) -> None:
            if down:
                raise fault("the disk is gone")
            await settle(settlements, reports)

        async def counted(self: settler.Settler) -> None:
            nonlocal waiting
            waiting += 1
            await room(self)
            waiting -= 1

        monkeypatch.setattr(rig.queue, "settle", failing)
        monkeypatch.setattr(settler.Settler, "room", counted)
        messages = [await rig.submit(f"r{number}@example.net") for number in range(400)]
        await rig.until(lambda: waiting == 1)  # the only connection there may be
        assert 100 <= len(receiver.messages) <= 250
        down = False
        for message in messages:
            await rig.ended(message)
    assert len(receiver.messages) == 400


@pytest.mark.parametrize("fault", [StoreDown, StoreFull])
async def test_a_claim_the_store_refuses_is_made_again(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    monkeypatch.setattr(claims, "AGAIN", 0.1)
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}) as rig:
        claim, faults = rig.queue.claim, [fault("no room")] * 3

        async def failing(lane: Lane, now: float, limit: int) -> Claim:
            if faults:
                raise faults.pop()
            return await claim(lane, now, limit)

        monkeypatch.setattr(rig.queue, "claim", failing)
        await rig.ended(await rig.submit("ann@example.net", fresh=False))
    assert not faults


async def test_a_failed_release_does_not_take_back_what_was_claimed_meanwhile(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three go back in two groups. The store takes the first; a second release would catch it in its next flight."""
    monkeypatch.setattr(settler, "PAUSE", (0.01, 0.01))
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}) as rig:
        await rig.agent.drain(0)  # nobody claims but this test
        message = await rig.submit("ann@example.net", "bob@example.net", "cyd@example.net")
        lane = Lane("example.net", "demo")
        dues = (await rig.queue.claim(lane, system_clock(), 10)).dues
        release, faults, again = rig.queue.release, [StoreDown("the disk is gone")], list[Due]()

        async def second_fails(those: Iterable[Due], at: float) -> None:
            if at > system_clock() and faults:
                again.extend((await rig.queue.claim(lane, system_clock(), 10)).dues)
                raise faults.pop()
            await release(those, at)

        monkeypatch.setattr(rig.queue, "release", second_fails)
        rig.agent.put_back(dues[:2])
        rig.agent.put_back(dues[2:], 60.0)
        await rig.until(lambda: rig.states(message)[2].state is State.QUEUED)
        assert [each.number for each in again] == [1, 2]
        assert [each.state for each in rig.states(message)] == [State.FLIGHT, State.FLIGHT, State.QUEUED]


async def test_a_content_or_key_that_cannot_be_read_keeps_no_outcome_waiting(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_key(content: bytes, domain: str) -> bytes:
        raise StoreDown("the registry is gone")

    async with Rig.running(tmp_path, {"relay.example": route_to(receiver)}, sign=no_key) as rig:
        content = rig.queue.content

        async def unreadable(message: str, number: int) -> bytes:
            if message == bad:
                raise StoreDown("input/output error")
            return await content(message, number)

        monkeypatch.setattr(rig.queue, "content", unreadable)
        bad = ""
        bad = await rig.submit("gone@example.org", fresh=False)
        await rig.ended(bad)
        (report,) = await receiver.arrived(1)
    assert report.sender == ""
    assert b"gone@example.org" in report.content
    assert "without its content" in caplog.text
    assert "unsigned" in caplog.text


async def test_an_adopted_shard_is_drained_and_its_reports_go_into_our_own(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.behaviour.on = {"rcpt:gone@example.net": "550 5.1.1 no"}
    routes = {"example.net": route_to(receiver), "relay.example": route_to(receiver)}
    async with Rig.running(tmp_path, routes) as rig:
        await rig.agent.drain(0)
        message = await rig.submit("ann@example.net", "gone@example.net")
    given = config(tmp_path)
    home = 5
    adopted = await open_queue(shard_directory(tmp_path, HOME), HOME, given.retention, given.sandbox, system_clock)
    full = given.retention.model_copy(update={"min_free": 1 << 60})  # no new mail; what there is goes on
    own = await open_queue(shard_directory(tmp_path, home), home, full, given.sandbox, system_clock)
    agent = Agent(
        config=given,
        queues={HOME: adopted, home: own},
        router=Table(routes),
        limits=LocalLimits(1, system_clock),
        clock=system_clock,
        random=random.Random(1),
        ids=IdSource(home, system_clock),
        home=home,
        sign=lambda content, domain: f"X-Signed-For: {domain}\r\n".encode() + content,
        timeouts=SHORT,
    )
    await agent.start()
    running = asyncio.create_task(agent.run())
    ann, report = sorted(await receiver.arrived(2), key=lambda each: each.sender, reverse=True)
    assert ann.recipients == ("ann@example.net",)
    assert (report.sender, report.recipients) == ("", ("me@relay.example",))
    assert report.content.startswith(b"X-Signed-For: relay.example\r\n")
    await agent.drain(5)
    running.cancel()
    await asyncio.wait([running])
    reader = open_reader(shard_directory(tmp_path, HOME), HOME)
    (failed,) = [each.event for each in reader.history(message) if each.event.name is EventName.FAILED]
    assert shard_of(failed.data["report"]) == home
    assert [each.state for each in reader.recipients(message)] == [State.DELIVERED, State.FAILED]
    reader.close()
    await adopted.close()
    await own.close()
