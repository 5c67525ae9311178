"""The hosts of a domain, of its bounces and of the links in its mail: whether they lead here, and whose they are.

In:  a host, the configuration, a resolver or the registry. Out: what is lacking, in words; whose it is.
"""

from __future__ import annotations

from relay.config import Config
from relay.dns.records import check_way
from relay.dns.resolver import Resolver
from relay.manage.ours import ours, target
from relay.model.account import Domain
from relay.store.interface import Registry


async def bounces_lacking(resolver: Resolver, config: Config, host: str) -> str:
    """What DNS should say of a bounce host and does not; "" when it leads here. Raises DnsFailure, ValueError."""
    found = [each.host.lower().rstrip(".") for each in (await resolver.mx(host)).records]
    if config.hostname.lower() in found:
        return ""
    has = f"has MX {', '.join(found)}" if found else "has no MX record"
    return f"{host} {has}; it should have: {host}. IN MX 10 {config.hostname}."


async def tracking_lacking(resolver: Resolver, config: Config, host: str) -> str:
    """The same of a host of links. Raises as `bounces_lacking`."""
    found = await check_way(resolver, host, ours(config))
    if found.leads:
        return ""
    has = f"leads to {', '.join(found.found)}" if found.found else "leads nowhere"
    return f"{host} {has}; it should have: {host}. IN CNAME {target(config)}."


def tracked_for(registry: Registry, host: str, account: str) -> Domain | None:
    """The domain of another account whose links lead to this host. One that is not proved has no right to it."""
    if not host:
        return None
    for each in registry.domains():
        if each.tracking_host == host and each.account != account and each.verified is not None:
            return each
    return None
