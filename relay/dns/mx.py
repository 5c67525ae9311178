"""The hosts that take mail for a domain, in the order they are to be tried.

In:  a domain. Out: `Exchanges`: hosts in groups of equal preference, and what kind of list it is.

Standards: RFC 5321 section 5.1 (order, implicit MX), RFC 7505 (null MX), RFC 6761 (localhost).

Why so: an MX that names an IP address, localhost or nothing that could be a host is left out: it is not what
RFC 5321 section 5.1 allows, and would have us look up top-level domains made of digits, or call ourselves.
If nothing else remains, there is no mail host; the domain's own address does not step in, since it said where
its mail goes. The list is cut by preference and name, before it is shuffled, so that the same domain always
has the same hosts and belongs to the same site.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from random import Random

from relay.dns.answer import Mx, Status
from relay.dns.resolver import Resolver
from relay.model.address import ascii_domain, printable

HOSTS = 16  # of a domain, at most; the biggest providers publish five


class Kind(StrEnum):
    MX = "mx"
    IMPLICIT = "implicit"  # no MX record: the domain itself is the host, if it has an address
    NULL = "null"  # the domain says that it takes no mail
    NO_DOMAIN = "no-domain"


@dataclass(frozen=True, slots=True)
class Exchanges:
    kind: Kind
    hosts: tuple[Mx, ...]  # by preference, each host once; empty for NULL, NO_DOMAIN, and if none can be used
    until: float  # unix seconds; holds so long
    unusable: tuple[str, ...] = ()  # what MX records name and we do not call


async def lookup(resolver: Resolver, domain: str, random: Random) -> Exchanges:
    """Who takes mail for the domain, shuffled inside equal preference.

    Raises:
        DnsFailure: nobody could tell. Never an implicit MX: the records may be there.
        ValueError: it is no domain name.
    """
    answer = await resolver.mx(domain)
    if answer.status is Status.NO_DOMAIN:
        return Exchanges(Kind.NO_DOMAIN, (), answer.until)
    if answer.status is Status.NO_DATA:
        return Exchanges(Kind.IMPLICIT, (Mx(0, ascii_domain(domain)),), answer.until)
    if all(not each.host for each in answer.records):
        return Exchanges(Kind.NULL, (), answer.until)
    hosts, unusable = _usable(answer.records)
    return Exchanges(Kind.MX, shuffled(hosts, random), answer.until, unusable)


def shuffled(hosts: Iterable[Mx], random: Random) -> tuple[Mx, ...]:
    """Hosts in order of preference, those of equal preference in random order: that spreads the load."""
    ordered: list[Mx] = []
    for _, group in groupby(sorted(hosts, key=lambda each: each.preference), key=lambda each: each.preference):
        equal = list(group)
        random.shuffle(equal)
        ordered += equal
    return tuple(ordered)


def _usable(records: Iterable[Mx]) -> tuple[list[Mx], tuple[str, ...]]:
    best: dict[str, int] = {}
    unusable: set[str] = set()
    for each in records:
        host = _host_name(each.host)
        if host is None:
            unusable.add(printable(each.host) or ".")
        else:
            best[host] = min(each.preference, best.get(host, each.preference))
    hosts = [Mx(preference, host) for preference, host in sorted((value, key) for key, value in best.items())]
    return hosts[:HOSTS], tuple(sorted(unusable))[:HOSTS]


def _host_name(text: str) -> str | None:
    try:
        host = ascii_domain(text)
    except ValueError:
        return None
    if host == "localhost" or host.endswith((".localhost", "localhost.localdomain")):
        return None
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    return None
