"""What a session offers, to whom, and what becomes of what is asked for: transcripts over a real socket."""

from __future__ import annotations

import ssl

import pytest

from relay.config import Limits, Listener, ListenerKind, ListenerLimits, Purpose
from relay.model.envelope import NO_PARAMETERS, DeliverBy, Notify, Parameters, Recipient, Ret
from tests.smtp.conversation import CLEAR, OPEN, RETURNS, FakeDoor, stage

Contexts = tuple[ssl.SSLContext, ssl.SSLContext]
NOW = 1_790_000_000.5  # 2026-09-21T14:13:20.5Z


async def test_what_is_offered_is_told_with_its_limits() -> None:
    limits = Limits(recipients=7, messages_per_session=9, hold=3600, deliver_by=0, size=1000)
    async with stage(limits=limits, clock=lambda: NOW) as here:
        await here.play("""
            S: 220 mx.example ESMTP relay
            C: EHLO client
            S: 250-mx.example
            S: 250-PIPELINING
            S: 250-SIZE 1000
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-DSN
            S: 250-DELIVERBY
            S: 250-FUTURERELEASE 3600 2026-09-21T15:13:20Z
            S: 250-MT-PRIORITY MIXER
            S: 250-LIMITS RCPTMAX=7 MAILMAX=9
            S: 250 HELP
        """)


async def test_what_nobody_may_is_not_offered() -> None:
    limits = Limits(recipients=1_000_000, messages_per_session=1_000_000, hold=0)
    async with stage(limits=limits) as here:
        await here.play("""
            S: 220 mx.example ESMTP relay
            C: EHLO client
            S: 250-mx.example
            S: 250-PIPELINING
            S: 250-SIZE 52428800
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-DSN
            S: 250-DELIVERBY 60
            S: 250-MT-PRIORITY MIXER
            S: 250 HELP
            C: MAIL FROM:<me@example.com> HOLDFOR=60
            S: 555 5.5.4 HOLDFOR is not offered for MAIL
        """)


async def test_the_time_until_which_mail_can_be_held_moves_on() -> None:
    now = NOW
    async with stage(limits=Limits(hold=3600), clock=lambda: now) as here:
        for seconds, until in ((0, "15:13:20"), (59, "15:13:20"), (60, "15:14:20"), (-600, "15:03:20")):
            now = NOW + seconds
            await here.play(f"""
                S: 220 ...
                C: EHLO client
                S: 250-mx.example
                S: 250-PIPELINING
                S: 250-SIZE 52428800
                S: 250-8BITMIME
                S: 250-SMTPUTF8
                S: 250-ENHANCEDSTATUSCODES
                S: 250-CHUNKING
                S: 250-DSN
                S: 250-DELIVERBY 60
                S: 250-FUTURERELEASE 3600 2026-09-21T{until}Z
                S: 250-MT-PRIORITY MIXER
                S: 250-LIMITS RCPTMAX=1000 MAILMAX=10000
                S: 250 HELP
            """)


async def test_what_mail_and_rcpt_ask_for_reaches_the_door() -> None:
    async with stage(clock=lambda: NOW) as here:
        await here.play(r"""
            S: 220 ...
            C: EHLO client
            S+ 250
            C: MAIL FROM:<me@example.com> RET=FULL ENVID=job+207 HOLDFOR=60 BY=600;RT MT-PRIORITY=-3 SIZE=9
            C: RCPT TO:<ann@example.net> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Ann+40example.org
            C: RCPT TO:<bob@example.net> ORCPT=utf-8;j\x{F6}rg@example.org
            C: RCPT TO:<cyd@example.net> NOTIFY=NEVER
            C: RCPT TO:<ann@example.net> NOTIFY=NEVER
            C: DATA
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 250 2.1.5 Ok
            S: 250 2.1.5 Ok
            S: 250 2.1.5 Ok
            S: 354 ...
            C: hello
            C: .
            S: 250 2.0.0 Ok: queued as 1
            C: MAIL FROM:<me@example.com>
            C: RCPT TO:<ann@example.net>
            C: DATA
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 354 ...
            C: .
            S: 250 2.0.0 Ok: queued as 2
        """)
    (_, first, _), (_, second, _) = here.door.taken
    assert (first.ret, first.envid) == (Ret.FULL, "job 7")
    assert first.recipients == (
        Recipient(address="ann@example.net", notify=Notify.SUCCESS | Notify.DELAY, original="rfc822;Ann@example.org"),
        Recipient(address="bob@example.net", original="utf-8;jörg@example.org"),
        Recipient(address="cyd@example.net", notify=Notify.NEVER),
    )
    assert here.door.parameters[0] == Parameters(
        hold_until=NOW + 60,
        by=DeliverBy(at=NOW + 600, give_up=True, trace=True),
        priority=-3,
        ret=True,
        notified=frozenset({"ann@example.net", "cyd@example.net"}),
    )
    assert (second.ret, second.envid) == (Ret.HDRS, None)
    assert second.recipients == (Recipient(address="ann@example.net"),)
    assert here.door.parameters[1] is NO_PARAMETERS


