"""`relay domain`: the domains an account may send from, how they are proved, and what DNS should say.

A domain is added with a challenge; once the TXT record `_relay-challenge.<domain>` says it, `verify` marks the
domain. `--force` marks it without asking DNS, and the audit keeps who did.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relay.cli.changes import OptionChanges
from relay.cli.doubts import doubt
from relay.cli.frame import (
    CommandError,
    ConfigOption,
    ExitCode,
    JsonOption,
    examples,
    group,
    operator,
    program,
    registry,
)
from relay.cli.frame import settings as load_settings
from relay.cli.gather import gather
from relay.cli.output import print_fields, print_json, print_table, when
from relay.cli.owner import AccountOption, owner
from relay.manage import names
from relay.manage.rules import shown_options
from relay.model.account import Domain
from relay.model.clock import system_clock

if TYPE_CHECKING:
    from relay.config import Config
    from relay.dns.records import DomainRecord
    from relay.store.interface import Registry

_WHY = {  # by purpose of a record
    "challenge": "the proof that the domain is yours",
    "dkim": "a key its mail is signed with",
    "spf": "who may send for it; where there is a record already, add a:{host} to it",
    "dmarc": "what receivers do with mail that fails; make it stricter once reports show that all passes",
    "bounce-mx": "where bounces of its mail come back to; {host} needs a listener with purpose returns, on port 25",
    "bounce-spf": "who may send under our return paths",
    "tracking": "where links in its mail lead; once it is there: relay domain tracking {domain}",
}

app = group("Domains: what accounts may send from.", "relay domain add example.com --account shop")

Name = Annotated[str, typer.Argument(metavar="DOMAIN", help="The domain, as in me@DOMAIN.")]


@app.command("add", epilog=examples("relay domain add example.com --account shop"))
def add(name: Name, account: AccountOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Add a domain with DKIM keys, and print the TXT record that proves it is yours."""
    from relay.cli.keys import describe_record
    from relay.manage import secret
    from relay.manage.keys import make_keys, missing

    plain = normal(name)
    now = system_clock()
    with registry(load_settings(config)) as opened:
        holder = owner(opened, account)
        _must_be_new(opened, plain)
        opened.add_domain(Domain(name=plain, account=holder, challenge=secret.challenge(), created=now))
        make_keys(opened, plain, missing(opened.keys(plain)), now)
        domain = opened.domain(plain)
    if as_json:
        print_json({**_describe(domain), "record": describe_record(_challenge(domain))})
        return
    print(f"Added {plain} to {holder}. Publish this record:\n")
    print(f"  {_challenge(domain).zone_line()}\n")
    print(
        f"then run: {program()} domain verify {plain}\nAll records it should have: {program()} domain records {plain}"
    )


