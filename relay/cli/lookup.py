"""What DNS says now, for commands that wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from relay.cli.frame import CommandError
from relay.config import Config
from relay.model.account import Domain
from relay.model.clock import system_clock

if TYPE_CHECKING:
    from relay.dns.records import Proof, Way
    from relay.dns.resolver import Resolver

T = TypeVar("T")


def texts(config: Config, names: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """The TXT records of each name, the strings of a record joined; none where there are none.

    Raises CommandError when DNS gives no answer: that says nothing about the domain.
    """

    async def look(resolver: Resolver) -> dict[str, tuple[str, ...]]:
        return {name: (await resolver.txt(name)).records for name in names}

    return _ask(config, look)


def proof(config: Config, domain: Domain) -> Proof:
    """Whether the domain's challenge is published, and what stands there. Raises CommandError as `texts` does."""
    from relay.dns.records import check_challenge

    return _ask(config, lambda resolver: check_challenge(resolver, domain.name, domain.challenge))


def exchangers(config: Config, domain: str) -> tuple[str, ...]:
    """The hosts its MX records name, lower case; none where there are none. Raises CommandError as `texts` does."""

    async def look(resolver: Resolver) -> tuple[str, ...]:
        return tuple(each.host.lower().rstrip(".") for each in (await resolver.mx(domain)).records)

    return _ask(config, look)


def way(config: Config, host: str) -> Way:
    """Where a host of links leads, and where it should. Raises CommandError as `texts` does."""
    from relay.cli.checks.tracking import ours
    from relay.dns.records import check_way

    return _ask(config, lambda resolver: check_way(resolver, host, ours(config)))


def _ask(config: Config, look: Callable[[Resolver], Awaitable[T]]) -> T:
    from relay.dns.answer import DnsFailure
    from relay.dns.resolver import Resolver

    async def asked() -> T:
        resolver = Resolver(config.dns, system_clock)
        try:
            return await look(resolver)
        finally:
            await resolver.close()

    try:
        return asyncio.run(asked())
    except DnsFailure as error:
        raise CommandError(f"DNS gave no answer, try again later: {error}") from error
