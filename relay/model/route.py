"""Where a recipient's mail goes next: decided once a domain, cached, shared by all its recipients.

A *site* is the set of MX hosts: a thousand domains hosted at one provider are one site and share one set
of limits. Its name is the sorted host names joined with commas, or `smarthost:<rule>`, or `sandbox`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from relay.model.outcome import Fault
from relay.model.reply import Reply


class Way(StrEnum):
    SANDBOX = "sandbox"  # keep it, send nothing
    MX = "mx"
    SMARTHOST = "smarthost"


class TlsDemand(StrEnum):
    NONE = "none"  # never asked for
    MAY = "may"  # opportunistic (RFC 7435): taken as offered, any certificate, clear text where it fails
    MUST = "must"  # TLS with any certificate, or no delivery
    VERIFIED = "verified"  # TLS with a certificate that names the host, or no delivery

    @property
    def strict(self) -> bool:
        """Nothing is ever sent in clear text."""
        return self in (TlsDemand.MUST, TlsDemand.VERIFIED)

    def at_least(self, other: TlsDemand) -> TlsDemand:
        """The stricter of the two."""
        return max(self, other, key=_STRICTNESS.index)


_STRICTNESS = list(TlsDemand)  # they are listed so


@dataclass(frozen=True, slots=True)
class Host:
    """One address of one next hop. Routes list them in the order they are to be tried."""

    name: str
    address: str  # IPv4 or IPv6
    port: int

    @property
    def key(self) -> str:
        """As marks name it: `192.0.2.1:25`, `[2001:db8::1]:25`."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    way: Way
    egress: str  # its name
    site: str
    hosts: tuple[Host, ...] = ()
    tls: TlsDemand = TlsDemand.MAY
    tls_asked: bool = False  # the message itself demands this; that a host does not meet it says nothing of the site
    family: int = 0  # 4 or 6: only that version of IP, since its egress has no address of the other; 0: both
    implicit_tls: bool = False
    login: tuple[str, str] | None = None  # user name and password of a smarthost; never logged
    rule: str = ""  # the smarthost rule that applied


class NoRoute(Exception):
    """There is nowhere to send this now (a 4yz reply), or at all (5yz)."""

    def __init__(self, reply: Reply, fault: Fault, reason: str) -> None:
        super().__init__(str(reply))
        self.reply = reply
        self.fault = fault
        self.reason = reason  # class of the outcome: "no-such-domain", "null-mx", "dns", "loop", ...
