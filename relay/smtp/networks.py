"""Lists of networks, as listeners have them, asked about one client after the other."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

REMEMBERED = 4096  # answers; clients come again


class Networks:
    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(each) for each in networks]
        self._holds = lru_cache(maxsize=REMEMBERED)(self._look)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, address: str) -> bool:
        return bool(self._networks) and self._holds(address)

    def _look(self, address: str) -> bool:
        client = ipaddress.ip_address(address.partition("%")[0])
        return any(client in each for each in self._networks)


def client_address(text: str) -> str:
    """An address as the system gives it, IPv4 clients of an IPv6 socket in their own spelling."""
    if text.startswith("::ffff:") and "." in text:
        return text[7:]
    return text


def client_key(address: str) -> str:
    """By what a client is counted: its IPv4 address, or its IPv6 /64, which is one customer's."""
    if ":" not in address:
        return address
    network = ipaddress.IPv6Network((address.partition("%")[0], 64), strict=False)
    return str(network)
