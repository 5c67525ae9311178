"""Everything `relay check` looks at, in the order an operator would go about it.

In:  the configuration, and whether DNS and the network may be asked.
Out: findings. A check that cannot look is a finding itself; none of them ends the others.

In a relay-wide sandbox nothing leaves, so what the Internet thinks of us is not asked, unless `network` is wished.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager

from relay.cli.checks import certificates, defaults, domains, files, machine, tracking, webhooks
from relay.cli.checks.settings import settings
from relay.config import Config
from relay.dns.answer import DnsFailure
from relay.manage.finding import Finding, fail, warn
from relay.model.clock import system_clock

PATIENCE = 60.0  # seconds for all questions to DNS and the network together


def examine(config: Config, *, offline: bool = False, network: bool = False, probe: str = "") -> list[Finding]:
    """`offline`: ask nobody. `network`: try the way out as well, to a mail host of `probe`."""
    public = not config.sandbox.enabled
    found = [*_safely("configuration", settings(config)), *_safely("data", files.data_directory(config))]
    if files.readable(config):
        for subject, part in (
            ("certificates", certificates.certificates(config)),
            ("permissions", files.permissions(config)),
            ("owners", files.owners(config)),
            ("disk", files.disk(config)),
            ("databases", files.databases(config)),
            ("clock", machine.clock(config, public=public)),
            ("ports", machine.ports(config)),
            ("shards", files.shards(config)),
        ):
            found += _safely(subject, part)
    found += _safely("egress", machine.egresses(config))
    kept, holders, usable = domains.Kept((), ()), list[defaults.Holder](), None
    with _told("registry") as told:  # on a full disk, for one, SQLite opens nothing
        kept, holders, usable = _kept(config)
    found += told
    if not told:
        found += _safely("keys", domains.keys(kept))
        found += _safely("tracking hosts", tracking.certified(config, kept.domains))
        found += _safely("webhooks", webhooks.webhooks(config))
    if usable is not None:
        found += _safely("listeners", defaults.listeners(config, usable))
    if not told:
        found += _safely("defaults", defaults.defaults(config, holders, kept.keys, system_clock()))
    if not offline and (public or network):
        found += asyncio.run(_asked(config, kept, probe if network else ""))
    return found


def _kept(config: Config) -> tuple[domains.Kept, list[defaults.Holder], dict[str, bool] | None]:
    from relay.cli.frame import registry

    if not os.access(config.data / "registry.db", os.R_OK, effective_ids=True):
        return domains.Kept((), ()), [], None
    with registry(config) as opened:
        return domains.Kept(opened.domains(), opened.keys(None)), defaults.holders(opened), defaults.usable(opened)


async def _asked(config: Config, kept: domains.Kept, probe: str) -> list[Finding]:
    from relay.cli.checks.names import names
    from relay.cli.checks.outbound import outbound
    from relay.dns.resolver import Resolver

    resolver = Resolver(config.dns, system_clock)
    parts = [
        names(config, resolver),
        domains.published(config, kept, resolver),
        tracking.leading(config, kept.domains, resolver),
    ]
    if probe:
        parts.append(outbound(config, resolver, probe))
    found: list[list[Finding]] = [[] for _ in parts]
    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(_collect(part, into) for part, into in zip(parts, found, strict=True)))
    except TimeoutError:
        found.append([warn("DNS", f"did not answer everything within {PATIENCE:.0f} s", "look at the resolver")])
    finally:
        await resolver.close()
    return [each for part in found for each in part]


async def _collect(part: AsyncIterator[Finding], into: list[Finding]) -> None:
    try:
        async for each in part:
            into.append(each)  # noqa: PERF401 - what was found before the time is over counts
    except (DnsFailure, OSError, ValueError) as error:
        into.append(warn("DNS", f"could not be asked everything: {error}", "try again later"))


def _safely(subject: str, part: Iterable[Finding]) -> Iterator[Finding]:
    """What cannot be looked at is a finding, too."""
    with _told(subject) as told:
        yield from part
    yield from told


@contextmanager
def _told(subject: str) -> Iterator[list[Finding]]:
    from relay.cli.frame import CommandError
    from relay.cli.possession import told

    found: list[Finding] = []
    try:
        yield found
    except OSError as error:
        found.append(fail(subject, f"cannot be looked at: {told(error)}", "run it as the user the relay runs as"))
    except CommandError as error:
        found.append(fail(subject, f"cannot be looked at: {error}"))
