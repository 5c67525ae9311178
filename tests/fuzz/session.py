"""The SMTP session: any talk in any pieces, and any content by DATA and BDAT.

Properties of any talk: no fault of ours; every reply is one of SMTP; the same replies and the same messages however
the octets are cut, whichever loop calls back in which order, and however often our writes are held up; everything
borrowed is given back.

Properties of any content: it is handed over as it was sent, or refused; it ends where CRLF.CRLF stands and nowhere
else, so that none of it becomes a command.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from relay.config import Auth, Limits, Listener, ListenerKind
from relay.model.account import Login
from relay.model.envelope import Envelope, Parameters
from relay.model.reply import Reply
from relay.smtp.budget import Budget
from relay.smtp.door import Arrived, SessionInfo
from relay.smtp.server import Session
from relay.smtp.service import Service
from tests.fuzz.target import Source, Target, cut, run
from tests.smtp.conversation import CLEAR, OPEN, RETURNS, STARTTLS, FakeDoor

NOW = 1.79e9
LIMITS = Limits(size=4096, line=512, recipients=5, errors=8, messages_per_session=4)
BEHIND_BALANCER = OPEN.model_copy(update={"proxy": ("127.0.0.1/32",)})
IN_CLEAR = RETURNS.model_copy(update={"kind": ListenerKind.PLAIN})
KINDS = (OPEN, CLEAR, STARTTLS, IN_CLEAR, BEHIND_BALANCER)
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # without a certificate: every handshake comes to nothing
PACKET = 512  # octets
TURNS = 10_000  # of the loop until a session that is not done counts as stuck
_REPLY = re.compile(
    rb"(?:([2-5][0-5][0-9])-[^\r\n]*\r\n(?:\1-[^\r\n]*\r\n)*\1 [^\r\n]*|[2-5][0-5][0-9] [^\r\n]*)\r\n"
)

Taken = tuple[Envelope, Parameters, bytes, bool]


class Slow(FakeDoor):
    """Takes a message after some turns of the loop."""

    turns = 0

    async def message(
        self, session: SessionInfo, envelope: Envelope, parameters: Parameters, arrived: Arrived
    ) -> Reply:
        for _ in range(self.turns):
            await asyncio.sleep(0)
        return await super().message(session, envelope, parameters, arrived)


class Heard(asyncio.Transport):
    """A connection that keeps what is written to it, and says whether it is read."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 4711)})
        self.octets = b""
        self.closed = self.still = False

    def write(self, data: Any) -> None:
        assert not self.closed, "a write to a closed connection"
        self.octets += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def write_eof(self) -> None: ...

    def pause_reading(self) -> None:
        self.still = True

    def resume_reading(self) -> None:
        self.still = False


@dataclass
class Talk:
    """What became of one."""

    heard: bytes
    taken: list[Taken]
    faults: list[dict[str, Any]] = field(default_factory=list)

    @property
    def replies(self) -> list[bytes]:
        """Raises AssertionError where something is no reply."""
        found, at = [], 0
        while at < len(self.heard):
            reply = _REPLY.match(self.heard, at)
            assert reply is not None, f"no reply of SMTP: {self.heard[at : at + 200]!r}"
            assert max(map(len, reply[0].split(b"\r\n"))) <= 510, reply[0]
            assert reply[0].isascii(), reply[0]
            found.append(reply[0])
            at = reply.end()
        return found

    def sound(self) -> None:
        assert not self.faults, self.faults
        assert not any(each[3:].startswith(b" 4.3.0 ") for each in self.replies), self.heard
        for envelope, _, content, _ in self.taken:
            assert envelope.recipients
            assert content == b"" or content.endswith(b"\r\n")
            assert content.count(b"\r") == content.count(b"\n") == content.count(b"\r\n")
            assert b"\0" not in content
            assert len(content) <= LIMITS.size


