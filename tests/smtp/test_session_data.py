"""Contents over a real socket: smuggling, limits, memory."""

from __future__ import annotations

import asyncio

import pytest

from relay.config import Limits, Listener
from relay.smtp import wire
from tests.smtp.conversation import CLEAR, OPEN, FakeDoor, Stage, stage

INTO_DATA = b"EHLO a\r\nMAIL FROM:<me@example.com>\r\nRCPT TO:<a@example.net>\r\nDATA\r\n"
SMUGGLED = b"MAIL FROM:<ceo@example.com>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\nevil\r\n.\r\n"
FALSE_ENDS = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r.\n",
    b"\n.\r",
    b"\r\r\n.\r\r\n",
    b"\r\n.\r\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\n.\r\0\n",
    b"\r\n\r.\r\n",
    b"\n.\r\r\n",
    b"\n\n.\n\n",
    b"\r\n\n.\r\n",
    b"\r\n.\r",
    b"\r\n..\r\n",
    b"\r\n. \r\n",
    b"\r\n.\t\r\n",
    b"\r\n .\r\n",
    b"\x0b.\x0b",
    b"\x0c.\x0c",
    b"\x1c.\x1c",
    b"\x85.\x85",
    b"\xe2\x80\xa8.\xe2\x80\xa8",
    b"\r\n\xef\xbb\xbf.\r\n",
]


def looks_like_an_end(octets: bytes) -> bool:
    """A client that means this waits for our reply now."""
    return octets.strip(b"\r\n\0") == b"." and octets != b"\r\n.\r"


def into_data(here: Stage, listener: Listener) -> tuple[Stage, bytes]:
    login = b"" if listener is OPEN else b"EHLO a\r\nAUTH PLAIN AGJvYgBwbGFpbg==\r\n"
    return here, login + INTO_DATA


@pytest.mark.parametrize("listener", [OPEN, CLEAR], ids=["unauthenticated", "authenticated"])
@pytest.mark.parametrize("ending", FALSE_ENDS)
async def test_no_false_end_makes_commands_of_what_follows(ending: bytes, listener: Listener) -> None:
    async with stage(listener) as here:
        _, preamble = into_data(here, listener)

        def talk() -> list[str]:
            with here.client() as client:
                client.send(preamble)
                while not client.reply().startswith("354"):
                    pass
                client.send(b"Subject: x\r\n\r\nbody" + ending + SMUGGLED + b"QUIT\r\n")
                replies = [client.reply()]
                while not replies[-1].startswith("221"):
                    replies.append(client.reply())
                return replies

        replies = await asyncio.to_thread(talk)
        # One message at most, whatever it holds: its end is the last dot of what was to be smuggled.
        assert len(here.door.taken) <= 1
        assert len(replies) == 2
        rest = ending.replace(b"\r\n", b"")
        bare_lf = b"\n" in rest
        if b"\r" not in rest and b"\0" not in rest and (listener is CLEAR or not bare_lf):
            assert replies[0] == "250 2.0.0 Ok: queued as 1"
            assert here.door.taken[0][2].bare_lf is bare_lf
            assert b"ceo@example.com" in here.door.content
        else:
            assert replies[0].startswith("550 5.6.0 ")
            assert here.door.taken == []


