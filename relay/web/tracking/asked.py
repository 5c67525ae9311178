"""What of a request the handlers look at, taken out once.

In:  an ASGI scope, and the proxies whose word counts.
Out: an `Asked`: method, path, host, client's address, and what the client says of itself, cut to a measure.

A proxy's X-Forwarded-For is read from its end: each proxy of ours adds the address it was called from, and what
stands before the first address that is none of our proxies was written by somebody else.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from relay.config.tracking import ClientAddress
from relay.model.address import is_ip
from relay.model.light import light
from relay.smtp.networks import Networks, client_address

AGENT = 256  # characters kept of a program's name
REFERER = 512  # characters kept of a referer; its query is left out: it may hold what a page knows of its reader
HOPS = 20  # addresses of X-Forwarded-For looked at
# Fields by which clients say that nobody has asked for this yet.
_AHEAD = ((b"sec-purpose", b"prefetch"), (b"purpose", b"pre"), (b"x-purpose", b"pre"), (b"x-moz", b"prefetch"))


@light(frozen=True, slots=True, kw_only=True)
class Asked:
    method: str
    path: str  # as it was meant: percent-encoding undone
    client: str  # IP address; "" unknown
    secure: bool  # over https, here or at a proxy of ours
    headers: Mapping[bytes, bytes]  # by lower-case name, the last of each

    @property
    def host(self) -> str:
        """The Host field, lower case, without a port. Anybody's word."""
        given = self.headers.get(b"host", b"").decode("latin-1").strip().lower()
        if given.startswith("["):
            return given.partition("]")[0] + "]"
        return given.partition(":")[0].rstrip(".")

    @property
    def agent(self) -> str:
        return self._said(b"user-agent", AGENT)

    @property
    def referer(self) -> str:
        return self._said(b"referer", REFERER).partition("?")[0].partition("#")[0]

    @property
    def prefetch(self) -> bool:
        headers = self.headers
        return any(headers.get(name, b"").lstrip().lower().startswith(word) for name, word in _AHEAD)

    def _said(self, name: bytes, most: int) -> str:
        value = self.headers.get(name)
        if not value:
            return ""
        text = value[:most].decode("utf-8", "replace").strip()
        return text if text.isprintable() else "".join(each if each.isprintable() else "?" for each in text)


class Proxies:
    """Those whose word on clients counts."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = Networks(networks)

    def asked(self, scope: Mapping[str, Any]) -> Asked:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        peer = scope.get("client")
        client = client_address(peer[0]) if peer else ""
        secure = scope.get("scheme") == "https"
        if client and self._networks and is_ip(client) and client in self._networks:
            secure = headers.get(b"x-forwarded-proto", b"").strip().lower() == b"https" or secure
            client = self._behind(client, headers.get(b"x-forwarded-for", b""))
        return Asked(method=scope["method"], path=scope["path"], client=client, secure=secure, headers=headers)

    def _behind(self, proxy: str, forwarded: bytes) -> str:
        client = proxy
        for each in reversed(forwarded.decode("latin-1").split(",")[-HOPS:]):
            said = client_address(each.strip().strip('"').removeprefix("[").removesuffix("]"))
            if not is_ip(said):
                break
            client = said
            if client not in self._networks:
                break
        return client


def shown(address: str, how: ClientAddress) -> str:
    """A client's address as precisely as events may tell it; "" is nothing."""
    if how is ClientAddress.NONE or not address:
        return ""
    if how is ClientAddress.FULL or not is_ip(address):
        return address if how is ClientAddress.FULL else ""
    length = 48 if ":" in address else 24
    return str(ipaddress.ip_network((address.partition("%")[0], length), strict=False))
