"""The commands of a session, as transcripts over a real socket, under both event loops."""

from __future__ import annotations

import asyncio
import logging
import smtplib

import pytest

from relay.config import Limits
from relay.model.envelope import Body
from relay.model.reply import Refused
from tests.smtp.conversation import CLEAR, FakeDoor, stage


async def test_a_pipelining_client_hands_in_a_message() -> None:
    async with stage() as here:
        await here.play("""
            S: 220 mx.example ESMTP relay
            C: EHLO client.example
            S: 250-mx.example
            S: 250-PIPELINING
            S: 250-SIZE 52428800
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-DSN
            S: 250-DELIVERBY 60
            S: 250-FUTURERELEASE 604800 20...
            S: 250-MT-PRIORITY MIXER
            S: 250-LIMITS RCPTMAX=1000 MAILMAX=10000
            S: 250 HELP
            C: MAIL FROM:<me@example.com> SIZE=100 BODY=8BITMIME
            C: RCPT TO:<Ann.Lee@Example.NET>
            C: RCPT TO:<bob@example.net>
            C: DATA
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 250 2.1.5 Ok
            S: 354 End data with <CR><LF>.<CR><LF>
            C: Subject: hi
            C:
            C: ..dot
            C: .
            C: QUIT
            S: 250 2.0.0 Ok: queued as 1
            S: 221 2.0.0 Bye
            -- closed
        """)
        session, envelope, arrived = here.door.taken[0]
        assert (session.helo, session.esmtp, session.messages) == ("client.example", True, 1)
        assert envelope.reverse_path == "me@example.com"
        assert [each.address for each in envelope.recipients] == ["Ann.Lee@example.net", "bob@example.net"]
        assert envelope.body is Body.EIGHT_BIT
        assert arrived.octets == b"Subject: hi\r\n\r\n.dot\r\n"
        await here.settled()


async def test_replies_of_a_pipelined_group_leave_in_one_packet() -> None:
    async with stage() as here:

        def talk() -> bytes:
            with here.client() as client:
                client.line()
                client.send(b"EHLO a\r\nMAIL FROM:<me@example.com>\r\nRCPT TO:<a@b.example>\r\nNOOP\r\nRSET\r\n")
                return client.sock.recv(65536)

        heard = await asyncio.to_thread(talk)
        assert heard.count(b"\r\n") == 17
        assert heard.endswith(b"250 2.0.0 Ok\r\n")


async def test_a_session_of_1982_works() -> None:
    async with stage() as here:
        await here.play("""
            S: 220 mx.example ESMTP relay
            C: HELO relay.example.com
            S: 250 mx.example
            C: MAIL FROM:<bob@example.com>
            S: 250 2.1.0 Ok
            C: RCPT TO:<alice@example.com>
            S: 250 2.1.5 Ok
            C: DATA
            S: 354 End data with <CR><LF>.<CR><LF>
            C: From: bob@example.com
            C:
            C: Hello Alice.
            C: .
            S: 250 2.0.0 Ok: queued as 1
            C: MAIL FROM:<bob@example.com> SIZE=10
            S: 555 5.5.4 MAIL has parameters only after EHLO
            C: QUIT
            S: 221 2.0.0 Bye
            -- closed
        """)
        assert here.door.taken[0][0].esmtp is False


async def test_commands_out_of_order_are_refused_and_the_session_goes_on() -> None:
    async with stage() as here:
        await here.play("""
            S: 220 mx.example ESMTP relay
            C: MAIL FROM:<me@example.com>
            S: 503 5.5.1 EHLO first
            C: EHLO
            S: 501 5.5.4 Syntax: EHLO name, in ASCII and without spaces
            C: HELO client
            S: 250 mx.example
            C: RCPT TO:<a@example.net>
            S: 503 5.5.1 MAIL first
            C: DATA
            S: 503 5.5.1 MAIL first
            C: MAIL FROM:<me@example.com>
            S: 250 2.1.0 Ok
            C: MAIL FROM:<me@example.com>
            S: 503 5.5.1 MAIL was given already; RSET to begin anew
            C: DATA
            S: 554 5.5.1 No valid recipients
            C: RSET
            S: 250 2.0.0 Ok
            C: RCPT TO:<a@example.net>
            S: 503 5.5.1 MAIL first
            C: MAIL FROM:<me@example.com>
            C: EHLO client
            S: 250 2.1.0 Ok
            S: 250-mx.example
            S: 250-PIPELINING
            S: 250-SIZE 52428800
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-DSN
            S: 250-DELIVERBY 60
            S: 250-FUTURERELEASE 604800 20...
            S: 250-MT-PRIORITY MIXER
            S: 250-LIMITS RCPTMAX=1000 MAILMAX=10000
            S: 250 HELP
            C: RCPT TO:<a@example.net>
            S: 503 5.5.1 MAIL first
        """)


