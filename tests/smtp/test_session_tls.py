"""STARTTLS, implicit TLS and AUTH."""

from __future__ import annotations

import asyncio
import base64
import ssl

import pytest

from relay.config import ListenerKind
from relay.model.reply import Refused
from tests.smtp.conversation import CLEAR, OPEN, STARTTLS, TLS, Client, FakeDoor, stage, until

Contexts = tuple[ssl.SSLContext, ssl.SSLContext]


async def test_a_client_logs_in_under_starttls_and_sends(contexts: Contexts) -> None:
    async with stage(STARTTLS, tls=contexts) as here:
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
            S: 250-FUTURERELEASE 604800 20...
            S: 250-MT-PRIORITY MIXER
            S: 250-LIMITS RCPTMAX=1000 MAILMAX=10000
            S: 250-STARTTLS
            S: 250 HELP
            C: STARTTLS
            S: 220 2.0.0 Ready to start TLS
            -- tls
            C: MAIL FROM:<me@example.com>
            S: 503 5.5.1 EHLO first
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
            S: 250-FUTURERELEASE 604800 20...
            S: 250-MT-PRIORITY MIXER
            S: 250-LIMITS RCPTMAX=1000 MAILMAX=10000
            S: 250-AUTH PLAIN LOGIN
            S: 250 HELP
            C: MAIL FROM:<me@example.com>
            S: 530 5.7.0 Authentication required
            C: AUTH PLAIN AGFubgBzw6ljcmV0
            S: 235 2.7.0 Authentication successful
            C: AUTH PLAIN AGFubgBzw6ljcmV0
            S: 503 5.5.1 Already authenticated
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
            S: 250-FUTURERELEASE 604800 20...
            S: 250-MT-PRIORITY MIXER
            S: 250-LIMITS RCPTMAX=1000 MAILMAX=10000
            S: 250 HELP
            C: STARTTLS
            S: 503 5.5.1 TLS is in use already
            C: MAIL FROM:<me@example.com>
            C: RCPT TO:<a@example.net>
            C: DATA
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 354 ...
            C: hello
            C: .
            S: 250 2.0.0 Ok: queued as 1
            C: QUIT
            S: 221 2.0.0 Bye
            -- closed
        """)
        session = here.door.taken[0][0]
        assert session.tls.startswith("TLSv1.3 TLS_")
        assert session.login is not None
        assert session.login.credential == "ann"
        assert here.door.calls == 1
        await here.settled()


async def test_a_login_that_is_remembered_is_answered_like_any_other(contexts: Contexts) -> None:
    door = FakeDoor(recalled={("carol", "lately")})  # `login` knows no carol
    async with stage(STARTTLS, door=door, tls=contexts) as here:
        await here.play("""
            S: 220 mx.example ESMTP relay
            C: STARTTLS
            S: 220 2.0.0 Ready to start TLS
            -- tls
            C: EHLO client
            S+ 250
            C: AUTH PLAIN AGNhcm9sAGxhdGVseQ==
            S: 235 2.7.0 Authentication successful
            C: AUTH PLAIN AGNhcm9sAGxhdGVseQ==
            S: 503 5.5.1 Already authenticated
            C: MAIL FROM:<me@example.com>
            S: 250 2.1.0 Ok
            C: QUIT
            S: 221 2.0.0 Bye
            -- closed
        """)
        await here.settled()


async def test_a_reply_longer_than_a_tls_record_arrives_whole(contexts: Contexts) -> None:
    async with stage(TLS, tls=contexts) as here:

        def talk() -> int:
            with here.client() as client:
                client.secure()
                assert client.line() == "220 mx.example ESMTP relay"
                client.send(b"NOOP\r\n" * 2000)  # 28,000 octets of replies in one write
                return sum(client.line() == "250 2.0.0 Ok" for _ in range(2000))

        assert await asyncio.to_thread(talk) == 2000


async def test_before_starttls_little_is_allowed(contexts: Contexts) -> None:
    async with stage(STARTTLS, tls=contexts) as here:
        await here.play("""
            S: 220 mx.example ESMTP relay
            C: MAIL FROM:<me@example.com>
            C: RCPT TO:<a@example.net>
            C: DATA
            C: VRFY ann
            C: NOOP
            C: RSET
            C: HELP
            C: HELO client
            C: AUTH PLAIN AGFubgBzw6ljcmV0
            C: STARTTLS now
            C: QUIT
            S: 530 5.7.0 Must issue a STARTTLS command first
            S: 530 5.7.0 Must issue a STARTTLS command first
            S: 530 5.7.0 Must issue a STARTTLS command first
            S: 530 5.7.0 Must issue a STARTTLS command first
            S: 250 2.0.0 Ok
            S: 250 2.0.0 Ok
            S: 214 2.0.0 ...
            S: 250 mx.example
            S: 530 5.7.0 Must issue a STARTTLS command first
            S: 501 5.5.4 Syntax: STARTTLS
            S: 221 2.0.0 Bye
            -- closed
        """)


@pytest.mark.parametrize("injected", [b"NOOP\r\n", b"EHLO evil\r\nMAIL FROM:<x@example.com>\r\n", b"x", b"\0", b"\n"])
async def test_what_is_injected_behind_starttls_is_never_read(injected: bytes, contexts: Contexts) -> None:
    """CVE-2011-0411 and its many brothers."""
    async with stage(STARTTLS, tls=contexts) as here:
        await here.play(f"""
            S: 220 mx.example ESMTP relay
            -- send {b"STARTTLS" + bytes([13, 10]) + injected!r}
            S: 554 5.5.1 Nothing may follow STARTTLS before the handshake
            -- closed
        """)
        await here.settled()


async def test_plain_text_in_place_of_a_handshake_ends_the_session(contexts: Contexts) -> None:
    async with stage(STARTTLS, tls=contexts) as here:

        def talk() -> bytes:
            with here.client() as client:
                client.reply()
                assert client.ask("STARTTLS").startswith("220")
                client.send(b"EHLO evil\r\nMAIL FROM:<x@example.com>\r\n")
                try:
                    return client.sock.recv(65536)
                except ConnectionResetError:
                    return b""

        heard = await asyncio.to_thread(talk)
        assert b"250" not in heard
        await here.settled()


async def test_a_handshake_that_never_comes_ends_the_session(
    contexts: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.smtp.connection.HANDSHAKE", 0.1)
    async with stage(STARTTLS, tls=contexts) as here:
        await here.play("""
            S: 220 mx.example ESMTP relay
            C: STARTTLS
            S: 220 2.0.0 Ready to start TLS
            -- closed
        """)
        await here.settled()
    async with stage(TLS, tls=contexts) as here:

        def talk() -> None:
            with here.client() as client:
                client.closed()

        await asyncio.to_thread(talk)
        await here.settled()


async def test_a_client_lost_in_its_handshake_leaves_nothing_behind(contexts: Contexts) -> None:
    for listener, opening in ((STARTTLS, b"STARTTLS\r\n"), (TLS, b"")):
        async with stage(listener, tls=contexts) as here:

            def talk(here: Client, opening: bytes) -> None:
                with here as client:
                    client.send(opening)
                    if opening:
                        client.reply()
                        client.reply()
                    client.send(b"\x16\x03\x01\x02\x00\x01\x00")

            await asyncio.to_thread(talk, here.client(), opening)
            await until(lambda door=here.door: door.calls == 1)  # type: ignore[misc]
            await here.settled()


async def test_ehlo_in_the_packet_of_the_last_handshake_message_is_not_lost(contexts: Contexts) -> None:
    """The client's Finished and its EHLO arrive together, before our handshake has returned."""
    async with stage(STARTTLS, tls=contexts) as here:

        def talk() -> str:
            with here.client() as client:
                client.reply()
                assert client.ask("STARTTLS").startswith("220")
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                channel = contexts[1].wrap_bio(incoming, outgoing, server_hostname="mx.example")
                while True:
                    try:
                        channel.do_handshake()
                        break
                    except ssl.SSLWantReadError:
                        if outgoing.pending:
                            client.send(outgoing.read())
                        incoming.write(client.sock.recv(65536))
                channel.write(b"EHLO client\r\nNOOP\r\n")
                client.send(outgoing.read())
                heard = b""
                while b"250 2.0.0 Ok\r\n" not in heard:
                    try:
                        heard += channel.read(65536)
                    except ssl.SSLWantReadError:
                        incoming.write(client.sock.recv(65536))
                return heard.decode()

        for _ in range(5):
            heard = await asyncio.to_thread(talk)
            assert heard.startswith("250-mx.example\r\n")
            assert "250-AUTH PLAIN LOGIN\r\n" in heard


