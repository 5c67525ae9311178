"""One real relay between clients that submit without pause and a receiver, while something is done to it.

In:  a directory, what the configuration says beyond the usual, a program that runs the relay on a bad disk or so.
Out: the account: of all that was answered 250, what was delivered, returned, is queued still, is lost, came twice.

Every tenth message goes to an address the receiver refuses, so that reports go back, too.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import re
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from relay.config.bounces import SHIPPED
from relay.model.message import State
from relay.store.interface import StoreDown
from relay.store.sqlite import existing_shards, open_reader, shard_directory
from tests.e2e.harness import PROGRAM, Relay
from tests.peers.dns import DnsServer
from tests.peers.load import FIELD, Load
from tests.peers.receiver import Behaviour, Received, Receiver

GONE = "gone@example.net"
WAITING = (State.QUEUED, State.FLIGHT, State.HELD)
_NUMBER = re.compile(rf"^{FIELD}: (\d+)\r?$".encode(), re.MULTILINE)
_LATER = "451 4.3.2 not now"


class Arrivals:
    """What came out at the far end: number -> times, delivered and returned apart."""

    def __init__(self) -> None:
        self.delivered: dict[int, list[float]] = defaultdict(list)
        self.returned: dict[int, list[float]] = defaultdict(list)
        self._lock = threading.Lock()

    def keep(self, _session: int, message: Received) -> None:
        found = _NUMBER.search(message.content)
        assert found, message.content
        with self._lock:
            book = self.delivered if message.sender else self.returned
            book[int(found[1])].append(time.monotonic())

    @property
    def messages(self) -> int:
        return len(self.delivered) + len(self.returned)

    def twice(self) -> list[list[float]]:
        with self._lock:
            books = [*self.delivered.values(), *self.returned.values()]
        return [times for times in books if len(times) > 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Of the messages that were answered 250."""

    accepted: int
    delivered: int
    returned: int
    queued: int
    refused: Counter[str]  # of the others: replies by code
    lost: tuple[int, ...]
    unexplained: tuple[tuple[float, float], ...]  # came again with nothing to blame between; times of both
    twice: int

    def figures(self) -> dict[str, Any]:
        """As a report's line wants them."""
        return {
            "accepted": self.accepted,
            "delivered": self.delivered,
            "returned": self.returned,
            "queued": self.queued,
            "refused": self.refused.total(),
            "lost": len(self.lost),
            "twice": self.twice,
        }


@dataclass(slots=True)
class Trial:
    relay: Relay
    load: Load
    receiver: Receiver
    arrivals: Arrivals
    blames: list[float] = field(default_factory=list)  # times of kills and the like

    def hold(self) -> None:
        """From now on the receiver takes nothing, so that a queue grows."""
        self.receiver.behaviour = Behaviour(on={"mail": _LATER})

    def let_go(self) -> None:
        self.receiver.behaviour = usual()

    def blame(self) -> None:
        """What comes twice may do so because of what happens now."""
        self.blames.append(time.monotonic())

    def waiting(self) -> int:
        """Recipients that have not ended."""
        found = 0
        for shard in existing_shards(self.relay.data):
            with contextlib.closing(open_reader(shard_directory(self.relay.data, shard), shard)) as reader:
                counts = reader.counts()
                found += sum(counts.get(each, 0) for each in WAITING)
        return found

    def idle(self) -> bool:
        """Whether nothing waits; not known (so: no) while the shards cannot be read."""
        try:
            return self.waiting() == 0
        except StoreDown:
            return False

    def accept_more(self, count: int = 20, seconds: float = 30.0) -> None:
        """Until so many more submissions were answered 250."""
        goal = len(self.load.accepted) + count
        self.relay.wait(lambda: len(self.load.accepted) >= goal, f"{count} more submissions", seconds)

    def refuse_more(self, count: int = 20, seconds: float = 30.0) -> None:
        goal = len(self.load.refused) + count
        self.relay.wait(lambda: len(self.load.refused) >= goal, f"{count} more refusals", seconds)

    def deliver_more(self, count: int = 20, seconds: float = 30.0) -> None:
        goal = self.arrivals.messages + count
        self.relay.wait(lambda: self.arrivals.messages >= goal, f"{count} more deliveries", seconds)

    def account(self, window: float = 2.0) -> Account:
        """How it stands now. A second arrival is explained by a blame at most `window` seconds after the first."""
        delivered, returned = self.arrivals.delivered.keys(), self.arrivals.returned.keys()
        accepted = self.load.accepted.keys()
        queued = self.waiting()
        missing = accepted - delivered - returned
        twice = self.arrivals.twice()
        strange = [
            (first, second)
            for times in twice
            for first, second in itertools.pairwise(times)
            if not any(first <= blame + 0.05 and blame - first < window and blame < second for blame in self.blames)
        ]
        return Account(
            accepted=len(accepted),
            delivered=len(accepted & delivered),
            returned=len(accepted & returned - delivered),
            queued=queued,
            refused=Counter(each[:3] for each in self.load.refused.values()),
            lost=tuple(sorted(missing)) if not queued else (),
            unexplained=tuple(strange),
            twice=len(twice),
        )

    def settle(self, seconds: float = 90.0) -> Account:
        """Stop the clients, wait until nothing waits, and count."""
        self.load.stop()
        self.let_go()
        self.relay.wait(self.idle, "an empty queue", seconds)
        return self.account()


