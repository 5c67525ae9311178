"""The PROXY header of load balancers, over a real socket; and those who are none."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import struct
from collections.abc import Callable

import pytest

from relay.config import Limits, Listener
from relay.model.reply import Refused
from tests.smtp.conversation import OPEN, PATIENCE, TLS, Client, FakeDoor, Stage, stage, until

Contexts = tuple[ssl.SSLContext, ssl.SSLContext]
BALANCED = OPEN.model_copy(update={"proxy": ("127.0.0.1/32",), "networks": ("192.0.2.0/24", "127.0.0.1/32")})
V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 587\r\n"
HEAD = b"\r\n\r\n\0\r\nQUIT\n"
ADDRESSES = socket.inet_aton("192.0.2.7") + socket.inet_aton("198.51.100.1") + struct.pack("!HH", 40000, 587)
V2 = HEAD + struct.pack("!BBH", 0x21, 0x11, 20) + ADDRESSES + b"\x04\x00\x05hello"
LOCAL = HEAD + struct.pack("!BBH", 0x20, 0, 0)


def failures(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if "PROXY header failed" in each.getMessage()]


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
async def test_a_balancer_speaks_for_the_client_it_names(header: bytes) -> None:
    async with stage(BALANCED) as here:
        await here.play(f"""
            -- send {header + b"EHLO client" + bytes([13, 10])!r}
            S: 220 mx.example ESMTP relay
            S+ 250
            C: MAIL FROM:<me@example.com>
            C: RCPT TO:<a@example.net>
            C: DATA
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 354 ...
            C: .
            S: 250 2.0.0 Ok: queued as 1
        """)
        session = here.door.taken[0][0]
        assert (session.address, session.port, session.peer) == ("192.0.2.7", 40000, "192.0.2.7:40000")
        await here.settled()


async def test_an_address_of_ipv4_in_ipv6_is_the_one_of_ipv4() -> None:
    async with stage(BALANCED) as here:
        await here.play(r"""
            -- send b'PROXY TCP6 ::ffff:192.0.2.7 ::1 40000 587\r\n'
            S: 220 mx.example ESMTP relay
        """)  # it is of the listener's networks
        await here.settled()


@pytest.mark.parametrize("header", [LOCAL, b"PROXY UNKNOWN\r\n"], ids=["v2", "v1"])
async def test_a_header_that_names_nobody_leaves_the_balancer_as_client(header: bytes) -> None:
    async with stage(BALANCED) as here:
        await here.play(f"""
            -- send {header!r}
            S: 220 mx.example ESMTP relay
            C: QUIT
            S: 221 2.0.0 Bye
            -- closed
        """)
        await here.settled()


async def test_a_header_may_come_octet_by_octet() -> None:
    async with stage(BALANCED) as here:

        def talk(client: Client) -> None:
            with client:
                for octet in V2 + b"NOOP\r\n":
                    client.send(bytes([octet]))
                client.play("S: 220 mx.example ESMTP relay\nS: 250 2.0.0 Ok")

        await _meet(here, talk)


async def test_the_networks_and_the_door_judge_the_client_and_not_the_balancer() -> None:
    async with stage(BALANCED.model_copy(update={"networks": ("192.0.2.0/24",)})) as here:
        await here.play(r"""
            -- send b'PROXY TCP4 203.0.113.9 198.51.100.1 40000 587\r\n'
            S: 554 5.7.1 203.0.113.9 is not among the networks this listener is for
            -- closed
        """)
        assert here.door.calls == 0
    door = FakeDoor(refuse_opened=Refused(421, "4.7.0", "banned"))
    async with stage(BALANCED, door=door) as here:
        await here.play(f"""
            -- send {V1!r}
            S: 421 4.7.0 banned
            -- closed
        """)


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"EHLO client\r\n", "the connection does not begin with a PROXY header"),
        (b"PROXY TCP4 here there 1 2\r\n", "a malformed header of version 1"),
        (b"PROXY TCP4 " + b"1" * 200, "a header of version 1 is longer than 107 octets"),
        (HEAD + struct.pack("!BBH", 0x21, 0x11, 60_000), "a header of version 2 is longer than 4096 octets"),
        (HEAD + b"\x31\x11\0\0", "a header of version 2 with the unknown version and command 0x31"),
    ],
)
async def test_a_balancer_without_a_header_is_cut_off_without_a_word(
    octets: bytes, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "relay.smtp"):
        async with stage(BALANCED) as here:
            await here.play(f"-- send {octets!r}\n-- closed")
            await here.settled()
            assert here.door.calls == 0
    assert failures(caplog) == [f"PROXY header failed address=127.0.0.1 listener=test: {why}"]


@pytest.mark.parametrize("octets", [b"", b"PROXY TCP4 192.0.2.7 198", V2[:20]])
async def test_a_header_must_be_whole_in_time(octets: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "relay.smtp"):
        async with stage(BALANCED, limits=Limits(proxy_timeout=0.1)) as here:
            await here.play(f"-- send {octets!r}\n-- closed" if octets else "-- closed")
            await here.settled()
    (line,) = failures(caplog)
    assert line.endswith("no whole header came in time")


async def test_a_probe_that_says_nothing_and_goes_leaves_no_line_behind(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "relay.smtp"):
        async with stage(BALANCED) as here:

            def talk(client: Client) -> None:
                client.sock.close()

            await _meet(here, talk)
    assert failures(caplog) == []


@pytest.mark.parametrize("proxy", [(), ("192.0.2.0/24",)])
async def test_who_is_no_balancer_names_nobody(proxy: tuple[str, ...]) -> None:
    async with stage(OPEN.model_copy(update={"proxy": proxy})) as here:
        await here.play(f"""
            S: 220 mx.example ESMTP relay
            -- send {V1!r}
            S: 500 5.5.2 No such command: PROXY
            C: EHLO client
            S+ 250
            C: MAIL FROM:<me@example.com>
            C: RCPT TO:<a@example.net>
            C: DATA
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 354 ...
            C: .
            S: 250 2.0.0 Ok: queued as 1
        """)
        assert here.door.taken[0][0].address == "127.0.0.1"


async def test_a_second_header_is_a_command_like_any_other() -> None:
    async with stage(BALANCED) as here:
        await here.play(f"""
            -- send {V1 + b"PROXY TCP4 192.0.2.8 198.51.100.1 1 587" + bytes([13, 10])!r}
            S: 220 mx.example ESMTP relay
            S: 500 5.5.2 No such command: PROXY
        """)


async def test_tls_begins_behind_the_header(contexts: Contexts) -> None:
    listener: Listener = TLS.model_copy(update={"proxy": ("127.0.0.1/32",)})
    for pieces in ((V1,), (V1[:9], V1[9:])):
        async with stage(listener, tls=contexts) as here:

            def talk(client: Client, pieces: tuple[bytes, ...] = pieces) -> None:
                with client:
                    for each in pieces:
                        client.send(each)
                    client.play("-- tls\nS: 220 mx.example ESMTP relay\nC: QUIT\nS: 221 2.0.0 Bye")

            await _meet(here, talk)


async def test_a_drain_does_not_wait_for_headers() -> None:
    async with stage(BALANCED) as here:
        with here.client() as client:
            await until(lambda: here.server.sessions == 1)
            await here.server.drain(PATIENCE)
            assert here.server.sessions == 0
            assert client.closed()


async def _meet(here: Stage, talk: Callable[[Client], None]) -> None:
    await asyncio.to_thread(talk, here.client())
    await here.settled()
