"""Sender domains of an account: claimed, proved by DNS, changed, given up.

In:  the registry, the configuration, a resolver, who asks and when.
Out: the domain as it is kept, or the record that is to prove it; `Unfit`, `Wrong`, NotFound, DnsFailure.

Why so: a domain is of whoever proves it. One that another account has asked for and not proved stands in nobody's
way: it has a challenge for each account that asks, made of the one that is kept, and who publishes theirs has the
domain, with keys of its own. A host of bounces or links is kept as it was asked for and used once DNS leads it here;
one that is in use gives way only to one that leads here, too, or its links would stop at once. What is looked up
takes its time, so the domain is read anew before it is written.
"""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b32encode
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from typing import TypeVar

from relay.config import Config
from relay.dns.answer import DnsFailure
from relay.dns.records import DomainRecord, Purpose, challenge_name, check_challenge
from relay.dns.resolver import Resolver
from relay.manage import secret
from relay.manage.advice import today
from relay.manage.domain_settings import Settings, settled
from relay.manage.hosts import bounces_lacking, tracked_for, tracking_lacking
from relay.manage.wrong import Unfit, Wrong
from relay.model.account import Domain
from relay.store.interface import NotFound, Registry

UNPROVED = 100  # domains of an account that wait for their record
PATIENCE = 8.0  # seconds that DNS has for all that is looked up at once
T = TypeVar("T")
_Look = Callable[[Resolver, Config, str], Awaitable[str]]
_LONGEST = 240  # characters of a name that has room for `bounces.` before it


@dataclass(frozen=True, slots=True)
class Claimed:
    """`record`: what is to be published; None: the domain is proved, and `domain` is it."""

    domain: Domain | None  # None: it is kept for another account, which has not proved it, either
    record: DomainRecord | None = None