async def test_small_commands_have_their_replies() -> None:
    async with stage() as here:
        await here.play("""
            S: 220 mx.example ESMTP relay
            C: noop whatever
            S: 250 2.0.0 Ok
            C: VRFY ann
            S: 252 2.5.0 ...
            C: VRFY
            S: 501 5.5.4 Syntax: VRFY address
            C: EXPN list
            S: 502 5.5.1 EXPN is not offered here
            C: HELP
            S: 214 2.0.0 Commands: AUTH BDAT DATA EHLO HELO HELP MAIL NOOP QUIT RCPT RSET STARTTLS VRFY
            C: XCLIENT ADDR=192.0.2.1
            S: 500 5.5.2 No such command: XCLIENT
            C:
            S: 500 5.5.2 No such command: nothing
            C: RSET now
            S: 501 5.5.4 Syntax: RSET
            C: QUIT now
            S: 501 5.5.4 Syntax: QUIT
            C: STARTTLS
            S: 502 5.5.1 STARTTLS is not offered here
            C: EHLO a
            S: 250-mx.example
            S: 250-PIPELINING
            S: 250-SIZE 52428800
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-DSN
            S: 250-DELIVERBY 60
            S: 250-FUTURERELEASE 604800 20...
            S: 250-MT-PRIORITY MIXER
            S: 250-LIMITS RCPTMAX=1000 MAILMAX=10000
            S: 250 HELP
            C: AUTH PLAIN
            S: 503 5.5.1 AUTH is not offered here; your network is your login
            C: QUIT
            S: 221 2.0.0 Bye
            -- closed
        """)


