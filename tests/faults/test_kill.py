"""`kill -9` of the whole process group at random moments under load: nothing that was promised is lost.

Real clients submit without pause, a real receiver takes the mail and refuses some of it, and every message
answered 250 must in the end be delivered or returned. A message may arrive twice only in the one window the
design allows: between the receiver's 250 and our commit, so that a kill lies between the two arrivals and
shortly after the first.
"""

from __future__ import annotations

import itertools
import random
import re
import socket
import threading
import time
from collections import defaultdict
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.harness import Relay
from tests.peers.dns import DnsServer
from tests.peers.load import FIELD, Load
from tests.peers.receiver import Behaviour, Received, Receiver

ROUNDS = 20
WINDOW = 2.0  # seconds a first delivery may lie before the kill; commits take milliseconds, the machine is busy
NUMBER = re.compile(rf"^{FIELD}: (\d+)\r?$".encode(), re.MULTILINE)


class Arrivals:
    """What came out at the far end: number -> times, delivered and returned apart."""

    def __init__(self) -> None:
        self.delivered: dict[int, list[float]] = defaultdict(list)
        self.returned: dict[int, list[float]] = defaultdict(list)
        self._lock = threading.Lock()

    def keep(self, _session: int, message: Received) -> None:
        found = NUMBER.search(message.content)
        assert found, message.content
        with self._lock:
            book = self.delivered if message.sender else self.returned
            book[int(found[1])].append(time.monotonic())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@pytest.mark.timeout(420)
def test_nothing_accepted_is_lost_by_twenty_kills_under_load(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    moments = random.Random(seed)
    arrivals = Arrivals()
    refusing = Behaviour(on={"rcpt:gone@example.net": "550 5.1.1 no such mailbox"})
    receiver = Receiver(refusing, keep=arrivals.keep)
    zones = {name: {"MX": ["10 mx.example.net."]} for name in ("example.net", "example.com")}
    with receiver, DnsServer({**zones, "mx.example.net": {"A": ["127.0.0.1"]}}) as dns:
        port = free_port()
        relay = Relay(
            tmp_path,
            {
                "listeners": [{"name": "submission", "port": port, "trusted": ["127.0.0.0/8"]}],
                "dns": {"servers": [dns.address]},
                "delivery": {
                    "mx_port": receiver.port,
                    "allow_private": True,
                    "retry": ["1s"],
                    "dead_host": "1s",
                },
                "processes": {"workers": 2},
            },
        )
        relay.init()
        relay.start()
        access = relay.access
        load = Load(
            "127.0.0.1",
            port,
            access["username"],
            access["password"],
            "me@example.com",
            lambda number: "gone@example.net" if number % 10 == 0 else f"ann{number}@example.net",
        )
        load.start()
        kills = []
        try:
            for _ in range(ROUNDS):
                relay.wait(partial(load.has_more_than, len(load.accepted) + 20), "load after a start")
                threading.Event().wait(moments.uniform(0.0, 1.0))
                kills.append(time.monotonic())
                relay.kill()
                relay.start()
        finally:
            load.stop()
        try:
            relay.wait(lambda: not relay.ask("queue", "--limit", "5"), "an empty queue", seconds=90)
        finally:
            relay.stop()

    where = f"(seed {seed})"
    assert not load.refused, where
    gone = {number for number in load.accepted if number % 10 == 0}
    lost = load.accepted.keys() - arrivals.delivered.keys() - arrivals.returned.keys()
    assert lost == set(), f"{len(lost)} of {len(load.accepted)} lost {where}"
    assert gone <= arrivals.returned.keys(), where
    twice = [times for book in (arrivals.delivered, arrivals.returned) for times in book.values() if len(times) > 1]
    strange = [
        times
        for times in twice
        for first, second in itertools.pairwise(times)
        if not any(first <= kill + 0.05 and kill - first < WINDOW and kill < second for kill in kills)
    ]
    assert strange == [], f"sent twice with no kill to blame {where}"
    print(f"{len(load.accepted)} accepted, {len(kills)} kills, 0 lost, {len(twice)} sent twice {where}")
