"""Connections and what becomes of them, against a real receiver, under both event loops."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.config import Egress
from relay.model.envelope import Envelope, Recipient
from relay.model.route import Host, TlsDemand
from relay.smtp.client import Client, Connection, Contexts, Hop, Unconnected
from relay.smtp.dialogue import Answer, Exchange, Step, Timeouts, Trouble, conversation
from relay.smtp.letter import Letter
from relay.smtp.transaction import Result
from tests.peers.receiver import Behaviour, Doing, Receiver, authority

SHORT = Timeouts(
    greeting=0.5, ehlo=0.5, starttls=0.5, auth=0.5, mail=0.5, rcpt=0.5, data=0.5, block=0.5, message=0.5, quit=0.5
)
CONTENT = b"Subject: dots\r\n\r\n.\r\n..\r\nend\r\n"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as it:
        yield it


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    authority().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return tmp_path / "ca.pem"


def client(timeouts: Timeouts = SHORT, ca_file: Path | None = None, egress: Egress | None = None) -> Client:
    bound = egress or Egress(name="e")
    return Client("relay.example", bound, connect_timeout=2, contexts=Contexts(ca_file), timeouts=timeouts)


def hop(
    receiver: Receiver,
    *,
    tls: TlsDemand = TlsDemand.MAY,
    name: str = "localhost",
    login: tuple[str, str] | None = None,
    implicit_tls: bool = False,
    broken_tls: bool = False,
) -> Hop:
    return Hop(
        host=Host(name, receiver.address, receiver.port),
        tls=tls,
        login=login,
        implicit_tls=implicit_tls,
        broken_tls=broken_tls,
    )


def letter(*addresses: str, content: bytes = CONTENT) -> Letter:
    recipients = tuple(Recipient(address=each) for each in addresses or ("ann@example.net",))
    envelope = Envelope(reverse_path="me@relay.example", recipients=recipients)
    return Letter(envelope=envelope, recipients=recipients, content=content)


async def refused(receiver: Receiver, **given: TlsDemand | bool) -> Unconnected:
    with pytest.raises(Unconnected) as caught:
        await client().connect(hop(receiver, **given))  # type: ignore[arg-type]
    return caught.value


async def send(connection: Connection, *addresses: str, content: bytes = CONTENT) -> tuple[Result, Exchange]:
    record: Exchange = []
    result = await connection.send(letter(*addresses, content=content), record)
    return result, record


async def sent(receiver: Receiver, content: bytes = CONTENT) -> Answer:
    connection = await client().connect(hop(receiver, tls=TlsDemand.NONE))
    result, _ = await send(connection, content=content)
    connection.close()
    return result.answers[0]


async def test_a_message_arrives_byte_for_byte(receiver: Receiver) -> None:
    connection = await client().connect(hop(receiver))
    result, record = await send(connection, "ann@example.net", "bob@example.net")
    connection.close()
    (got,) = await receiver.arrived(1)
    assert (got.sender, got.recipients, got.content, got.tls) == (
        "me@relay.example",
        ("ann@example.net", "bob@example.net"),
        CONTENT,
        True,
    )
    assert [str(each.reply) for each in result.answers] == ["250 2.0.0 taken"] * 2
    assert connection.tls.startswith("TLSv1.3 ")
    assert conversation(record, 1) == [
        f"C: MAIL FROM:<me@relay.example> SIZE={len(CONTENT)}",
        "S: 250 2.1.0 sender ok",
        "C: RCPT TO:<bob@example.net>",
        "S: 250 2.1.5 recipient ok",
        "C: DATA",
        "S: 354 go ahead",
        f"C: <message of {len(CONTENT)} octets>",
        "S: 250 2.0.0 taken",
    ]


async def test_many_messages_go_over_one_connection_which_ends_with_quit(receiver: Receiver) -> None:
    connection = await client().connect(hop(receiver))
    for _ in range(5):
        result, _ = await send(connection)
        assert result.clean
        assert connection.usable
    connection.close()
    await receiver.until(lambda it: it.sessions[0].done)
    assert receiver.sessions[0].messages == 5
    assert receiver.heard("QUIT") == ["QUIT"]
    assert len(receiver.sessions) == 1


async def test_a_server_without_pipelining_hears_one_command_at_a_time(receiver: Receiver) -> None:
    receiver.behaviour.pipelining = False
    connection = await client().connect(hop(receiver))
    result, _ = await send(connection, "ann@example.net", "bob@example.net")
    connection.close()
    await receiver.arrived(1)
    assert [each.reply.code for each in result.answers] == [250, 250]
    assert not receiver.sessions[0].pipelined


async def test_a_large_message_arrives_whole(receiver: Receiver) -> None:
    content = b"Subject: large\r\n\r\n" + b".line of a large message, with a dot at its start\r\n" * 60_000
    for tls in (TlsDemand.NONE, TlsDemand.MAY):
        connection = await client().connect(hop(receiver, tls=tls))
        result, _ = await send(connection, content=content)
        connection.close()
        assert result.answers[0].reply.code == 250
        assert result.clean
    assert [each.content == content for each in await receiver.arrived(2)] == [True, True]


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
async def test_a_connection_lost_before_the_message_says_so(receiver: Receiver, step: str) -> None:
    receiver.behaviour.on = {step: "drop"}
    answer = await sent(receiver)
    assert (answer.step, answer.trouble) == (Step(step), Trouble.LOST)
    assert receiver.messages == []


async def test_a_connection_lost_after_the_dot_is_told_apart_from_one_lost_in_the_message(receiver: Receiver) -> None:
    receiver.behaviour.on = {"dot": "take"}
    answer = await sent(receiver)
    assert (answer.step, answer.trouble) == (Step.MESSAGE, Trouble.LOST)
    receiver.behaviour.on = {"content": "drop"}
    answer = await sent(receiver, b"x" * 70 + b"\r\n" + b"Subject: x\r\n\r\n" + b"much of it\r\n" * 1_000_000)
    assert (answer.step, answer.trouble) == (Step.MESSAGE, Trouble.HALF)


async def test_a_message_is_not_begun_and_not_uncertain_where_it_is_answered_before_it_comes(
    receiver: Receiver,
) -> None:
    receiver.behaviour.on = {"data": "raw 354 go ahead\r\n250 2.0.0 taken already\r\n"}
    answer = await sent(receiver)
    assert (answer.step, answer.trouble) == (Step.MESSAGE, Trouble.HALF)
    assert receiver.messages == []


@pytest.mark.parametrize("step", ["mail", "rcpt", "data", "dot"])
async def test_a_server_that_falls_silent_is_given_up(receiver: Receiver, step: str) -> None:
    receiver.behaviour.on = {step: "silent"}
    answer = await sent(receiver)
    assert answer.trouble is Trouble.SILENT
    assert answer.step is (Step.MESSAGE if step == "dot" else Step(step))
    await receiver.until(lambda it: it.sessions[0].done)


async def test_an_answer_of_one_octet_at_a_time_is_waited_for_within_the_step(receiver: Receiver) -> None:
    receiver.behaviour.trickle = 0.002
    assert (await sent(receiver)).reply.code == 250
    receiver.behaviour.trickle = 0
    receiver.behaviour.on = {"mail": "250 " + "x" * 1000}
    receiver.behaviour.trickle = 0.001
    assert (await sent(receiver)).trouble is Trouble.SILENT


@pytest.mark.parametrize("doing", ["junk", "garbage", "endless", "long"])
@pytest.mark.parametrize("step", ["mail", "data", "dot"])
async def test_what_is_no_reply_closes_the_connection(receiver: Receiver, step: str, doing: str) -> None:
    receiver.behaviour.on = {step: doing}
    answer = await sent(receiver)
    assert answer.trouble is Trouble.GARBLED
    await receiver.until(lambda it: it.sessions[0].done)


@pytest.mark.parametrize(
    ("on", "step", "trouble", "reply"),
    [
        ({"connect": "drop"}, Step.GREETING, Trouble.LOST, "421 4.4.2 connection lost"),
        ({"greeting": "drop"}, Step.GREETING, Trouble.LOST, "421 4.4.2 connection lost"),
        ({"greeting": "554 5.7.1 go away"}, Step.GREETING, Trouble.NONE, "554 5.7.1 go away"),
        ({"greeting": "421 4.3.2 busy"}, Step.GREETING, Trouble.NONE, "421 4.3.2 busy"),
        ({"greeting": "silent"}, Step.GREETING, Trouble.SILENT, "421 4.4.2 no reply within"),
        ({"greeting": "junk"}, Step.GREETING, Trouble.GARBLED, "421 4.5.0 "),
        ({"greeting": "garbage"}, Step.GREETING, Trouble.GARBLED, "421 4.5.0 "),
        ({"greeting": "endless"}, Step.GREETING, Trouble.GARBLED, "421 4.5.0 "),
        ({"greeting": "long"}, Step.GREETING, Trouble.GARBLED, "421 4.5.0 "),
        ({"ehlo": "drop"}, Step.EHLO, Trouble.LOST, "421 4.4.2 connection lost"),
        ({"ehlo": "silent"}, Step.EHLO, Trouble.SILENT, "421 4.4.2 no reply within"),
        ({"ehlo": "450 4.7.1 later"}, Step.EHLO, Trouble.NONE, "450 4.7.1 later"),
        ({"ehlo": "550 no", "helo": "550 5.7.1 neither"}, Step.EHLO, Trouble.NONE, "550 5.7.1 neither"),
    ],
)
async def test_what_fails_before_mail_names_its_step(
    receiver: Receiver, on: dict[str, Doing], step: Step, trouble: Trouble, reply: str
) -> None:
    receiver.behaviour.on = on
    error = await refused(receiver)
    assert (error.answer.step, error.answer.trouble) == (step, trouble)
    assert str(error.answer.reply).startswith(reply)
    assert error.conversation[0].startswith("-- connected to localhost [127.0.0.1]:")


async def test_helo_follows_where_ehlo_is_unknown(receiver: Receiver) -> None:
    receiver.behaviour.on = {"ehlo": "500 5.5.1 what?"}
    assert (await sent(receiver)).reply.code == 250
    assert not receiver.sessions[0].pipelined


async def test_nobody_listening_is_told_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unconnected) as caught:
        await client().connect(Hop(host=Host("mx.example.net", "127.0.0.1", port)))
    assert caught.value.answer.step is Step.CONNECT
    assert str(caught.value.answer.reply) == (
        f"421 4.4.1 cannot connect to mx.example.net [127.0.0.1]:{port}: Connection refused"
    )


async def test_the_egress_gives_address_and_name() -> None:
    with Receiver() as receiver:
        egress = Egress(name="e", ipv4="127.0.0.9", ehlo="out.relay.example")
        connection = await client(egress=egress).connect(hop(receiver))
        assert connection.opening[2] == "C: EHLO out.relay.example"
        connection.close()


@pytest.mark.parametrize("certificate", ["good", "wrong", "expired"])
async def test_opportunistic_tls_takes_any_certificate(receiver: Receiver, certificate: str) -> None:
    receiver.behaviour.certificate = certificate
    connection = await client().connect(hop(receiver))
    assert connection.tls
    assert not connection.tls_broken
    connection.close()


@pytest.mark.parametrize("doing", ["drop", "garbage", "silent"])
async def test_a_broken_handshake_leads_to_the_same_host_in_clear_text(receiver: Receiver, doing: str) -> None:
    receiver.behaviour.on = {"handshake": doing}
    connection = await client().connect(hop(receiver))
    result, _ = await send(connection)
    connection.close()
    assert result.answers[0].reply.code == 250
    assert connection.tls == ""
    assert connection.tls_broken.startswith("TLS handshake failed")
    assert "-- the same host again, in clear text" in connection.opening
    assert [each.tls for each in await receiver.arrived(1)] == [False]
    assert len(receiver.sessions) == 2


async def test_a_refused_starttls_goes_on_in_clear_text(receiver: Receiver) -> None:
    receiver.behaviour.on = {"starttls": "454 4.7.0 no TLS today"}
    connection = await client().connect(hop(receiver))
    result, _ = await send(connection)
    connection.close()
    assert result.answers[0].reply.code == 250
    assert connection.tls_broken == "STARTTLS was refused: 454 4.7.0 no TLS today"
    assert len(receiver.sessions) == 1


@pytest.mark.parametrize("doing", ["junk", "endless", "long", "raw 999 nine\r\n", "raw \r\n"])
async def test_nonsense_in_answer_to_starttls_is_a_handshake_that_broke(receiver: Receiver, doing: str) -> None:
    receiver.behaviour.on = {"starttls": doing}
    connection = await client().connect(hop(receiver))
    assert (connection.tls, connection.tls_broken[:5]) == ("", "TLS: ")
    assert (await send(connection))[0].answers[0].reply.code == 250
    connection.close()
    error = await refused(receiver, tls=TlsDemand.MUST)
    assert (error.answer.step, error.answer.trouble) == (Step.STARTTLS, Trouble.TLS)


async def test_remembered_broken_tls_is_not_tried_again(receiver: Receiver) -> None:
    connection = await client().connect(hop(receiver, broken_tls=True))
    assert connection.tls == ""
    connection.close()
    await receiver.until(lambda it: it.sessions[0].done)
    assert receiver.heard("STARTTLS") == []


async def test_verified_tls_takes_a_certificate_that_names_the_host(receiver: Receiver, ca_file: Path) -> None:
    connection = await client(ca_file=ca_file).connect(hop(receiver, tls=TlsDemand.VERIFIED, broken_tls=True))
    assert connection.tls.endswith(" verified")
    connection.close()


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (Behaviour(certificate="wrong"), "certificate: Hostname mismatch"),
        (Behaviour(certificate="expired"), "certificate: certificate has expired"),
        (Behaviour(starttls=False), "the next hop does not offer STARTTLS"),
        (Behaviour(on={"handshake": "garbage"}), "TLS handshake failed: "),
        (Behaviour(on={"handshake": "drop"}), "TLS handshake failed: "),
    ],
)
async def test_verified_tls_takes_nothing_else(ca_file: Path, behaviour: Behaviour, why: str) -> None:
    with Receiver(behaviour) as receiver:
        with pytest.raises(Unconnected) as caught:
            await client(ca_file=ca_file).connect(hop(receiver, tls=TlsDemand.VERIFIED))
        answer = caught.value.answer
        assert str(answer.reply).startswith(f"451 4.7.5 {why}")
        assert answer.step is Step.STARTTLS
        assert len(receiver.sessions) == 1


@pytest.mark.parametrize("certificate", ["good", "wrong", "expired"])
async def test_tls_that_must_be_takes_any_certificate_also_where_it_broke_before(
    receiver: Receiver, certificate: str
) -> None:
    receiver.behaviour.certificate = certificate
    connection = await client().connect(hop(receiver, tls=TlsDemand.MUST, broken_tls=True))
    await send(connection)
    connection.close()
    assert [each.tls for each in await receiver.arrived(1)] == [True]


@pytest.mark.parametrize(
    ("behaviour", "reply"),
    [
        (Behaviour(starttls=False), "451 4.7.5 the next hop does not offer STARTTLS"),
        (Behaviour(on={"starttls": "454 4.7.0 no TLS today"}), "454 4.7.0 no TLS today"),
        (Behaviour(on={"handshake": "garbage"}), "451 4.7.5 TLS handshake failed: "),
        (Behaviour(on={"handshake": "drop"}), "451 4.7.5 TLS handshake failed: "),
    ],
)
async def test_tls_that_must_be_never_ends_in_clear_text(behaviour: Behaviour, reply: str) -> None:
    with Receiver(behaviour) as receiver:
        with pytest.raises(Unconnected) as caught:
            await client().connect(hop(receiver, tls=TlsDemand.MUST))
        assert str(caught.value.answer.reply).startswith(reply)
        assert len(receiver.sessions) == 1
        assert receiver.heard("MAIL") == []


async def test_tls_from_the_first_octet(ca_file: Path) -> None:
    with Receiver(Behaviour(implicit_tls=True)) as receiver:
        connection = await client(ca_file=ca_file).connect(hop(receiver, tls=TlsDemand.VERIFIED, implicit_tls=True))
        result, _ = await send(connection)
        connection.close()
        assert result.answers[0].reply.code == 250
        assert [each.tls for each in await receiver.arrived(1)] == [True]
        receiver.behaviour.certificate = "wrong"
        with pytest.raises(Unconnected) as caught:
            await client(ca_file=ca_file).connect(hop(receiver, tls=TlsDemand.VERIFIED, implicit_tls=True))
        assert caught.value.answer.trouble is Trouble.TLS


async def test_a_login_is_masked_in_the_conversation(receiver: Receiver) -> None:
    receiver.behaviour.login = ["joe", "secret"]
    connection = await client().connect(hop(receiver, login=("joe", "secret")))
    result, _ = await send(connection)
    connection.close()
    assert result.answers[0].reply.code == 250
    assert connection.opening[-2:] == ["C: AUTH PLAIN ***", "S: 235 2.7.0 welcome"]
    assert "secret" not in "".join(connection.opening)


async def test_a_refused_login_is_told(receiver: Receiver) -> None:
    receiver.behaviour.login = ["joe", "secret"]
    with pytest.raises(Unconnected) as caught:
        await client().connect(hop(receiver, login=("joe", "wrong")))
    assert (caught.value.answer.step, caught.value.answer.reply.code) == (Step.AUTH, 535)
    assert len(receiver.heard("AUTH")) == 1


async def test_a_password_is_not_sent_in_clear_text_unless_that_was_asked_for(receiver: Receiver) -> None:
    receiver.behaviour.login = ["joe", "secret"]
    receiver.behaviour.on = {"handshake": "garbage"}
    with pytest.raises(Unconnected) as caught:
        await client().connect(hop(receiver, login=("joe", "secret")))
    assert caught.value.answer.trouble is Trouble.OURS
    assert receiver.heard("AUTH") == []
    connection = await client().connect(hop(receiver, login=("joe", "secret"), tls=TlsDemand.NONE))
    connection.close()
    await receiver.until(lambda it: it.sessions[-1].done)
    assert receiver.sessions[-1].login == "joe"


async def test_an_idle_connection_that_the_server_ends_tells_its_owner(receiver: Receiver) -> None:
    connection = await client().connect(hop(receiver))
    gone = asyncio.Event()
    connection.speaker.gone = gone.set
    receiver.close()
    async with asyncio.timeout(5):
        await gone.wait()
    assert not connection.usable


async def test_an_early_refusal_of_a_large_message_stands(receiver: Receiver) -> None:
    receiver.behaviour.on = {"content": "552 5.3.4 too large already"}
    connection = await client().connect(hop(receiver, tls=TlsDemand.NONE))
    result, _ = await send(connection, content=b"x: y\r\n\r\n" + b"much of it\r\n" * 1_000_000)
    assert result.answers[0].reply.code in (552, 421)
    assert not connection.usable
    connection.close()