@pytest.mark.parametrize(
    ("given", "reverse_path"),
    [
        ("FROM:<me@example.com>", "me@example.com"),
        ("from: <Me@EXAMPLE.com>  ", "Me@example.com"),
        ("From:me@example.com", "me@example.com"),
        ("FROM:<>", ""),
        ("FROM: <> AUTH=<>", ""),
        ("FROM:<@a.example,@b.example:me@example.com>", "me@example.com"),
        ('FROM:<"a>b c"@example.com> SIZE=1', '"a>b c"@example.com'),
        ("FROM:<me@example.com> auth=me+40example.com body=7bit size=5", "me@example.com"),
        ("FROM:<mé@example.com> SMTPUTF8", "mé@example.com"),
        ("FROM:<me@bücher.example> SMTPUTF8", "me@xn--bcher-kva.example"),
    ],
)
async def test_mail_takes_what_programs_write(given: str, reverse_path: str) -> None:
    async with stage() as here:
        await here.play(f"""
            S: 220 ...
            C: EHLO a
            S+ 250
            C: MAIL {given}
            C: RCPT TO: <a@example.net>
            C: DATA
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 354 ...
            C: .
            S: 250 2.0.0 Ok: queued as 1
        """)
        _, envelope, arrived = here.door.taken[0]
        assert envelope.reverse_path == reverse_path
        assert envelope.smtputf8 is ("SMTPUTF8" in given)
        assert arrived.octets == b""


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        (b"MAIL", "501 5.5.4 Syntax: MAIL FROM:<address> [parameters]"),
        (b"MAIL TO:<a@b>", "501 5.5.4 Syntax: MAIL FROM:<address> [parameters]"),
        (b"MAIL FROM:<a@b.example", "501 5.5.4 Syntax: MAIL FROM:<address> [parameters]"),
        (b"MAIL FROM:<a@b.example>SIZE=3", "501 5.5.4 Syntax: MAIL FROM:<address> [parameters]"),
        (b"MAIL FROM:<nobody>", "501 5.1.7 Bad address: "),
        (b"MAIL FROM:<a b@example.com>", "501 5.1.7 Bad address: "),
        (b"MAIL FROM:<m\xe9@example.com>", "501 5.1.7 The address is not UTF-8"),
        (b"MAIL FROM:<m\xe9@example.com> SMTPUTF8", "501 5.1.7 The address is not UTF-8"),
        (b"MAIL FROM:<m\xc3\xa9@example.com>", "550 5.6.7 "),
        (b"MAIL FROM:<a@b.example> SIZE=x", "501 5.5.4 SIZE= is a number of octets, at most 20 digits"),
        (b"MAIL FROM:<a@b.example> SIZE", "501 5.5.4 SIZE= is a number of octets, at most 20 digits"),
        (b"MAIL FROM:<a@b.example> SIZE=52428801", "552 5.3.4 A message has at most 52428800 octets"),
        (b"MAIL FROM:<a@b.example> SIZE=1 SIZE=1", "501 5.5.4 SIZE is given twice"),
        (b"MAIL FROM:<a@b.example> BODY=BINARYMIME", "501 5.5.4 BODY= is 7BIT or 8BITMIME"),
        (b"MAIL FROM:<a@b.example> SMTPUTF8=yes", "501 5.5.4 SMTPUTF8 takes no value"),
        (b"MAIL FROM:<a@b.example> AUTH", "501 5.5.4 AUTH= needs a value, such as <>"),
        (b"MAIL FROM:<a@b.example> REQUIRETLS", "555 5.5.4 REQUIRETLS is not offered for MAIL"),
        (b"MAIL FROM:<a@b.example> =5", "501 5.5.4 Bad parameter of MAIL: =5"),
        (b"MAIL FROM:<a@b.example> X=\x01", "500 5.5.2 A command has no NUL, "),
        (b"MAIL FROM:<a@b.example>\0", "500 5.5.2 A command has no NUL, "),
        (b"MAIL\0FROM:<a@b.example>", "500 5.5.2 No such command: MAIL?FROM:<A@B.EX..."),
        (b"M\xc3\xa4IL FROM:<a@b.example>", "500 5.5.2 No such command: "),
        (b"MAIL FROM:<a@b.example>\rRCPT TO:<c@d.example>", "500 5.5.2 A command has no NUL, "),
        (b"NOOP " + b"x" * 2100, "500 5.5.2 Command longer than 2048 octets"),
        (b"NOOP " + b"x" * 70_000, "500 5.5.2 Line longer than 12288 octets"),
        (b"RCPT TO:<a@b.example>", "503 5.5.1 MAIL first"),
    ],
)
async def test_a_bad_command_is_explained_and_the_session_goes_on(command: bytes, reply: str) -> None:
    async with stage() as here:

        def talk() -> tuple[str, str]:
            with here.client() as client:
                client.reply()
                client.ask("EHLO a")
                client.send(command + b"\r\n")
                return client.reply(), client.ask("MAIL FROM:<me@example.com>")

        heard, after = await asyncio.to_thread(talk)
        assert heard.startswith(reply)
        assert after == "250 2.1.0 Ok"


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        (b"RCPT <a@b.example>", "501 5.5.4 Syntax: RCPT TO:<address>"),
        (b"RCPT TO:<>", "501 5.1.3 Bad address: "),
        (b"RCPT TO:<a>", "501 5.1.3 Bad address: "),
        (b"RCPT TO:<m\xe9@example.com>", "501 5.1.3 The address is not UTF-8"),
        (b"RCPT TO:<m\xc3\xa9@example.com>", "553 5.6.7 "),
        (b"RCPT TO:<a@b.example> RRVS=2020", "555 5.5.4 RRVS is not offered for RCPT"),
        (b"RCPT TO:<gone@example.net>", "550 5.1.1 No such mailbox"),
        (b"RCPT TO:<postmaster>", "250 2.1.5 Ok"),
    ],
)
async def test_rcpt_says_what_is_wrong(command: bytes, reply: str) -> None:
    async with stage(door=FakeDoor(refuse_address="gone@example.net")) as here:

        def talk() -> str:
            with here.client() as client:
                client.reply()
                client.ask("EHLO a")
                client.ask("MAIL FROM:<me@example.com>")
                client.send(command + b"\r\n")
                return client.reply()

        assert (await asyncio.to_thread(talk)).startswith(reply)


async def test_postmaster_without_domain_is_ours_and_a_recipient_given_twice_is_one() -> None:
    async with stage() as here:
        await here.play("""
            S: 220 mx.example ESMTP relay
            C: HELO a
            C: MAIL FROM:<>
            C: RCPT TO:<Postmaster>
            C: RCPT TO:<a@example.net>
            C: RCPT TO:<a@EXAMPLE.net>
            C: DATA
            S: 250 mx.example
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 250 2.1.5 Ok
            S: 250 2.1.5 Ok
            S: 354 ...
            C: .
            S: 250 2.0.0 Ok: queued as 1
        """)
        addresses = [each.address for each in here.door.taken[0][1].recipients]
        assert addresses == ["Postmaster@mx.example", "a@example.net"]


