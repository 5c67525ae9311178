"""The door for returned mail: it takes what comes to our own return paths, from anybody, and complaints about them.

In:  a session's questions (`relay.smtp.door.Door`).
Out: answers; events and copies for the clients, through `Keeper`.

Why so: a recipient is known by the MAC of its return path and by the message it stands for, and both are looked at
when RCPT is given: what we take is what we can tell somebody of, so nothing is ever sent back from here
(RFC 5321 section 6.1 is met by refusing early). The wrong domain is refused, too: a path is good at the host it was
given out for. A message that went through too many servers is refused, as at every door; its header is not judged
otherwise, since bounces are written by every kind of program, and one that is refused for its form is one nobody
ever sees. Complaints go to addresses a receiver was told once, `fbl@` and `abuse@` of a bounce host; such mail is
taken if it is a report that quotes a return path of ours, which says whom it is about, and no other. Reports of
DMARC go to `dmarc@` the bounce host of a verified domain, and are taken by `reports.py`, or nothing of the mail is.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from enum import Enum, auto

from relay import config
from relay.bounce.returned import Returned, examine
from relay.bounce.returnpath import ReturnPath, Way
from relay.limits.interface import Limits
from relay.limits.turnstile import Turnstile
from relay.model.account import Login
from relay.model.address import printable
from relay.model.clock import Clock
from relay.model.envelope import Envelope, Parameters
from relay.model.reply import Refused, Reply
from relay.returns.flood import Flood
from relay.returns.forward import Back
from relay.returns.keep import Keeper
from relay.returns.originals import Original, Originals
from relay.returns.reports import LOCAL, Taking
from relay.smtp.door import Arrived, Door, SessionInfo
from relay.smtp.networks import client_key
from relay.store.interface import NotFound, StoreDown, StoreFull
from relay.store.refusal import refusal

log = logging.getLogger("relay.returns")
ROLES = frozenset({"fbl", "abuse"})
_RECEIVED = re.compile(rb"^received[ \t]*:", re.IGNORECASE | re.MULTILINE)


class Role(Enum):
    """What an address is for that is no return path."""

    COMPLAINTS = auto()
    REPORTS = auto()  # of DMARC


class ReturnsDoor(Door):
    def __init__(
        self,
        *,
        listener: config.Listener,
        settings: config.Limits,
        read: Callable[[str], ReturnPath],  # the local part of one; raises ValueError
        hosts: Callable[[str], bool],  # is it a host of our return paths?
        report_hosts: Callable[[str], bool],  # is it one of a verified domain?
        reports: Taking,
        originals: Originals,
        limits: Limits,
        keeper: Keeper,
        flood: Flood,
        clock: Clock,
    ) -> None:
        self._listener = listener
        self._settings = listener.held_to(settings)
        self._read = read
        self._hosts = hosts
        self._report_hosts = report_hosts
        self._reports = reports
        self._originals = originals
        self._turnstile = Turnstile(limits)
        self._keeper = keeper
        self._flood = flood
        self._clock = clock
        # By session, what its transaction has named so far; bounded by the recipients it may name.
        self._named: dict[int, dict[str, Original | Role]] = {}

    def reconfigure(self, settings: config.Limits) -> None:
        """Follow a new configuration; sessions that are open do so, too."""
        self._settings = self._listener.held_to(settings)

    def admits(self, session: SessionInfo) -> bool:
        return self._turnstile.admits(session, client_key(session.address))

    async def opened(self, session: SessionInfo) -> None:
        limits = self._settings
        await self._turnstile.enter(
            session, client_key(session.address), of_one=limits.sessions_per_address, of_all=limits.sessions
        )

    def closed(self, session: SessionInfo) -> None:
        self._named.pop(id(session), None)
        self._turnstile.leave(session)

    async def login(self, session: SessionInfo, username: str, password: str) -> Login:
        raise Refused(503, "5.5.1", "AUTH is not offered here: this is where returned mail comes in")

    def mail(self, session: SessionInfo, reverse_path: str) -> None:
        """Anybody may; the null reverse-path is the rule here."""
        self._named[id(session)] = {}

    def rcpt(self, session: SessionInfo, reverse_path: str, address: str) -> None:
        self._named[id(session)][address] = self._role(address) or self._original(address)

    def _role(self, address: str) -> Role | None:
        """Raises Refused."""
        local, _, host = address.lower().rpartition("@")
        try:
            if local in ROLES and self._hosts(host):
                return Role.COMPLAINTS
            if local != LOCAL or not self._report_hosts(host):
                return None
        except StoreDown as down:
            raise _later(down) from down
        daily = self._reports.settings.daily
        if self._flood.full((_reports_of(host),), daily, self._clock()):
            raise Refused(452, "4.7.1", f"At most {daily} reports a day to one address")
        return Role.REPORTS

    def _original(self, address: str) -> Original:
        """What a return path stands for. Raises Refused."""
        local, _, host = address.rpartition("@")
        try:
            original = self._originals.find(self._read(local))
        except ValueError as why:
            raise Refused(550, "5.1.1", f"{printable(address)}: {why}") from None
        except NotFound:
            raise Refused(550, "5.1.1", f"{printable(address)}: its message is no longer known here") from None
        except StoreDown as down:
            raise _later(down) from down
        if host.lower() != original.message.return_host and not self._to_leave(original, host):
            raise Refused(550, "5.1.1", f"{printable(address)}: not a return path of this relay")
        if self._flood.full((original.id,), self._settings.returned, self._clock()):
            raise Refused(452, "4.7.1", f"At most {self._settings.returned} messages a day to one return path")
        return original

    def _to_leave(self, original: Original, host: str) -> bool:
        """Whether it is an address to unsubscribe by: those are at hosts of ours also where bounces go elsewhere."""
        try:
            return original.way is Way.UNSUBSCRIBE and self._hosts(host.lower())
        except StoreDown as down:
            raise _later(down) from down

    async def message(
        self, session: SessionInfo, envelope: Envelope, parameters: Parameters, arrived: Arrived
    ) -> Reply:
        named = self._named.pop(id(session))
        self._check_loop(arrived.octets)
        reported = await self._take_report(named, arrived.octets)
        found = [each for each in named.values() if isinstance(each, Original)]
        if reported and not found and Role.COMPLAINTS not in named.values():
            return Reply(250, "2.0.0", "Ok: noted")
        returned = examine(arrived.octets)
        if Role.COMPLAINTS in named.values():
            found += self._quoted(returned, alone=not found)
        # Two spellings of one path are one recipient.
        originals = list({each.id: each for each in found}.values())
        back = Back(
            envelope=envelope,
            octets=arrived.octets,
            returned=returned,
            at=self._clock(),
            helo=session.helo,
            address=session.address,
            peer=session.peer,
            tls=session.tls,
            esmtp=session.esmtp,
            listener=session.listener,
        )
        try:
            copies = await self._keeper.keep(back, originals)
        except (StoreFull, StoreDown) as fault:
            raise refusal(fault, log, "returned mail") from fault
        self._flood.add((each.id for each in originals), back.at)
        return Reply(250, "2.0.0", f"Ok: queued as {copies[0]}" if copies else "Ok: noted")

    async def _take_report(self, named: dict[str, Original | Role], octets: bytes) -> bool:
        """Whether it was sent to where reports go, and is kept now. Raises Refused."""
        hosts = {address.lower().rpartition("@")[2] for address, each in named.items() if each is Role.REPORTS}
        if not hosts:
            return False
        now = self._clock()
        try:
            await self._reports.take(octets, now)
        except (StoreFull, StoreDown) as fault:
            raise refusal(fault, log, "a report") from fault
        self._flood.add([_reports_of(each) for each in hosts], now)
        return True

    def _quoted(self, returned: Returned, alone: bool) -> list[Original]:
        """Whom a complaint to a role is about; `alone`: nothing else says so. Raises Refused."""
        found: list[Original] = []
        for each in returned.feedback.paths if returned.feedback else ():
            try:
                found.append(self._original(each))
            except Refused as refused:
                if refused.reply.transient:
                    raise
        if alone and not found:
            raise Refused(550, "5.7.1", "Only reports that quote a return path of ours are taken here")
        return found

    def _check_loop(self, octets: bytes) -> None:
        end = octets.find(b"\r\n\r\n")
        count = len(_RECEIVED.findall(octets, 0, end if end >= 0 else len(octets)))
        if count > self._settings.received:
            limit = self._settings.received
            text = f"the message seems to loop: it has {count} Received fields, over the limit of {limit}"
            raise Refused(554, "5.4.6", text)


def _reports_of(host: str) -> str:
    """What counts the reports to one address; no recipient of ours has such an id."""
    return f"{LOCAL}@{host}"


def _later(down: StoreDown) -> Refused:
    log.error("the original of a returned message cannot be looked up: %s", down)
    return Refused(451, "4.3.0", "Cannot look that address up at the moment; please try again")