async def test_a_priority_that_is_lowered_is_told() -> None:
    async with stage(door=FakeDoor(highest=4)) as here:
        await here.play("""
            S: 220 ...
            C: EHLO client
            S+ 250
            C: MAIL FROM:<me@example.com> MT-PRIORITY=9
            S: 250 2.3.6 4 is the priority of this message
            C: RCPT TO:<ann@example.net>
            C: DATA
            S: 250 2.1.5 Ok
            S: 354 ...
            C: .
            S: 250 2.0.0 Ok: queued as 1
            C: MAIL FROM:<me@example.com> MT-PRIORITY=-9
            S: 250 2.1.0 Ok
        """)
        assert here.door.parameters == [Parameters(priority=4)]


async def test_after_helo_there_are_no_parameters() -> None:
    async with stage() as here:
        await here.play("""
            S: 220 ...
            C: HELO client
            S: 250 mx.example
            C: MAIL FROM:<me@example.com> RET=FULL
            S: 555 5.5.4 MAIL has parameters only after EHLO
            C: MAIL FROM:<me@example.com> HOLDFOR=60
            S: 555 5.5.4 MAIL has parameters only after EHLO
            C: MAIL FROM:<me@example.com>
            S: 250 2.1.0 Ok
            C: RCPT TO:<ann@example.net> NOTIFY=NEVER
            S: 555 5.5.4 RCPT has parameters only after EHLO
            C: RCPT TO:<ann@example.net>
            S: 250 2.1.5 Ok
        """)


async def test_a_command_has_room_for_its_longest_parameters_and_not_for_more() -> None:
    longest = "x" * 63 + "." + "y" * 60
    address = f"{'l' * 64}@{longest}.example"
    asked = f"RET=FULL ENVID={'e' * 100} BY=999999999;NT HOLDUNTIL=2026-09-22T00:00:00.000000000+00:00"
    asked += f" MT-PRIORITY=-9 SIZE=1 BODY=8BITMIME SMTPUTF8 AUTH={'a' * 450}"
    async with stage(clock=lambda: NOW) as here:
        await here.play(f"""
            S: 220 ...
            C: EHLO client
            S+ 250
            C: MAIL FROM:<{address}> {asked}
            S: 250 2.1.0 Ok
            C: RCPT TO:<{address}> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;{"o" * 493}
            S: 250 2.1.5 Ok
            C: RCPT TO:<{address}> ORCPT=rfc822;{"o" * 494}
            S: 501 5.5.4 ORCPT= has at most 500 octets
            C: RCPT TO:<ann@example.net> ORCPT=rfc822;{"o" * 2100}
            S: 500 5.5.2 Command longer than 2048 octets
            C: NOOP
            S: 250 2.0.0 Ok
        """)


# Returned mail


async def test_anybody_may_hand_in_returns_without_a_login(contexts: Contexts) -> None:
    async with stage(RETURNS, tls=contexts) as here:
        await here.play("""
            S: 220 mx.example ESMTP relay
            C: EHLO mail.example.net
            S: 250-mx.example
            S: 250-PIPELINING
            S: 250-SIZE 52428800
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-LIMITS RCPTMAX=10 MAILMAX=10000
            S: 250-STARTTLS
            S: 250 HELP
            C: AUTH PLAIN AGFubgBzw6ljcmV0
            S: 503 5.5.1 AUTH is not offered here
            C: MAIL FROM:<> BODY=8BITMIME MT-PRIORITY=3
            S: 555 5.5.4 MT-PRIORITY is not offered for MAIL
            C: MAIL FROM:<> BODY=8BITMIME RET=HDRS
            S: 555 5.5.4 RET is not offered for MAIL
            C: MAIL FROM:<> BODY=8BITMIME
            C: RCPT TO:<return-1@example.com> NOTIFY=NEVER
            C: RCPT TO:<return-1@example.com>
            C: DATA
            S: 250 2.1.0 Ok
            S: 555 5.5.4 NOTIFY is not offered for RCPT
            S: 250 2.1.5 Ok
            S: 354 ...
            C: bounced
            C: .
            S: 250 2.0.0 Ok: queued as 1
            C: STARTTLS
            S: 220 2.0.0 Ready to start TLS
            -- tls
            C: EHLO mail.example.net
            S: 250-mx.example
            S: 250-PIPELINING
            S: 250-SIZE 52428800
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-LIMITS RCPTMAX=10 MAILMAX=10000
            S: 250 HELP
            C: MAIL FROM:<>
            S: 250 2.1.0 Ok
        """)
        session, envelope, _ = here.door.taken[0]
        assert session.login is None
        assert envelope.reverse_path == ""