@dataclass(frozen=True, slots=True)
class Domains:
    registry: Registry
    config: Config
    resolver: Resolver
    account: str
    who: str  # for the audit
    now: float

    def of(self, name: str) -> Domain:
        """Raises NotFound: it is none of the account's."""
        found = self._holder(name)
        if found is None or found.account != self.account:
            raise NotFound(f"no domain {name}")
        return found

    async def claim(self, name: str) -> Claimed:
        """Ask for a domain, or have its record looked up. Raises Unfit, DnsFailure."""
        holder = self._holder(name)
        if holder is None:
            domain = self._add(name)
            return Claimed(domain, _record(name, domain.challenge))
        if holder.account == self.account and holder.verified is not None:
            return Claimed(holder)
        mine = holder.account == self.account
        token = holder.challenge if mine else challenge_of(holder, self.account)
        self._must_be_free(holder)
        proof = await self._in_time(name, check_challenge(self.resolver, name, token))
        if not proof.proved:
            return Claimed(holder if mine else None, _record(name, token))
        return Claimed(self._proved(name, token))

    async def change(self, name: str, settings: Settings) -> Domain:
        """Set what is given, and see whether hosts that are not used yet lead here. Raises NotFound, Wrong, Unfit,
        DnsFailure."""
        before = self.of(name)
        if settings.addresses and before.verified is None:
            raise Unfit(f"address: {name} is not approved yet, so nobody can be named for its reports")
        wanted = settled(before, settings, today(self.now))
        lacking = await self._lacking(before, wanted)
        current = self.of(name)
        after = self._with_hosts(current, settled(current, settings, today(self.now)), lacking)
        if after != current:
            self.registry.update_domain(after)
            self._audit("domain set", name, **_changed(current, after))
        return after

    def remove(self, name: str) -> None:
        """With its keys. Raises NotFound."""
        self.of(name)
        self.registry.remove_domain(name)
        self._audit("domain remove", name)

    def remove_address(self, name: str, address: str) -> Domain:
        """It gets reports no more. Raises NotFound."""
        domain = self.of(name)
        rest = tuple(each for each in domain.dmarc.addresses if each != address)
        if rest == domain.dmarc.addresses:
            raise NotFound(f"no report address {address} of {name}")
        after = replace(domain, dmarc=replace(domain.dmarc, addresses=rest))
        self.registry.update_domain(after)
        self._audit("domain set", name, removed=address)
        return after

    def _holder(self, name: str) -> Domain | None:
        try:
            return self.registry.domain(name)
        except NotFound:
            return None

    def _must_be_free(self, holder: Domain | None) -> None:
        if holder is not None and holder.account != self.account and holder.verified is not None:
            raise Unfit(f"{holder.name} is a domain of another account")

    def _add(self, name: str) -> Domain:
        waiting = sum(each.verified is None for each in self.registry.domains(self.account))
        if waiting >= UNPROVED:
            raise Unfit(
                f"{waiting} domains of the account wait for their record, as many as may; prove or delete some"
            )
        domain = self._new(name, secret.challenge())
        self.registry.add_domain(domain)
        self._audit("domain add", name)
        return domain

    def _new(self, name: str, challenge: str) -> Domain:
        room = len(name) <= _LONGEST
        clicks = f"clicks.{name}" if room else ""
        return Domain(
            name=name,
            account=self.account,
            challenge=challenge,
            created=self.now,
            bounce_host=f"bounces.{name}" if room else "",
            tracking_host="" if tracked_for(self.registry, clicks, self.account) else clicks,
        )

    def _proved(self, name: str, token: str) -> Domain:
        holder = self._holder(name)
        self._must_be_free(holder)
        if holder is not None and holder.account != self.account:
            self.registry.remove_domain(name)  # its keys, too: who made them may know them
            holder = None
        if holder is None:
            self.registry.add_domain(self._new(name, token))
        domain = self.of(name)
        if tracked_for(self.registry, domain.tracking_host, self.account) is not None:
            self.registry.update_domain(replace(domain, tracking_host="", tracking_verified=None))
        self.registry.verify_domain(name, self.now, "dns")
        self._audit("domain verify", name)
        return self.of(name)

    async def _lacking(self, before: Domain, wanted: Domain) -> _Lacking:
        """What DNS should say of hosts that are not used yet. Raises Unfit, DnsFailure."""
        other = tracked_for(self.registry, wanted.tracking_host, self.account)
        if other is not None:
            raise Unfit(f"tracking: links of another account lead to {wanted.tracking_host}")
        moved = _moved(before, wanted)
        bounces, tracking = await asyncio.gather(
            self._look(wanted.bounce_host, wanted.bounce_verified, bounces_lacking, needed=moved.bounces),
            self._look(wanted.tracking_host, wanted.tracking_verified, tracking_lacking, needed=moved.tracking),
        )
        return _Lacking(bounces, tracking)

    async def _look(self, host: str, verified: float | None, look: _Look, *, needed: bool) -> str | None:
        """None: it was not asked for, or nobody could tell, which is a failure where it is `needed`."""
        if not host or verified is not None:
            return None
        try:
            return await self._in_time(host, look(self.resolver, self.config, host))
        except DnsFailure:
            if needed:
                raise
            return None

    def _with_hosts(self, before: Domain, after: Domain, lacking: _Lacking) -> Domain:
        """Hosts that lead here are used from now on. Raises Wrong: one that does not would replace one that does."""
        moved = _moved(before, after)
        if lacking.bounces and moved.bounces:
            raise Wrong("bounces", f"{lacking.bounces}; bounces come back to {before.bounce_host} as before")
        if lacking.tracking and moved.tracking:
            raise Wrong("tracking", f"{lacking.tracking}; links lead to {before.tracking_host} as before")
        if after.bounce_host and after.bounce_verified is None and lacking.bounces == "":
            after = replace(after, bounce_verified=self.now)
        if after.tracking_host and after.tracking_verified is None and lacking.tracking == "":
            after = replace(after, tracking_verified=self.now)
        return after

    async def _in_time(self, name: str, looking: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(PATIENCE):
                return await looking
        except TimeoutError as error:
            raise DnsFailure(name, "records", "timed out") from error

    def _audit(self, act: str, name: str, **detail: object) -> None:
        self.registry.audit(self.now, self.who, act, {"domain": name, "account": self.account, **detail})


def challenge_of(holder: Domain, account: str) -> str:
    """What proves a domain for another account than the one that it is kept for."""
    made = hashlib.sha256(f"{holder.challenge}\0{holder.name}\0{account}".encode()).digest()
    return f"relay-verify={b32encode(made[:20]).decode().lower()}"


@dataclass(frozen=True, slots=True)
class _Lacking:
    """Empty: it leads here; None: that was not looked up."""

    bounces: str | None
    tracking: str | None


@dataclass(frozen=True, slots=True)
class _Moved:
    """Which hosts shall take the place of one that is in use."""

    bounces: bool
    tracking: bool


def _moved(before: Domain, after: Domain) -> _Moved:
    bounces = before.bounce_verified is not None and after.bounce_host not in ("", before.bounce_host)
    tracking = before.tracking_verified is not None and after.tracking_host not in ("", before.tracking_host)
    return _Moved(bounces, tracking)


def _changed(before: Domain, after: Domain) -> dict[str, object]:
    """For the audit, in JSON's types."""
    found: dict[str, object] = {}
    for name in ("bounce_host", "bounce_verified", "tracking_host", "tracking_verified", "tracking_https"):
        if getattr(before, name) != getattr(after, name):
            found[name] = getattr(after, name)
    if before.dmarc != after.dmarc:
        found["dmarc"] = {**asdict(after.dmarc), "addresses": list(after.dmarc.addresses)}
    return found


def _record(name: str, challenge: str) -> DomainRecord:
    return DomainRecord(Purpose.CHALLENGE, challenge_name(name), challenge)
