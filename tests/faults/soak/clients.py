"""Clients that want too much, at the limits as they are shipped: lines of a gigabyte, ten messages of 50 MB, bombs.

Beside each of them good clients send 2 KB messages. What they waited (p99) and what the relay held at the most stand
in the report; an answer that is not the right one, or that takes a minute, is a fault.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.faults.bombs import HEADER, bombs
from tests.faults.report import Report
from tests.faults.rogues import LORIS, Client, loris, pour
from tests.faults.stage import Stage
from tests.faults.town import Hurried
from tests.faults.watch import Watch

GIGABYTE = 1 << 30
LARGE = 50_000_000  # octets; with its header it is below the limit of 50 MiB
PATIENCE = 10.0  # seconds for a command and inside a message
SLOW = 60.0  # seconds; an answer that takes longer is a fault
STALL = 10.0  # seconds no good client may wait
ROOM = 2500.0  # megabytes: contents (512 MiB a worker), and what is made of those that are being signed and stored

Part = Callable[[Hurried], tuple[int, list[str]]]  # how often, and what was not as it should be


def run(stage: Stage, report: Report) -> None:
    parts: dict[str, Part] = {
        "every command an octet at a time": _loris,
        "1,500 connections at once, and junk": _flood,
        "lines of 1 GB in commands, AUTH, content": _lines,
        "messages that are bombs": _bombs,
        "ten messages of 50 MB": _large,
    }
    limits = {"command_timeout": f"{PATIENCE}s", "data_timeout": f"{PATIENCE}s", "sessions_per_address": 10_000}
    relay = Hurried(stage.home / "relay", {"sandbox": {"enabled": True}, "limits": limits}, patience=PATIENCE)
    relay.init()
    relay.start()
    try:
        for _ in stage.rounds():
            for what, part in parts.items():
                _play(relay, what, part, report)
        if relay.stop() != 0:
            report.add("clients", "the end", 1, faults=("it did not end in good order",))
    finally:
        relay.kill()


def _play(relay: Hurried, what: str, part: Part, report: Report) -> None:
    load, began = relay.load("good.test", threads=2, pause=0.01), time.monotonic()
    with Watch(relay) as watch:
        load.start()
        try:
            relay.wait(lambda: load.has_more_than(5), "good clients")
            times, faults = part(relay)
        finally:
            load.stop()
    if load.refused or load.unsure:
        faults.append(f"{len(load.refused)} good messages refused, {len(load.unsure)} unsure")
    if max(load.seconds) > STALL:
        faults.append(f"a good client waited {max(load.seconds):.1f} s")
    if watch.grown > ROOM:
        faults.append(f"it grew by {watch.grown:.0f} MB")
    report.add(
        "clients",
        what,
        times,
        seconds=time.monotonic() - began,
        accepted=len(load.accepted),
        memory=watch.memory,
        p99=load.slowest() * 1000,
        faults=tuple(faults),
        more={
            "MB before": watch.before,
            "MB afterwards": watch.now(),
            "descriptors": watch.descriptors,
            "slowest of the others ms": max(load.seconds) * 1000,
        },
    )


def _loris(relay: Hurried) -> tuple[int, list[str]]:
    access = relay.access
    with ThreadPoolExecutor(len(LORIS)) as pool:
        heard = dict(zip(LORIS, pool.map(lambda step: loris(access, step, 1.0), LORIS), strict=True))
    return len(heard), [
        f"{step}: {end}"
        for step, end in heard.items()
        if end.seconds > PATIENCE * 2 or not (end.last.startswith("421 4.4.2") or step.startswith("handshake"))
    ]


def _flood(relay: Hurried) -> tuple[int, list[str]]:
    """The bound is a thousand sessions. All are opened before any of them is closed."""
    access, count = relay.access, 1500

    def junk(_: int) -> str:
        with Client(access) as client, contextlib.suppress(OSError):
            client.sock.sendall(os.urandom(50_000))
            client.sock.sendall(b"\r\n" * 50)
            return client.last_words()
        return ""

    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(access)) for _ in range(count)]
        heard = Counter(client.reply()[:9] for client in clients)
    faults = [] if heard.keys() == {"220 relay", "421 4.3.2"} else [f"they heard {heard}"]
    with ThreadPoolExecutor(20) as pool:
        ends = Counter(each[:3] for each in pool.map(junk, range(200)))
    if not ends.keys() <= {"", "421"}:
        faults.append(f"junk heard {ends}")
    return count + 200, faults


def _lines(relay: Hurried) -> tuple[int, list[str]]:
    expected = {"secure": "500 5.5.2", "challenge": "500 5.5.6", "data": "552 5.3.4", "greeting": "500 5.5.2"}
    faults = []
    for place, answer in expected.items():
        began = time.monotonic()
        heard = pour(relay.access, place, GIGABYTE, b"\r\n")
        # On a slow machine the time for a command is over before the line is.
        if not heard.startswith((answer, "421 4.4.2")) or time.monotonic() - began > SLOW:
            faults.append(f"{place}: {heard!r} after {time.monotonic() - began:.1f} s")
    return len(expected), faults


def _bombs(relay: Hurried) -> tuple[int, list[str]]:
    faults, count = [], 0
    for count, bomb in enumerate(bombs(), 1):  # noqa: B007
        began = time.monotonic()
        with Client(relay.access) as client:
            client.envelope()
            client.expect("354", "DATA")
            client.sock.sendall(bomb.wire())
            heard = client.reply()
        if not heard.startswith(str(bomb.code)) or time.monotonic() - began > SLOW:
            faults.append(f"{bomb.what}: {heard!r} after {time.monotonic() - began:.1f} s")
    return count, faults


def _large(relay: Hurried) -> tuple[int, list[str]]:
    line = b"a line of some sixty octets, as a text has many of them.\r\n"
    content = HEADER + b"\r\n" + line * ((LARGE - len(HEADER)) // len(line)) + b".\r\n"
    together = threading.Barrier(10)

    def send(_: int) -> str:
        with Client(relay.access) as client:
            client.envelope()
            together.wait(60)
            heard = client.say("DATA")
            if heard.startswith("354"):
                client.sock.sendall(content)
                heard = client.reply()
            return heard

    with ThreadPoolExecutor(10) as pool:
        heard = Counter(each[:9] for each in pool.map(send, range(10)))
    wrong = heard.keys() - {"250 2.0.0", "452 4.3.1"} or (set() if heard["250 2.0.0"] else {"no 250"})
    return 10, [f"they heard {heard}"] if wrong else []