async def test_implicit_tls_greets_under_tls(contexts: Contexts) -> None:
    async with stage(TLS, tls=contexts) as here:
        await here.play("""
            -- tls
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
            S: 250-FUTURERELEASE 604800 20...
            S: 250-MT-PRIORITY MIXER
            S: 250-LIMITS RCPTMAX=1000 MAILMAX=10000
            S: 250-AUTH PLAIN LOGIN
            S: 250 HELP
            C: STARTTLS
            S: 502 5.5.1 STARTTLS is not offered here
            C: AUTH LOGIN
            S: 334 VXNlcm5hbWU6
            C: YW5u
            S: 334 UGFzc3dvcmQ6
            C: c8OpY3JldA==
            S: 235 2.7.0 Authentication successful
            C: MAIL FROM:<me@example.com>
            C: RCPT TO:<a@example.net>
            C: DATA
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 354 ...
            C: hello
            C: .
            S: 250 2.0.0 Ok: queued as 1
            C: QUIT
            S: 221 2.0.0 Bye
            -- closed
        """)
        await here.settled()


async def test_a_megabyte_under_tls_arrives_as_it_was_sent(contexts: Contexts) -> None:
    content = b"".join(b"%06d\r\n" % number for number in range(130_000))
    async with stage(TLS, tls=contexts) as here:

        def talk() -> str:
            with here.client() as client:
                client.secure()
                client.reply()
                client.ask("EHLO a")
                assert client.ask("AUTH PLAIN AGJvYgBwbGFpbg==").startswith("235")
                client.send(b"MAIL FROM:<>\r\nRCPT TO:<a@example.net>\r\nDATA\r\n")
                while not client.reply().startswith("354"):
                    pass
                client.send(content + b".\r\n")
                return client.reply()

        assert await asyncio.to_thread(talk) == "250 2.0.0 Ok: queued as 1"
        assert here.door.content == content
        await here.settled()


