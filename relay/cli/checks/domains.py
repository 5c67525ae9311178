"""The domains mail is sent for: their keys sign, and DNS says what receivers look for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from relay.cli.frame import program
from relay.config import Config
from relay.dns.answer import DnsFailure
from relay.dns.resolver import Resolver
from relay.manage.advice import today
from relay.manage.finding import Finding, fail, ok, warn
from relay.manage.ours import leaving
from relay.manage.standing import Standing
from relay.model.account import DkimKey, Domain, KeyState
from relay.model.clock import system_clock


@dataclass(frozen=True, slots=True)
class Kept:
    """What the registry knows."""

    domains: Sequence[Domain]
    keys: Sequence[DkimKey]

    def active(self, domain: str) -> list[DkimKey]:
        """Those that sign now."""
        now = system_clock()
        return [each for each in self.keys if each.domain == domain and each.signs(now)]

    def waiting(self, domain: str) -> list[DkimKey]:
        return [each for each in self.keys if each.domain == domain and each.state is KeyState.PENDING]


def keys(kept: Kept) -> Iterator[Finding]:
    """Every active key signs so that another program verifies it, and each verified domain has one."""
    from relay.cli.prove import prove

    for key in (each for each in kept.keys if each.state is KeyState.ACTIVE):
        subject = f"DKIM key {key.selector} of {key.domain}"
        fault = prove(key)
        yield (
            fail(subject, fault, f"make another: {program()} dkim rotate {key.domain}")
            if fault
            else ok(subject, "signs, and its signature verifies")
        )
    for domain in kept.domains:
        if domain.verified is None:
            yield warn(domain.name, "is not verified: nobody may send from it yet", f"{program()} domain verify")
        elif not kept.active(domain.name):
            yield fail(domain.name, "is verified and has no DKIM key", f"{program()} dkim make {domain.name}")


async def published(config: Config, kept: Kept, resolver: Resolver) -> AsyncIterator[Finding]:
    """What DNS says of each verified domain."""
    seen = Standing(config, resolver, today(system_clock()), program())
    from_here = await leaving(config, resolver)
    for domain in kept.domains:
        if domain.verified is None:
            continue
        try:
            found = [await seen.key(key) for key in kept.active(domain.name)]
            found += [await seen.spf(domain.name, from_here), await seen.dmarc(domain)]
            if domain.bounce_host:
                found += await seen.bounces(domain)
        except (DnsFailure, ValueError) as error:
            yield warn(domain.name, f"could not be looked up: {error}", "try again later")
            continue
        for key in kept.waiting(domain.name):
            advice = f"publish what `{program()} dkim record {domain.name} {key.selector}` prints"
            found.append(warn(f"DKIM key {key.selector} of {domain.name}", "waits for its record to sign", advice))
        for each in found:
            yield each