async def test_returns_are_not_mended() -> None:
    listener = Listener(name="test", port=0, purpose=Purpose.RETURNS, kind=ListenerKind.PLAIN)
    async with stage(listener, door=FakeDoor(refuse_address="stranger@example.com")) as here:
        await here.play(r"""
            S: 220 ...
            C: EHLO mail.example.net
            S+ 250
            C: MAIL FROM:<>
            C: RCPT TO:<stranger@example.com>
            C: RCPT TO:<return-1@example.com>
            C: DATA
            S: 250 2.1.0 Ok
            S: 550 5.1.1 No such mailbox
            S: 250 2.1.5 Ok
            S: 354 ...
            -- send b'a\nb\r\n.\r\n'
            S: 550 5.6.0 The message has a bare LF; ...
        """)
        assert here.door.taken == []


# Limits of a listener


async def test_a_listener_keeps_to_limits_of_its_own() -> None:
    own = ListenerLimits(size=1000, recipients=1, errors=2, messages_per_session=1, line=20)
    async with stage(OPEN.model_copy(update={"limits": own}), limits=Limits(recipients=50)) as here:
        await here.play(f"""
            S: 220 ...
            C: EHLO client
            S: 250-mx.example
            S: 250-PIPELINING
            S: 250-SIZE 1000
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-DSN
            S: 250-DELIVERBY 60
            S: 250-FUTURERELEASE 604800 20...
            S: 250-MT-PRIORITY MIXER
            S: 250-LIMITS RCPTMAX=1 MAILMAX=1
            S: 250 HELP
            C: MAIL FROM:<me@example.com>
            C: RCPT TO:<ann@example.net>
            C: RCPT TO:<bob@example.net>
            C: DATA
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 452 4.5.3 A message has at most 1 recipients
            S: 354 ...
            C: {"x" * 21}
            C: .
            S: 500 5.6.0 The message has a line longer than 20 octets
            C: MAIL FROM:<me@example.com> SIZE=1001
            S: 552 5.3.4 A message has at most 1000 octets
            S: 421 4.7.0 2 errors in a session are enough
            -- closed
        """)
        here.server.reconfigure(Limits(size=5, deliver_by=1))
        await here.play("""
            S: 220 ...
            C: EHLO client
            S: 250-mx.example
            S: 250-PIPELINING
            S: 250-SIZE 1000
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-DSN
            S: 250-DELIVERBY 1
        """)


async def test_the_time_outs_of_a_listener_are_its_own() -> None:
    own = ListenerLimits(command_timeout=0.1)
    async with stage(OPEN.model_copy(update={"limits": own})) as here:
        await here.play("""
            S: 220 ...
            S: 421 4.4.2 Timeout, closing
            -- closed
        """)


# AUTH


@pytest.mark.parametrize("mechanism", ["PLAIN", "plain"])
async def test_an_initial_response_of_nothing_is_an_equals_sign(mechanism: str) -> None:
    async with stage(CLEAR) as here:
        await here.play(f"""
            S: 220 ...
            C: EHLO client
            S+ 250
            C: AUTH {mechanism} =
            S: 501 5.5.2 Can't split auth value
            C: AUTH LOGIN =
            S: 334 UGFzc3dvcmQ6
            C: c8OpY3JldA==
            S: 535 5.7.8 Wrong user name or password
            C: AUTH LOGIN =
            S: 334 UGFzc3dvcmQ6
            C: *
            S: 501 5.7.0 AUTH cancelled
            C: AUTH SCRAM-SHA-256
            S: 504 5.5.4 Mechanisms are PLAIN and LOGIN
            C: AUTH LOGIN YW5u
            S: 334 UGFzc3dvcmQ6
            C: c8OpY3JldA==
            S: 235 2.7.0 Authentication successful
        """)
