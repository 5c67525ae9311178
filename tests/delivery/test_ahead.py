"""Envelopes that go out behind the message before them, and servers that cannot keep step."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.limits.interface import Kind
from relay.model.event import EventName
from relay.model.message import State
from tests.delivery.rig import Rig, route_to
from tests.peers.receiver import Behaviour, Receiver

MANY = 8
AHEAD: dict[str, Any] = {"connections": 1, "pipeline_envelopes": ["*.example.net"]}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    # It greets late, so that mail waits for the connection when the first message goes out.
    with Receiver(Behaviour(delay={"greeting": 0.3})) as given:
        yield given


async def _send(rig: Rig, count: int = MANY) -> list[str]:
    """Messages with a content and a recipient of their own."""
    return [
        await rig.submit(f"r{number}@example.net", content=b"Subject: %d\r\n\r\nhello\r\n" % number)
        for number in range(count)
    ]


def _ahead(receiver: Receiver) -> int:
    return sum(each.ahead for each in receiver.sessions)


def _arrived(receiver: Receiver) -> Counter[tuple[tuple[str, ...], bytes]]:
    return Counter((each.recipients, each.content) for each in receiver.messages)


def _all(count: int = MANY) -> Counter[tuple[tuple[str, ...], bytes]]:
    """Every message once, with its own content to its own recipient."""
    return Counter(((f"r{n}@example.net",), b"Subject: %d\r\n\r\nhello\r\n" % n) for n in range(count))


async def _delivered_at_once(rig: Rig, messages: list[str]) -> None:
    for message in messages:
        (state,) = await rig.ended(message)
        assert (state.state, state.attempts) == (State.DELIVERED, 1)
        assert rig.events(message, EventName.DEFERRED, EventName.ATTEMPTED) == []


async def test_the_next_envelope_goes_out_behind_a_message_where_that_is_wanted(
    tmp_path: Path, receiver: Receiver
) -> None:
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, **AHEAD) as rig:
        messages = await _send(rig)
        await _delivered_at_once(rig, messages)
        said = rig.events(messages[3], EventName.DELIVERED)[0].data["conversation"]
    assert _arrived(receiver) == _all()
    assert _ahead(receiver) == MANY - 1
    assert said[:2] == ["C: MAIL FROM:<me@relay.example> SIZE=21", "S: 250 2.1.0 sender ok"]


async def test_it_waits_for_its_turn_where_nobody_asked_for_that(tmp_path: Path, receiver: Receiver) -> None:
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, connections=1) as rig:
        await _delivered_at_once(rig, await _send(rig))
    assert _arrived(receiver) == _all()
    assert _ahead(receiver) == 0


async def test_it_waits_for_its_turn_where_pipelining_is_not_offered(tmp_path: Path, receiver: Receiver) -> None:
    receiver.behaviour.pipelining = False
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, **AHEAD) as rig:
        await _delivered_at_once(rig, await _send(rig))
    assert _ahead(receiver) == 0


@pytest.mark.parametrize(
    "behaviour",
    [
        {"forgetful": True},
        {"on": {"dot": "raw 250 2.0.0 taken\r\n250 2.0.0 taken twice\r\n"}},
        {"on": {"dot": ["ok", "ok", "503 5.5.1 bad sequence of commands"]}},
        {"on": {"dot": ["ok", "554 SMTP synchronization error"]}},
        {"on": {"mail": ["ok", "ok", "503 5.5.1 nested MAIL"]}},
        {"on": {"mail": ["ok", "554 SMTP synchronization error"]}},
        {"on": {"mail": ["ok", "500 5.5.2 command unrecognized"]}},
        {"on": {"mail": ["ok", "drop"]}},
        {"on": {"rcpt": ["ok", "ok", "junk"]}},
        {"on": {"data": ["ok", "503 5.5.1 RCPT first"]}},
        {"on": {"rset": "500 5.5.2 what?", "rcpt": ["ok", "550 5.1.1 not you"]}},
    ],
    ids=[
        "forgets",
        "twice",
        "dot-503",
        "manners",
        "mail-503",
        "mail-554",
        "mail-500",
        "drop",
        "junk",
        "data-503",
        "rset-500",
    ],
)
async def test_a_server_that_loses_step_costs_no_mail_and_gets_no_envelope_ahead_any_more(
    behaviour: dict[str, Any], tmp_path: Path, receiver: Receiver
) -> None:
    for name, value in behaviour.items():
        setattr(receiver.behaviour, name, value)
    route = route_to(receiver)
    async with Rig.running(tmp_path, {"example.net": route}, **AHEAD) as rig:
        await _delivered_at_once(rig, await _send(rig))
        assert rig.limits.marked(Kind.LOST_STEP, route.hosts[0].key) is not None
        told = _ahead(receiver)
        assert told >= 1
        await _delivered_at_once(rig, await _send(rig))
        assert _ahead(receiver) == told
    assert _arrived(receiver) == _all() + _all()


async def test_who_is_refused_in_good_order_is_refused_and_the_others_go_on(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.behaviour.on = {
        "rcpt:r2@example.net": "550 5.1.1 no such mailbox",
        "rcpt:r5@example.net": "550 5.1.1 no",
    }
    route = route_to(receiver)
    async with Rig.running(tmp_path, {"example.net": route}, **AHEAD) as rig:
        messages = await _send(rig)
        states = [(await rig.ended(message))[0] for message in messages]
        assert rig.limits.marked(Kind.LOST_STEP, route.hosts[0].key) is None
    assert [number for number, each in enumerate(states) if each.state is State.FAILED] == [2, 5]
    assert states[2].reply == "550 5.1.1 no such mailbox"
    assert len(receiver.sessions) == 1
    assert len(receiver.messages) == MANY - 2


async def test_a_farewell_is_no_loss_of_step(tmp_path: Path, receiver: Receiver) -> None:
    receiver.behaviour.messages = 3
    route = route_to(receiver)
    async with Rig.running(tmp_path, {"example.net": route}, **AHEAD) as rig:
        await _delivered_at_once(rig, await _send(rig))
        assert rig.limits.marked(Kind.LOST_STEP, route.hosts[0].key) is None
    assert _arrived(receiver) == _all()
    assert [each.messages for each in receiver.sessions] == [3, 3, 2]


async def test_a_connection_carries_no_more_messages_than_it_may(tmp_path: Path, receiver: Receiver) -> None:
    routes = {"example.net": route_to(receiver)}
    async with Rig.running(tmp_path, routes, messages_per_connection=3, **AHEAD) as rig:
        await _delivered_at_once(rig, await _send(rig))
    assert [each.messages for each in receiver.sessions] == [3, 3, 2]
    assert len(receiver.heard("MAIL")) == MANY


async def test_a_message_refused_for_good_says_nothing_of_the_one_behind_it(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.behaviour.on = {"dot": ["ok", "554 5.7.1 spam", "421 4.3.2 going down"]}
    route = route_to(receiver)
    async with Rig.running(tmp_path, {"example.net": route}, **AHEAD) as rig:
        messages = await _send(rig)
        states = [(await rig.ended(message))[0] for message in messages]
        assert rig.limits.marked(Kind.LOST_STEP, route.hosts[0].key) is None
    assert [each.state for each in states] == [State.FAILED if n == 1 else State.DELIVERED for n in range(MANY)]
    assert [each.attempts for each in states] == [2 if n == 2 else 1 for n in range(MANY)]


async def test_a_drain_gives_back_the_mail_whose_envelope_went_ahead(tmp_path: Path, receiver: Receiver) -> None:
    receiver.behaviour.on = {"dot": ["silent"]}
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, **AHEAD) as rig:
        messages = await _send(rig, 3)
        await receiver.until(lambda it: _ahead(it) == 1)
        await rig.agent.drain(0.1)
        (first,), *others = [rig.states(message) for message in messages]
        assert (first.state, first.attempts) == (State.QUEUED, 1)
        for (state,) in others:
            assert (state.state, state.attempts) == (State.QUEUED, 0)


async def test_mail_that_is_too_late_for_its_turn_is_not_sent_although_its_envelope_was(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.behaviour.delay["dot"] = 0.6
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, **AHEAD) as rig:
        first = await rig.submit("r0@example.net", content=b"Subject: 0\r\n\r\nhello\r\n")
        late = await rig.submit("late@example.net", lifetime=0.7)
        last = await rig.submit("r1@example.net", content=b"Subject: 1\r\n\r\nhello\r\n")
        async with asyncio.timeout(10):
            (state,) = await rig.ended(late)
            assert state.state is State.EXPIRED
        await _delivered_at_once(rig, [first, last])
    assert _arrived(receiver) == _all(2)