EHLO_CLEAR = """
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
            S: 250-FUTURERELEASE 604800 20...
            S: 250-MT-PRIORITY MIXER
            S: 250-LIMITS RCPTMAX=1000 MAILMAX=10000
            S: 250-AUTH PLAIN LOGIN
            S: 250 HELP
"""


async def test_auth_in_all_its_ways() -> None:
    for way in (
        """
            C: AUTH PLAIN
            S: 334 ...
            C: AGFubgBzw6ljcmV0
        """,
        """
            C: auth plain AGFubgBzw6ljcmV0
        """,
        """
            C: AUTH LOGIN YW5u
            S: 334 UGFzc3dvcmQ6
            C: c8OpY3JldA==
        """,
        """
            C: AUTH LOGIN
            C: YW5u
            C: c8OpY3JldA==
            S: 334 VXNlcm5hbWU6
            S: 334 UGFzc3dvcmQ6
        """,
    ):
        async with stage(CLEAR) as here:
            await here.play(EHLO_CLEAR + way + "            S: 235 2.7.0 Authentication successful")


async def test_nobody_acts_as_another() -> None:
    """`bob NUL ann NUL sécret`, then `ANN NUL ann NUL sécret`: the authorization identity comes first (RFC 4616)."""
    async with stage(CLEAR) as here:
        await here.play(
            EHLO_CLEAR
            + """
            C: AUTH PLAIN Ym9iAGFubgBzw6ljcmV0
            S: 535 5.7.8 Nobody may act as another: leave the authorization identity empty
            C: AUTH PLAIN
            S: 334 ...
            C: Ym9iAGFubgBzw6ljcmV0
            S: 535 5.7.8 Nobody may act as another: leave the authorization identity empty
            C: AUTH PLAIN QU5OAGFubgBzw6ljcmV0
            S: 235 2.7.0 Authentication successful
            """
        )


async def test_auth_that_goes_wrong_says_why_and_the_session_goes_on() -> None:
    async with stage(CLEAR) as here:
        await here.play(
            EHLO_CLEAR
            + """
            C: AUTH
            S: 501 5.5.4 Syntax: AUTH mechanism [initial-response]
            C: AUTH PLAIN a b
            S: 501 5.5.4 Syntax: AUTH mechanism [initial-response]
            C: AUTH CRAM-MD5
            S: 504 5.5.4 Mechanisms are PLAIN and LOGIN
            C: AUTH PLAIN
            S: 334 ...
            C: *
            S: 501 5.7.0 AUTH cancelled
            C: AUTH LOGIN
            S: 334 VXNlcm5hbWU6
            C: YW5u
            S: 334 UGFzc3dvcmQ6
            C: *
            S: 501 5.7.0 AUTH cancelled
            C: AUTH PLAIN !!!!
            S: 501 5.5.2 Can't decode base64
            C: AUTH PLAIN
            S: 334 ...
            C: a
            S: 501 5.5.2 Can't decode base64
            C: AUTH PLAIN YW5u
            S: 501 5.5.2 Can't split auth value
            C: AUTH PLAIN AP8A/w==
            S: 501 5.5.2 User name and password are UTF-8
            C: AUTH PLAIN AGFubgB3cm9uZw==
            S: 535 5.7.8 Wrong user name or password
            C: AUTH PLAIN AGFubgBzw6ljcmV0
            S: 235 2.7.0 Authentication successful
            C: MAIL FROM:<me@example.com>
            S: 250 2.1.0 Ok
            C: AUTH PLAIN AGFubgBzw6ljcmV0
            S: 503 5.5.1 Already authenticated
        """
        )


