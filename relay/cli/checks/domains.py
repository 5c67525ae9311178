"""The domains mail is sent for: their keys sign, and DNS says what receivers look for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from relay.cli.checks.finding import Finding, fail, ok, warn
from relay.cli.checks.machine import sources
from relay.cli.checks.settings import returns
from relay.cli.frame import program
from relay.config import Config
from relay.dns.answer import DnsFailure, Status
from relay.dns.resolver import Resolver
from relay.dns.spf import evaluate, records
from relay.model.account import DkimKey, Domain, KeyState


@dataclass(frozen=True, slots=True)
class Kept:
    """What the registry knows."""

    domains: Sequence[Domain]
    keys: Sequence[DkimKey]

    def active(self, domain: str) -> list[DkimKey]:
        return [each for each in self.keys if each.domain == domain and each.state is KeyState.ACTIVE]


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
    leaving = await _leaving(config, resolver)
    for domain in kept.domains:
        if domain.verified is None:
            continue
        try:
            found = [await _key(key, resolver) for key in kept.active(domain.name)]
            found += [await _spf(domain.name, leaving, config, resolver), await _dmarc(domain.name, resolver)]
            if domain.bounce_host:
                found += await _bounce_host(domain, config, resolver)
        except (DnsFailure, ValueError) as error:
            yield warn(domain.name, f"could not be looked up: {error}", "try again later")
            continue
        for each in found:
            yield each


async def _leaving(config: Config, resolver: Resolver) -> list[str]:
    """The addresses receivers see: those of this machine, or, behind a NAT, those of our name."""
    found = [each for egress in config.delivery.every_egress for each in sources(egress, ipv6=config.delivery.ipv6)]
    if found:
        return list(dict.fromkeys(found))
    try:
        return list((await resolver.addresses(config.hostname, ipv6=config.delivery.ipv6)).records)
    except DnsFailure:
        return []


async def _key(key: DkimKey, resolver: Resolver) -> Finding:
    from relay.transform.keys import dns_name

    name = dns_name(key)
    advice = f"publish what `{program()} dkim record {key.domain}` prints: receivers cannot verify what it signs"
    texts = [each.replace(" ", "") for each in (await resolver.txt(name)).records]
    if not texts:
        return fail(name, "is not published", advice)
    if not any(f"p={key.public_base64}" in each.split(";") for each in texts):
        return fail(name, "says another key than the one that signs", advice)
    if len(texts) > 1:
        return warn(name, f"has {len(texts)} TXT records; receivers may take the wrong one", "leave one of them")
    return ok(name, "is published")


async def _spf(domain: str, leaving: Sequence[str], config: Config, resolver: Resolver) -> Finding:
    subject = f"SPF of {domain}"
    add = f"add a:{config.hostname} to it"
    found = await records(resolver, domain)
    if not found:
        return warn(subject, "is not published", f"publish what `{program()} domain records {domain}` prints")
    if len(found) > 1:
        return fail(subject, f"stands in {len(found)} records; receivers take none of them", "make one of them")
    for address in leaving:
        verdict = await evaluate(resolver, domain, address)
        if verdict.result == "permerror":
            return fail(subject, f"cannot be used: {verdict.why}", "mend it")
        if verdict.result == "unknown":
            return warn(subject, f"cannot be judged from here, for {verdict.why}", "test it with a real message")
        if verdict.result == "fail":
            return fail(subject, f"forbids {address}, from which mail leaves", add)
        if verdict.result != "pass":
            return warn(subject, f"does not name {address}, from which mail leaves ({verdict.result})", add)
    return ok(subject, f"allows {', '.join(leaving)}" if leaving else "is published")


async def _dmarc(domain: str, resolver: Resolver) -> Finding:
    subject = f"DMARC of {domain}"
    labels = domain.split(".")
    for start in range(len(labels) - 1):  # a record of the organisation above counts, too
        name = ".".join(["_dmarc", *labels[start:]])
        answer = await resolver.txt(name)
        if answer.status is not Status.FOUND:
            continue
        found = [each for each in answer.records if each.replace(" ", "").lower().startswith("v=dmarc1")]
        if len(found) > 1:
            return fail(
                subject, f"stands in {len(found)} records at {name}; receivers take none", "leave one of them"
            )
        if found:
            tags = dict(part.strip().lower().partition("=")[::2] for part in found[0].split(";"))
            policy = tags.get("p", "").strip()
            if policy not in ("none", "quarantine", "reject"):
                return fail(subject, f"has no policy at {name}", "give it p=none, p=quarantine or p=reject")
            return ok(subject, f"asks for {policy}")
    advice = f"publish what `{program()} domain records {domain}` prints: large providers ask for it"
    return warn(subject, "is not published", advice)


async def _bounce_host(domain: Domain, config: Config, resolver: Resolver) -> list[Finding]:
    subject = f"bounce host {domain.bounce_host}"
    found = []
    if not returns(config):
        advice = "add one with `purpose: returns` on port 25"
        found.append(warn(subject, "has no listener that takes what comes back", advice))
    answer = await resolver.mx(domain.bounce_host)
    hosts = [each.host for each in answer.records] or [domain.bounce_host]
    if config.hostname.lower() in hosts:
        return [*found, ok(subject, f"leads to {config.hostname}")]
    ours = set((await resolver.addresses(config.hostname, ipv6=True)).records)
    for host in hosts:
        if ours & set((await resolver.addresses(host, ipv6=True)).records):
            return [*found, ok(subject, f"leads to {host}, which is us")]
    text = f"leads to {', '.join(hosts)}, and not to {config.hostname}: bounces are lost"
    return [*found, fail(subject, text, f"publish {domain.bounce_host} MX 10 {config.hostname}.")]
