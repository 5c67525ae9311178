"""Where the client may go: a rule about addresses, asked right before each connection.

In:  the address and port a connection is about to be made to, and whether it will be without TLS.
Out: why not, in words fit for a log; "" where it may.

Refused is all that is not a public unicast address: private, shared, loopback, link-local (where clouds keep the
metadata of a machine), multicast and reserved ranges, ranges that lead on into IPv4 (NAT64, 6to4, Teredo,
IPv4-compatible; RFC 6052, 3056, 4380, 4291), and one public address that is a cloud's own. IPv4-mapped addresses
are judged as the IPv4 address they mean. Networks in `allow` are the operator's word that a host of theirs may be
reached: any port there, and without TLS, too.

Why so: the rule is about the address that is connected to, not the name that was looked up or written. A name may
lead elsewhere the next moment (DNS rebinding), and an address can be written in many ways.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

PORTS = frozenset({80, 443})
REMEMBERED = 4096  # answers

_NEVER: tuple[tuple[IPv4Network | IPv6Network, str], ...] = (
    (IPv4Network("168.63.129.16/32"), "the metadata of a cloud"),
    (IPv4Network("192.0.0.0/24"), "an address of special use"),
    (IPv4Network("192.88.99.0/24"), "a relay of 6to4"),
    (IPv6Network("64:ff9b::/96"), "a NAT64 address"),
    (IPv6Network("64:ff9b:1::/48"), "a NAT64 address"),
    (IPv6Network("2002::/16"), "a 6to4 address"),
    (IPv6Network("2001::/32"), "a Teredo address"),
    (IPv6Network("::/96"), "no public address"),
    (IPv6Network("::ffff:0:0:0/96"), "an address translated from IPv4"),
    (IPv6Network("fec0::/10"), "a private address"),
    (IPv6Network("5f00::/16"), "an address of segment routing"),
)


class Guard:
    """`allow`: networks that may be reached although they are not public; `ports`: of public addresses, empty for
    all; `plain`: whether public addresses may be reached without TLS."""

    def __init__(self, allow: Iterable[str] = (), ports: Collection[int] = PORTS, plain: bool = False) -> None:
        self._allow = tuple(ip_network(each, strict=False) for each in allow)
        self._ports = frozenset(ports)
        self._plain = plain
        self.refusal = lru_cache(maxsize=REMEMBERED)(self._judge)

    def _judge(self, address: str, port: int, plain: bool) -> str:
        """Why a connection there is refused; "" where it may be made."""
        try:
            meant = _meant(ip_address(address.partition("%")[0]))
        except ValueError:
            return "no IP address"
        if any(meant in network for network in self._allow):
            return ""
        if reason := _not_public(meant):
            return reason
        if plain and not self._plain:
            return "only https is allowed there"
        if self._ports and port not in self._ports:
            return f"port {port} is not allowed there"
        return ""


def _meant(address: Address) -> Address:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _not_public(address: Address) -> str:
    for network, what in _NEVER:
        if address in network:
            return what
    if address.is_loopback or address.is_unspecified:
        return "this machine"
    if address.is_link_local:
        return "a link-local address"
    if address.is_multicast:
        return "a multicast address"
    if not address.is_global or address.is_reserved:
        return "a private or reserved address"
    return ""