@app.command(
    "verify", epilog=examples("relay domain verify example.com", "relay domain verify --force intranet.example")
)
def verify(
    name: Name,
    force: Annotated[bool, typer.Option("--force", help="Do not ask DNS; who did is recorded.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look the challenge up in DNS and mark the domain verified."""
    checked = load_settings(config)
    plain = normal(name)
    with registry(checked) as opened:
        domain = opened.domain(plain)
        now = system_clock()
        if force:
            by = f"hand ({operator()})"
            opened.audit(now, operator(), "domain verify --force", {"domain": plain, "account": domain.account})
        else:
            by = "dns"
            _look_up(checked, domain)
        opened.verify_domain(plain, now, by)
        domain = opened.domain(plain)
    print_domain(domain, as_json)


@app.command(
    "set",
    epilog=examples(
        "relay domain set example.com --option track_bounces=true",
        "relay domain set example.com --bounce-host bounces.example.com",
    ),
)
@gather
def change(
    name: Name,
    changes: OptionChanges,
    bounce_host: Annotated[
        str | None,
        typer.Option(
            metavar="HOST", help="Domain of our return paths for its mail; then `domain bounces`. '' ends it."
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change the defaults for mail of a domain, and where its bounces come back to."""
    plain = normal(name)
    checked = load_settings(config)
    with registry(checked) as opened:
        before = opened.domain(plain)
        domain = replace(before, options=changes.options(before.options, "domain"))
        if (
            bounce_host is not None
            and (host := normal(bounce_host, "--bounce-host") if bounce_host else "") != before.bounce_host
        ):
            domain = replace(domain, bounce_host=host, bounce_verified=None)
        if domain != before:
            opened.update_domain(domain)
            detail = {"domain": plain, "options": dict(domain.options), "bounce_host": domain.bounce_host}
            opened.audit(system_clock(), operator(), "domain set", detail)
        doubt(checked, opened, domain)
    print_domain(domain, as_json)


@app.command("show", epilog=examples("relay domain show example.com"))
def show(name: Name, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show all that is set for a domain."""
    with registry(load_settings(config)) as opened:
        domain = opened.domain(normal(name))
    print_domain(domain, as_json)


@app.command(
    "bounces", epilog=examples("relay domain bounces example.com", "relay domain bounces --force intranet.example")
)
def bounces(
    name: Name,
    force: Annotated[bool, typer.Option("--force", help="Do not ask DNS; who did is recorded.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look up whether the bounce host of a domain leads to this relay, and use it from then on.

    Its MX record must name the hostname of this relay, which needs a listener with `purpose: returns`.
    """
    from relay.cli.lookup import ask
    from relay.manage.hosts import bounces_lacking

    checked = load_settings(config)
    plain = normal(name)
    with registry(checked) as opened:
        domain = opened.domain(plain)
        if not domain.bounce_host:
            raise CommandError(
                f"{plain} has no bounce host: {program()} domain set {plain} --bounce-host bounces.{plain}",
                ExitCode.NOT_FOUND,
            )
        host = domain.bounce_host
        if not force and (lacking := ask(checked, lambda resolver: bounces_lacking(resolver, checked, host))):
            raise CommandError(lacking)
        now = system_clock()
        domain = replace(domain, bounce_verified=now)
        opened.update_domain(domain)
        act = "domain bounces --force" if force else "domain bounces"
        opened.audit(now, operator(), act, {"domain": plain, "bounce_host": domain.bounce_host})
    print_domain(domain, as_json)


def print_domain(domain: Domain, as_json: bool) -> None:
    described = _describe(domain)
    if as_json:
        print_json(described)
        return
    del described["options"]
    print_fields({**described, **shown_options(domain.options)})


def _must_be_new(opened: Registry, plain: str) -> None:
    """Raises CommandError, which says whose the domain is."""
    for each in opened.domains():
        if each.name == plain:
            raise CommandError(f"domain {plain} is there already; it is of account {each.account}")


def _look_up(config: Config, domain: Domain) -> None:
    """Raises CommandError unless the challenge is published."""
    from relay.cli.lookup import proof

    found = proof(config, domain)
    if not found.proved:
        says = ", ".join(f'"{each}"' for each in found.said) or "nothing"
        raise CommandError(f'{_challenge(domain).name} says {says}; it should say "{domain.challenge}" (TXT)')


@app.command("list", epilog=examples("relay domain list --account shop"))
def listing(account: AccountOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List domains."""
    with registry(load_settings(config)) as opened:
        if account is not None:
            opened.account(account)
        described = [_describe(each) for each in opened.domains(account)]
    if as_json:
        print_json(described)
    else:
        columns = ["domain", "account", "verified", "verified_by", "created", "tracking_host"]
        for each in described:
            if each["tracking_host"] and not each["tracking_verified"]:
                each["tracking_host"] += " (not used yet)"
        print_table(columns, [[each[name] for name in columns] for each in described])


@app.command("records", epilog=examples("relay domain records example.com"))
def records(name: Name, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Print the DNS records a domain should have, as zone file lines."""
    from relay.cli.keys import describe_record
    from relay.manage.advice import advised

    checked = load_settings(config)
    plain = normal(name)
    with registry(checked) as opened:
        found = advised(opened.domain(plain), opened.keys(plain), checked, system_clock())
    if as_json:
        print_json([{**describe_record(each), "purpose": each.purpose.value} for each in found])
        return
    for each in found:
        why = _WHY[each.purpose].format(host=checked.hostname, domain=plain)
        print(f"; {each.purpose.value}: {why}\n{each.zone_line()}")


def normal(name: str, hint: str = "DOMAIN") -> str:
    """A domain in A-labels and lower case; `hint` names the parameter. Raises BadParameter."""
    try:
        return names.plain(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=hint) from error


def _challenge(domain: Domain) -> DomainRecord:
    from relay.dns.records import DomainRecord, Purpose, challenge_name

    return DomainRecord(Purpose.CHALLENGE, challenge_name(domain.name), domain.challenge)


def _describe(domain: Domain) -> dict[str, Any]:
    return {
        "domain": domain.name,
        "account": domain.account,
        "verified": when(domain.verified),
        "verified_by": domain.verified_by,
        "created": when(domain.created),
        "bounce_host": domain.bounce_host,
        "bounce_verified": when(domain.bounce_verified),
        "tracking_host": domain.tracking_host,
        "tracking_https": domain.tracking_https,
        "tracking_verified": when(domain.tracking_verified),
        "options": dict(domain.options),
    }