async def converse(listener: Listener, pieces: Sequence[bytes], manner: int = 0, limits: Limits = LIMITS) -> Talk:
    """Say the pieces. Bits of `manner`: turns the Door takes, and whether our replies are taken in time."""
    network = Login(account="demo", credential="demo") if listener.auth is Auth.NONE else None
    door, budget = Slow(bound=network), Budget(1 << 24, 10)
    door.turns = manner & 3
    door.waits = bool(manner & 32)
    door.recalled = {("ann", "sécret")} if manner & 64 else set()
    faults: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: faults.append(context))
    service = Service(listener, limits, "mx.example", door, TLS, budget, clock=lambda: NOW)
    session, heard = Session(service), Heard()
    session.connection_made(heard)
    for number, piece in enumerate(pieces):
        choked = bool(manner & 4) and number % 3 == 0
        if choked:
            session.pause_writing()
        if not heard.closed:
            session.data_received(piece)
        for _ in range(manner >> 3 & 3):
            await asyncio.sleep(0)
        if choked:
            session.resume_writing()
        await _until(lambda: not heard.still or heard.closed)
    await _until(lambda: session._task is None or session._answer is not None)
    session.connection_lost(None)
    await _until(lambda: not service.sessions)
    assert (door.inside, budget.open, budget.held) == (0, 0, 0), "something was not given back"
    taken = [
        (envelope, parameters, arrived.octets, arrived.bare_lf)
        for (_, envelope, arrived), parameters in zip(door.taken, door.parameters, strict=True)
    ]
    return Talk(heard.octets, taken, faults)


async def _until(done: Any) -> None:
    for _ in range(TURNS):
        if done():
            return
        await asyncio.sleep(0)
    raise AssertionError("the session is stuck")


def check_talk(octets: bytes) -> None:
    source = Source(octets)
    kind, manner, sizes = source.of(KINDS), source.byte(), source.take(6)
    talk = source.rest
    whole = run(converse(kind, [talk] if talk else []))
    whole.sound()
    pieces = run(converse(kind, cut(talk, sizes), manner), fast=True)
    pieces.sound()
    if kind is STARTTLS and b"STARTTLS" in talk.upper():  # whether anything came with it decides
        return
    assert pieces == whole, f"in pieces: {pieces}\nin one: {whole}"


GREETING = b"EHLO a\r\n"
LOGIN = b"AUTH PLAIN AGFubgBzw6ljcmV0\r\n"  # ann's
ENVELOPE = b"MAIL FROM:<me@example.com>\r\nRCPT TO:<ann@example.net>\r\n"


def check_content(octets: bytes) -> None:
    source = Source(octets)
    how, manner, sizes = source.byte(), source.byte(), source.take(6)
    listener = CLEAR if how & 4 else OPEN
    wire = GREETING + (LOGIN if how & 4 else b"") + ENVELOPE
    content = source.rest
    if how & 1:
        said, sent, extra = _in_chunks(content, sizes)
    elif how & 2:
        said, sent, extra = b"DATA\r\n" + content + b"\r\n.\r\n", _raw(content), 2
    else:
        said, sent, extra = b"DATA\r\n" + _stuffed(content), _ended(content), 2
    talk = run(converse(listener, cut(wire + said + b"NOOP\r\nQUIT\r\n", sizes), manner))
    talk.sound()
    replies = talk.replies
    before = 5 if how & 4 else 4  # the greeting, EHLO, AUTH, MAIL, RCPT
    if sent is None:  # an end stood within it, and what followed were commands
        assert len(talk.taken) <= 1 or how & 2
        return
    assert len(replies) == before + extra + 2, f"{len(replies)} replies to {before + extra + 2} commands: {replies}"
    assert replies[-2:] == [b"250 2.0.0 Ok\r\n", b"221 2.0.0 Bye\r\n"]
    expected = _judged(sent, mend=listener is CLEAR)
    if expected is None:
        assert not talk.taken
        assert replies[-3][:1] == b"5", replies[-3]
    else:
        assert [each[2:] for each in talk.taken] == [expected]


def _stuffed(content: bytes) -> bytes:
    """Line by line, as RFC 5321 section 4.5.2 has it."""
    lines = _ended(content).split(b"\r\n")
    return b"\r\n".join(b"." + each if each.startswith(b".") else each for each in lines[:-1]) + (
        b"\r\n.\r\n" if len(lines) > 1 else b".\r\n"
    )


