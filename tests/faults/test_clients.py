"""Clients that want too much: each hears a clear word in time, memory stays bounded, and the others get on.

One relay with a little of everything: few sessions, short patience, messages of ten megabytes.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.bombs import HEADER, bombs
from tests.faults.rogues import LORIS, Client, hello, loris, pour
from tests.faults.town import Hurried
from tests.faults.watch import Watch

PATIENCE = 4.0  # seconds for a command, for silence inside a message, for a handshake
SESSIONS = 60
SIZE = 10 << 20
MEMORY = 48 << 20  # of contents at once; four of the largest
STALLED = 5.0  # seconds no good client should wait for its reply, on a machine however busy
ROOM = 200.0  # megabytes the relay may grow by: contents, and what is made of one of them


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hurried]:
    limits = {
        "command_timeout": f"{PATIENCE}s",
        "data_timeout": f"{PATIENCE}s",
        "sessions": SESSIONS,
        "sessions_per_address": 10_000,
        "size": SIZE,
        "memory": MEMORY,
    }
    made = Hurried(
        tmp_path_factory.mktemp("clients"), {"sandbox": {"enabled": True}, "limits": limits}, patience=PATIENCE
    )
    made.init()
    made.start()
    try:
        yield made
    finally:
        made.kill()


@contextlib.contextmanager
def beside(relay: Hurried) -> Iterator[None]:
    """Good clients while others are bad: they must get on."""
    load = relay.load("good.test", threads=2, pause=0.02)
    with Watch(relay) as watch:
        load.start()
        try:
            relay.wait(lambda: load.has_more_than(2), "good clients")
            yield
            seen = len(load.accepted)
            relay.wait(lambda: load.has_more_than(seen + 2), "good clients afterwards")
        finally:
            load.stop()
    assert not load.refused
    assert not load.unsure
    assert max(load.seconds) < STALLED
    assert watch.grown < ROOM, f"{watch.grown:.0f} MB"
    assert "Traceback" not in relay.printed


def test_whoever_says_a_command_an_octet_at_a_time_is_turned_away_in_time(relay: Hurried) -> None:
    with beside(relay), ThreadPoolExecutor(len(LORIS)) as pool:
        access = relay.access
        heard = dict(zip(LORIS, pool.map(lambda step: loris(access, step, 0.2), LORIS), strict=True))
    for step, end in heard.items():
        assert end.seconds < PATIENCE * 3, f"{step}: {end}"
        assert end.last.startswith("421 4.4.2 Timeout") or (step.startswith("handshake") and not end.last), step


def test_idle_sessions_get_as_many_places_as_there_are_and_the_rest_hear_421(relay: Hurried) -> None:
    def idle() -> tuple[Client, str]:
        client = Client(access)
        return client, client.reply()[:9]

    access = relay.access
    with contextlib.ExitStack() as stack:
        clients = [idle() for _ in range(SESSIONS * 2)]
        for client, _ in clients:
            stack.enter_context(client)
        said = Counter(greeting for _, greeting in clients)
        assert said == {"220 relay": SESSIONS, "421 4.3.2": SESSIONS}
    # They are gone, and their places are free at once.
    again = relay.wait(lambda: _greeting(relay).startswith("220"), "a free place", seconds=PATIENCE)
    assert again


def _greeting(relay: Hurried) -> str:
    with Client(relay.access) as client:
        return client.reply()


def test_floods_of_connections_junk_and_half_handshakes_leave_nothing_behind(relay: Hurried) -> None:
    access = relay.access
    relay.wait(lambda: _greeting(relay).startswith("220"), "a free place")
    before = Watch(relay).descriptors_now()

    def touch(number: int) -> str:
        with Client(access) as client:
            if number % 3 == 0:  # RST
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return "" if number % 2 else client.reply()

    def babble(number: int) -> str:
        with Client(access) as client, contextlib.suppress(OSError):
            client.sock.sendall(os.urandom(20_000) + b"\r\n" * 30)
            return client.last_words()
        return ""

    def half(number: int) -> str:
        with Client(access) as client, contextlib.suppress(OSError, AssertionError):
            client.expect("220")
            client.expect("250", "EHLO rogue.test")
            client.expect("220", "STARTTLS")
            client.sock.sendall((hello()[: number * 10], b"\x80" * 500, b"EHLO again\r\n", b"")[number % 4])
        return ""

    with beside(relay), ThreadPoolExecutor(20) as pool:
        assert {each[:3] for each in pool.map(touch, range(600))} <= {"", "220", "421"}
        assert {each[:3] for each in pool.map(babble, range(40))} <= {"", "421"}
        list(pool.map(half, range(40)))
    relay.wait(lambda: Watch(relay).descriptors_now() <= before + 2, "all descriptors back")


def test_a_line_without_end_is_dropped_as_it_comes_and_answered_where_it_ends(relay: Hurried) -> None:
    with beside(relay):
        assert pour(relay.access, "secure", 64 << 20, b"\r\n").startswith("500 5.5.2 Line longer than")
        assert pour(relay.access, "challenge", 16 << 20, b"\r\n").startswith("500 5.5.6 AUTH line longer than")
        # One that goes on for longer than twice the limit is not listened to any more.
        assert pour(relay.access, "data", 8 << 20, b"\r\n.\r\n").startswith("500 5.6.0 The message has a line longer")
        assert pour(relay.access, "data", 16 << 20, b"\r\n.\r\n").startswith("552 5.3.4 The message is larger")
        assert pour(relay.access, "data", 64 << 20, b"\r\n.\r\n").startswith("552 5.3.4 The message is larger")


def test_messages_made_to_be_costly_get_their_answer_and_hold_up_nobody(relay: Hurried) -> None:
    with beside(relay):
        for bomb in bombs():
            with Client(relay.access) as client:
                client.envelope()
                client.expect("354", "DATA")
                client.sock.sendall(bomb.wire())
                heard = client.reply()
            code = 552 if len(bomb.content) > SIZE else bomb.code
            assert heard.startswith(str(code)), f"{bomb.what}: {heard}"


def test_large_messages_beside_small_ones_take_the_memory_there_is_and_no_more(relay: Hurried) -> None:
    content = (
        HEADER + b"\r\n" + (b"a line of fifty octets, as long as a line should be\r\n" * (SIZE // 60)) + b".\r\n"
    )

    def send(start: threading.Barrier) -> str:
        with Client(relay.access) as client:
            client.envelope()
            start.wait(PATIENCE * 3)
            heard = client.say("DATA")
            if not heard.startswith("354"):
                return heard
            client.sock.sendall(content)
            return client.reply()

    with beside(relay), ThreadPoolExecutor(10) as pool:
        heard = Counter(each[:9] for each in pool.map(send, [threading.Barrier(10)] * 10))
    assert heard["250 2.0.0"] >= 1
    assert heard.keys() <= {"250 2.0.0", "452 4.3.1"}


def test_afterwards_it_ends_in_good_order(relay: Hurried) -> None:
    assert relay.stop() == 0
