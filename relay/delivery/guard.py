"""Where mail must not go: to ourselves, and into networks that only we can see.

In:  the hosts of a route. Out: whether one is us, or why its address is not called.

Standards: RFC 5321 section 5.1 (ourselves among the MX), RFC 6890 (special addresses), RFC 4291 section 2.5.5,
RFC 3056 and RFC 6052 (IPv6 addresses with an IPv4 address inside: mapped, 6to4, NAT64).

Why so: whoever runs a domain says where its mail goes, and must not have us knock at doors inside our network.
The forms of IPv6 that carry an IPv4 address are judged by that address, or they would be a way around. A next
hop the operator names himself (a smarthost) may be private; it must not be us all the same.

Our own host name among the MX counts as us on any port, since a port may be forwarded to us by a router that
we know nothing of. Where another program on this host takes that mail, a smarthost rule for the domain says so.
An address counts as us only together with a port of our listeners.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from enum import StrEnum

from relay.model.address import ascii_domain

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that has been given out for the Internet


class Objection(StrEnum):
    """Why an address is not called."""

    OURSELVES = "ourselves"
    PRIVATE = "private"  # or reserved, or otherwise not of the Internet
    NO_HOST = "no-host"  # multicast, unspecified: no single host has it


def is_own_address(address: str) -> bool:
    """Whether an interface of this machine has the address.

    The kernel tells: to reach an address of ours it would come from that address. Nothing is sent.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
            return bool(probe.getsockname()[0] == address)
    except OSError:
        return False  # no way there, so it is not here


class Guard:
    def __init__(
        self,
        hostname: str,
        own_ports: frozenset[int],
        *,
        allow_private: bool,
        own_address: Callable[[str], bool] = is_own_address,
    ) -> None:
        self._hostname = _plain(hostname)
        self._own_ports = own_ports
        self._allow_private = allow_private
        self._own_address = own_address

    def is_us(self, name: str) -> bool:
        """Whether an MX of this name is this relay."""
        return _plain(name) == self._hostname

    def objection(self, address: str, port: int, *, chosen: bool = False) -> Objection | None:
        """Why the address is not to be called; None if it may.

        Args:
            address: IPv4 or IPv6, as text.
            chosen: the operator named this next hop himself.
        """
        bare = _bare(ipaddress.ip_address(address))
        if port in self._own_ports and (bare.is_loopback or bare.is_unspecified or self._own_address(str(bare))):
            return Objection.OURSELVES
        if bare.is_multicast or bare.is_unspecified:
            return Objection.NO_HOST
        if self._allow_private or chosen or _public(bare):
            return None
        return Objection.PRIVATE


def _bare(address: _Address) -> _Address:
    """The IPv4 address inside, for IPv6 addresses that carry one."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if address.scope_id is not None:
        address = ipaddress.IPv6Address(int(address))
    inside = address.ipv4_mapped or address.sixtofour
    if inside is None and (address in _NAT64 or (address in _COMPATIBLE and int(address) > 1)):
        inside = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return inside or address


def _public(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST:
        return False
    return address.is_global and not address.is_reserved


def _plain(name: str) -> str:
    try:
        return ascii_domain(name)
    except ValueError:
        return name.lower()