def _ended(content: bytes) -> bytes:
    return content if not content or content.endswith(b"\r\n") else content + b"\r\n"


def _raw(content: bytes) -> bytes | None:
    """What a content means that was not stuffed; None where it ends early."""
    if (b"\r\n" + content + b"\r\n.\r\n").find(b"\r\n.\r\n") < len(content) + 2:
        return None
    lines = (content + b"\r\n").split(b"\r\n")
    return b"\r\n".join(each[1:] if each.startswith(b".") else each for each in lines)


def _in_chunks(content: bytes, sizes: bytes) -> tuple[bytes, bytes | None, int]:
    chunks = cut(content, bytes(each * 7 % 256 for each in sizes)) or [b""]
    said = b"".join(
        b"BDAT %d%s\r\n" % (len(each), b" LAST" * (number == len(chunks))) + each
        for number, each in enumerate(chunks, 1)
    )
    if len(content) > LIMITS.size:
        return said, None, 0  # refused in the middle, which has its own replies
    return said, content if not content or content.endswith(b"\n") else content + b"\r\n", len(chunks)


def _judged(content: bytes, *, mend: bool) -> tuple[bytes, bool] | None:
    """The content as it must be handed over, and whether it was mended; None where it must be refused."""
    if re.search(rb"\r(?!\n)|\0", content) or len(content) > LIMITS.size:
        return None
    bare = re.search(rb"(?<!\r)\n", content) is not None
    if bare and not mend:
        return None
    content = re.sub(rb"\r?\n", b"\r\n", content)
    if max(map(len, content.split(b"\r\n"))) > LIMITS.line:
        return None
    return content, bare


def work_talk(octets: bytes) -> None:
    """In pieces as small as a packet, held to the limits that are shipped."""
    octets = GREETING + ENVELOPE + octets
    run(converse(OPEN, [octets[at : at + PACKET] for at in range(0, len(octets), PACKET)], limits=Limits()))


def work_content(octets: bytes) -> None:
    work_talk(b"DATA\r\n" + octets + b"\r\n.\r\n")


_WORDS = (
    b"EHLO a\r\n", b"HELO a\r\n", b"MAIL FROM:<me@example.com>\r\n", b"MAIL FROM:<> RET=FULL HOLDFOR=60 ENVID=a\r\n",
    b"RCPT TO:<a@example.net>\r\n", b"RCPT TO:<a@example.net> NOTIFY=NEVER ORCPT=rfc822;a\r\n", b"DATA\r\n",
    b"\r\n.\r\n", b".\r\n", b"BDAT 5\r\n", b"BDAT 5 LAST\r\n", b"BDAT 0 LAST\r\n", b"BDAT 99999 LAST\r\n",
    b"RSET\r\n",
    b"AUTH LOGIN\r\n", LOGIN, b"AUTH PLAIN\r\n", b"*\r\n", b"YW5u\r\n", b"STARTTLS\r\n", b"NOOP\r\n", b"VRFY a\r\n",
    b"HELP\r\n", b"QUIT\r\n", b"PROXY UNKNOWN\r\n", b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 587\r\n", b"SIZE=",
    b"BODY=8BITMIME", b"SMTPUTF8", b"MT-PRIORITY=", b"BY=60;R", b"GET / HTTP/1.1\r\n", b"Subject: x\r\n",
    b"\n.\n", b"\r.\r", b"..", b"\r", b"\n", b"\0", b"\xff", b"\xc3\xa4", b" " * 40, b"x" * 600,
)  # fmt: skip

TARGETS = (
    Target(name="session", check=check_talk, words=_WORDS, work=work_talk),
    Target(
        name="content",
        check=check_content,
        words=(b"\r\n", b".", b"\n", b"\r", b"\r\n.\r\n", b"\r\n..", b"\n.\r\n", b"\0", b"x" * 511, b"NOOP\r\n"),
        work=work_content,
    ),
)
