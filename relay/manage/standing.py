"""How a domain stands in DNS: its keys, SPF, DMARC, the hosts of its bounces and links, and who may certify those.

In:  a domain, its keys, a resolver. Out: findings, one a subject. They raise DnsFailure, ValueError: nobody can tell.

Why so: the command that checks a relay and the API's status of a domain ask the same questions, so that an account
and its operator never hear two answers. Links over https need a certificate; CAA records (RFC 8659) that let no
authority issue one for their host are at fault, and which authority the operator asks is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from relay.config import Config, Purpose
from relay.dns import dmarc
from relay.dns.answer import Caa, Status
from relay.dns.records import check_way
from relay.dns.resolver import Resolver
from relay.dns.spf import evaluate, records
from relay.manage.finding import Finding, fail, ok, warn
from relay.manage.keys import published
from relay.manage.ours import ours, target
from relay.model.account import NO_DMARC, DkimKey, Domain


@dataclass(frozen=True, slots=True)
class Standing:
    config: Config
    resolver: Resolver
    today: date
    program: str = "relay"  # as it was called, for advice

    async def key(self, key: DkimKey) -> Finding:
        from relay.transform.keys import dns_name

        name = dns_name(key)
        texts = (await self.resolver.txt(name)).records
        advice = (
            f"publish what `{self.program} dkim record {key.domain}` prints: receivers cannot verify what it signs"
        )
        if not texts:
            return fail(name, "is not published", advice)
        if not published(key, texts):
            return fail(name, "says another key than the one that signs", advice)
        if len(texts) > 1:
            return warn(name, f"has {len(texts)} TXT records; receivers may take the wrong one", "leave one of them")
        return ok(name, "is published")

    async def spf(self, domain: str, leaving: Sequence[str]) -> Finding:
        """`leaving`: the addresses mail leaves from."""
        subject = f"SPF of {domain}"
        add = f"add a:{self.config.hostname} to it"
        found = await records(self.resolver, domain)
        if not found:
            advice = f"publish what `{self.program} domain records {domain}` prints"
            return warn(subject, "is not published", advice)
        if len(found) > 1:
            text = f"stands in {len(found)} records; receivers take none of them"
            return fail(subject, text, "make one of them")
        for address in leaving:
            verdict = await evaluate(self.resolver, domain, address)
            if verdict.result == "permerror":
                return fail(subject, f"cannot be used: {verdict.why}", "mend it")
            if verdict.result == "unknown":
                text = f"cannot be judged from here, for {verdict.why}"
                return warn(subject, text, "test it with a real message", sound=True)
            if verdict.result == "fail":
                return fail(subject, f"forbids {address}, from which mail leaves", add)
            if verdict.result != "pass":
                return warn(subject, f"does not name {address}, from which mail leaves ({verdict.result})", add)
        return ok(subject, f"allows {', '.join(leaving)}" if leaving else "is published")

    async def dmarc(self, domain: Domain) -> Finding:
        subject = f"DMARC of {domain.name}"
        labels = domain.name.split(".")
        for start in range(len(labels) - 1):  # a record of the organisation above counts, too
            name = ".".join([dmarc.PREFIX, *labels[start:]])
            answer = await self.resolver.txt(name)
            found = [tags for each in answer.records if (tags := dmarc.read(each)) is not None]
            if len(found) > 1:
                text = f"stands in {len(found)} records at {name}; receivers take none"
                return fail(subject, text, "leave one of them")
            if found:
                return self._policy(domain, name, found[0])
        advice = f"publish what `{self.program} domain records {domain.name}` prints: large providers ask for it"
        return warn(subject, "is not published", advice)

    def _policy(self, domain: Domain, name: str, tags: Mapping[str, str]) -> Finding:
        subject = f"DMARC of {domain.name}"
        if tags.get("p") not in dmarc.POLICIES:
            return fail(subject, f"has no policy at {name}", "give it p=none, p=quarantine or p=reject")
        if domain.dmarc != NO_DMARC and (lacks := dmarc.weaker(tags, domain.dmarc, self.today)):
            return warn(
                subject, f"{lacks} at {name}", f"publish what `{self.program} domain records {domain.name}` prints"
            )
        return ok(subject, f"asks for {tags['p']}")

    async def bounces(self, domain: Domain) -> list[Finding]:
        """Of the host its bounces come back to, which it has."""
        subject = f"bounce host {domain.bounce_host}"
        found = []
        if not any(each.purpose is Purpose.RETURNS for each in self.config.listeners):
            advice = "add one with `purpose: returns` on port 25"
            found.append(warn(subject, "has no listener that takes what comes back", advice, sound=True))
        hostname = self.config.hostname.lower()
        answer = await self.resolver.mx(domain.bounce_host)
        hosts = [each.host for each in answer.records] or [domain.bounce_host]
        if hostname in hosts:
            return [*found, ok(subject, f"leads to {hostname}")]
        us = set((await self.resolver.addresses(hostname, ipv6=True)).records)
        for host in hosts:
            if us & set((await self.resolver.addresses(host, ipv6=True)).records):
                return [*found, ok(subject, f"leads to {host}, which is us")]
        text = f"leads to {', '.join(hosts)}, and not to {hostname}: bounces are lost"
        return [*found, fail(subject, text, f"publish {domain.bounce_host} MX 10 {hostname}.")]

    async def tracking(self, domain: Domain) -> Finding:
        """Of the host of links in its mail, which it has."""
        host = domain.tracking_host
        subject = f"tracking host {host}"
        way = await check_way(self.resolver, host, ours(self.config))
        used = domain.tracking_verified is not None
        if way.leads:
            if used:
                return ok(subject, "leads to us")
            advice = f"{self.program} domain tracking {domain.name}"
            return warn(subject, "leads to us and is not used yet", advice, sound=True)
        text = f"leads to {', '.join(way.found)}, and not to us" if way.found else "leads nowhere"
        advice = f"publish {host}. CNAME {target(self.config)}."
        if not used:
            return warn(subject, f"{text}: it is not used yet", advice)
        return fail(subject, f"{text}: links in mail that was sent lead nowhere", advice)

    async def authorities(self, host: str) -> Finding:
        """Whether anybody may certify a host, by the records nearest to it (RFC 8659 section 3)."""
        subject = f"CAA of {host}"
        labels = host.split(".")
        for start in range(len(labels)):
            name = ".".join(labels[start:])
            answer = await self.resolver.caa(name)
            if answer.status is Status.FOUND:
                return _certifiable(subject, name, answer.records)
        return ok(subject, "lets every authority issue certificates")


def _certifiable(subject: str, name: str, found: Sequence[Caa]) -> Finding:
    issuers = [each.value.partition(";")[0].strip() for each in found if each.tag == "issue"]
    named = [each for each in issuers if each]
    if issuers and not named:
        text = f"at {name} lets nobody issue certificates, and links begin with https"
        return fail(subject, text, f'publish {name}. CAA 0 issue "AUTHORITY"')
    return ok(subject, f"at {name} lets {', '.join(named)} issue certificates" if named else "forbids nobody")
