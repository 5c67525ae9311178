"""Messages that are put together in a thread hear what small ones hear, and leave nothing behind."""

from __future__ import annotations

import asyncio

import pytest

from relay.smtp.data import BLOCK, LARGE
from tests.smtp.conversation import CLEAR, stage

INTO_DATA = b"EHLO a\r\nAUTH PLAIN AGJvYgBwbGFpbg==\r\nMAIL FROM:<me@example.com>\r\nRCPT TO:<a@example.net>\r\n"
HEADER = b"Subject: x\r\n\r\n"
TEXT = b"a line that is one of very many\r\n" * (LARGE // 30)
CONTENTS = {
    "as it came": TEXT,
    "a few dots": b".\r\n..x\r\n" + TEXT + b".\r\n",
    "many dots": b"." + TEXT.replace(b"\r\n", b"\r\n."),
    "many dots where blocks meet": (b"." + b"x" * (BLOCK // 8 - 3) + b"\r\n") * (LARGE // BLOCK * 8 + 9),
}
REFUSED = {b"a\rb\r\n": "550 5.6.0 The message has a bare CR", b"\0\r\n": "550 5.6.0 The message has a NUL"}


async def heard(content: bytes, how: str) -> tuple[str, bytes]:
    """The reply, and what the door got."""
    stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
    wire = {"DATA": b"DATA\r\n" + stuffed + b".\r\n", "BDAT": b"BDAT %d LAST\r\n" % len(content) + content}[how]

    async with stage(CLEAR) as here:

        def talk() -> str:
            with here.client() as client:
                client.send(INTO_DATA + wire + b"QUIT\r\n")
                replies = [client.reply()]
                while not replies[-1].startswith("221"):
                    replies.append(client.reply())
                return replies[-2]

        reply = await asyncio.to_thread(talk)
        await here.settled()
        return reply, here.door.content if here.door.taken else b""


@pytest.mark.parametrize("how", ["DATA", "BDAT"])
@pytest.mark.parametrize("what", CONTENTS)
async def test_a_large_message_is_taken_octet_by_octet(what: str, how: str) -> None:
    content = HEADER + CONTENTS[what]
    content += b"" if content.endswith(b"\r\n") else b"\r\n"
    reply, taken = await heard(content, how)
    assert reply == "250 2.0.0 Ok: queued as 1"
    assert taken == content


@pytest.mark.parametrize("how", ["DATA", "BDAT"])
async def test_bare_lfs_of_a_large_message_are_mended(how: str) -> None:
    reply, taken = await heard(HEADER + TEXT.replace(b"\r\n", b"\n") + b"\r\n" + TEXT, how)
    assert reply == "250 2.0.0 Ok: queued as 1"
    assert taken == HEADER + TEXT + b"\r\n" + TEXT


@pytest.mark.parametrize("how", ["DATA", "BDAT"])
@pytest.mark.parametrize("line", REFUSED)
async def test_what_a_small_message_is_refused_for_a_large_one_is_too(line: bytes, how: str) -> None:
    reply, taken = await heard(HEADER + TEXT + line + TEXT, how)
    assert reply.startswith(REFUSED[line])
    assert not taken
