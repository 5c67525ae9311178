"""Clients that send an octet now and then, to hold a session for nothing: a handshake, a command, a content."""

from __future__ import annotations

import asyncio
import ssl
import time

import pytest

from relay.config import Limits
from tests.smtp.conversation import CLEAR, STARTTLS, TLS, Client, stage

Contexts = tuple[ssl.SSLContext, ssl.SSLContext]

HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)  # the begin of a ClientHello that never ends


def trickle(client: Client, octets: bytes) -> float:
    """Send one octet every 20 ms until the server closes; the seconds it took."""
    begun = time.monotonic()
    client.sock.settimeout(0.02)
    at = 0
    while time.monotonic() - begun < 10:
        try:
            client.sock.sendall(octets[at : at + 1])
            at = min(at + 1, len(octets) - 1)
            if not client.sock.recv(4096):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - begun


async def test_a_handshake_that_trickles_in_does_not_win_time(
    contexts: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.smtp.connection.HANDSHAKE", 0.3)
    monkeypatch.setattr("relay.smtp.wire.HANDSHAKE", 0.3)

    def at_once() -> float:
        with here.client() as client:
            return trickle(client, HELLO)

    def after_starttls() -> float:
        with here.client() as client:
            client.line()
            client.send(b"STARTTLS\r\n")
            assert client.line().startswith("220")
            return trickle(client, HELLO)

    async with stage(TLS, tls=contexts) as here:
        assert await asyncio.to_thread(at_once) < 2.0
        await here.settled()
    async with stage(STARTTLS, tls=contexts) as here:
        assert await asyncio.to_thread(after_starttls) < 2.0
        await here.settled()


async def test_a_content_that_trickles_in_ends_with_the_longest_life_of_a_session() -> None:
    async with stage(limits=Limits(session_timeout=0.5)) as here:

        def talk() -> float:
            with here.client() as client:
                for said in (b"HELO a", b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.net>", b"DATA"):
                    client.line()
                    client.send(said + b"\r\n")
                assert client.line().startswith("354")
                return trickle(client, b"x")

        assert await asyncio.to_thread(talk) < 2.0
        await here.settled()
        assert here.door.taken == []


@pytest.mark.parametrize("how", [b"DATA", b"BDAT 100000 LAST"])
async def test_a_content_that_comes_too_slowly_is_ended_with_the_pace_it_should_have(how: bytes) -> None:
    limits = Limits(data_timeout=0.3, pace=2000)  # what trickles is 50 octets a second
    async with stage(limits=limits) as here:

        def talk() -> str:
            with here.client() as client:
                for said in (b"EHLO a", b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.net>", how):
                    client.reply()
                    client.send(said + b"\r\n")
                if how == b"DATA":
                    assert client.line().startswith("354")
                begun = time.monotonic()
                client.sock.settimeout(0.02)
                while time.monotonic() - begun < 10:
                    client.send(b"x")
                    try:
                        return client.sock.recv(4096).decode()
                    except TimeoutError:
                        continue
            raise AssertionError("it went on for ever")

        said = await asyncio.to_thread(talk)
        assert said == "421 4.4.2 Timeout: a message comes with 2000 octets a second at the least\r\n"
        await here.settled()
        assert here.door.taken == []


async def test_a_content_at_the_least_pace_may_take_longer_than_the_longest_silence() -> None:
    async with stage(limits=Limits(data_timeout=0.3, pace=1000)) as here:

        def talk() -> str:
            with here.client() as client:
                for said in (b"EHLO a", b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.net>", b"DATA"):
                    client.reply()
                    client.send(said + b"\r\n")
                assert client.line().startswith("354")
                for _ in range(8):
                    client.send(b"x" * 998 + b"\r\n")
                    time.sleep(0.1)  # the client's own slowness is what is tried
                client.send(b".\r\n")
                return client.line()

        assert (await asyncio.to_thread(talk)).startswith("250")
        await here.settled()


async def test_a_reply_to_a_challenge_that_trickles_in_does_not_win_time() -> None:
    async with stage(CLEAR, limits=Limits(command_timeout=0.3)) as here:

        def talk() -> float:
            with here.client() as client:
                client.line()
                client.send(b"EHLO a\r\nAUTH LOGIN\r\n")
                while not client.line().startswith("334"):
                    pass
                return trickle(client, b"A")

        assert await asyncio.to_thread(talk) < 2.0
        await here.settled()
