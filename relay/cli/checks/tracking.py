"""The hosts that links in mail lead to: DNS leads them to us, and for https there is a certificate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from pathlib import Path

from relay.cli.frame import program
from relay.config import Config
from relay.dns.answer import DnsFailure
from relay.dns.resolver import Resolver
from relay.manage.advice import today
from relay.manage.finding import Finding, fail, ok, warn
from relay.manage.standing import Standing
from relay.model.account import Domain
from relay.model.clock import system_clock


def certified(config: Config, domains: Iterable[Domain]) -> Iterator[Finding]:
    """Hosts whose links begin with https have a certificate, where the relay itself speaks it."""
    wanted = {each.tracking_host: each for each in domains if each.tracking_host and each.tracking_https}
    if not wanted:
        return
    if config.http.https.port is None:
        if not config.http.proxies:
            hosts = ", ".join(sorted(wanted))
            yield warn("http.https.port", f"is not set, and no proxy is named, but links lead to https://{hosts}")
        return
    folder, names = _served(config)
    for host in sorted(wanted):
        subject = f"tracking host {host}"
        if host in names or f"*.{host.partition('.')[2]}" in names:
            yield ok(subject, "has a certificate")
        else:
            advice = f"put {host}.pem and {host}.key there, or {host}/fullchain.pem and {host}/privkey.pem"
            yield fail(subject, f"has no certificate in {folder}: nobody can follow its links", advice)


async def leading(config: Config, domains: Sequence[Domain], resolver: Resolver) -> AsyncIterator[Finding]:
    """What DNS says of each host that is for a verified domain."""
    seen = Standing(config, resolver, today(system_clock()), program())
    told: set[str] = set()
    for domain in domains:
        host = domain.tracking_host
        if not host or host in told or domain.verified is None:
            continue
        told.add(host)
        try:
            yield await seen.tracking(domain)
        except (DnsFailure, ValueError) as error:
            yield warn(f"tracking host {host}", f"could not be looked up: {error}", "try again later")


def _served(config: Config) -> tuple[Path, frozenset[str]]:
    """The directory of certificates, and the names they serve; what cannot be read is told elsewhere."""
    from relay.smtp.sni import Pair, pairs, served_by

    folder = config.web_certificates
    found = [Pair("", config.certificate, config.key)]
    if folder is not None and folder.is_dir():
        found += pairs(folder)
    names: set[str] = set()
    for pair in found:
        try:
            names |= served_by(pair)
        except (OSError, ValueError):
            continue
    return folder or config.certificate, frozenset(names)
