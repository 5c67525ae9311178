"""Machine-wide limits, as a worker sees them.

Two things are shared by all processes of the machine:
    places  how many of something there may be at once (connections to a site, sessions of an address);
            leased in small batches from the broker, so that most calls need no round trip.
    marks   what everybody should know until a given time: a paused site, a dead host, a host whose TLS
            is broken, a banned address or user name. A mark set in one worker is seen by all within a second.

Without the broker a worker keeps to limit / workers, rounded down but at least one, and to its own marks.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Place(StrEnum):
    SITE = "site"  # connections to a site from an egress; key "egress/site"
    SESSION = "session"  # SMTP sessions from one client address; key: the address


class Kind(StrEnum):
    PAUSED_SITE = "paused-site"  # key: site
    DEAD_HOST = "dead-host"  # key: "address:port"
    BROKEN_TLS = "broken-tls"  # key: "address:port"; opportunistic TLS is left out there
    BANNED_ADDRESS = "banned-address"  # key: client address
    BANNED_USER = "banned-user"  # key: user name and client address, lower case


@dataclass(frozen=True, slots=True)
class Mark:
    kind: Kind
    key: str
    until: float
    why: str


class Limits(Protocol):
    async def lease(self, place: Place, key: str, limit: int) -> bool:
        """Take one place of at most `limit` on this machine; False when all are taken."""

    def give_back(self, place: Place, key: str) -> None: ...

    def mark(self, mark: Mark) -> None:
        """Tell the whole machine. A later mark of the same kind and key replaces an earlier one."""

    def unmark(self, kind: Kind, key: str) -> None: ...

    def marked(self, kind: Kind, key: str) -> Mark | None:
        """The mark in force now, if any. Answered from memory."""

    def strike(self, kind: Kind, key: str, *, limit: int, window: float, rest: float, why: str) -> None:
        """Count a failure; the `limit`-th within `window` seconds becomes a mark for `rest` seconds."""
