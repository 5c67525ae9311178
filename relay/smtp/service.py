"""What all sessions of a listener share: its configuration, its door, and what can be worked out beforehand.

Why so: a session is made for each connection and should cost little; whatever is the same for all of them
(the greeting, the replies to EHLO, the networks) is made here, once.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

from relay.config import Auth, Limits, Listener, ListenerKind, Purpose
from relay.model.clock import Clock, iso, system_clock
from relay.model.reply import Refused
from relay.smtp.budget import Budget
from relay.smtp.data import Rule
from relay.smtp.door import Door
from relay.smtp.handshakes import Handshakes
from relay.smtp.networks import Networks
from relay.smtp.parameters import Offers

if TYPE_CHECKING:
    from relay.smtp.wire import Wire


EHLO_KEPT = 60.0  # seconds; it names a time until which mail can be held
_MOST = 999_999  # RFC 9422 section 4 has six digits


class Service:
    def __init__(
        self,
        listener: Listener,
        limits: Limits,
        hostname: str,
        door: Door,
        tls: ssl.SSLContext | None,
        budget: Budget,
        clock: Clock = system_clock,
    ) -> None:
        if tls is None and listener.kind is not ListenerKind.PLAIN:
            raise ValueError(f"listener {listener.name}: kind {listener.kind} needs a TLS context")
        self.listener = listener
        self.hostname = hostname
        self.door = door
        self.tls = tls
        self.budget = budget
        self.clock = clock
        self.loop = asyncio.get_running_loop()
        self.handshakes = Handshakes(listener.name, self.loop.time)
        self.headers = Handshakes(listener.name, self.loop.time, "PROXY header")
        self.sessions: set[Wire] = set()
        self.empty = asyncio.Event()  # no session is open
        self.empty.set()
        self.greeting = f"220 {hostname} ESMTP relay\r\n".encode()
        self.auth = listener.auth is Auth.REQUIRED
        self.implicit_tls = listener.kind is ListenerKind.TLS
        self.starttls = listener.kind is ListenerKind.STARTTLS
        self.secure_first = self.starttls and self.auth and not listener.auth_without_tls
        self.login_needed = listener.purpose is Purpose.SUBMISSION
        self.balancers = Networks(listener.proxy)
        self._networks = Networks(listener.networks)
        self.reconfigure(limits)

    def reconfigure(self, limits: Limits) -> None:
        self.limits = limits = self.listener.held_to(limits)
        self.rule = Rule(size=limits.size, line=limits.line, mend_lf=self.auth)
        self.offers = Offers(wishes=self.login_needed, hold=limits.hold, deliver_by=limits.deliver_by)
        self._make_ehlo(self.clock())

    def _make_ehlo(self, now: float) -> None:
        self._ehlo_made = now
        self._ehlo = {
            (secure, known): self._ehlo_reply(secure, known, now)
            for secure in (False, True)
            for known in (False, True)
        }

    def ehlo(self, *, secure: bool, known: bool) -> bytes:
        """The reply to EHLO: under TLS or not, with a login or without."""
        if not 0 <= self.clock() - self._ehlo_made < EHLO_KEPT:
            self._make_ehlo(self.clock())
        return self._ehlo[secure, known]

    def auth_offered(self, *, secure: bool) -> bool:
        return self.auth and (secure or self.listener.auth_without_tls)

    def admit(self, address: str) -> None:
        """Whether the listener is there for this client. Raises Refused."""
        if self._networks and address not in self._networks:
            raise Refused(554, "5.7.1", f"{address} is not among the networks this listener is for")

    def enter(self, session: Wire) -> None:
        self.sessions.add(session)
        self.empty.clear()

    def leave(self, session: Wire) -> None:
        self.sessions.discard(session)
        if not self.sessions:
            self.empty.set()

    def _ehlo_reply(self, secure: bool, known: bool, now: float) -> bytes:
        lines = [
            self.hostname,
            "PIPELINING",
            f"SIZE {self.limits.size}",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
            "CHUNKING",
            # What comes back is never reported on: its next hop gets NOTIFY=NEVER, whatever was asked for.
            *(("DSN",) if self.offers.wishes else ()),
            *self._timing(now),
            *self._limits(),
        ]
        if self.starttls and not secure:
            lines.append("STARTTLS")
        if self.auth_offered(secure=secure) and not known:
            lines.append("AUTH PLAIN LOGIN")
        lines.append("HELP")
        return "".join(f"250{' ' if line == 'HELP' else '-'}{line}\r\n" for line in lines).encode()

    def _timing(self, now: float) -> list[str]:
        if not self.offers.wishes:
            return []
        hold, by = int(self.offers.hold), int(self.offers.deliver_by)
        lines = [f"DELIVERBY {by}" if by else "DELIVERBY"]
        if hold:  # RFC 4865 section 3 has no fractions
            lines.append(f"FUTURERELEASE {hold} {iso(int(now) + hold)[:19]}Z")
        return [*lines, "MT-PRIORITY MIXER"]

    def _limits(self) -> list[str]:
        """RFC 9422: what fits into its numbers."""
        limits = {"RCPTMAX": self.limits.recipients, "MAILMAX": self.limits.messages_per_session}
        told = [f"{name}={value}" for name, value in limits.items() if value <= _MOST]
        return [f"LIMITS {' '.join(told)}"] if told else []
