"""BDAT (RFC 3030), as transcripts over a real socket: chunks that fit, chunks that do not, and abuse."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from relay.config import Limits
from relay.model.envelope import NO_PARAMETERS, Notify, Parameters
from relay.model.reply import Refused
from tests.smtp.conversation import CLEAR, OPEN, STARTTLS, Client, FakeDoor, stage

Contexts = tuple[ssl.SSLContext, ssl.SSLContext]

BEGUN = """
    S: 220 ...
    C: EHLO client
    S+ 250
    C: MAIL FROM:<me@example.com> SIZE=20
    C: RCPT TO:<a@example.net>
    S: 250 2.1.0 Ok
    S: 250 2.1.5 Ok
"""


async def test_a_message_comes_in_chunks() -> None:
    async with stage() as here:
        await here.play(
            BEGUN
            + r"""
            -- send b'BDAT 14\r\nSubject: hi\r\n\r'
            S: 250 2.0.0 14 octets received
            -- send b'bdat 10 last\r\n\n.\r\n..hi\r\n'
            S: 250 2.0.0 Ok: queued as 1
            C: QUIT
            S: 221 2.0.0 Bye
            -- closed
        """
        )
        assert here.door.content == b"Subject: hi\r\n\r\n.\r\n..hi\r\n"
        await here.settled()


async def test_a_client_may_send_all_of_it_in_one_packet_or_octet_by_octet() -> None:
    packet = (
        b"EHLO a\r\nMAIL FROM:<me@example.com>\r\nRCPT TO:<a@example.net> NOTIFY=SUCCESS\r\n"
        b"RCPT TO:<b@example.net>\r\n"
        + b"".join(b"BDAT 7\r\nline%d\r\n" % number for number in range(5))
        + b"BDAT 2 LAST\r\n\r\nMAIL FROM:<me@example.com>\r\nRCPT TO:<b@example.net>\r\nBDAT 3 LAST\r\nabcQUIT\r\n"
    )
    for size in (1, 7, len(packet)):
        async with stage() as here:

            def talk(client: Client, size: int) -> list[str]:
                with client:
                    client.reply()
                    for at in range(0, len(packet), size):
                        client.send(packet[at : at + size])
                    replies = [client.reply()]
                    while not replies[-1].startswith("221"):
                        replies.append(client.reply())
                    return replies

            replies = await asyncio.to_thread(talk, here.client(), size)
            assert replies[1:] == [
                "250 2.1.0 Ok",
                "250 2.1.5 Ok",
                "250 2.1.5 Ok",
                *["250 2.0.0 7 octets received"] * 5,
                "250 2.0.0 Ok: queued as 1",
                "250 2.1.0 Ok",
                "250 2.1.5 Ok",
                "250 2.0.0 Ok: queued as 2",
                "221 2.0.0 Bye",
            ]
            contents = [each[2].octets for each in here.door.taken]
            assert contents == [b"".join(b"line%d\r\n" % number for number in range(5)) + b"\r\n", b"abc\r\n"]
            recipients = here.door.taken[0][1].recipients
            assert [each.notify for each in recipients] == [Notify.SUCCESS, Notify.FAILURE | Notify.DELAY]
            assert here.door.parameters == [Parameters(notified=frozenset({"a@example.net"})), NO_PARAMETERS]


@pytest.mark.parametrize(
    ("octets", "content"),
    [
        (b"BDAT 0 LAST\r\n", b""),
        (b"BDAT 5\r\nhelloBDAT 0 LAST\r\n", b"hello\r\n"),
        (b"BDAT 0\r\nBDAT 7 LAST\r\nhello\r\n", b"hello\r\n"),
        (b"BDAT 6 LAST\r\n\r\n.\r\n.", b"\r\n.\r\n.\r\n"),
        (b"BDAT 12 LAST\r\na\r\n.\r\nQUIT\r\n", b"a\r\n.\r\nQUIT\r\n"),
        (b"bdat  0003   LaSt  \r\nabc", b"abc\r\n"),
    ],
)
async def test_a_content_is_what_the_chunks_held(octets: bytes, content: bytes) -> None:
    async with stage() as here:

        def talk() -> str:
            with here.client() as client:
                client.send(
                    b"EHLO a\r\nMAIL FROM:<me@example.com>\r\nRCPT TO:<a@example.net>\r\n" + octets + b"QUIT\r\n"
                )
                replies = [client.reply()]
                while not replies[-1].startswith("221"):
                    replies.append(client.reply())
                return replies[-2]

        assert await asyncio.to_thread(talk) == "250 2.0.0 Ok: queued as 1"
        assert here.door.content == content


async def test_chunks_are_held_to_the_rules_of_data() -> None:
    long = b"x" * 65_537
    for octets, said in [
        (b"a\0b\r\n", "550 5.6.0 The message has a NUL octet; encode it with base64"),
        (b"a\rb\r\n", "550 5.6.0 The message has a bare CR; ..."),
        (b"ends in\r", "550 5.6.0 The message has a bare CR; ..."),
        (b"a\nb\r\n", "550 5.6.0 The message has a bare LF; ..."),
        (long, "500 5.6.0 The message has a line longer than 65536 octets"),
    ]:
        async with stage() as here:
            packet = b"BDAT %d LAST\r\n" % len(octets) + octets
            await here.play(f"{BEGUN}\n-- send {packet!r}\nS: {said}\nC: NOOP\nS: 250 2.0.0 Ok")
            assert here.door.taken == []
            await here.settled()


async def test_a_bare_lf_in_a_chunk_of_who_logged_in_is_mended() -> None:
    async with stage(CLEAR) as here:
        await here.play(r"""
            S: 220 ...
            C: EHLO client
            S+ 250
            C: AUTH PLAIN AGJvYgBwbGFpbg==
            S: 235 ...
            C: MAIL FROM:<me@example.com>
            C: RCPT TO:<a@example.net>
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            -- send b'BDAT 8 LAST\r\na\n.\r\nb\nc'
            S: 250 2.0.0 Ok: queued as 1
        """)
        assert here.door.content == b"a\r\n.\r\nb\r\nc\r\n"
        assert here.door.taken[0][2].bare_lf


async def test_data_and_bdat_are_not_mixed() -> None:
    async with stage() as here:
        await here.play(
            BEGUN
            + r"""
            -- send b'BDAT 3\r\na\r\n'
            S: 250 2.0.0 3 octets received
            C: DATA
            S: 503 5.5.1 No DATA after BDAT; go on with BDAT, or begin anew with RSET
            C: RCPT TO:<b@example.net>
            S: 503 5.5.1 No RCPT between the chunks of a message
            C: MAIL FROM:<me@example.com>
            S: 503 5.5.1 MAIL was given already; RSET to begin anew
            C: NOOP
            S: 250 2.0.0 Ok
            -- send b'BDAT 3 LAST\r\nb\r\n'
            S: 250 2.0.0 Ok: queued as 1
        """
        )
        assert here.door.content == b"a\r\nb\r\n"
        assert [each.address for each in here.door.taken[0][1].recipients] == ["a@example.net"]


@pytest.mark.parametrize("end", ["RSET", "EHLO client", "HELO client"])
async def test_chunks_of_a_message_that_was_given_up_are_forgotten(end: str) -> None:
    async with stage() as here:
        await here.play(
            BEGUN
            + rf"""
            -- send b'BDAT 5\r\nsecre'
            S: 250 2.0.0 5 octets received
            C: {end}
            S+ 250
            C: EHLO client
            S+ 250
            C: MAIL FROM:<me@example.com>
            C: RCPT TO:<a@example.net>
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            -- send b'BDAT 3 LAST\r\nb\r\n'
            S: 250 2.0.0 Ok: queued as 1
        """
        )
        assert here.door.content == b"b\r\n"
        await here.settled()


SMUGGLED = rb"MAIL FROM:<evil@example.com>\r\n"
SIZE = len(b"MAIL FROM:<evil@example.com>\r\n")


async def test_the_octets_of_a_refused_bdat_are_never_commands() -> None:
    send = f"-- send b'BDAT {SIZE} LAST\\r\\n{SMUGGLED.decode()}'"
    async with stage(limits=Limits(errors=50)) as here:
        await here.play(f"""
            S: 220 ...
            {send}
            S: 503 5.5.1 EHLO first
            C: HELO client
            S: 250 mx.example
            {send}
            S: 503 5.5.1 BDAT only after EHLO
            C: EHLO client
            S+ 250
            {send}
            S: 503 5.5.1 MAIL first
            C: MAIL FROM:<me@example.com>
            S: 250 2.1.0 Ok
            {send}
            S: 554 5.5.1 No valid recipients
            C: RCPT TO:<a@example.net>
            S: 503 5.5.1 MAIL first
            C: NOOP
            S: 250 2.0.0 Ok
        """)
    async with stage(CLEAR) as here:
        await here.play(f"""
            S: 220 ...
            C: EHLO client
            S+ 250
            {send}
            S: 530 5.7.0 Authentication required
            C: NOOP
            S: 250 2.0.0 Ok
        """)


async def test_bdat_before_starttls_is_refused_and_its_octets_are_no_commands(contexts: Contexts) -> None:
    async with stage(STARTTLS, tls=contexts) as here:
        await here.play(r"""
            S: 220 ...
            C: EHLO client
            S+ 250
            -- send b'BDAT 10 LAST\r\nSTARTTLS\r\n'
            S: 530 5.7.0 Must issue a STARTTLS command first
            C: NOOP
            S: 250 2.0.0 Ok
        """)


async def test_a_recipient_that_was_refused_leaves_the_pipelined_chunks_in_step() -> None:
    async with stage(door=FakeDoor(refuse_address="gone@example.net")) as here:
        await here.play(r"""
            S: 220 ...
            C: EHLO client
            S+ 250
            C: MAIL FROM:<me@example.com>
            C: RCPT TO:<gone@example.net>
            -- send b'BDAT 3\r\na\r\nBDAT 3 LAST\r\nb\r\nNOOP\r\n'
            S: 250 2.1.0 Ok
            S: 550 5.1.1 No such mailbox
            S: 554 5.5.1 No valid recipients
            S: 503 5.5.1 A chunk of this message was refused; begin anew with MAIL
            S: 250 2.0.0 Ok
        """)


async def test_a_message_over_the_limit_is_refused_at_the_chunk_that_passes_it() -> None:
    async with stage(limits=Limits(size=1000, errors=3)) as here:
        chunk = b"BDAT 600\r\n" + b"x" * 598 + b"\r\n"
        last = b"BDAT 600 LAST\r\n" + b"x" * 598 + b"\r\n"
        spoilt = "S: 503 5.5.1 A chunk of this message was refused; begin anew with MAIL\n"
        await here.play(
            BEGUN
            + f"-- send {chunk * 8 + last!r}\n"
            + "S: 250 2.0.0 600 octets received\nS: 552 5.3.4 The message is larger than 1000 octets\n"
            + spoilt * 7
            + "C: NOOP\nS: 250 2.0.0 Ok\n"
            + f"-- send {last!r}\nS: 503 5.5.1 MAIL first\n"
        )
        assert here.door.taken == []
        await here.settled()


async def test_a_chunk_far_over_the_limit_is_not_read_to_its_end() -> None:
    async with stage(limits=Limits(size=10_000)) as here:

        def talk() -> tuple[str, bool]:
            with here.client() as client:
                client.send(b"EHLO a\r\nMAIL FROM:<me@example.com>\r\nRCPT TO:<a@example.net>\r\n")
                while not client.reply().startswith("250 2.1.5"):
                    pass
                client.send(b"BDAT 9999999999999999999 LAST\r\n")
                try:
                    for _ in range(1000):
                        client.send(b"QUIT\r\n" * 2000)
                except OSError:
                    pass
                return client.line(), client.closed()

        assert await asyncio.to_thread(talk) == ("552 5.3.4 The message is larger than 10000 octets", True)
        assert here.door.taken == []
        await here.settled()


@pytest.mark.parametrize(
    "command",
    [
        b"BDAT",
        b"BDAT ",
        b"BDAT ten",
        b"BDAT -1 LAST",
        b"BDAT +5",
        b"BDAT 5 FIRST",
        b"BDAT 5LAST",
        b"BDAT 5 LAST now",
        b"BDAT 0x5",
        b"BDAT 99999999999999999999",
        b"BDAT \xd9\xa3",
    ],
)
async def test_a_bdat_that_cannot_be_read_ends_the_session(command: bytes) -> None:
    """Nobody knows how much of what follows is content, so none of it may be read as commands."""
    async with stage() as here:
        packet = command + b"\r\nMAIL FROM:<evil@example.com>\r\n"
        await here.play(f"{BEGUN}\n-- send {packet!r}\nS: 501 5.5.4 Syntax: BDAT octets [LAST]\n-- closed")
        assert here.door.taken == []
        await here.settled()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (b"BDAT 5\n", "500 5.5.2 End each command with CR LF, not with LF alone"),
        (b"BDAT\t5\r\n", "500 5.5.2 ..."),
        (b" BDAT 5\r\n", "500 5.5.2 No such command: nothing"),
        (b"BDAT 5\0\r\n", "500 5.5.2 A command has no NUL, no CR and no other control character"),
        (b"BDAT 5 \r \r\n", "500 5.5.2 A command has no NUL, no CR and no other control character"),
        (b"BDAT " + b"0" * 3000 + b"5\r\n", "500 5.5.2 Command longer than 2048 octets"),
        (b"BDATA 5\r\n", "500 5.5.2 No such command: BDATA"),
    ],
)
async def test_what_may_have_been_bdat_ends_the_session(command: bytes, said: str) -> None:
    async with stage() as here:
        packet = command + b"RSET\r\n"
        await here.play(f"{BEGUN}\n-- send {packet!r}\nS: {said}\n-- closed")
        await here.settled()


async def test_a_client_lost_between_chunks_and_within_one_leaves_nothing_behind() -> None:
    for octets in (b"BDAT 5\r\nhello", b"BDAT 5\r\nhelloBDAT 9 LAST\r\nhal"):
        async with stage() as here:
            await here.play(f"{BEGUN}\n-- send {octets!r}\nS: 250 2.0.0 5 octets received\n")
            await here.settled()
            assert here.door.taken == []


async def test_a_silent_client_within_a_chunk_hears_of_it() -> None:
    async with stage(limits=Limits(data_timeout=0.1)) as here:
        await here.play(
            f"{BEGUN}\n-- send {b'BDAT 5 LAST' + bytes([13, 10]) + b'he'!r}\nS: 421 4.4.2 Timeout, closing\n-- closed"
        )
        await here.settled()


async def test_chunks_share_the_memory_of_the_worker() -> None:
    door = FakeDoor(gate=asyncio.Event())
    async with stage(door=door, limits=Limits(memory=30_000)) as here:

        def begin() -> str:
            with here.client() as client:
                client.send(b"EHLO a\r\nMAIL FROM:<me@example.com>\r\nRCPT TO:<a@example.net>\r\n")
                while not client.reply().startswith("250 2.1.5"):
                    pass
                client.send(b"BDAT 10000\r\n" + b"x" * 9998 + b"\r\n")
                client.send(b"BDAT 10000 LAST\r\n" + b"x" * 9998 + b"\r\n")
                first, last = client.reply(), client.reply()
                assert first == "250 2.0.0 10000 octets received"
                return last

        first = asyncio.create_task(asyncio.to_thread(begin))
        await door.reached.wait()
        assert here.budget.held == 20_000
        assert (
            await asyncio.to_thread(begin)
            == "452 4.3.1 No memory for another message at the moment; please try again"
        )
        assert here.budget.held == 20_000
        assert door.gate is not None
        door.gate.set()
        assert await first == "250 2.0.0 Ok: queued as 1"
        await here.settled()


async def test_a_door_that_refuses_the_message_is_heard_after_the_last_chunk() -> None:
    async with stage(door=FakeDoor(fault=Refused(554, "5.6.0", "Bad header"))) as here:
        await here.play(
            BEGUN
            + r"""
            -- send b'BDAT 3\r\na\r\nBDAT 3 LAST\r\nb\r\nNOOP\r\n'
            S: 250 2.0.0 3 octets received
            S: 554 5.6.0 Bad header
            S: 250 2.0.0 Ok
        """
        )
        await here.settled()


async def test_a_listener_that_ends_cuts_no_chunk_short() -> None:
    async with stage(OPEN) as here:
        reached = asyncio.Event()
        loop = asyncio.get_running_loop()

        def talk() -> list[str]:
            with here.client() as client:
                client.send(b"EHLO a\r\nMAIL FROM:<me@example.com>\r\nRCPT TO:<a@example.net>\r\nBDAT 5 LAST\r\nhe")
                while not client.reply().startswith("250 2.1.5"):
                    pass
                loop.call_soon_threadsafe(reached.set)
                client.sock.settimeout(0.2)
                try:
                    assert client.sock.recv(1) == b"never"
                except TimeoutError:
                    client.sock.settimeout(10)
                client.send(b"llo")
                return [client.reply(), client.reply()]

        talking = asyncio.create_task(asyncio.to_thread(talk))
        await reached.wait()
        await here.server.drain(5)
        assert await talking == [
            "250 2.0.0 Ok: queued as 1",
            "421 4.3.2 Shutting down; please try again in a minute",
        ]