async def test_auth_comes_after_ehlo() -> None:
    async with stage(CLEAR) as here:
        await here.play("""
            S: 220 mx.example ESMTP relay
            C: AUTH PLAIN AGFubgBzw6ljcmV0
            S: 503 5.5.1 EHLO first
            C: HELO client
            S: 250 mx.example
            C: AUTH PLAIN AGFubgBzw6ljcmV0
            S: 503 5.5.1 EHLO first
        """)


async def test_a_long_token_is_taken_and_a_longer_one_refused() -> None:
    async with stage(CLEAR) as here:

        def talk() -> list[str]:
            with here.client() as client:
                client.reply()
                client.ask("EHLO a")
                long = base64.b64encode(b"\0ann\0" + b"p" * 9000).decode()
                longer = "A" * 12_400
                return [
                    client.ask(f"AUTH PLAIN {long}"),
                    client.ask(f"AUTH PLAIN {longer}"),
                    client.ask("AUTH PLAIN"),
                    client.ask(longer),
                    client.ask("AUTH PLAIN"),
                    client.ask(longer * 10),
                    client.ask("NOOP"),
                ]

        assert await asyncio.to_thread(talk) == [
            "535 5.7.8 Wrong user name or password",
            "500 5.5.2 Line longer than 12288 octets",
            "334 ",
            "500 5.5.6 AUTH line longer than 12288 octets",
            "334 ",
            "500 5.5.6 AUTH line longer than 12288 octets",
            "250 2.0.0 Ok",
        ]


async def test_a_client_lost_in_the_middle_of_auth_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    async with stage(CLEAR) as here:
        await here.play(EHLO_CLEAR + "            C: AUTH LOGIN\n            S: 334 VXNlcm5hbWU6")
        await here.settled()
    assert caplog.records == []


async def test_starttls_forgets_a_login_made_in_clear(contexts: Contexts) -> None:
    listener = CLEAR.model_copy(update={"kind": ListenerKind.STARTTLS})
    async with stage(listener, tls=contexts) as here:
        await here.play(
            EHLO_CLEAR.replace("S: 250-AUTH", "S: 250-STARTTLS\n            S: 250-AUTH")
            + """
            C: AUTH PLAIN AGFubgBzw6ljcmV0
            S: 235 2.7.0 Authentication successful
            C: STARTTLS
            S: 220 2.0.0 Ready to start TLS
            -- tls
            C: HELO client
            S: 250 mx.example
            C: MAIL FROM:<me@example.com>
            S: 530 5.7.0 Authentication required
        """
        )


async def test_a_listener_for_networks_offers_starttls_and_keeps_its_login(contexts: Contexts) -> None:
    listener = OPEN.model_copy(update={"kind": ListenerKind.STARTTLS})
    async with stage(listener, tls=contexts) as here:
        await here.play("""
            S: 220 mx.example ESMTP relay
            C: STARTTLS
            S: 220 2.0.0 Ready to start TLS
            -- tls
            C: HELO client
            S: 250 mx.example
            C: MAIL FROM:<me@example.com>
            S: 250 2.1.0 Ok
        """)


async def test_a_listener_with_tls_needs_a_context() -> None:
    with pytest.raises(ValueError, match="listener test: kind tls needs a TLS context"):
        async with stage(TLS):
            pass


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_old_tls_is_refused(contexts: Contexts) -> None:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.set_ciphers("ALL:@SECLEVEL=0")
    client.minimum_version = ssl.TLSVersion.TLSv1
    client.maximum_version = ssl.TLSVersion.TLSv1_1
    async with stage(TLS, tls=(contexts[0], client)) as here:

        def talk() -> None:
            with here.client() as caller, pytest.raises((ssl.SSLError, ConnectionResetError)):
                caller.secure()

        await asyncio.to_thread(talk)
        await here.settled()


@pytest.mark.parametrize("waits", [False, True])
async def test_a_client_refused_at_the_door_hears_it_under_tls(contexts: Contexts, waits: bool) -> None:
    door = FakeDoor(waits=waits, refuse_opened=Refused(421, "4.7.0", "banned for 9 minutes"))
    async with stage(TLS, tls=contexts, door=door) as here:
        await here.play("""
            -- tls
            S: 421 4.7.0 banned for 9 minutes
            -- closed
        """)
        await here.settled()
        assert here.door.calls == 1