async def test_a_command_that_ends_in_lf_alone_is_told_so() -> None:
    async with stage() as here:
        await here.play(r"""
            S: 220 mx.example ESMTP relay
            -- send b"HELO a\n"
            S: 500 5.5.2 End each command with CR LF, not with LF alone
            -- send b"HELO a\r\n"
            S: 250 mx.example
        """)


async def test_a_browser_is_sent_away_before_it_reaches_the_commands_in_its_post() -> None:
    async with stage() as here:
        await here.play("""
            S: 220 mx.example ESMTP relay
            C: POST / HTTP/1.1
            C: Host: mx.example
            C:
            C: HELO a
            C: MAIL FROM:<me@example.com>
            S: 554 5.5.0 This is SMTP, not HTTP
            -- closed
        """)


async def test_the_door_decides_on_the_sender() -> None:
    refusal = Refused(550, "5.7.1", "not your domain: relay domain add example.org")
    async with stage(door=FakeDoor(refuse_sender=refusal)) as here:
        await here.play("""
            S: 220 mx.example ESMTP relay
            C: HELO a
            S: 250 mx.example
            C: MAIL FROM:<me@example.org>
            S: 550 5.7.1 not your domain: relay domain add example.org
            C: RCPT TO:<a@example.net>
            S: 503 5.5.1 MAIL first
        """)


async def test_a_fault_of_ours_is_a_451_and_logged_with_the_session_and_the_session_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with stage(door=FakeDoor(fault=RuntimeError("disk ate it"))) as here:
        with caplog.at_level(logging.ERROR, "relay.smtp"):
            await here.play("""
                S: 220 mx.example ESMTP relay
                C: HELO a
                C: MAIL FROM:<me@example.com>
                C: RCPT TO:<a@example.net>
                C: DATA
                S: 250 mx.example
                S: 250 2.1.0 Ok
                S: 250 2.1.5 Ok
                S: 354 ...
                C: hello
                C: .
                S: 451 4.3.0 A fault of ours, please try again (session ...
                C: NOOP
                S: 250 2.0.0 Ok
                C: QUIT
                S: 221 2.0.0 Bye
                -- closed
            """)
        assert "session=" in caplog.text
        assert "disk ate it" in caplog.text
        await here.settled()


async def test_a_fault_in_a_command_is_a_451_too(caplog: pytest.LogCaptureFixture) -> None:
    async with stage(door=FakeDoor(refuse_sender=RuntimeError("oops"))) as here:
        await here.play("""
            S: 220 mx.example ESMTP relay
            C: HELO a
            S: 250 mx.example
            C: MAIL FROM:<me@example.com>
            S: 451 4.3.0 A fault of ours, please try again (session ...
            C: NOOP
            S: 250 2.0.0 Ok
        """)
        assert "oops" in caplog.text


