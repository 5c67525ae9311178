"""Which resolvers to ask: those of the configuration, else those of the system.

The system's are read from /etc/resolv.conf, and again when that file has changed: a machine gets a new
network while the relay runs. Search lists and `ndots` are for people's abbreviations; a mail domain is whole.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RESOLV_CONF = Path("/etc/resolv.conf")
PORT = 53
MOST = 3  # of the system's, as resolv.conf(5) has it


@dataclass(frozen=True, slots=True)
class Server:
    address: str
    port: int = PORT

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def parse_server(text: str) -> Server:
    """`192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1`, `[2001:db8::1]:5353`.

    Raises:
        ValueError: it is none of these.
    """
    address, colon, port = text.rpartition(":")
    if not colon or (":" in address and not address.endswith("]")):
        address, port = text, str(PORT)
    address = address.removeprefix("[").removesuffix("]")
    ipaddress.ip_address(address)
    return Server(address, int(port))


def parse_resolv_conf(text: str) -> tuple[Server, ...]:
    """The `nameserver` lines; lines that cannot be read are skipped, as the C library does."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            try:
                ipaddress.ip_address(words[1])
            except ValueError:
                continue
            found.append(Server(words[1]))
    return tuple(found[:MOST])


class Servers:
    """The list, as it is now."""

    def __init__(self, given: Sequence[str], path: Path = RESOLV_CONF) -> None:
        self._given = tuple(parse_server(each) for each in given)
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._system: tuple[Server, ...] = ()

    def list(self) -> tuple[Server, ...]:
        """At least one: without any it is the resolver of this machine, as resolv.conf(5) has it."""
        if self._given:
            return self._given
        try:
            about = self._path.stat()
            stamp = about.st_mtime_ns, about.st_ino
            if stamp != self._stamp:
                self._system = parse_resolv_conf(self._path.read_text(errors="replace"))
                self._stamp = stamp
        except OSError:
            self._stamp = None  # the file is being replaced, or there is none: keep what we know
        return self._system or (Server("127.0.0.1"),)
