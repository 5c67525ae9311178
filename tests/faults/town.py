"""Peers by the dozen around one real relay, each at an address of its own, and everything that became of its mail.

In:  behaviours by the name of a host; a domain's hosts in order, if it is not the one of its own name.
Out: the relay, its journals as events, and what each host received.

All of it goes at once: a hundred hosts that misbehave, each in its own way, cost one start of the relay and the
patience of one step, and show besides that none of them holds up another.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from relay.model.event import Event, EventName
from relay.store.sqlite import existing_shards, open_reader, shard_directory
from tests.e2e.harness import Relay, queue_id
from tests.e2e.world import address, free_port
from tests.faults import hurried
from tests.peers.dns import DnsServer
from tests.peers.load import FIELD, Load
from tests.peers.receiver import Behaviour, Received, Receiver

HOME = "example.com"  # what the account demo sends from; reports go back there
DECIDED = (EventName.DELIVERED, EventName.DEFERRED, EventName.FAILED, EventName.EXPIRED, EventName.ATTEMPTED)
_NUMBER = re.compile(rf"^{FIELD}: (\d+)\r?$".encode(), re.MULTILINE)


class Hurried(Relay):
    """A relay with `patience` seconds for its peers, and with a clock of its own in `clock`."""

    program = hurried.PROGRAM

    def __init__(self, home: Path, config: Mapping[str, Any], *, patience: float = 0.0) -> None:
        super().__init__(home, config)
        self.patience = patience
        self.clock = hurried.Ahead(home / "clock")

    @property
    def environment(self) -> dict[str, str]:
        more = {hurried.CLOCK: str(self.home / "clock")}
        if self.patience:
            more[hurried.PATIENCE] = str(self.patience)
        if self.inherited:
            more[hurried.SOCKET] = str(self.inherited[0])
        return {**super().environment, **more}

    def listen(self, sock: socket.socket) -> None:
        """Listen on this socket, which stays open while the relay is away, as that of a service manager does."""
        host, port = sock.getsockname()
        listener = {"name": "submission", "address": host, "port": port, "trusted": ["127.0.0.0/8"]}
        self.configure({**yaml.safe_load(self.config.read_text()), "listeners": [listener]})
        self.inherited = (sock.fileno(),)

    def journal(self) -> list[Event]:
        """All events of all shards, each shard's in order."""
        found: list[Event] = []
        for shard in existing_shards(self.data):
            with contextlib.closing(open_reader(shard_directory(self.data, shard), shard)) as reader:
                after = 0
                while entries := reader.journal(after, 1000):
                    found += [each.event for each in entries]
                    after = entries[-1].seq
        return found

    def told(self) -> dict[str, list[Event]]:
        """What was decided of each recipient, by address, in order."""
        found: dict[str, list[Event]] = defaultdict(list)
        for event in self.journal():
            if event.name in DECIDED:
                found[event.data["to"]].append(event)
        return found

    def load(self, domain: str, **more: Any) -> Load:
        """Clients with mail for a domain."""
        access = self.access
        return Load(
            access["host"],
            self.port(),
            access["username"],
            access["password"],
            f"me@{HOME}",
            lambda number: f"ann{number}@{domain}",
            **more,
        )


class Arrivals:
    """When each numbered message of a load came out at the far end, delivered and returned apart."""

    def __init__(self) -> None:
        self.times: dict[int, list[float]] = defaultdict(list)
        self.returned: dict[int, list[float]] = defaultdict(list)
        self._lock = threading.Lock()

    def keep(self, _: int, message: Received) -> None:
        if found := _NUMBER.search(message.content):
            with self._lock:
                (self.times if message.sender else self.returned)[int(found[1])].append(time.monotonic())

    @property
    def twice(self) -> int:
        return sum(len(each) > 1 for each in self.times.values())

    def missing(self, accepted: Iterable[int]) -> set[int]:
        """Those that came out nowhere yet."""
        with self._lock:
            return set(accepted) - self.times.keys() - self.returned.keys()

    def counts(self, accepted: Collection[int]) -> dict[str, int]:
        """Figures for a line of a report, once all is over."""
        return {
            "accepted": len(accepted),
            "delivered": len(self.times),
            "returned": len(self.returned),
            "lost": len(self.missing(accepted)),
            "twice": self.twice,
        }


class Town:
    def __init__(self, relay: Hurried, receivers: Mapping[str, Receiver], arrivals: Arrivals) -> None:
        self.relay = relay
        self.receivers = receivers
        self.arrivals = arrivals  # of loads, at all hosts together

    def post(self, contents: Mapping[str, bytes]) -> dict[str, str]:
        """One message to `ann@DOMAIN` for each domain, over one session; their ids."""
        ids = {}
        with self.relay.session() as client:
            for domain, content in contents.items():
                for code, reply in (client.mail(f"me@{HOME}"), client.rcpt(f"ann@{domain}"), client.data(content)):
                    assert code == 250, (domain, reply)
                ids[domain] = queue_id(reply.decode())
        return ids

    def mend(self) -> None:
        """From now on all behave."""
        for each in self.receivers.values():
            each.behaviour = replace(each.behaviour, on={}, delay={}, trickle=0.0)

    def received(self, host: str) -> list[Received]:
        return list(self.receivers[host].messages)


@contextmanager
def town(
    home: Path,
    behaviours: Mapping[str, Behaviour],
    hosts: Mapping[str, Sequence[str]] | None = None,
    *,
    patience: float = 0.0,
    config: Mapping[str, Any] | None = None,
    **delivery: Any,
) -> Iterator[Town]:
    """`delivery` goes into that part of the configuration; `smarthosts` in it names hosts that mail is handed to."""
    smarthosts: Mapping[str, Mapping[str, Any]] = delivery.pop("smarthosts", {})
    with ExitStack() as stack:
        places = {name: address(number) for number, name in enumerate(behaviours)}
        port = free_port(list(places.values()))
        arrivals = Arrivals()
        receivers = {
            name: stack.enter_context(
                Receiver(behaviour, address=places[name], port=port, names=(f"mx.{name}",), keep=arrivals.keep)
            )
            for name, behaviour in behaviours.items()
        }
        zones = {f"mx.{name}": {"A": [places[name]]} for name in behaviours}
        for domain in (*behaviours, *(hosts or {})):
            names = (hosts or {}).get(domain, (domain,))
            zones[domain] = {"MX": [f"{number} mx.{each}." for number, each in enumerate(names)]}
        dns = stack.enter_context(DnsServer(zones))
        routes = [
            {"name": name, "domains": [name], "smarthost": {"host": places[name], "port": port, **more}}
            for name, more in smarthosts.items()
        ]
        relay = Hurried(
            home,
            {
                "dns": {"servers": [dns.address], "min_ttl": "0s"},
                "delivery": {
                    "mx_port": port,
                    "allow_private": True,
                    "retry": ["1s"],
                    "dead_host": "1s",
                    "routes": routes,
                    **delivery,
                },
                **(config or {}),
            },
            patience=patience,
        )
        stack.callback(relay.kill)
        relay.init()
        relay.start()
        yield Town(relay, receivers, arrivals)