async def test_what_is_said_while_a_message_is_stored_waits_its_turn() -> None:
    door = FakeDoor(gate=asyncio.Event())
    async with stage(door=door) as here:

        def talk() -> list[str]:
            with here.client() as client:
                client.send(b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.net>\r\nDATA\r\n")
                for _ in range(5):
                    client.line()
                client.send(b"one\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.net>\r\nDATA\r\n")
                client.send(b"two\r\n.\r\nQUIT\r\n")
                return [client.line() for _ in range(6)]

        talking = asyncio.create_task(asyncio.to_thread(talk))
        await door.reached.wait()
        assert door.gate is not None
        door.gate.set()
        replies = await talking
        assert [each[:3] for each in replies] == ["250", "250", "250", "354", "250", "221"]
        assert [each[2].octets for each in door.taken] == [b"one\r\n", b"two\r\n"]


async def test_octets_one_at_a_time_make_the_same_session() -> None:
    async with stage() as here:
        octets = (
            b"EHLO a\r\nMAIL FROM:<me@example.com>\r\nRCPT TO:<a@example.net>\r\nDATA\r\n"
            b"Subject: x\r\n\r\n..\r\n.\r\nQUIT\r\n"
        )

        def talk() -> str:
            with here.client() as client:
                for octet in octets:
                    client.send(bytes([octet]))
                while not (line := client.line()).startswith("221"):
                    pass
                return line

        assert await asyncio.to_thread(talk) == "221 2.0.0 Bye"
        assert here.door.content == b"Subject: x\r\n\r\n.\r\n"


async def test_a_client_that_shuts_its_side_hears_the_replies_to_all_it_said() -> None:
    async with stage() as here:
        await here.play("""
            S: 220 mx.example ESMTP relay
            C: HELO a
            C: MAIL FROM:<>
            C: RCPT TO:<a@example.net>
            C: DATA
            C: hello
            C: .
            C: NOOP
            -- shut
            S: 250 mx.example
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 354 ...
            S: 250 2.0.0 Ok: queued as 1
            S: 250 2.0.0 Ok
            -- closed
        """)
        await here.settled()


async def test_a_client_lost_inside_data_leaves_nothing_behind() -> None:
    async with stage() as here:
        await here.play("""
            S: 220 mx.example ESMTP relay
            C: HELO a
            C: MAIL FROM:<>
            C: RCPT TO:<a@example.net>
            C: DATA
            C: half a mess
            S: 250 mx.example
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 354 ...
        """)
        await here.settled()
        assert here.door.taken == []


async def test_a_message_under_way_is_stored_also_when_its_client_is_lost() -> None:
    door = FakeDoor(gate=asyncio.Event())
    async with stage(door=door) as here:
        await here.play("""
            S: 220 mx.example ESMTP relay
            C: HELO a
            C: MAIL FROM:<>
            C: RCPT TO:<a@example.net>
            C: DATA
            C: hello
            C: .
            S: 250 mx.example
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 354 ...
        """)
        await door.reached.wait()
        assert door.gate is not None
        door.gate.set()
        await here.settled()
        assert door.content == b"hello\r\n"


async def test_the_python_client_logs_in_and_sends() -> None:
    async with stage(CLEAR) as here:

        def talk() -> None:
            with smtplib.SMTP("127.0.0.1", here.server.port, timeout=10) as client:
                client.login("bob", "plain")
                assert client.sendmail("me@example.com", ["a@example.net"], b"Subject: x\r\n\r\n.\r\n") == {}

        await asyncio.to_thread(talk)
        assert here.door.content == b"Subject: x\r\n\r\n.\r\n"


async def test_no_line_of_aiosmtpd_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with stage(CLEAR) as here:
            await here.play("""
                S: 220 mx.example ESMTP relay
                C: EHLO a
                S: 250-mx.example
                S: 250-PIPELINING
                S: 250-SIZE 52428800
                S: 250-8BITMIME
                S: 250-SMTPUTF8
                S: 250-ENHANCEDSTATUSCODES
                S: 250-CHUNKING
                S: 250-DSN
                S: 250-DELIVERBY 60
                S: 250-FUTURERELEASE 604800 20...
                S: 250-MT-PRIORITY MIXER
                S: 250-LIMITS RCPTMAX=1000 MAILMAX=10000
                S: 250-AUTH PLAIN LOGIN
                S: 250 HELP
                C: AUTH PLAIN AGFubgBzw6ljcmV0
                S: 235 2.7.0 Authentication successful
            """)
    assert [each for each in caplog.records if each.name == "mail.log"] == []
    assert "AGFubgBz" not in caplog.text


async def test_the_limits_of_a_class_of_aiosmtpd_stay_as_they_were() -> None:
    from aiosmtpd.smtp import SMTP

    before = dict(SMTP.command_size_limits)
    async with stage() as here:
        await here.play("""
            S: 220 mx.example ESMTP relay
            C: EHLO a
            S: 250-mx.example
        """)
    assert dict(SMTP.command_size_limits) == before


async def test_errors_end_a_session_and_a_message_taken_forgives_them() -> None:
    async with stage(limits=Limits(errors=3)) as here:
        await here.play("""
            S: 220 mx.example ESMTP relay
            C: HELO a
            C: ONE
            C: TWO
            C: MAIL FROM:<>
            C: RCPT TO:<a@example.net>
            C: DATA
            C: .
            C: ONE
            C: TWO
            C: THREE
            C: NOOP
            S: 250 mx.example
            S: 500 5.5.2 No such command: ONE
            S: 500 5.5.2 No such command: TWO
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 354 ...
            S: 250 2.0.0 Ok: queued as 1
            S: 500 5.5.2 No such command: ONE
            S: 500 5.5.2 No such command: TWO
            S: 500 5.5.2 No such command: THREE
            S: 421 4.7.0 3 errors in a session are enough
            -- closed
        """)
        await here.settled()
