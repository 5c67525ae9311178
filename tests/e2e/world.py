"""A small Internet on loopback: DNS, receivers on addresses of their own, and a relay that delivers to them.

All receivers share one port, since the relay connects to `delivery.mx_port` everywhere; each has an address of
127.0.0.0/8 of its own, and a domain whose MX leads there.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dkim
import dns.resolver

from relay.dns.records import DomainRecord, Purpose
from tests.e2e.harness import Relay
from tests.peers.dns import DnsServer
from tests.peers.receiver import Behaviour, Receiver

HOME_DOMAIN = "example.com"  # what the account demo sends from; reports go back there


class World:
    """A relay that sends for real, and whoever it sends to."""

    def __init__(self, relay: Relay, dns_server: DnsServer, receivers: Mapping[str, Receiver]) -> None:
        self.relay = relay
        self.dns = dns_server
        self.receivers = receivers

    def text(self, name: bytes, timeout: int = 5) -> bytes:
        """A TXT record as a verifier of DKIM looks it up: by a question to the DNS server."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], self.dns.port
        found = resolver.resolve(name.decode(), "TXT", lifetime=timeout)
        return b"".join(found[0].strings)

    def check_signatures(self, content: bytes) -> None:
        """Both signatures, RSA and Ed25519, verify."""
        message = dkim.DKIM(content)
        assert content.count(b"DKIM-Signature:") >= 2
        for number in range(2):
            assert message.verify(idx=number, dnsfunc=self.text), f"signature {number}"


@contextmanager
def world(
    home: Path,
    behaviours: Mapping[str, Behaviour | None],
    config: Mapping[str, Any] | None = None,
    make: type[Relay] = Relay,
    **delivery: Any,
) -> Iterator[World]:
    """Receivers by domain; None means no listener, for what a test starts itself at `address(number)`.

    `delivery` goes into that part of the configuration; `make` is what runs and asks the relay.
    """
    with ExitStack() as stack:
        port = free_port([address(number) for number in range(len(behaviours))])
        receivers = {}
        zones: dict[str, dict[str, list[str]]] = {}
        for number, (domain, behaviour) in enumerate(behaviours.items()):
            zones[domain] = {"MX": [f"10 mx.{domain}."]}
            zones[f"mx.{domain}"] = {"A": [address(number)]}
            if behaviour is not None:
                receivers[domain] = stack.enter_context(
                    Receiver(behaviour, address=address(number), port=port, names=(f"mx.{domain}",))
                )
        relay = make(home, {})
        relay.init()
        for record in relay.ask("dkim", "record", HOME_DOMAIN):
            zones[record["name"]] = {"TXT": [DomainRecord(Purpose.DKIM, record["name"], record["value"]).zone_data()]}
        server = stack.enter_context(DnsServer(zones))
        relay.configure(
            {
                "dns": {"servers": [server.address], "min_ttl": "0s"},
                "delivery": {
                    "mx_port": port,
                    "allow_private": True,
                    "retry": ["500ms"],
                    "dead_host": "1s",
                    **delivery,
                },
                **(config or {}),
            }
        )
        stack.callback(relay.kill)
        relay.start()
        yield World(relay, server, receivers)


def address(number: int) -> str:
    return f"127.0.{1 + number // 250}.{1 + number % 250}"


def free_port(addresses: Sequence[str]) -> int:
    """A port that is free at all of these addresses."""
    for _ in range(50):
        with ExitStack() as stack:
            first = stack.enter_context(socket.create_server((addresses[0], 0)))
            port: int = first.getsockname()[1]
            try:
                for each in addresses[1:]:
                    stack.enter_context(socket.create_server((each, port)))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free everywhere")
