"""What DNS says now, for commands that wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from relay.cli.frame import CommandError
from relay.config import Config
from relay.model.clock import system_clock


def texts(config: Config, names: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """The TXT records of each name, the strings of a record joined; none where there are none.

    Raises CommandError when DNS gives no answer: that says nothing about the domain.
    """
    from relay.dns.answer import DnsFailure

    try:
        return asyncio.run(_texts(config, names))
    except DnsFailure as error:
        raise CommandError(f"DNS gave no answer, try again later: {error}") from error


async def _texts(config: Config, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    from relay.dns.resolver import Resolver

    resolver = Resolver(config.dns, system_clock)
    try:
        return {name: (await resolver.txt(name)).records for name in names}
    finally:
        await resolver.close()