def usual() -> Behaviour:
    return Behaviour(on={f"rcpt:{GONE}": "550 5.1.1 no such mailbox"})


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def _patient(home: Path) -> Path:
    """Rules by which nobody is suppressed for a bounce: the same address is refused again and again here."""
    shipped = files("relay.config").joinpath(SHIPPED).read_text(encoding="utf-8")
    path = home.parent / f"{home.name}-bounces.yaml"
    path.write_text(re.sub(r"(?m)^  bounce: true\b", "  bounce: false", shipped))
    return path


@contextlib.contextmanager
def trial(
    home: Path,
    *,
    program: Sequence[str] = PROGRAM,
    threads: int = 4,
    pause: float = 0.0,
    **config: Any,
) -> Iterator[Trial]:
    """Initialised and started; the clients wait for `load.start()`. `config` goes over the usual, top keys merged."""
    arrivals = Arrivals()
    receiver = Receiver(usual(), keep=arrivals.keep)
    zones: dict[str, Mapping[str, list[str]]] = {
        name: {"MX": ["10 mx.example.net."]} for name in ("example.net", "example.com")
    }
    with receiver, DnsServer({**zones, "mx.example.net": {"A": ["127.0.0.1"]}}) as dns:
        port = free_port()
        common: dict[str, Any] = {
            "listeners": [{"name": "submission", "port": port, "trusted": ["127.0.0.0/8"]}],
            "dns": {"servers": [dns.address]},
            "delivery": {"mx_port": receiver.port, "allow_private": True, "retry": ["1s"], "dead_host": "1s"},
            "processes": {"workers": 1},
            "bounces": str(_patient(home)),
        }
        for key, value in config.items():
            common[key] = {**common.get(key, {}), **value} if isinstance(value, Mapping) else value
        relay = Relay(home, common)
        relay.program = program
        relay.init()
        relay.start()
        access = relay.access
        load = Load(
            "127.0.0.1",
            port,
            access["username"],
            access["password"],
            "me@example.com",
            lambda number: GONE if number % 10 == 0 else f"ann{number}@example.net",
            threads=threads,
            pause=pause,
        )
        try:
            yield Trial(relay, load, receiver, arrivals)
        except BaseException:
            print(relay.printed[-5_000:])
            raise
        finally:
            try:
                load.stop()
            finally:
                relay.kill()


def seeded() -> tuple[int, random.Random]:
    """A seed to tell of when something fails, and its numbers."""
    seed = random.randrange(1 << 32)
    return seed, random.Random(seed)
