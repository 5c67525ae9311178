"""Whatever a client says, in whatever pieces: replies and no fault of ours, and everything given back at the end."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.config import Limits
from relay.model.account import Login
from relay.smtp.budget import Budget
from relay.smtp.server import Session
from relay.smtp.service import Service
from tests.smtp.conversation import OPEN, FakeDoor, until

WORDS = [
    b"EHLO a\r\n",
    b"HELO a\r\n",
    b"MAIL FROM:<me@example.com>\r\n",
    b"MAIL FROM:<> RET=FULL HOLDFOR=60\r\n",
    b"RCPT TO:<a@example.net>\r\n",
    b"RCPT TO:<a@example.net> NOTIFY=NEVER ORCPT=rfc822;a\r\n",
    b"DATA\r\n",
    b"\r\n.\r\n",
    b"BDAT 5\r\n",
    b"BDAT 5 LAST\r\n",
    b"BDAT 0 LAST\r\n",
    b"BDAT 99999 LAST\r\n",
    b"RSET\r\n",
    b"AUTH LOGIN\r\n",
    b"STARTTLS\r\n",
    b"PROXY UNKNOWN\r\n",
    b"hello",
    b"\r",
    b"\n",
    b".",
    b"\0",
    b"\xff",
]
TALK = st.lists(st.sampled_from(WORDS) | st.binary(max_size=12), max_size=30).map(b"".join)


class Heard(asyncio.Transport):
    """A connection that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 4711)})
        self.octets = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.octets += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def write_eof(self) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def converse(octets: bytes, size: int) -> tuple[bytes, FakeDoor]:
    door, budget = FakeDoor(bound=Login(account="demo", credential="demo")), Budget(1 << 20, 10)
    service = Service(OPEN, Limits(size=5000), "mx.example", door, None, budget, clock=lambda: 1.7e9)
    session, heard = Session(service), Heard()
    session.connection_made(heard)
    for at in range(0, len(octets), size):
        if not heard.closed:
            session.data_received(octets[at : at + size])
            await asyncio.sleep(0)
    session.connection_lost(None)
    await until(lambda: not service.sessions)
    assert (door.inside, budget.open, budget.held) == (0, 0, 0)
    return heard.octets, door


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TALK, st.integers(1, 40))
async def test_any_talk_is_answered_without_a_fault_and_leaves_nothing_behind(octets: bytes, size: int) -> None:
    heard, door = await converse(octets, size)
    assert b" 4.3.0 " not in heard
    for line in heard.split(b"\r\n")[:-1]:
        assert line[:3].isdigit(), line
    for _, envelope, arrived in door.taken:
        assert envelope.recipients
        content = arrived.octets
        assert content == b"" or content.endswith(b"\r\n")
        assert content.count(b"\r") == content.count(b"\n") == content.count(b"\r\n")
        assert b"\0" not in content
