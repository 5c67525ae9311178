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
