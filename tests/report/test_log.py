"""Log lines: the words of the events, one line each, nothing that should not be there."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import select
import threading
from collections.abc import Callable, Iterator

from hypothesis import given
from hypothesis import strategies as st

from relay.config import Log, LogFormat
from relay.model.event import Event, EventName
from relay.report import log
from tests.store.mail import NOON

DELIVERED = Event(
    name=EventName.DELIVERED,
    at=NOON,
    message="0000000000000000",
    recipient=2,
    account="demo",
    credential="app@example.com",
    data={
        "to": "ann@example.net",
        "reply": '250 2.0.0 "ok"',
        "seconds": 0.12345,
        "next": NOON + 60,
        "tags": ["a", "b"],
        "test": True,
        "conversation": ["C: AUTH PLAIN secret"],
    },
)


def test_an_event_is_one_line_of_keys_and_values() -> None:
    assert log.event_line(DELIVERED, LogFormat.KEYVALUE) == (
        "2026-01-01T12:00:00.000Z event=delivered id=0000000000000000-2 account=demo credential=app@example.com "
        'to=ann@example.net reply="250 2.0.0 \\"ok\\"" seconds=0.123 next=2026-01-01T12:01:00.000Z tags=a,b test=true'
    )


def test_warnings_which_have_commas_of_their_own_are_told_apart() -> None:
    event = Event(name=EventName.RECEIVED, at=NOON, message="", data={"warnings": ["no key, no sign", "late"]})
    assert log.event_line(event, LogFormat.KEYVALUE).endswith(' warnings="no key, no sign; late"')


def test_the_same_words_as_json() -> None:
    assert json.loads(log.event_line(DELIVERED, LogFormat.JSON)) == {
        "time": "2026-01-01T12:00:00.000Z",
        "event": "delivered",
        "id": "0000000000000000-2",
        "account": "demo",
        "credential": "app@example.com",
        "to": "ann@example.net",
        "reply": '250 2.0.0 "ok"',
        "seconds": 0.123,
        "next": "2026-01-01T12:01:00.000Z",
        "tags": ["a", "b"],
        "test": True,
    }


@given(st.text(), st.sampled_from(LogFormat))
def test_no_value_makes_a_second_line_or_speaks_to_a_terminal(value: str, form: LogFormat) -> None:
    event = Event(name=EventName.REJECTED, at=NOON, message="", data={"reply": value, "tags": [value]})
    line = log.event_line(event, form)
    assert len(line.splitlines()) == 1
    assert not any(ord(each) < 32 or 127 <= ord(each) < 160 for each in line)


def test_a_very_long_value_is_cut_and_says_so() -> None:
    event = Event(name=EventName.REJECTED, at=NOON, message="", data={"reply": "x" * 5000})
    for form in LogFormat:
        line = log.event_line(event, form)
        assert len(line) < 1200
        assert "(5000 characters)" in line


def test_a_message_to_many_names_the_first_and_their_number() -> None:
    many = [f"a{number}@example.net" for number in range(1000)]
    event = Event(name=EventName.RECEIVED, at=NOON, message="", data={"to": many})
    assert json.loads(log.event_line(event, LogFormat.JSON))["to"] == [*many[:20], "... (1000)"]


@contextlib.contextmanager
def stderr() -> Iterator[Callable[..., str]]:
    """The file descriptor 2 as a pipe; gives a function that takes what was written. Not a fixture, since
    pytest puts its own file there after fixtures have run."""
    reading, writing = os.pipe()
    kept = os.dup(2)
    os.dup2(writing, 2)
    os.close(writing)
    try:
        yield lambda octets=1 << 20: os.read(reading, octets).decode()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(reading)


def test_records_of_the_program_are_lines_of_the_same_form() -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        with stderr() as taken:
            log.setup(Log(), "worker-3")
            try:
                raise ValueError("two\nlines")
            except ValueError:
                logging.getLogger("relay.delivery").exception("it %s", "failed")
            line = taken()
            assert line.count("\n") == 1
            assert 'level=error process=worker-3 logger=relay.delivery msg="it failed" trace="Traceback' in line
            logging.getLogger("relay.delivery").debug("not said at level info")
            log.setup(Log(format=LogFormat.JSON, level="debug"), "worker-3")
            logging.getLogger("relay.delivery").debug("said now")
            assert json.loads(taken())["msg"] == "said now"
    finally:
        root.handlers[:], level = before
        root.setLevel(level)


def test_a_pipe_nobody_reads_stops_nobody_and_what_is_left_out_is_counted() -> None:
    with stderr() as taken:
        for number in range(100):
            log.write(f"{number:04d}" + "x" * 4000)
        got = taken().count("\n")
        assert 0 < got < 100
        log.write("again")
        assert taken() == f"({100 - got} lines were left out: nobody read them)\nagain\n"
        while select.select([], [2], [], 0)[1]:
            log.write("x" * 4095)
        log.write("three\nin one\nwrite")
        taken()
        log.write("again")
        assert taken() == "(3 lines were left out: nobody read them)\nagain\n"


def test_a_long_line_does_not_wait_for_room_in_the_kernel_either() -> None:
    with stderr() as taken:
        while True:  # until there is room for one page and no more
            log.write("x" * 4095)
            _, writable, _ = select.select([], [2], [], 0)
            if not writable:
                break
        taken(4096)
        writer = threading.Thread(target=log.write, args=("z" * 20_000,), daemon=True)
        writer.start()
        writer.join(5)
        assert not writer.is_alive()
        taken()
        log.write("again")
        assert taken() == "\n(1 lines were left out: nobody read them)\nagain\n"


def test_a_closed_pipe_is_no_failure() -> None:
    reading, writing = os.pipe()
    kept = os.dup(2)
    try:
        os.dup2(writing, 2)
        os.close(reading)
        log.write("into the void", patience=None)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(writing)
    with stderr() as taken:
        log.write("again")
        assert taken().endswith("again\n")


def test_who_has_patience_waits_for_the_reader() -> None:
    lines = ["y" * 4000] * 50 + ["last"]
    text = io.StringIO()
    with stderr() as taken:

        def read() -> None:
            while not text.getvalue().endswith("last\n"):
                text.write(taken())

        reader = threading.Thread(target=read)
        reader.start()
        for each in lines:
            log.write(each, patience=None)
        reader.join(10)
    assert (text.getvalue().splitlines() == lines) is True  # without a diff of 200 KB
