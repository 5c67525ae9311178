"""What messages ask of their way out, with a real store and real receivers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.limits.interface import Kind
from relay.model.clock import system_clock
from relay.model.event import EventName
from relay.model.message import Due, State
from relay.model.options import RequireTls, Sandbox, VerifyTls, Window
from relay.model.route import Host, Route, TlsDemand, Way
from relay.model.suppression import Cause, Suppression
from tests.delivery.rig import HOME, Rig, route_to
from tests.peers.receiver import Behaviour, Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as it:
        yield it


@pytest.fixture
def senders() -> Iterator[Receiver]:
    """Where reports go."""
    with Receiver() as it:
        yield it


class Time:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


# TLS.


async def test_mail_that_must_be_encrypted_is_deferred_where_there_is_no_tls_and_others_go_on(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.behaviour.starttls = False
    route = route_to(receiver, tls=TlsDemand.MAY)
    async with Rig.running(tmp_path, {"example.net": route}, retry=[60.0]) as rig:
        strict = [await rig.submit("ann@example.net", require_tls=RequireTls.MUST) for _ in range(8)]
        for each in strict:
            event = await rig.event(each, EventName.DEFERRED)
        plain = await rig.submit("bob@example.net")
        await rig.ended(plain)
    assert (event.data["class"], event.data["demand"]) == ("tls", "must")
    assert event.data["reply"] == "451 4.7.5 the next hop does not offer STARTTLS, which this mail demands"
    assert [each.recipients for each in receiver.messages] == [("bob@example.net",)]
    assert rig.limits.marked(Kind.DEAD_HOST, route.hosts[0].key) is None


async def test_a_broken_handshake_that_is_remembered_sends_no_strict_mail_in_clear_text(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.behaviour.on = {"handshake": "garbage"}
    async with Rig.running(tmp_path, {"example.net": route_to(receiver, tls=TlsDemand.MAY)}) as rig:
        plain = await rig.submit("bob@example.net")
        await rig.ended(plain)
        strict = await rig.submit("ann@example.net", require_tls=RequireTls.MUST, max_attempts=2)
        (state,) = await rig.ended(strict)
    assert (state.state, state.attempts) == (State.FAILED, 2)
    assert state.reply.startswith("550 5.7.30 the message demands TLS, which did not come about: ")
    assert [each.recipients for each in receiver.messages] == [("bob@example.net",)]


@pytest.mark.parametrize(
    ("certificate", "verify", "arrives"),
    [
        ("wrong", VerifyTls.OPPORTUNISTIC, True),
        ("expired", VerifyTls.NONE, True),
        ("wrong", VerifyTls.REQUIRED, False),
    ],
)
async def test_a_certificate_is_checked_as_the_message_asks(
    tmp_path: Path, certificate: str, verify: VerifyTls, arrives: bool
) -> None:
    with Receiver(Behaviour(certificate=certificate)) as receiver:
        async with Rig.running(tmp_path, {"example.net": route_to(receiver, tls=TlsDemand.MAY)}) as rig:
            options: dict[str, Any] = {"require_tls": RequireTls.MUST, "verify_tls": verify, "max_attempts": 1}
            message = await rig.submit("ann@example.net", **options)
            (state,) = await rig.ended(message)
        assert state.state is (State.DELIVERED if arrives else State.FAILED)
        assert [each.tls for each in receiver.messages] == ([True] if arrives else [])


async def test_demands_do_not_mix_on_a_connection(tmp_path: Path, receiver: Receiver) -> None:
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, idle=5.0) as rig:
        for asked in (RequireTls.MAY, RequireTls.MUST, RequireTls.MAY, RequireTls.MUST):
            await rig.ended(await rig.submit("ann@example.net", require_tls=asked))
    assert [(each.tls, each.messages) for each in receiver.sessions] == [(False, 2), (True, 2)]


# Where it leaves from.

POOLS: dict[str, Any] = {
    "egresses": [
        {"name": "two", "ipv4": "127.0.0.2", "ehlo": "two.relay.example"},
        {"name": "three", "ipv4": "127.0.0.3", "ehlo": "three.relay.example"},
    ],
    "pools": {"bulk": ["two", "three"], "third": ["three"]},
}


async def test_mail_of_a_pool_leaves_from_its_addresses_and_says_their_names(
    tmp_path: Path, receiver: Receiver
) -> None:
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, **POOLS) as rig:
        asked: list[dict[str, Any]] = [{}, {"pool": "third"}, {"pool": "bulk", "source_ip": ("127.0.0.2",)}]
        for options in asked:
            message = await rig.submit("ann@example.net", **options)
            await rig.ended(message)
        events = rig.events(message, EventName.DELIVERED)
    said = {each.client: each.commands[0] for each in receiver.sessions}
    assert said == {
        "127.0.0.1": "EHLO relay.example",
        "127.0.0.3": "EHLO three.relay.example",
        "127.0.0.2": "EHLO two.relay.example",
    }
    assert events[0].data["egress"] == "two"


async def test_a_message_leaves_from_the_same_address_at_every_attempt(tmp_path: Path, receiver: Receiver) -> None:
    receiver.behaviour.greylist = True
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, idle=0.0, **POOLS) as rig:
        messages = [await rig.submit(f"r{number}@example.net", pool="bulk") for number in range(6)]
        for each in messages:
            await rig.ended(each)
        ways = [
            {event.data["egress"] for event in rig.events(each, EventName.DEFERRED, EventName.DELIVERED)}
            for each in messages
        ]
    assert all(len(each) == 1 for each in ways)
    assert set.union(*ways) == {"two", "three"}


async def test_mail_whose_pool_is_gone_waits(tmp_path: Path, receiver: Receiver) -> None:
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, retry=[60.0]) as rig:
        message = await rig.submit("ann@example.net", pool="bulk")
        event = await rig.event(message, EventName.DEFERRED)
    assert (event.data["class"], event.data["reply"]) == (
        "egress",
        "451 4.3.5 no egress of this relay is of pool bulk, which the message asks for",
    )
    assert receiver.sessions == []


async def test_an_egress_that_has_lost_its_address_kills_no_host_for_the_others(
    tmp_path: Path, receiver: Receiver
) -> None:
    lost: dict[str, Any] = {"egresses": [{"name": "lost", "ipv4": "192.0.2.77"}], "pools": {"lost": ["lost"]}}
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, retry=[60.0], **lost) as rig:
        message = await rig.submit("ann@example.net", pool="lost")
        event = await rig.event(message, EventName.DEFERRED)
        plain = await rig.submit("bob@example.net")
        (state,) = await rig.ended(plain)
    assert event.data["reply"].startswith("451 4.3.5 cannot send from 192.0.2.77: ")
    assert state.state is State.DELIVERED


async def test_a_site_that_rests_for_one_egress_takes_mail_from_another(tmp_path: Path, receiver: Receiver) -> None:
    receiver.behaviour.on = {"mail": ["451 4.7.28 too many messages from your address", "ok"]}
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, retry=[60.0], **POOLS) as rig:
        first = await rig.submit("ann@example.net", pool="third")
        await rig.event(first, EventName.DEFERRED)
        waiting = await rig.submit("cay@example.net", pool="third", fresh=False)
        for more in ({"fresh": True}, {"account": "another"}, {"priority": 7}):
            plain = await rig.submit("bob@example.net", **{"fresh": False} | more)
            (state,) = await rig.ended(plain)
            assert state.state is State.DELIVERED
        assert [each.state for each in rig.states(waiting)] == [State.QUEUED]
        assert rig.limits.marked(Kind.PAUSED_SITE, "three/mx1.example.net") is not None
        assert rig.limits.marked(Kind.PAUSED_SITE, "mx1.example.net") is None


async def test_an_operator_ends_the_pause_of_a_site_and_its_rest(tmp_path: Path, receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    gone = Host("gone.example.net", "127.0.0.1", port)
    receiver.behaviour.on = {"mail": ["451 4.7.28 too many messages from your address", "ok"]}
    routes = {"example.net": route_to(receiver), "example.org": route_to(gone, site="away")}
    async with Rig.running(tmp_path, routes, retry=[3600.0], dead_host=3600.0) as rig:
        await rig.event(await rig.submit("ann@example.net"), EventName.DEFERRED)
        await rig.event(await rig.submit("ann@example.org"), EventName.DEFERRED)
        paused = await rig.submit("bob@example.net", fresh=False)
        away = await rig.submit("bob@example.org", fresh=False)
        with Receiver(port=port):
            rig.agent.resume("mx1.example.net")
            rig.agent.resume("away")
            assert [each.state for each in await rig.ended(paused)] == [State.DELIVERED]
            assert [each.state for each in await rig.ended(away)] == [State.DELIVERED]


async def test_a_lane_of_two_egresses_waits_for_the_one_that_rests_without_being_claimed_again(
    tmp_path: Path, receiver: Receiver
) -> None:
    gone = Host("gone.example.net", "127.0.0.1", 1)
    routes = {"example.net": route_to(gone, site="site")}
    async with Rig.running(tmp_path, routes, retry=[60.0], dead_host=60.0, **POOLS) as rig:
        first = [await rig.submit("ann@example.net", pool="bulk") for _ in range(8)]
        for each in first:
            await rig.until(lambda each=each: rig.states(each)[0].state is State.QUEUED)  # type: ignore[misc]
        asked = len(rig.table.asked)
        later = [await rig.submit("ann@example.net", pool="bulk", fresh=False) for _ in range(8)]
        await rig.event(await rig.submit("bob@nowhere.example"), EventName.FAILED)  # others go on meanwhile
        assert len(rig.table.asked) <= asked + 4
        assert {rig.states(each)[0].state for each in later} <= {State.QUEUED}


# Order.


async def test_what_waits_goes_out_by_priority_within_its_account(tmp_path: Path, receiver: Receiver) -> None:
    async with Rig.running(tmp_path, {"example.net": route_to(receiver, site="held")}, connections=1) as rig:
        rig.agent.rests("held", system_clock() + 3600)
        rig.agent._scheduler.belongs("example.net", "held")
        messages = {
            priority: await rig.submit(f"p{priority}@example.net", priority=priority, fresh=False)
            for priority in (2, 5, 9, 0, 7)
        }
        assert {rig.states(each)[0].state for each in messages.values()} == {State.QUEUED}
        rig.agent.has_room("held")
        for each in messages.values():
            await rig.ended(each)
    assert [each.recipients[0] for each in receiver.messages] == [
        "p9@example.net",
        "p7@example.net",
        "p5@example.net",
        "p2@example.net",
        "p0@example.net",
    ]


async def test_urgent_mail_takes_the_place_of_what_is_not_where_a_site_is_full(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.behaviour.delay = {"dot": 0.02}
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, connections=1, flight=100) as rig:
        low = [await rig.submit(f"low{number}@example.net", priority=1) for number in range(90)]
        high = await rig.submit("high@example.net", priority=9)
        await rig.ended(high)
        before = len(receiver.messages)
        for each in low:
            (state,) = await rig.ended(each, 20)
            assert state.state is State.DELIVERED
    assert before < 60
    assert len(receiver.messages) == 91


# Windows, returns by operators, suppression.


async def test_mail_outside_its_window_waits_until_it_opens(tmp_path: Path, receiver: Receiver) -> None:
    clock = Time()
    window = Window((), "", clock.now + 600, clock.now + 1200)
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, clock=clock) as rig:
        message = await rig.submit("ann@example.net", send_window=(window,))
        await rig.until(lambda: rig.states(message)[0].next_attempt == clock.now + 600)
        assert receiver.sessions == []
        clock.now += 600
        rig.agent.waiting(HOME, (), clock.now)
        (state,) = await rig.ended(message)
    assert (state.state, state.attempts) == (State.DELIVERED, 1)


async def test_mail_whose_window_opens_too_late_expires(tmp_path: Path, receiver: Receiver) -> None:
    clock = Time()
    window = Window((), "", clock.now + 600, clock.now + 1200)
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, clock=clock) as rig:
        message = await rig.submit("ann@example.net", sender="", send_window=(window,), lifetime=300.0)
        (state,) = await rig.ended(message)
    assert (state.state, state.attempts, state.reply) == (State.EXPIRED, 0, "554 5.4.7 delivery time expired")


async def test_who_is_suppressed_while_mail_waits_gets_none_and_nobody_is_told(
    tmp_path: Path, receiver: Receiver, senders: Receiver
) -> None:
    receiver.behaviour.on = {"rcpt:ann@example.net": "451 4.2.0 later"}
    listed: dict[str, Suppression] = {}

    def suppressed(due: Due) -> list[Suppression]:
        entry = listed.get(due.recipient.address)
        return [] if entry is None else [entry]

    routes = {"example.net": route_to(receiver), "relay.example": route_to(senders)}
    async with Rig.running(tmp_path, routes, suppressed=suppressed) as rig:
        message = await rig.submit("ann@example.net", "bob@example.net")
        await rig.event(message, EventName.DEFERRED)
        listed["ann@example.net"] = Suppression(
            account="demo", address="ann@example.net", cause=Cause.COMPLAINT, note="arf", created=0.0
        )
        ann, bob = await rig.ended(message)
        (event,) = rig.events(message, EventName.SUPPRESSED)
    assert (ann.state, bob.state) == (State.SUPPRESSED, State.DELIVERED)
    assert (event.recipient, event.data["cause"], event.data["note"]) == (1, "complaint", "arf")
    assert senders.messages == []


async def test_an_operators_return_is_told_to_the_sender_and_never_attempted(
    tmp_path: Path, receiver: Receiver, senders: Receiver
) -> None:
    routes = {"example.net": route_to(receiver), "relay.example": route_to(senders)}
    async with Rig.running(tmp_path, routes) as rig:
        message = await rig.submit("ann@example.net", doomed="the campaign is over")
        (state,) = await rig.ended(message)
        await senders.arrived(1)
    assert (state.state, state.attempts, state.reply) == (State.FAILED, 0, "554 5.0.0 the campaign is over")
    assert receiver.sessions == []
    assert b"the campaign is over" in senders.messages[0].content


# The sandbox.


async def test_simulated_endings_leave_nothing_and_are_told_to_nobody(tmp_path: Path, receiver: Receiver) -> None:
    routes = {"example.net": route_to(receiver), "relay.example": route_to(receiver)}
    async with Rig.running(tmp_path, routes, sandbox=True) as rig:
        rig.table.routes["example.net"] = Route(way=Way.SANDBOX, egress="default", site="sandbox")
        ended = {}
        for asked in (Sandbox.OFF, Sandbox.HARD, Sandbox.SOFT, Sandbox.CLICK):
            message = await rig.submit("ann@example.net", test=asked is not Sandbox.OFF, sandbox=asked)
            (ended[asked],) = await rig.ended(message)
            assert all(event.data.get("test") for event in rig.events(message)[1:])
        names = [each.name for each in rig.events(message)]
    assert {asked: (each.state, each.reply[:9]) for asked, each in ended.items()} == {
        Sandbox.OFF: (State.DELIVERED, "250 2.0.0"),
        Sandbox.HARD: (State.FAILED, "550 5.1.1"),
        Sandbox.SOFT: (State.FAILED, "552 5.2.2"),
        Sandbox.CLICK: (State.DELIVERED, "250 2.0.0"),
    }
    assert names[1:] == [EventName.DELIVERED, EventName.CLICKED]
    assert receiver.sessions == []


# The return path.


async def test_a_return_path_of_ours_goes_on_the_wire_and_each_recipient_alone(
    tmp_path: Path, receiver: Receiver
) -> None:
    def path(due: Due) -> str:
        return f"b-{due.number}@{due.message.return_host}"

    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, return_path=path) as rig:
        ours = await rig.submit("ann@example.net", "bob@example.net", return_host="bounces.example.com")
        await rig.ended(ours)
        theirs = await rig.submit("ann@example.net", "bob@example.net")
        await rig.ended(theirs)
    assert sorted((each.sender, each.recipients) for each in receiver.messages) == [
        ("b-1@bounces.example.com", ("ann@example.net",)),
        ("b-2@bounces.example.com", ("bob@example.net",)),
        ("me@relay.example", ("ann@example.net", "bob@example.net")),
    ]
