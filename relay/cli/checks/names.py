"""Our name in DNS: the resolver answers, the name leads to us, and our addresses lead back to the name."""

from __future__ import annotations

from collections.abc import AsyncIterator

from relay.config import Config
from relay.dns.answer import DnsFailure, Status
from relay.dns.resolver import Resolver
from relay.manage.finding import Finding, fail, ok, warn
from relay.manage.ours import sources

_PTR = "have the owner of the address (your provider) set it; many receivers refuse mail without"


async def names(config: Config, resolver: Resolver) -> AsyncIterator[Finding]:
    """The names in our EHLO, one for each egress that has its own."""
    known: dict[str, list[str]] = {}  # name -> addresses mail leaves from under it
    for egress in config.delivery.every_egress:
        known.setdefault(egress.ehlo or config.hostname, []).extend(sources(egress, ipv6=config.delivery.ipv6))
    known.setdefault(config.hostname, [])
    for name, leaving in known.items():
        try:
            answer = await resolver.addresses(name, ipv6=config.delivery.ipv6)
        except DnsFailure as error:
            yield fail("resolver", f"gave no answer: {error}", "look at dns.servers, or at /etc/resolv.conf")
            return
        if answer.status is not Status.FOUND:
            yield fail(
                name, "does not resolve", "publish an A (AAAA) record for it: it is how this relay introduces itself"
            )
            continue
        yield ok(name, f"resolves to {', '.join(answer.records)}")
        for address in dict.fromkeys(leaving):
            if address not in answer.records:
                yield warn(
                    name,
                    f"does not resolve to {address}, from which mail leaves",
                    "publish that address for it, or give the egress the name that it has (ehlo)",
                )
        # Behind a NAT the public address is not known here: then it should be what the name resolves to.
        for address in list(dict.fromkeys(leaving)) or answer.records:
            yield await _back(resolver, address, name)


async def _back(resolver: Resolver, address: str, name: str) -> Finding:
    try:
        answer = await resolver.names(address)
    except DnsFailure as error:
        return warn(f"PTR of {address}", f"could not be looked up: {error}", "try again later")
    if answer.status is not Status.FOUND:
        return fail(f"PTR of {address}", "is not there", f"it should say {name}; {_PTR}")
    if name.lower() not in answer.records:
        return warn(f"PTR of {address}", f"says {', '.join(answer.records)}", f"it should say {name}; {_PTR}")
    return ok(f"PTR of {address}", f"says {name}")
