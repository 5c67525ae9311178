"""`relay domain`: the domains an account may send from, how they are proved, and what DNS should say.

A domain is added with a challenge; once the TXT record `_relay-challenge.<domain>` says it, `verify` marks the
domain. `--force` marks it without asking DNS, and the audit keeps who did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from relay.cli.frame import CommandError, ConfigOption, JsonOption, examples, group, operator, registry
from relay.cli.frame import settings as load_settings
from relay.cli.output import print_fields, print_json, print_table, when
from relay.cli.owner import AccountOption, owner
from relay.model.account import Algorithm, Domain, KeyState
from relay.model.clock import system_clock

if TYPE_CHECKING:
    from relay.config import Config

app = group("Domains: what accounts may send from.", "relay domain add example.com --account shop")

Name = Annotated[str, typer.Argument(metavar="DOMAIN", help="The domain, as in me@DOMAIN.")]
CHALLENGE_LABEL = "_relay-challenge"


@app.command("add", epilog=examples("relay domain add example.com --account shop"))
def add(name: Name, account: AccountOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Add a domain with DKIM keys, and print the TXT record that proves it is yours."""
    from relay.cli import secret
    from relay.cli.keys import make_keys, zone_line

    plain = normal(name)
    now = system_clock()
    with registry(load_settings(config)) as opened:
        holder = owner(opened, account)
        opened.add_domain(Domain(name=plain, account=holder, challenge=secret.challenge(), created=now))
        have = {each.algorithm for each in opened.keys(plain) if each.state is KeyState.ACTIVE}
        make_keys(opened, plain, [each for each in Algorithm if each not in have], now)
        domain = opened.domain(plain)
    if as_json:
        print_json({**_describe(domain), "record": _challenge(domain)})
        return
    print(f"Added {plain} to {holder}. Publish this record:\n")
    print(f"  {zone_line(_challenge(domain))}\n")
    print(f"then run: relay domain verify {plain}\nAll records it should have: relay domain records {plain}")


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
    described = _describe(domain)
    print_json(described) if as_json else print_fields(described)


def _look_up(config: Config, domain: Domain) -> None:
    """Raises CommandError unless the challenge is published."""
    from relay.cli.lookup import texts

    where = f"{CHALLENGE_LABEL}.{domain.name}"
    said = texts(config, [where])[where]
    if domain.challenge not in said:
        says = ", ".join(f'"{each}"' for each in said) or "nothing"
        raise CommandError(f'{where} says {says}; it should say "{domain.challenge}" (TXT)')


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
        columns = ["domain", "account", "verified", "verified_by", "created"]
        print_table(columns, [[each[name] for name in columns] for each in described])


@app.command("records", epilog=examples("relay domain records example.com"))
def records(name: Name, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Print the DNS records a domain should have, as zone file lines."""
    from relay.cli.keys import record, zone_line

    checked = load_settings(config)
    plain = normal(name)
    with registry(checked) as opened:
        domain = opened.domain(plain)
        keys = [each for each in opened.keys(plain) if each.state is KeyState.ACTIVE]
    wanted = [("proof that the domain is yours", _challenge(domain))]
    wanted += [(f"DKIM, {each.algorithm.value}", record(each)) for each in keys]
    spf = {"name": plain, "type": "TXT", "value": f"v=spf1 a:{checked.hostname} ~all"}
    dmarc = {"name": f"_dmarc.{plain}", "type": "TXT", "value": "v=DMARC1; p=none"}
    wanted.append((f"SPF; where there is a record already, add a:{checked.hostname} to it", spf))
    wanted.append(("DMARC; make it stricter once reports show that all mail passes", dmarc))
    if as_json:
        print_json([{**each, "what": what} for what, each in wanted])
        return
    for what, each in wanted:
        print(f"; {what}\n{zone_line(each)}")


def normal(name: str) -> str:
    """A domain in A-labels and lower case. Raises BadParameter."""
    import idna

    try:
        plain = idna.encode(name.strip().rstrip("."), uts46=True).decode().lower()
    except idna.IDNAError as error:
        raise typer.BadParameter(f"{name!r} is no domain name: {error}", param_hint="DOMAIN") from error
    if "." not in plain:
        raise typer.BadParameter(f"{name!r} is no domain name: it has no dot", param_hint="DOMAIN")
    return plain


def _challenge(domain: Domain) -> dict[str, str]:
    return {"name": f"{CHALLENGE_LABEL}.{domain.name}", "type": "TXT", "value": domain.challenge}


def _describe(domain: Domain) -> dict[str, Any]:
    return {
        "domain": domain.name,
        "account": domain.account,
        "verified": when(domain.verified),
        "verified_by": domain.verified_by,
        "created": when(domain.created),
    }
