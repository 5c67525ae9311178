"""What a peer says to us while we send: replies in any pieces, before they are asked for, without end, or none.

Properties: replies read the same however they are cut, and none has a control character in its text; every recipient
gets exactly one answer; one is told as delivered only if the peer had the whole content, dots doubled, and answered
its dot with a 2xx of its own; nothing but our commands goes out; a connection is made, or the reason told.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from relay.config import Egress
from relay.model.envelope import Envelope, Recipient
from relay.model.reply import Reply
from relay.model.route import Host, TlsDemand
from relay.smtp.client import Client, Connection, Contexts, Hop, Unconnected
from relay.smtp.dialogue import LINE_SHOWN, LINES_SHOWN, Exchange, Step, Timeouts, conversation
from relay.smtp.letter import BLOCK, Letter, Offers
from relay.smtp.replies import LINES, ReplyReader
from relay.smtp.speaker import Speaker
from relay.smtp.transaction import Result
from tests.fuzz.target import Source, Target, cut, run

TURNS = 2000
HOP = Hop(host=Host(name="mx.example.net", address="127.0.0.1", port=25))
CONTENTS = (
    b"From: a@example.com\r\n\r\nHello\r\n",
    b"",
    b".\r\n..\r\nx\r\n.",
    b"Subject: \xc3\xa4\r\n\r\n" + b".x\r\n" * (BLOCK // 2),
)
_COMMAND = re.compile(rb"(?:MAIL FROM:<|RCPT TO:<|DATA|RSET|QUIT|\.)[ -~\x80-\xff]*")


def check_replies(octets: bytes) -> None:
    source = Source(octets)
    sizes = source.take(4)
    whole, garbled = _read([source.rest])
    assert _read(cut(source.rest, sizes)) == (whole, garbled)
    for each in whole:
        _check_reply(each)
    if not garbled:  # every line is one of a reply, so that nothing was passed over
        lines = source.rest.count(b"\n")
        assert sum(each.text.count("\n") + 1 for each in whole) <= lines


def _read(pieces: Sequence[bytes]) -> tuple[list[Reply], bool]:
    reader, replies = ReplyReader(), []
    for each in pieces:
        replies += reader.feed(each)
        if reader.garbled:
            assert reader.garbled.isprintable(), reader.garbled
            break
    return replies, bool(reader.garbled)


def harmless(text: str) -> bool:
    """Whether it begins no line of a log, and is no order to a terminal."""
    return not any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in text)


def _check_reply(reply: Reply) -> None:
    assert 200 <= reply.code < 600
    assert reply.text.count("\n") < LINES + 1
    assert harmless(reply.text.replace("\n", "")), reply
    assert reply.status == "" or re.fullmatch(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}", reply.status), reply
    assert re.fullmatch(rb"(?:[2-5][0-9][0-9][ -][ -~]*\r\n)+", reply.octets()), reply.octets()


class Peer(asyncio.Transport):
    """The other side: says its pieces as commands come, takes what is written, fast or slowly."""

    def __init__(self, pieces: list[bytes], slow: bool) -> None:
        super().__init__()
        self.pieces = pieces
        self.slow = slow
        self.octets = b""
        self.closed = self.told = False
        self.protocol: Any = None

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: Any) -> None:
        assert not self.told, "a write to a connection that is known to be lost"
        if self.closed:  # it is lost, and the news is on its way
            return
        self.octets += data
        if self.slow:
            self.protocol.pause_writing()

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        self.told = True
        self.protocol.connection_lost(None)

    def step(self) -> None:
        """Some of its side happens."""
        if self.closed:
            return
        if self.slow:
            self.protocol.resume_writing()
        if not self.pieces:
            self.abort()
            return
        piece = self.pieces.pop(0)
        if piece:
            self.protocol.data_received(piece)


def check_speaker(octets: bytes) -> None:
    source = Source(octets)
    bits, sizes = source.byte(), source.take(6)
    offers = Offers(pipelining=bool(bits & 1), eight_bit=bool(bits & 2), utf8=True, dsn=bool(bits & 4), size=0)
    content = CONTENTS[bits >> 3 & 3]
    peer = Peer(cut(source.rest, sizes), slow=bool(bits & 32))
    letter = Letter(
        envelope=Envelope(reverse_path="me@example.com", recipients=()),
        recipients=tuple(Recipient(address=f"{each}@example.net") for each in ("ann", "bob")[: 1 + (bits >> 6 & 1)]),
        content=content,
    )
    result, record, usable = run(_send(peer, letter, offers))
    assert len(result.answers) == len(letter.recipients)
    said = conversation(record)
    assert len(said) <= LINES_SHOWN and all(len(each) <= LINE_SHOWN and harmless(each) for each in said), said
    _check_written(peer.octets, letter, record)
    for answer in result.answers:
        _check_reply(answer.reply)
        if answer.step is Step.MESSAGE and 200 <= answer.reply.code < 300 and not answer.trouble:
            assert _wire(content) in peer.octets, "told as delivered, and the peer has not had it"
    assert usable <= result.clean


async def _send(peer: Peer, letter: Letter, offers: Offers) -> tuple[Result, Exchange, bool]:
    speaker = Speaker(peer, Timeouts())
    connection = Connection(HOP, speaker, offers, "", [])
    record: Exchange = []
    task = asyncio.ensure_future(connection.send(letter, record))
    for _ in range(TURNS):
        await asyncio.sleep(0)
        if task.done():
            break
        peer.step()
    assert task.done(), "the dialogue does not end"
    usable = connection.usable
    assert not (usable and speaker._reader.partial), "what is left of its talk would answer the next message"
    connection.close()
    peer.abort()
    for _ in range(3):
        await asyncio.sleep(0)
    if speaker._timer is not None:
        speaker._timer.cancel()
    return task.result(), record, usable


def _wire(content: bytes) -> bytes:
    """As RFC 5321 section 4.5.2 has it, line by line."""
    lines = (content if content.endswith(b"\r\n") or not content else content + b"\r\n").split(b"\r\n")[:-1]
    return b"".join((b"." + each if each.startswith(b".") else each) + b"\r\n" for each in lines) + b".\r\n"


def _check_written(octets: bytes, letter: Letter, record: Exchange) -> None:
    """Commands, each on a line of its own, and the content at most once."""
    wire = _wire(letter.content)
    before, found, after = octets.partition(b"DATA\r\n" + wire if b"DATA\r\n" + wire in octets else b"\0\0")
    if not found and (start := octets.find(b"DATA\r\n")) >= 0 and len(letter.content) > 8:
        before, rest = octets[: start + 6], octets[start + 6 :]
        after = b"" if wire.startswith(rest) else rest  # "": it broke off within the content
    for line in (before + after).split(b"\r\n")[:-1]:
        assert _COMMAND.fullmatch(line) or line == b"", line
    assert octets.count(b"MAIL FROM:") <= 1
    assert len(record) >= 1


def check_connect(octets: bytes) -> None:
    source = Source(octets)
    bits, sizes = source.byte(), source.take(6)
    run(_connect(bits, cut(source.rest, sizes)))


_contexts: list[Contexts] = []


async def _connect(bits: int, pieces: list[bytes]) -> None:
    handlers: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        mine = list(pieces)
        try:
            while mine:
                writer.write(mine.pop(0))
                await writer.drain()
                if len(mine) % 3 == 0 and mine:
                    await asyncio.wait_for(reader.read(4096), 0.02)
        except (OSError, TimeoutError):
            pass
        finally:
            writer.close()

    if not _contexts:
        _contexts.append(Contexts())
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    demand = (TlsDemand.MAY, TlsDemand.NONE, TlsDemand.MUST, TlsDemand.VERIFIED)[bits & 3]
    hop = Hop(
        host=Host(name="mx.example.net", address="127.0.0.1", port=port),
        tls=demand,
        login=("me", "secret") if bits & 4 else None,
        implicit_tls=bits & 24 == 24,
    )
    client = Client("relay.example", Egress(name="default"), connect_timeout=5.0, contexts=_contexts[0])
    try:
        async with asyncio.timeout(20):
            connection = await client.connect(hop)
    except Unconnected as failed:
        said = failed.conversation
        _check_reply(failed.answer.reply)
    else:
        said = connection.opening
        assert connection.tls or not demand.strict
        connection.speaker.abort()
    finally:
        server.close()
        for each in handlers:
            await asyncio.wait([each])
        await asyncio.sleep(0)
    assert all(map(harmless, said)), said
    assert not any("secret" in each or "AG1lAHNlY3JldA==" in each for each in said)


def work_replies(octets: bytes) -> None:
    _read([octets[at : at + 65536] for at in range(0, len(octets), 65536)])


_WORDS = (
    b"220 mx ESMTP\r\n", b"250 ok\r\n", b"250-mx\r\n250-PIPELINING\r\n250 SIZE 10\r\n", b"250 2.1.0 ok\r\n",
    b"354 go\r\n",
    b"421 bye\r\n", b"450 4.2.0 later\r\n", b"550 5.1.1 no\r\n", b"250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go\r\n",
    b"250-STARTTLS\r\n", b"250 AUTH PLAIN LOGIN CRAM-MD5\r\n", b"334 VXNlcm5hbWU6\r\n", b"235 2.7.0 yes\r\n", b"250",
    b"250-", b"251 x", b"552-5.2.2 a\r\n552 5.2.2 b\r\n", b"\r\n", b"\n", b"\r", b"\t", b"\0", b"\xff", b"\xd9\xa2",
    b"\xe2\x80\xa8", b"599 ", b"600 ", b"1", b"x" * 4090, b"250-x\r\n" * 199, b"220 go\r\n\x15\x03\x01\0\x02\x02\x28",
)  # fmt: skip

TARGETS = (
    Target(name="replies", check=check_replies, words=_WORDS, work=work_replies),
    Target(name="speaker", check=check_speaker, words=_WORDS),
    Target(name="connect", check=check_connect, words=_WORDS),
)