@pytest.mark.parametrize("ending", [each for each in FALSE_ENDS if looks_like_an_end(each)])
async def test_a_client_that_waits_after_a_false_end_is_answered_and_parsed_no_further(
    ending: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.smtp.wire.FALSE_END", 0.05)
    async with stage(CLEAR) as here:
        _, preamble = into_data(here, CLEAR)

        def talk() -> str:
            with here.client() as client:
                client.send(preamble)
                while not client.reply().startswith("354"):
                    pass
                client.send(b"Subject: x\r\n\r\nbody" + ending)
                reply = client.reply()
                client.send(SMUGGLED)
                assert client.closed()
                return reply

        reply = await asyncio.to_thread(talk)
        assert reply == "550 5.6.0 The message must end with CR LF dot CR LF, and nothing else"
        assert here.door.taken == []
        await here.settled()


@pytest.mark.parametrize("octets", [b"hello\r\n.\r", b".\r"])
async def test_a_client_whose_last_octet_never_comes_is_told_so_and_may_try_again(
    octets: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.smtp.wire.FALSE_END", 0.05)
    async with stage() as here:
        await here.play(f"""
            S: 220 ...
            -- send {INTO_DATA!r}
            S+ 250
            S: 250 ...
            S: 250 ...
            S: 354 ...
            -- send {octets!r}
            S: 421 4.4.2 Timeout: the message must end with CR LF dot CR LF, and the LF is missing
            -- send {SMUGGLED!r}
            -- closed
        """)
        assert here.door.taken == []
        await here.settled()


def test_a_client_that_waits_after_a_false_end_waits_five_seconds() -> None:
    assert wire.FALSE_END == 5.0


async def test_a_pause_after_what_looks_like_an_end_may_be_a_pause() -> None:
    async with stage(CLEAR) as here:
        _, preamble = into_data(here, CLEAR)

        def talk() -> str:
            with here.client() as client:
                client.send(preamble)
                while not client.reply().startswith("354"):
                    pass
                client.send(b"one\n.\n")
                assert client.sock.send(b"two\r\n") == 5
                return client.ask(".")

        assert await asyncio.to_thread(talk) == "250 2.0.0 Ok: queued as 1"
        assert here.door.content == b"one\r\n.\r\ntwo\r\n"


async def test_the_end_may_come_in_any_pieces() -> None:
    async with stage() as here:

        def talk() -> None:
            with here.client() as client:
                client.reply()
                client.ask("EHLO a")
                for first in range(6):
                    for second in range(first, 6):
                        client.send(INTO_DATA.partition(b"\r\n")[2])
                        for code in ("250", "250", "354"):
                            assert client.reply().startswith(code)
                        end = b"\r\n.\r\n"
                        for piece in (b"text" + end[:first], end[first:second], end[second:]):
                            client.send(piece)
                        assert client.reply().startswith("250 2.0.0 Ok: queued")

        await asyncio.to_thread(talk)
        assert {each[2].octets for each in here.door.taken} == {b"text\r\n"}


async def test_a_message_over_the_limit_is_read_to_its_end_and_refused() -> None:
    async with stage(limits=Limits(size=10_000)) as here:

        def talk() -> tuple[str, str]:
            with here.client() as client:
                client.send(INTO_DATA)
                while not client.reply().startswith("354"):
                    pass
                client.send((b"x" * 98 + b"\r\n") * 200 + b".\r\n")
                return client.reply(), client.ask("NOOP")

        assert await asyncio.to_thread(talk) == ("552 5.3.4 The message is larger than 10000 octets", "250 2.0.0 Ok")
        assert here.door.taken == []


async def test_a_message_without_end_is_cut_off() -> None:
    async with stage(limits=Limits(size=10_000)) as here:

        def talk() -> str:
            with here.client() as client:
                client.send(INTO_DATA)
                while not client.reply().startswith("354"):
                    pass
                try:
                    for _ in range(1000):
                        client.send(b"x" * 9998 + b"\r\n")
                except OSError:
                    pass
                return client.line()

        assert await asyncio.to_thread(talk) == "552 5.3.4 The message is larger than 10000 octets"
        await here.settled()


async def test_a_line_over_the_limit_is_refused_after_the_end_and_the_session_goes_on() -> None:
    async with stage() as here:

        def talk() -> tuple[str, str]:
            with here.client() as client:
                client.send(INTO_DATA)
                while not client.reply().startswith("354"):
                    pass
                client.send(b"a\r\n" + b"x" * 65_537 + b"\r\n.\r\n")
                return client.reply(), client.ask("NOOP")

        refusal, after = await asyncio.to_thread(talk)
        assert refusal == "500 5.6.0 The message has a line longer than 65536 octets"
        assert after == "250 2.0.0 Ok"


async def test_a_megabyte_arrives_as_it_was_sent() -> None:
    content = b"".join(b"%06d " % number + b"." * (number % 70) + b"\xc3\xa9\r\n" for number in range(20_000))
    async with stage() as here:

        def talk() -> str:
            with here.client() as client:
                client.send(INTO_DATA)
                while not client.reply().startswith("354"):
                    pass
                client.send(content + b".\r\n")
                return client.reply()

        assert await asyncio.to_thread(talk) == "250 2.0.0 Ok: queued as 1"
        assert here.door.content == content
        await here.settled()


async def test_contents_over_the_memory_of_the_worker_are_put_off() -> None:
    door = FakeDoor(gate=asyncio.Event())
    async with stage(door=door, limits=Limits(memory=30_000)) as here:
        body = b"x" * 98 + b"\r\n"

        def begin() -> str:
            with here.client() as client:
                client.send(INTO_DATA)
                while not client.reply().startswith("354"):
                    pass
                client.send(body * 200 + b".\r\n")
                return client.reply()

        first = asyncio.create_task(asyncio.to_thread(begin))
        await door.reached.wait()  # 20,000 octets are held, and stay so
        assert here.budget.held == 20_003
        second = await asyncio.to_thread(begin)
        assert second == "452 4.3.1 No memory for another message at the moment; please try again"
        assert door.gate is not None
        door.gate.set()
        assert await first == "250 2.0.0 Ok: queued as 1"
        await here.settled()


async def test_input_behind_a_message_under_way_is_bounded() -> None:
    door = FakeDoor(gate=asyncio.Event())
    async with stage(door=door) as here:

        def talk() -> int:
            with here.client() as client:
                client.send(INTO_DATA)
                while not client.reply().startswith("354"):
                    pass
                client.send(b"x\r\n.\r\n")
                client.sock.settimeout(0.3)
                sent = 0
                try:
                    while sent < 50_000_000:
                        sent += client.sock.send(b"NOOP\r\n" * 10_000)
                except TimeoutError:
                    pass
                return sent

        talking = asyncio.create_task(asyncio.to_thread(talk))
        await door.reached.wait()
        sent = await talking
        assert sent < 50_000_000
        (session,) = here.server._service.sessions
        assert len(session._input) < 1_000_000
        assert door.gate is not None
        door.gate.set()
        await here.settled()
