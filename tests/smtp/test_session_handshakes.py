"""What the log says of clients whose TLS failed."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable

import pytest

from relay.smtp import handshakes
from relay.smtp.handshakes import Handshakes
from tests.smtp.conversation import TLS, Client, Stage, stage

Contexts = tuple[ssl.SSLContext, ssl.SSLContext]


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if "TLS failed" in each.getMessage()]


async def _meet(here: Stage, meet: Callable[[Client], None]) -> None:
    def talk() -> None:
        with here.client() as client:
            meet(client)

    await asyncio.to_thread(talk)
    await here.settled()


def _distrusting(client: Client) -> None:
    strict = ssl.create_default_context()
    with pytest.raises(ssl.SSLCertVerificationError):
        strict.wrap_socket(client.sock, server_hostname="mx.example")


def _plain(client: Client) -> None:
    client.send(b"EHLO client\r\n")
    try:
        client.sock.recv(65536)
    except ConnectionResetError:
        return


def _old(client: Client) -> None:
    # A ClientHello of TLS 1.0, as no library of today would write it.
    hello = b"\x03\x01" + bytes(32) + b"\x00" + b"\x00\x02\x00\x2f" + b"\x01\x00"
    shake = b"\x01" + len(hello).to_bytes(3) + hello
    client.send(b"\x16\x03\x01" + len(shake).to_bytes(2) + shake)
    client.sock.recv(65536)


def _leaving(client: Client) -> None:
    client.send(b"\x16\x03\x01\x02\x00\x01\x00")


@pytest.mark.parametrize(
    ("meet", "reason"),
    [
        (_distrusting, "the client does not trust our certificate"),
        (_plain, "what came is no TLS, perhaps plain text"),
        (_old, "the client speaks no TLS of version 1.2 or up"),
        (_leaving, "the client closed the connection during the handshake"),
    ],
)
async def test_a_client_whose_tls_fails_leaves_one_line_with_the_reason(
    contexts: Contexts, caplog: pytest.LogCaptureFixture, meet: Callable[[Client], None], reason: str
) -> None:
    caplog.set_level(logging.INFO, "relay.smtp")
    async with stage(TLS, tls=contexts) as here:
        await _meet(here, meet)
        async with asyncio.timeout(10):  # the client may be gone before the server has looked at what it sent
            while not lines(caplog):  # noqa: ASYNC110 - a log has no event to wait for
                await asyncio.sleep(0.01)
        (line,) = lines(caplog)
        assert line.startswith(f"TLS failed address=127.0.0.1 listener=test: {reason}")


async def test_a_look_at_the_port_is_no_failure(contexts: Contexts, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "relay.smtp")
    async with stage(TLS, tls=contexts) as here:
        await _meet(here, lambda client: None)
    assert lines(caplog) == []


def test_a_storm_of_failures_makes_few_lines_and_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "relay.smtp")
    now = 0.0
    failures = Handshakes("in", lambda: now)
    for _ in range(1000):
        failures.failed("192.0.2.1", "x")
    assert len(lines(caplog)) == handshakes.LINES
    now = handshakes.WINDOW
    failures.failed("192.0.2.2", "y")
    assert (
        lines(caplog)[-1]
        == f"TLS failed address=192.0.2.2 listener=in: y (and {1000 - handshakes.LINES} more before)"
    )
