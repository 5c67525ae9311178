"""`relay domain tracking`: the host that links in mail of a domain lead to.

In:  a domain, and the host, or nothing where the one it has is to be looked up again.
Out: the host stands with its domain, and is used once DNS leads it here.

Why so: a host that does not lead here yet is kept, so that `domain records` and `relay check` can say what to
publish; but it never takes the place of one that does, whose links would stop at once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from relay.cli.domain import Name, normal, print_domain
from relay.cli.frame import CommandError, ConfigOption, ExitCode, JsonOption, operator, program, registry
from relay.cli.frame import settings as load_settings
from relay.manage.hosts import tracked_for
from relay.model.clock import system_clock

if TYPE_CHECKING:
    from relay.config import Config
    from relay.model.account import Domain
    from relay.store.interface import Registry


def tracking(
    name: Name,
    host: Annotated[
        str | None,
        typer.Argument(
            metavar="HOST", help="Such as clicks.DOMAIN; without it the one there is is looked up. '' ends it."
        ),
    ] = None,
    https: Annotated[
        bool | None, typer.Option("--https/--http", help="How links begin; the first time http.", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Do not ask DNS; who did is recorded.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set the host that links in mail of a domain lead to, and use it once it leads to this relay.

    Its CNAME record should name this relay, or its addresses be ours. Several domains of one account may share it.
    Links that were sent to a former host keep working as long as that leads here.
    """
    checked = load_settings(config)
    plain = normal(name)
    with registry(checked) as opened:
        before = opened.domain(plain)
        wanted = before.tracking_host if host is None else normal(host, "HOST") if host else ""
        if host is None and not wanted:
            raise CommandError(
                f"{plain} has no tracking host: {program()} domain tracking {plain} clicks.{plain}",
                ExitCode.NOT_FOUND,
            )
        _must_be_free(opened, wanted, before)
        after = replace(
            before,
            tracking_host=wanted,
            tracking_https=bool(wanted) and (before.tracking_https if https is None else https),
            tracking_verified=before.tracking_verified if wanted == before.tracking_host else None,
        )
        lacking = "" if force or not wanted else _lacking(checked, wanted)
        if wanted and not lacking:
            after = replace(after, tracking_verified=system_clock())
        if lacking and before.tracking_verified is not None and wanted != before.tracking_host:
            raise CommandError(f"{lacking}; links lead to {before.tracking_host} as before")
        _keep(opened, before, after, forced=force)
    if lacking:
        kept = "links stay as they were" if after.tracking_verified is not None else "it is kept, and not used yet"
        raise CommandError(f"{lacking}\n{kept}; once it is published: {program()} domain tracking {plain}")
    print_domain(after, as_json)


def _must_be_free(opened: Registry, host: str, domain: Domain) -> None:
    """Raises CommandError: it is another account's."""
    other = tracked_for(opened, host, domain.account)
    if other is not None:
        raise CommandError(f"{host} is the tracking host of {other.name}, which is of account {other.account}")


def _lacking(config: Config, host: str) -> str:
    """What DNS should say and does not; "" when the host leads here. Raises CommandError."""
    from relay.cli.lookup import ask
    from relay.manage.hosts import tracking_lacking

    return ask(config, lambda resolver: tracking_lacking(resolver, config, host))


def _keep(opened: Registry, before: Domain, after: Domain, *, forced: bool) -> None:
    if after != before:
        opened.update_domain(after)
    act = "domain tracking --force" if forced else "domain tracking"
    detail = {"domain": after.name, "tracking_host": after.tracking_host, "tracking_https": after.tracking_https}
    opened.audit(system_clock(), operator(), act, detail)
