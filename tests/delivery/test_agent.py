"""Mail out, from a stored recipient to its outcome: a real store, real receivers that misbehave, real sockets."""

from __future__ import annotations

import email
import email.policy
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.limits.interface import Kind, Mark
from relay.model.clock import system_clock
from relay.model.envelope import Notify
from relay.model.event import EventName
from relay.model.message import Origin, State
from relay.model.order import Selection
from relay.model.outcome import Fault
from relay.model.reply import Reply
from relay.model.route import Host, NoRoute, Route, TlsDemand, Way
from tests.delivery.rig import CONTENT, Rig, route_to
from tests.peers.receiver import Behaviour, Doing, Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as it:
        yield it


@pytest.fixture
def second() -> Iterator[Receiver]:
    with Receiver() as it:
        yield it


@pytest.fixture
def senders() -> Iterator[Receiver]:
    """Where reports go."""
    with Receiver() as it:
        yield it


@pytest.fixture
def nobody() -> Host:
    """A host where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return Host("gone.example.net", "127.0.0.1", server.getsockname()[1])


@pytest.mark.parametrize("fresh", [True, False], ids=["handed over fresh", "claimed from the queue"])
async def test_a_message_arrives_byte_for_byte_and_its_event_tells_all(
    tmp_path: Path, receiver: Receiver, fresh: bool
) -> None:
    content = CONTENT + b".\r\n..dots\r\n8 bit \xe4\r\n"
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}) as rig:
        message = await rig.submit("ann@example.net", "bob@example.net", content=content, fresh=fresh)
        states = await rig.ended(message)
        event = await rig.event(message, EventName.DELIVERED, 2)
    (got,) = receiver.messages
    assert (got.sender, got.recipients, got.content) == (
        "me@relay.example",
        ("ann@example.net", "bob@example.net"),
        content,
    )
    assert [(each.state, each.attempts, each.reply) for each in states] == [
        (State.DELIVERED, 1, "250 2.0.0 taken")
    ] * 2
    assert {key: value for key, value in event.data.items() if key not in ("seconds", "conversation")} == {
        "to": "bob@example.net",
        "attempt": 1,
        "reply": "250 2.0.0 taken",
        "class": "accepted",
        "fault": "none",
        "egress": "default",
        "site": "mx1.example.net",
        "host": "mx1.example.net",
        "address": "127.0.0.1",
        "port": receiver.port,
        "local": "127.0.0.1",
        "tls": "",
    }
    assert event.data["conversation"][-4:] == [
        "C: DATA",
        "S: 354 go ahead",
        f"C: <message of {len(content)} octets>",
        "S: 250 2.0.0 taken",
    ]
    assert "C: RCPT TO:<ann@example.net>" not in event.data["conversation"]


async def test_a_site_is_served_over_kept_connections(tmp_path: Path, receiver: Receiver) -> None:
    routes = {f"d{number}.example": route_to(receiver, site="shared") for number in range(30)}
    async with Rig.running(tmp_path, routes, connections=1) as rig:
        messages = [await rig.submit(f"ann@d{number}.example") for number in range(30)]
        for message in messages:
            await rig.ended(message)
        await receiver.until(lambda it: all(each.done for each in it.sessions))
    assert [each.messages for each in receiver.sessions] == [30]
    assert receiver.heard("QUIT") == ["QUIT"]


async def test_a_connection_carries_only_so_many_messages(tmp_path: Path, receiver: Receiver) -> None:
    async with Rig.running(
        tmp_path, {"example.net": route_to(receiver)}, connections=1, messages_per_connection=4
    ) as rig:
        messages = [await rig.submit("ann@example.net") for _ in range(10)]
        for message in messages:
            await rig.ended(message)
    assert [each.messages for each in receiver.sessions] == [4, 4, 2]


async def test_a_connection_the_server_ends_after_some_messages_costs_nothing(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.behaviour.messages = 3
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, connections=1) as rig:
        messages = [await rig.submit("ann@example.net") for _ in range(7)]
        for message in messages:
            (state,) = await rig.ended(message)
            assert (state.state, state.attempts) == (State.DELIVERED, 1)
        assert not any(rig.events(message, EventName.DEFERRED) for message in messages)
    assert [each.messages for each in receiver.sessions] == [3, 3, 1]


async def test_a_503_on_a_kept_connection_is_tried_again_on_a_new_one(tmp_path: Path, receiver: Receiver) -> None:
    receiver.behaviour.on = {"mail": ["ok", "503 5.5.1 bad sequence"]}
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, connections=1) as rig:
        first = await rig.submit("ann@example.net")
        await rig.ended(first)
        second = await rig.submit("bob@example.net")
        (state,) = await rig.ended(second)
    assert (state.state, state.attempts) == (State.DELIVERED, 1)
    assert [each.messages for each in receiver.sessions] == [1, 1]


async def test_no_more_connections_than_allowed_are_open_at_once(tmp_path: Path, receiver: Receiver) -> None:
    receiver.behaviour.delay = {"dot": 0.05}
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, connections=3) as rig:
        messages = [await rig.submit("ann@example.net") for _ in range(40)]
        for message in messages:
            await rig.ended(message)
    assert 2 <= len(receiver.sessions) <= 3
    assert sum(each.messages for each in receiver.sessions) == 40


@pytest.mark.parametrize(
    ("on", "state", "reply", "reason", "fault"),
    [
        ({"mail": "550 5.1.8 bad sender"}, State.FAILED, "550 5.1.8 bad sender", "sender", "message"),
        ({"rcpt": "550 5.1.1 no ann"}, State.FAILED, "550 5.1.1 no ann", "no-mailbox", "recipient"),
        ({"data": "554 5.6.0 no"}, State.FAILED, "554 5.6.0 no", "refused", "message"),
        ({"dot": "554 5.7.1 spam"}, State.FAILED, "554 5.7.1 spam", "spam", "message"),
        ({"greeting": "521 5.3.2 no mail here"}, State.FAILED, "521 5.3.2 no mail here", "no-mail", "site"),
    ],
)
async def test_a_refusal_for_good_ends_the_recipient_and_the_sender_hears_of_it(
    tmp_path: Path,
    receiver: Receiver,
    senders: Receiver,
    on: dict[str, Doing],
    state: State,
    reply: str,
    reason: str,
    fault: str,
) -> None:
    receiver.behaviour.on = on
    routes = {"example.net": route_to(receiver), "relay.example": route_to(senders, site="senders")}
    async with Rig.running(tmp_path, routes) as rig:
        message = await rig.submit("ann@example.net")
        (ended,) = await rig.ended(message)
        assert (ended.state, ended.reply) == (state, reply)
        event = await rig.event(message, EventName.FAILED)
        assert (event.data["class"], event.data["fault"]) == (reason, fault)
        (got,) = await senders.arrived(1)
        report = email.message_from_bytes(got.content, policy=email.policy.default)
        assert (got.sender, got.recipients) == ("", ("me@relay.example",))
        assert report.get_content_type() == "multipart/report"
        assert "ann@example.net" in got.content.decode()
        assert reply in got.content.decode()
        assert (await rig.ended(event.data["report"]))[0].state is State.DELIVERED


@pytest.mark.parametrize(
    ("on", "reply", "reason", "fault"),
    [
        ({"connect": ["drop"]}, "421 4.4.2 connection lost (greeting)", "connection", "site"),
        ({"greeting": ["421 4.3.2 busy"]}, "421 4.3.2 busy", "unavailable", "site"),
        ({"greeting": ["554 5.7.1 not today"]}, "554 5.7.1 not today", "policy", "site"),
        ({"greeting": ["drop"]}, "421 4.4.2 connection lost (greeting)", "connection", "site"),
        ({"greeting": ["silent"]}, "421 4.4.2 no reply within the time limit (greeting)", "timeout", "site"),
        ({"greeting": ["junk"]}, "421 4.5.0 Malformed SMTP response line:", "connection", "site"),
        ({"ehlo": ["451 4.3.0 no"]}, "451 4.3.0 no", "unavailable", "site"),
        ({"ehlo": ["drop"]}, "421 4.4.2 connection lost (ehlo)", "connection", "site"),
        ({"mail": ["451 4.3.0 error"]}, "451 4.3.0 error", "system", "site"),
        ({"mail": ["drop"]}, "421 4.4.2 connection closed by the server, after MAIL", "session", "session"),
        ({"rcpt": ["450 4.2.1 busy"]}, "450 4.2.1 busy", "mailbox-busy", "recipient"),
        ({"rcpt": ["drop"]}, "421 4.4.2 connection closed by the server, after RCPT", "session", "session"),
        ({"data": ["451 4.3.0 error"]}, "451 4.3.0 error", "system", "site"),
        ({"data": ["drop"]}, "421 4.4.2 connection closed by the server, after DATA", "session", "session"),
        ({"data": ["silent"]}, "421 4.4.2 no reply within the time limit, after DATA", "timeout", "session"),
        ({"data": ["endless"]}, "421 4.4.2 a reply has more than 200 lines, after DATA", "session", "session"),
        ({"dot": ["451 4.3.0 error"]}, "451 4.3.0 error", "system", "site"),
        ({"dot": ["421 4.3.2 going down"]}, "421 4.3.2 going down", "system", "session"),
        ({"dot": ["drop"]}, "421 4.4.2 connection closed by the server, after the final dot", "uncertain", "session"),
        ({"dot": ["silent"]}, "421 4.4.2 no reply within the time limit, after the", "uncertain", "session"),
        ({"dot": ["long"]}, "421 4.4.2 a reply line has more than 4096", "uncertain", "session"),
    ],
)  # fmt: skip
async def test_a_passing_trouble_defers_and_the_next_attempt_delivers(
    tmp_path: Path, receiver: Receiver, on: dict[str, Doing], reply: str, reason: str, fault: str
) -> None:
    receiver.behaviour.on = on
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}) as rig:
        message = await rig.submit("ann@example.net")
        deferred = await rig.event(message, EventName.DEFERRED)
        assert deferred.data["reply"].startswith(reply)
        assert (deferred.data["class"], deferred.data["fault"]) == (reason, fault)
        assert deferred.data["next"] - deferred.at == pytest.approx(0.3, abs=0.1)
        assert deferred.data["conversation"]
        (state,) = await rig.ended(message)
        assert (state.state, state.attempts) == (State.DELIVERED, 2)
        assert [each.name for each in rig.events(message)] == [
            EventName.RECEIVED,
            EventName.DEFERRED,
            EventName.DELIVERED,
        ]


async def test_a_message_taken_without_a_reply_is_sent_again_and_said_to_be_uncertain(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.behaviour.on = {"dot": ["take"]}
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}) as rig:
        message = await rig.submit("ann@example.net")
        assert (await rig.event(message, EventName.DEFERRED)).data["class"] == "uncertain"
        await rig.ended(message)
    assert len(receiver.messages) == 2


async def test_greylisted_mail_comes_back(tmp_path: Path, receiver: Receiver, second: Receiver) -> None:
    receiver.behaviour.greylist = True
    async with Rig.running(tmp_path, {"example.net": route_to(receiver, second)}) as rig:
        message = await rig.submit("ann@example.net", "bob@example.net")
        await rig.ended(message)
        assert len(rig.events(message, EventName.DEFERRED)) == 2
        assert rig.events(message, EventName.DEFERRED)[0].data["class"] == "greylist"
    assert len(receiver.messages) == 1
    assert second.sessions == []


async def test_one_refused_recipient_does_not_stop_the_others(tmp_path: Path, receiver: Receiver) -> None:
    receiver.behaviour.on = {"rcpt:gone@example.net": "550 5.1.1 no", "rcpt:full@example.net": ["452 4.2.2 full"]}
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}) as rig:
        message = await rig.submit("ann@example.net", "gone@example.net", "full@example.net", sender="")
        states = await rig.ended(message)
    assert [(each.state, each.attempts) for each in states] == [
        (State.DELIVERED, 1),
        (State.FAILED, 1),
        (State.DELIVERED, 2),
    ]


async def test_too_many_recipients_for_one_transaction_go_in_the_next_at_once(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.behaviour.recipients = 4
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, connections=1) as rig:
        message = await rig.submit(*(f"r{number}@example.net" for number in range(10)))
        states = await rig.ended(message)
        assert rig.events(message, EventName.DEFERRED) == []
    assert {(each.state, each.attempts) for each in states} == {(State.DELIVERED, 1)}
    assert [len(each.recipients) for each in receiver.messages] == [4, 4, 2]


async def test_recipients_are_parted_into_transactions_of_the_configured_size(
    tmp_path: Path, receiver: Receiver
) -> None:
    async with Rig.running(
        tmp_path, {"example.net": route_to(receiver)}, connections=1, recipients_per_message=3
    ) as rig:
        await rig.ended(await rig.submit(*(f"r{number}@example.net" for number in range(7))))
    assert [len(each.recipients) for each in receiver.messages] == [3, 3, 1]


# Which host comes next.


async def test_a_host_nobody_answers_at_is_left_alone_and_the_next_one_asked(
    tmp_path: Path, receiver: Receiver, nobody: Host
) -> None:
    async with Rig.running(tmp_path, {"example.net": route_to(nobody, receiver)}, dead_host=60) as rig:
        message = await rig.submit("ann@example.net")
        (state,) = await rig.ended(message)
        assert (state.state, state.attempts) == (State.DELIVERED, 1)
        (step,) = rig.events(message, EventName.ATTEMPTED)
        assert step.data["host"] == "gone.example.net"
        assert step.data["reply"].endswith("Connection refused")
        assert rig.limits.marked(Kind.DEAD_HOST, nobody.key) is not None
        again = await rig.submit("ann@example.net")
        await rig.ended(again)
        assert rig.events(again, EventName.ATTEMPTED) == []


@pytest.mark.parametrize(
    ("on", "next_host"),
    [
        ({"greeting": "421 4.3.2 busy"}, True),
        ({"greeting": "554 5.3.2 closed"}, True),
        ({"ehlo": "451 4.3.0 no"}, True),
        ({"mail": "451 4.3.0 no"}, True),
        ({"mail": "drop"}, True),
        ({"data": "drop"}, True),
        ({"rcpt": "421 4.3.2 going down"}, True),
        ({"greeting": "421 4.7.0 too many connections"}, False),
        ({"mail": "451 4.7.1 greylisted"}, False),
        ({"mail": "451 4.7.1 blocked by policy"}, False),
        ({"rcpt": "451 4.3.0 no"}, False),
        ({"dot": "451 4.3.0 no"}, False),
        ({"dot": "drop"}, False),
    ],
)
async def test_the_next_host_is_asked_where_it_may_say_something_else(
    tmp_path: Path, receiver: Receiver, second: Receiver, on: dict[str, Doing], next_host: bool
) -> None:
    receiver.behaviour.on = on
    async with Rig.running(tmp_path, {"example.net": route_to(receiver, second)}, retry=[60.0]) as rig:
        message = await rig.submit("ann@example.net")
        if next_host:
            (state,) = await rig.ended(message)
            assert (state.state, state.attempts) == (State.DELIVERED, 1)
            (step,) = rig.events(message, EventName.ATTEMPTED)
            assert step.data["host"] == "mx1.example.net"
            assert step.data["conversation"]
            assert rig.events(message, EventName.DELIVERED)[0].data["host"] == "mx2.example.net"
        else:
            await rig.event(message, EventName.DEFERRED)
            assert second.sessions == []


async def test_an_attempt_has_at_most_two_sessions(tmp_path: Path) -> None:
    behaviour = Behaviour(on={"mail": "451 4.3.0 no"})
    with Receiver(behaviour) as one, Receiver(behaviour) as two, Receiver(behaviour) as three:
        async with Rig.running(tmp_path, {"example.net": route_to(one, two, three)}, retry=[60.0]) as rig:
            message = await rig.submit("ann@example.net")
            await rig.event(message, EventName.DEFERRED)
            assert [len(each.sessions) for each in (one, two, three)] == [1, 1, 0]


async def test_an_attempt_asks_at_most_five_addresses(tmp_path: Path, receiver: Receiver) -> None:
    gone = [Host(f"gone{number}.example.net", f"127.0.1.{number}", receiver.port) for number in range(1, 6)]
    async with Rig.running(tmp_path, {"example.net": route_to(*gone, receiver)}, retry=[60.0]) as rig:
        message = await rig.submit("ann@example.net")
        event = await rig.event(message, EventName.DEFERRED)
        assert event.data["class"] == "connection"
        assert len(rig.events(message, EventName.ATTEMPTED)) == 4
        assert receiver.sessions == []


async def test_one_host_that_takes_no_mail_at_all_does_not_fail_it_while_another_may(
    tmp_path: Path, receiver: Receiver, nobody: Host
) -> None:
    receiver.behaviour.on = {"greeting": ["521 5.3.2 no mail here"]}
    async with Rig.running(tmp_path, {"example.net": route_to(receiver, nobody)}) as rig:
        message = await rig.submit("ann@example.net")
        await rig.event(message, EventName.DEFERRED)


# TLS.


async def test_tls_that_breaks_falls_back_is_told_and_is_remembered(tmp_path: Path, receiver: Receiver) -> None:
    receiver.behaviour.on = {"handshake": "garbage"}
    route = route_to(receiver, tls=TlsDemand.MAY)
    async with Rig.running(tmp_path, {"example.net": route}, connections=1, idle=0) as rig:
        message = await rig.submit("ann@example.net")
        await rig.ended(message)
        (step,) = rig.events(message, EventName.ATTEMPTED)
        assert step.data["class"] == "tls"
        assert "-- the same host again, in clear text" in step.data["conversation"]
        assert rig.events(message, EventName.DELIVERED)[0].data["tls"] == ""
        assert rig.limits.marked(Kind.BROKEN_TLS, route.hosts[0].key) is not None
        await receiver.until(lambda it: all(each.done for each in it.sessions))
        again = await rig.submit("ann@example.net")
        await rig.ended(again)
        assert rig.events(again, EventName.ATTEMPTED) == []
    assert len(receiver.heard("STARTTLS")) == 1


async def test_tls_is_taken_where_it_is_offered(tmp_path: Path, receiver: Receiver) -> None:
    async with Rig.running(tmp_path, {"example.net": route_to(receiver, tls=TlsDemand.MAY)}) as rig:
        message = await rig.submit("ann@example.net")
        await rig.ended(message)
        assert rig.events(message, EventName.DELIVERED)[0].data["tls"].startswith("TLSv1.3 ")
    assert receiver.messages[0].tls


async def test_mail_that_demands_verified_tls_is_deferred_where_there_is_none(
    tmp_path: Path, receiver: Receiver
) -> None:
    async with Rig.running(tmp_path, {"example.net": route_to(receiver, tls=TlsDemand.VERIFIED)}) as rig:
        message = await rig.submit("ann@example.net")
        event = await rig.event(message, EventName.DEFERRED)
        assert (event.data["class"], event.data["reply"][:9]) == ("tls", "451 4.7.5")
    assert receiver.messages == []


async def test_a_smarthost_is_logged_in_to(tmp_path: Path, receiver: Receiver) -> None:
    receiver.behaviour.login = ["joe", "secret"]
    route = route_to(receiver, tls=TlsDemand.MAY, login=("joe", "secret"), rule="all")
    async with Rig.running(tmp_path, {"example.net": route}) as rig:
        message = await rig.submit("ann@example.net")
        await rig.ended(message)
        assert "secret" not in "".join(each.to_json() for each in rig.events(message))
    assert receiver.sessions[0].login == "joe"


async def test_a_refused_login_fails_no_mail(tmp_path: Path, receiver: Receiver) -> None:
    receiver.behaviour.login = ["joe", "other"]
    route = route_to(receiver, tls=TlsDemand.MAY, login=("joe", "secret"), rule="all")
    async with Rig.running(tmp_path, {"example.net": route}) as rig:
        message = await rig.submit("ann@example.net")
        event = await rig.event(message, EventName.DEFERRED)
        assert (event.data["class"], event.data["reply"]) == ("auth", "535 5.7.8 wrong")


# Sites that rest.


async def test_a_dead_site_rests_and_its_mail_waits_untouched_in_the_queue(tmp_path: Path, nobody: Host) -> None:
    async with Rig.running(tmp_path, {"example.net": route_to(nobody)}, dead_host=60, retry=[60.0]) as rig:
        first = await rig.submit("ann@example.net")
        await rig.event(first, EventName.DEFERRED)
        other = await rig.submit("bob@example.net")
        await rig.until(lambda: rig.states(other)[0].state is State.QUEUED)
        assert rig.states(other)[0].attempts == 0
        assert [each.name for each in rig.events(other)] == [EventName.RECEIVED]


async def test_a_site_that_says_slow_down_is_paused_for_everybody(tmp_path: Path, receiver: Receiver) -> None:
    receiver.behaviour.on = {"mail": ["421 4.7.0 too many messages, slow down"]}
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, retry=[0.5]) as rig:
        message = await rig.submit("ann@example.net")
        await rig.event(message, EventName.DEFERRED)
        assert rig.limits.marked(Kind.PAUSED_SITE, "mx1.example.net") is not None
        other = await rig.submit("bob@example.net")
        await rig.ended(other)
        delivered = rig.events(other, EventName.DELIVERED)[0]
        assert delivered.at - rig.events(message, EventName.DEFERRED)[0].at >= 0.45


async def test_a_pause_another_process_set_holds_up_its_site_and_nobody_else(
    tmp_path: Path, receiver: Receiver, second: Receiver
) -> None:
    routes = {"paused.example": route_to(receiver, site="paused"), "open.example": route_to(second, site="open")}
    async with Rig.running(tmp_path, routes) as rig:
        rig.limits.mark(Mark(Kind.PAUSED_SITE, "paused", system_clock() + 60, "says the operator"))
        held = await rig.submit("ann@paused.example")
        await rig.ended(await rig.submit("ann@open.example"))
        await rig.until(lambda: rig.states(held)[0].state is State.QUEUED)
    assert receiver.sessions == []


async def test_a_slow_site_leaves_memory_for_the_others(tmp_path: Path, receiver: Receiver, second: Receiver) -> None:
    receiver.behaviour.delay = {"dot": 30.0}
    routes = {"slow.example": route_to(receiver, site="slow"), "quick.example": route_to(second, site="quick")}
    async with Rig.running(tmp_path, routes, flight=150, connections=1) as rig:
        for _ in range(200):
            await rig.submit("ann@slow.example")
        messages = [await rig.submit("ann@quick.example") for _ in range(100)]
        for message in messages:
            await rig.ended(message)
    assert len(second.messages) == 100


async def test_a_long_queue_drains_with_little_in_memory(tmp_path: Path, receiver: Receiver) -> None:
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}, flight=20) as rig:
        messages = [
            await rig.submit(f"r{number}@example.net", fresh=False, account=f"a{number % 3}") for number in range(300)
        ]
        for message in messages:
            (state,) = await rig.ended(message, 30)
            assert state.attempts == 1
    assert len(receiver.messages) == 300


# Where there is no way, or no time.


async def test_a_domain_without_a_way_for_good_fails(tmp_path: Path) -> None:
    async with Rig.running(tmp_path, {}) as rig:
        message = await rig.submit("ann@nowhere.example", sender="")
        (state,) = await rig.ended(message)
        assert (state.state, state.reply[:10]) == (State.FAILED, "556 5.1.10")


async def test_a_dns_failure_defers(tmp_path: Path, receiver: Receiver) -> None:
    why = NoRoute(Reply(451, "4.4.3", "no answer from the DNS"), Fault.SITE, "dns")
    async with Rig.running(tmp_path, {"example.net": why}) as rig:
        message = await rig.submit("ann@example.net")
        event = await rig.event(message, EventName.DEFERRED)
        assert (event.data["class"], event.data["reply"]) == ("dns", "451 4.4.3 no answer from the DNS")
        rig.table.routes["example.net"] = route_to(receiver)
        (state,) = await rig.ended(message)
        assert state.state is State.DELIVERED


async def test_those_who_wait_for_one_look_up_share_it(tmp_path: Path, receiver: Receiver) -> None:
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}) as rig:
        await rig.ended(await rig.submit(*(f"r{number}@example.net" for number in range(50))))
        assert rig.table.asked == ["example.net"]


async def test_mail_whose_time_is_over_expires_without_an_attempt(tmp_path: Path, receiver: Receiver) -> None:
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}) as rig:
        message = await rig.submit("ann@example.net", lifetime=-1, sender="")
        (state,) = await rig.ended(message)
        assert (state.state, state.attempts) == (State.EXPIRED, 0)
    assert receiver.sessions == []


async def test_mail_that_is_deferred_beyond_its_deadline_expires_and_the_sender_hears_of_it(
    tmp_path: Path, receiver: Receiver, second: Receiver
) -> None:
    receiver.behaviour.on = {"rcpt": "450 4.2.0 not now"}
    routes = {"example.net": route_to(receiver), "relay.example": route_to(second, site="senders")}
    async with Rig.running(tmp_path, routes, retry=[60.0]) as rig:
        message = await rig.submit("ann@example.net", lifetime=5)
        (state,) = await rig.ended(message)
        assert (state.state, state.attempts, state.reply) == (State.EXPIRED, 1, "450 4.2.0 not now")
        (got,) = await second.arrived(1)
        assert b"Status: 4.4.7" in got.content


# Who hears of it.


@pytest.mark.parametrize(
    "given",
    [
        {"sender": ""},
        {"notify": Notify.NEVER},
        {"notify": Notify.SUCCESS},
        {"origin": Origin.REPORT},
    ],
)
async def test_no_report_is_written_where_none_is_wanted(
    tmp_path: Path, receiver: Receiver, given: dict[str, Any]
) -> None:
    receiver.behaviour.on = {"rcpt": "550 5.1.1 no"}
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}) as rig:
        message = await rig.submit("ann@example.net", **given)
        await rig.ended(message)
        assert "report" not in rig.events(message, EventName.FAILED)[0].data
        assert len(rig.reader.listing(Selection(states=tuple(State)))) == 1


async def test_recipients_that_fail_together_share_a_report(
    tmp_path: Path, receiver: Receiver, second: Receiver
) -> None:
    receiver.behaviour.on = {"rcpt": "550 5.1.1 no"}
    routes = {"example.net": route_to(receiver), "relay.example": route_to(second, site="senders")}
    async with Rig.running(tmp_path, routes) as rig:
        message = await rig.submit("ann@example.net", "bob@example.net")
        await rig.ended(message)
        reports = {each.data["report"] for each in rig.events(message, EventName.FAILED)}
        (report,) = reports
        await rig.ended(report)
    assert len(second.messages) == 1
    assert second.messages[0].content.count(b"Final-Recipient:") == 2


@pytest.mark.parametrize("whole", [True, False], ids=["relay-wide", "of one message"])
async def test_the_sandbox_keeps_mail_sends_nothing_and_writes_no_report(tmp_path: Path, whole: bool) -> None:
    route = Route(way=Way.SANDBOX, egress="", site="sandbox")
    async with Rig.running(tmp_path, {"example.net": route}, sandbox=whole) as rig:
        message = await rig.submit("ann@example.net", "gone@nowhere.example", test=not whole)
        states = await rig.ended(message)
        assert (states[0].state, states[0].reply) == (State.DELIVERED, "250 2.0.0 kept in sandbox")
        assert rig.events(message, EventName.DELIVERED)[0].data["test"] is True
        assert "report" not in rig.events(message, EventName.FAILED)[0].data
        assert len(rig.reader.listing(Selection(states=tuple(State)))) == 2


async def test_what_the_next_hop_lacks_is_judged_before_the_transfer(tmp_path: Path, receiver: Receiver) -> None:
    receiver.behaviour.size = 20
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}) as rig:
        message = await rig.submit("ann@example.net", sender="")
        (state,) = await rig.ended(message)
        assert (state.state, state.reply[:9]) == (State.FAILED, "552 5.3.4")
    assert receiver.heard("MAIL") == []


async def test_8bit_content_sent_as_it_is_leaves_a_warning(tmp_path: Path, receiver: Receiver) -> None:
    receiver.behaviour.eight_bit = False
    async with Rig.running(tmp_path, {"example.net": route_to(receiver)}) as rig:
        message = await rig.submit("ann@example.net", content=CONTENT + b"\xe4\r\n")
        await rig.ended(message)
        (event,) = rig.events(message, EventName.DELIVERED)
        assert event.data["warnings"] == ["8-bit content was sent as it is: the next hop does not offer 8BITMIME"]
    assert receiver.messages[0].content == CONTENT + b"\xe4\r\n"
