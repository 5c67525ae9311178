"""Machine-wide limits, as a worker sees them.

Three things are shared by all processes of the machine:
    places  how many of something there may be at once (connections to a site, sessions of an address);
            leased in small batches from the broker, so that most calls need no round trip.
    marks   what everybody should know until a given time: a paused site, a dead host, a host whose TLS
            is broken, a banned address or user name. A mark set in one worker is seen by all within a second.
    quotas  how much of something was used within a time that slides (messages of a credential in an hour).
            The broker counts, and keeps its counts across a restart.

Without the broker a worker keeps to limit / workers, rounded down but at least one, and to its own marks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Place(StrEnum):
    SITE = "site"  # connections to a site from an egress; key "egress/site"
    SESSION = "session"  # SMTP sessions from one client address; key: the address
    SESSIONS = "sessions"  # SMTP sessions of all clients; one key
    # Passwords under examination. A strike of the kind in GUESSES takes one of these places until it is forgotten,
    # so that guesses made at once, on whatever workers, are no more than those made one after another.
    LOGIN_USER = "login-user"  # key: that of BANNED_USER
    LOGIN_ADDRESS = "login-address"  # key: that of BANNED_ADDRESS


class Kind(StrEnum):
    PAUSED_SITE = "paused-site"  # key: site; "egress/site" for an egress that is not the default
    DEAD_HOST = "dead-host"  # key: "address:port", or "egress/address:port" likewise
    BROKEN_TLS = "broken-tls"  # key: "address:port"; opportunistic TLS is left out there
    LOST_STEP = "lost-step"  # key: "address:port"; no envelope is sent ahead of its turn there
    BANNED_ADDRESS = "banned-address"  # key: client address
    BANNED_USER = "banned-user"  # key: user name and client address, lower case


GUESSES = {Place.LOGIN_USER: Kind.BANNED_USER, Place.LOGIN_ADDRESS: Kind.BANNED_ADDRESS}


@dataclass(frozen=True, slots=True)
class Mark:
    kind: Kind
    key: str
    until: float
    why: str


@dataclass(frozen=True, slots=True)
class Charge:
    """So much of a quota. `names`: it counts names that were not seen in its time, and `amount` is not looked at."""

    key: str  # "credential crm messages 3600"
    window: float  # seconds
    limit: int
    amount: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spent:
    """A quota that has no room for a charge."""

    charge: Charge
    used: int
    until: float  # when there will be room, unix seconds; infinite where there is none within a week, or ever


class Limits(Protocol):
    async def spend(self, charges: Sequence[Charge], *, force: bool = False) -> Spent | None:
        """Take all charges or, where one has no room, none; `force` takes them for the time when there is room.

        Returns the quota without room, and when there will be: with `force`, too, and then that is when the
        charges were booked for. What can never have room (`until` is infinite) is not taken, by force neither.
        The keys of one call differ from one another.
        """

    async def lease(self, place: Place, key: str, limit: int) -> bool:
        """Take one place of at most `limit` on this machine; False when all are taken."""

    def at_hand(self, place: Place, key: str) -> bool:
        """Take a place that is kept here already, without a wait; False tells nothing: `lease` may have one."""
        return False

    def give_back(self, place: Place, key: str) -> None: ...

    def mark(self, mark: Mark) -> None:
        """Tell the whole machine. A later mark of the same kind and key replaces an earlier one."""

    def unmark(self, kind: Kind, key: str) -> None: ...

    def marked(self, kind: Kind, key: str) -> Mark | None:
        """The mark in force now, if any. Answered from memory."""

    def strike(self, kind: Kind, key: str, *, limit: int, window: float, rest: float, why: str) -> None:
        """Count a failure; the `limit`-th within `window` seconds becomes a mark for `rest` seconds."""
