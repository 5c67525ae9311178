"""Where this relay is, as others see it: the names that lead here, the addresses mail leaves from.

In:  the configuration, a resolver. Out: names and addresses.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from relay.config import Config, Egress
from relay.dns.answer import DnsFailure
from relay.dns.resolver import Resolver
from relay.model.address import is_ip


def target(config: Config) -> str:
    """The name of ours that hosts of links should lead to."""
    base = _base(config)
    return base if base and not is_ip(base) else config.hostname


def ours(config: Config) -> list[str]:
    """Names and addresses under which links reach us."""
    return list(dict.fromkeys(each for each in (config.hostname, _base(config)) if each))


def _base(config: Config) -> str:
    return urlsplit(config.tracking.base or "").hostname or ""


async def leaving(config: Config, resolver: Resolver) -> list[str]:
    """The addresses receivers see: those of this machine, or, behind a NAT, those of our name; none: nobody knows."""
    found = known_sources(config)
    return found or await _addresses(resolver, config.hostname, ipv6=config.delivery.ipv6)


def known_sources(config: Config) -> list[str]:
    """Those of this machine, as far as it knows."""
    found = [each for egress in config.delivery.every_egress for each in sources(egress, ipv6=config.delivery.ipv6)]
    return list(dict.fromkeys(found))


def sources(egress: Egress, *, ipv6: bool) -> list[str]:
    """The addresses from which its mail reaches the Internet, as far as this machine knows; none behind a NAT."""
    chosen = [each for each in (egress.ipv4, egress.ipv6 if ipv6 else "") if each]
    return [each for each in chosen or _chosen_by_the_kernel(ipv6=ipv6) if ipaddress.ip_address(each).is_global]


@dataclass(frozen=True, slots=True)
class Places:
    """What stands for us in DNS."""

    leaving: Sequence[str] = ()  # addresses mail leaves from
    hostname: Sequence[str] = ()  # addresses of our name
    web: Sequence[str] = ()  # addresses of the name that hosts of links lead to

    @property
    def by_name(self) -> tuple[str, ...]:
        """Mechanisms of SPF beside our name: for what leaves from elsewhere."""
        return tuple(_mechanism(each) for each in self.leaving if each not in self.hostname)

    @property
    def by_address(self) -> tuple[str, ...]:
        return tuple(map(_mechanism, self.leaving))


async def places(config: Config, resolver: Resolver) -> Places:
    """As far as DNS answers."""
    hostname = await _addresses(resolver, config.hostname, ipv6=True)
    name = target(config)
    web = hostname if name == config.hostname else await _addresses(resolver, name, ipv6=True)
    found = known_sources(config) or [each for each in hostname if config.delivery.ipv6 or ":" not in each]
    return Places(found, hostname, web)


async def _addresses(resolver: Resolver, name: str, *, ipv6: bool) -> list[str]:
    try:
        return list((await resolver.addresses(name, ipv6=ipv6)).records)
    except (DnsFailure, ValueError):
        return []


def _mechanism(address: str) -> str:
    return f"{'ip6' if ':' in address else 'ip4'}:{address}"


def _chosen_by_the_kernel(*, ipv6: bool) -> list[str]:
    found = []
    for family, far in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        if family == socket.AF_INET6 and not ipv6:
            continue
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((far, 25))  # nothing is sent; the kernel only chooses
                found.append(str(probe.getsockname()[0]))
        except OSError:
            continue
    return found
