"""What a session leaves behind."""

from __future__ import annotations

import asyncio
import gc
import ssl
import weakref

from tests.smtp.conversation import STARTTLS, stage, until


async def test_a_session_is_gone_with_its_connection_and_waits_for_no_collector(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    """TLS keeps tens of kilobytes, which a cycle would hold until the collector comes round."""
    sessions: list[weakref.ref[object]] = []
    async with stage(STARTTLS, tls=contexts) as here:

        def talk() -> None:
            with here.client() as client:
                assert client.line() == "220 mx.example ESMTP relay"
                assert client.ask("STARTTLS") == "220 2.0.0 Ready to start TLS"
                client.secure()
                client.play("""
                    C: EHLO client
                    S+ 250
                    C: AUTH PLAIN AGFubgBzw6ljcmV0
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
                """)
                sessions.extend(weakref.ref(each) for each in here.server._service.sessions)
                client.play("""
                    C: QUIT
                    S: 221 2.0.0 Bye
                    -- closed
                """)

        gc.collect()
        gc.disable()
        try:
            await asyncio.to_thread(talk)
            await here.settled()
            assert len(sessions) == 1
            await until(lambda: sessions[0]() is None)
        finally:
            gc.enable()
