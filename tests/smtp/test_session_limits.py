"""Who gets in, how long one may take, and how sessions end."""

from __future__ import annotations

import asyncio
import time

import pytest

from relay.config import Limits
from relay.model.reply import Refused
from tests.smtp.conversation import CLEAR, OPEN, FakeDoor, Stage, stage, until

INTO_DATA = """
            C: HELO a
            C: MAIL FROM:<>
            C: RCPT TO:<a@example.net>
            C: DATA
            S: 250 mx.example
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 354 ...
"""
GREETING = "            S: 220 mx.example ESMTP relay\n"


async def test_a_stranger_to_the_networks_is_turned_away_before_the_door() -> None:
    async with stage(OPEN.model_copy(update={"networks": ("192.0.2.0/24", "::1/128")})) as here:
        await here.play("""
            S: 554 5.7.1 127.0.0.1 is not among the networks this listener is for
            -- closed
        """)
        await here.settled()
        assert here.door.calls == 0


async def test_a_door_may_wait_before_it_lets_anybody_in() -> None:
    async with stage(door=FakeDoor(waits=True)) as here:
        await here.play("""
            C: EHLO early
            S: 220 mx.example ESMTP relay
            S+ 250
            C: QUIT
            S: 221 2.0.0 Bye
            -- closed
        """)
        await here.settled()
        assert here.door.calls == 1


@pytest.mark.parametrize("waits", [False, True])
async def test_a_client_refused_at_the_door_hears_that_in_place_of_the_greeting(waits: bool) -> None:
    door = FakeDoor(waits=waits, refuse_opened=Refused(421, "4.7.0", "too many of you"))
    async with stage(door=door) as here:
        await here.play("""
            S: 421 4.7.0 too many of you
            -- closed
        """)
        await here.settled()
        assert here.door.calls == 1


@pytest.mark.parametrize("waits", [False, True])
async def test_a_door_that_breaks_is_a_421(waits: bool, caplog: pytest.LogCaptureFixture) -> None:
    async with stage(door=FakeDoor(waits=waits, refuse_opened=RuntimeError("no broker"))) as here:
        await here.play("""
            S: 421 4.3.0 A fault of ours, please try again (session ...
            -- closed
        """)
        await here.settled()
    assert "RuntimeError: no broker" in caplog.text


async def test_a_worker_has_so_many_sessions() -> None:
    async with stage(limits=Limits(sessions=2)) as here:

        def talk() -> list[str]:
            with here.client() as one, here.client() as two:
                heard = [one.line(), two.line()]
                with here.client() as three:
                    heard.append(three.line())
                    assert three.closed()
                return heard

        heard = await asyncio.to_thread(talk)
        assert [each[:9] for each in heard] == ["220 mx.ex", "220 mx.ex", "421 4.3.2"]
        await here.settled()
        await here.play(GREETING)


async def test_a_session_has_so_many_messages() -> None:
    async with stage(limits=Limits(messages_per_session=1)) as here:
        await here.play(
            GREETING
            + INTO_DATA
            + """
            C: .
            S: 250 2.0.0 Ok: queued as 1
            C: MAIL FROM:<>
            S: 421 4.7.0 1 messages in a session are enough
            -- closed
        """
        )
        await here.settled()


async def test_a_message_has_so_many_recipients_and_that_is_no_error() -> None:
    async with stage(limits=Limits(recipients=1, errors=2)) as here:
        await here.play(
            GREETING
            + """
            C: HELO a
            C: MAIL FROM:<>
            C: RCPT TO:<a@example.net>
            C: RCPT TO:<b@example.net>
            C: RCPT TO:<c@example.net>
            C: RCPT TO:<d@example.net>
            C: RCPT TO:<a@example.net>
            C: DATA
            S: 250 mx.example
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 452 4.5.3 A message has at most 1 recipients
            S: 452 4.5.3 A message has at most 1 recipients
            S: 452 4.5.3 A message has at most 1 recipients
            S: 250 2.1.5 Ok
            S: 354 ...
            C: .
            S: 250 2.0.0 Ok: queued as 1
        """
        )


async def test_silence_where_a_command_is_due_ends_the_session() -> None:
    async with stage(limits=Limits(command_timeout=0.1)) as here:
        await here.play(
            GREETING
            + """
            S: 421 4.4.2 Timeout, closing
            -- closed
        """
        )
        await here.settled()


async def test_a_command_that_trickles_in_does_not_win_time() -> None:
    async with stage(limits=Limits(command_timeout=0.3)) as here:

        def talk() -> float:
            with here.client() as client:
                client.line()
                begun = time.monotonic()
                client.sock.settimeout(0.05)
                while True:
                    client.send(b"N")
                    try:
                        if client.sock.recv(100).startswith(b"421 4.4.2"):
                            return time.monotonic() - begun
                    except TimeoutError:
                        pass

        assert await asyncio.to_thread(talk) < 2.0
        await here.settled()


