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
    from relay.dns.records import Proof
    from relay.dns.resolver import Resolver

T = TypeVar("T")


def texts(config: Config, names: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """The TXT records of each name, the strings of a record joined; none where there are none.

    Raises CommandError when DNS gives no answer: that says nothing about the domain.
    """

    async def look(resolver: Resolver) -> dict[str, tuple[str, ...]]:
        return {name: (await resolver.txt(name)).records for name in names}

    return ask(config, look)


def proof(config: Config, domain: Domain) -> Proof:
    """Whether the domain's challenge is published, and what stands there. Raises CommandError as `texts` does."""
    from relay.dns.records import check_challenge

    return ask(config, lambda resolver: check_challenge(resolver, domain.name, domain.challenge))


def ask(config: Config, look: Callable[[Resolver], Awaitable[T]]) -> T:
    """What a look-up comes to. Raises CommandError as `texts` does."""
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