async def test_silence_inside_data_ends_the_session() -> None:
    async with stage(limits=Limits(data_timeout=0.1)) as here:
        await here.play(
            GREETING
            + INTO_DATA
            + """
            C: half
            S: 421 4.4.2 Timeout, closing
            -- closed
        """
        )
        await here.settled()
        assert here.door.taken == []


async def test_silence_in_the_middle_of_auth_ends_the_session() -> None:
    async with stage(CLEAR, limits=Limits(command_timeout=0.1)) as here:

        def talk() -> str:
            with here.client() as client:
                client.line()
                client.ask("EHLO a")
                client.ask("AUTH LOGIN")
                last = client.line()
                assert client.closed()
                return last

        assert await asyncio.to_thread(talk) == "421 4.4.2 Timeout, closing"
        await here.settled()


async def test_a_session_ends_after_its_longest_life_however_busy_the_client() -> None:
    async with stage(limits=Limits(session_timeout=0.2)) as here:

        def talk() -> str:
            with here.client() as client:
                client.line()
                while True:
                    reply = client.ask("NOOP")
                    if reply != "250 2.0.0 Ok":
                        return reply

        assert await asyncio.to_thread(talk) == "421 4.4.2 The session has lasted too long"
        await here.settled()


async def test_our_own_work_is_not_the_silence_of_the_client() -> None:
    door = FakeDoor(gate=asyncio.Event())
    async with stage(door=door, limits=Limits(command_timeout=0.05, data_timeout=0.05)) as here:
        talking = asyncio.create_task(
            here.play(
                GREETING
                + INTO_DATA
                + """
                C: hello
                C: .
                S: 250 2.0.0 Ok: queued as 1
                """
            )
        )
        await door.reached.wait()
        loop, patience = asyncio.get_running_loop(), asyncio.Event()
        loop.call_later(0.3, patience.set)  # six times what the client may be silent
        await patience.wait()
        assert door.gate is not None
        door.gate.set()
        await talking
        await here.settled()


async def test_work_without_end_is_a_451_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.smtp.wire.WORK", 0.1)
    async with stage(door=FakeDoor(gate=asyncio.Event())) as here:
        await here.play(
            GREETING
            + INTO_DATA
            + """
            C: hello
            C: .
            S: 451 4.3.0 This took too long, please try again (session ...
            -- closed
        """
        )
        await here.settled()


async def test_a_client_that_reads_no_replies_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.smtp.connection.LINGER", 0.1)
    async with stage(limits=Limits(command_timeout=0.2)) as here:

        def talk() -> None:
            with here.client() as client:
                client.sock.settimeout(5)
                try:
                    for _ in range(200):
                        client.send(b"HELP\r\n" * 10_000)
                except OSError:
                    pass

        await asyncio.to_thread(talk)
        await here.settled()


async def test_a_client_that_stays_after_the_last_reply_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.smtp.connection.LINGER", 0.1)
    async with stage(limits=Limits(errors=1)) as here:

        def talk() -> None:
            with here.client() as client:
                client.line()
                assert client.ask("NONSENSE").startswith("500")
                assert client.line().startswith("421 4.7.0")
                assert client.closed()
                try:
                    while True:
                        client.send(b"NONSENSE\r\n" * 100)
                except OSError:
                    pass

        await asyncio.to_thread(talk)
        await here.settled()


async def test_drain_ends_idle_sessions_at_once_and_busy_ones_when_they_are_done() -> None:
    door = FakeDoor(gate=asyncio.Event())
    async with stage(door=door) as here:

        def idle(here: Stage) -> str:
            with here.client() as client:
                client.line()
                return client.line()

        def busy(here: Stage) -> list[str]:
            with here.client() as client:
                client.send(b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n")
                for _ in range(5):
                    client.line()
                client.send(b"x\r\n.\r\nMAIL FROM:<>\r\n")
                return [client.line(), client.line(), client.line()]

        both = [asyncio.create_task(asyncio.to_thread(each, here)) for each in (idle, busy)]
        await door.reached.wait()
        await until(lambda: here.server.sessions == 2)
        draining = asyncio.create_task(here.server.drain(5.0))
        assert await both[0] == "421 4.3.2 Shutting down; please try again in a minute"
        assert not draining.done()
        assert door.gate is not None
        door.gate.set()
        assert [each[:3] for each in await both[1]] == ["250", "250", "421"]
        await draining
        await here.settled()


async def test_drain_ends_what_takes_too_long() -> None:
    door = FakeDoor(gate=asyncio.Event())
    async with stage(door=door) as here:

        def busy() -> None:
            with here.client() as client:
                client.send(b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n")
                for _ in range(5):
                    client.line()
                client.send(b"x\r\n.\r\n")
                with pytest.raises((EOFError, ConnectionResetError)):
                    client.line()

        talking = asyncio.create_task(asyncio.to_thread(busy))
        await door.reached.wait()
        await here.server.drain(0.05)
        await talking
        await here.settled()


async def test_a_closed_listener_accepts_no_more() -> None:
    async with stage() as here:
        port = here.server.port
        here.server.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
