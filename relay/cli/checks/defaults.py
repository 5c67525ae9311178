"""Names of what is not there: a listener's credential; the stream, pool, preset, key, template, webhook or host of a
default for mail. And a default `send_window` that is over for good.

In:  the configuration, and what the registry keeps. Out: a finding each.

Why so: a command takes such a default, since the stream or the pool may come into the configuration later, and may be
taken out of it again; but until it is there, all mail the default is for is refused or put off.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relay.cli.frame import program
from relay.config import Config
from relay.manage.finding import Finding, fail, ok
from relay.model.account import Account, Credential, DkimKey, Domain, KeyState, Preset
from relay.model.address import printable
from relay.model.clock import iso
from relay.store.interface import Registry
from relay.submission.control.layers import BUILT_IN_STREAMS
from relay.submission.control.option import Door
from relay.submission.control.registry import parse_setting


@dataclass(frozen=True, slots=True)
class Things:
    """What an account has that a default may name, in lower case but for URLs."""

    presets: frozenset[str] = frozenset()
    templates: frozenset[str] = frozenset()
    webhooks: frozenset[str] = frozenset()  # their URLs
    hosts: frozenset[str] = frozenset()  # verified ones for links
    domains: frozenset[str] = frozenset()  # verified ones


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has defaults."""

    subject: str  # "credential shop-app"
    door: Door
    options: Mapping[str, Any]
    unset: str  # the command that takes one away, without its name
    things: Things = Things()  # of the account
    domain: str = ""


Owner = Preset | Account | Domain | Credential


def holders(opened: Registry) -> list[Holder]:
    """All that the registry knows. Raises StoreDown."""
    owners: list[Owner] = [*opened.presets(), *opened.accounts(), *opened.domains(), *opened.credentials()]
    owners = [each for each in owners if each.options]
    known = {account: things(opened, account) for account in {account_of(each) for each in owners}}
    return [holder(each, known[account_of(each)]) for each in owners]


def things(opened: Registry, account: str) -> Things:
    """Raises StoreDown."""
    domains = [each for each in opened.domains() if each.account == account]
    return Things(
        presets=frozenset(each.name.lower() for each in opened.presets(account)),
        templates=frozenset(each.name.lower() for each in opened.templates(account)),
        webhooks=opened.webhook_urls(account),
        hosts=frozenset(each.tracking_host for each in domains if each.tracking_verified is not None),
        domains=frozenset(each.name for each in domains if each.verified is not None),
    )


def holder(owner: Owner, known: Things) -> Holder:
    """`known`: of its account."""
    match owner:
        case Preset(account=account, name=name):
            unset = f"preset set {name} --account {account} --unset"
            return Holder(f"preset {name} of {account}", Door.PRESET, owner.options, unset, known)
        case Account(name=name):
            return Holder(f"account {name}", Door.ACCOUNT, owner.options, f"account set {name} --unset", known)
        case Domain(name=name):
            return Holder(f"domain {name}", Door.DOMAIN, owner.options, f"domain set {name} --unset", known, name)
        case Credential(username=name):
            unset = f"credential set {name} --unset"
            return Holder(f"credential {name}", Door.CREDENTIAL, owner.options, unset, known)


def account_of(owner: Owner) -> str:
    return owner.name if isinstance(owner, Account) else owner.account


def listeners(config: Config, usable: Mapping[str, bool]) -> Iterator[Finding]:
    """`usable`: whether mail is taken by a credential, by its user name in lower case."""
    for each in config.listeners:
        known = usable.get(each.credential.lower())
        if each.credential and not known:
            subject, add = (
                f"listeners.{each.name}.credential",
                f"{program()} credential add --username {each.credential}",
            )
            yield (
                fail(subject, f"is {each.credential}, which is not there: nobody is let in", add)
                if known is None
                else fail(subject, f"is {each.credential}, which is disabled, or its account is: nobody is let in")
            )


def usable(opened: Registry) -> dict[str, bool]:
    """Raises StoreDown."""
    disabled = {each.name for each in opened.accounts() if each.disabled}
    return {each.username.lower(): not (each.disabled or each.account in disabled) for each in opened.credentials()}


def defaults(config: Config, given: Sequence[Holder], keys: Sequence[DkimKey], now: float) -> Iterator[Finding]:
    found = list(faults(config, (*_configured(config), *given), keys, now))
    yield from found or [ok("defaults", "name nothing that is not there")]


def faults(config: Config, given: Iterable[Holder], keys: Iterable[DkimKey], now: float) -> Iterator[Finding]:
    """The defaults with which no mail is taken at the time `now`."""
    streams = {*BUILT_IN_STREAMS, *(name.lower() for name in config.options.streams)}
    active = {f"{each.domain},{each.selector}" for each in keys if each.state is KeyState.ACTIVE}
    for each in given:
        for name, value in each.options.items():
            if why := _lacking(name, value, each, config, streams, active, now):
                away = f"set another, or take it away: {program()} {each.unset} {name}" if each.unset else ""
                yield fail(each.subject, f"has the default {name}, {why}: its mail is not taken", away)


def _configured(config: Config) -> Iterator[Holder]:
    for part in ("defaults", "force"):
        yield Holder(f"options.{part}", Door.ACCOUNT, getattr(config.options, part), "")
    for name, each in config.options.streams.items():
        yield Holder(f"options.streams.{name}", Door.PRESET, each.options, "")


def _lacking(
    name: str,
    value: Any,
    holder: Holder,
    config: Config,
    streams: Collection[str],
    keys: Collection[str],
    now: float,
) -> str:
    """Why mail with this default is not taken; "" where nothing is known against it."""
    try:
        option, read = parse_setting(name, value, holder.door)
    except ValueError as error:
        return (
            "" if holder.unset == "" else f"which cannot be read ({error})"
        )  # the configuration's are told elsewhere
    if option == "stream" and read not in streams:
        return f"and no stream is called {printable(read)}; there are {', '.join(sorted(streams))}"
    if option == "pool" and not config.delivery.pool_exists(read):
        return (
            f"and no pool is called {printable(read)}; there are {', '.join(sorted(config.delivery.pools)) or 'none'}"
        )
    if option == "source_ip" and not config.delivery.egress_names(addresses=read):
        return f"and {', '.join(read)} is no address of an egress"
    if holder.unset and (why := _not_the_accounts(option, read, holder.things)):
        return why
    if option == "send_window" and all(not each["zone"] and each["end"] <= now for each in read):
        return f"which was over at {iso(max(each['end'] for each in read))}"
    if option in ("dkim_key", "dkim_extra"):
        return _no_key([read] if option == "dkim_key" else read, holder.domain, keys)
    return ""


def _not_the_accounts(option: str, value: Any, things: Things) -> str:
    if option == "preset" and value.lower() not in things.presets:
        return f"and the account has no preset {printable(value)}"
    if option == "template" and value.lower() not in things.templates:
        return f"and the account has no template {printable(value)}"
    if option == "webhook_url" and value not in things.webhooks:
        return f"and the account has no webhook {printable(value)}"
    if option == "track_domain" and value not in things.hosts:
        return f"and no domain of the account has the verified tracking host {printable(value)}"
    if option == "merge_error_report" and not _below(value.rpartition("@")[2], things.domains):
        return f"and {printable(value)} is of no verified domain of the account"
    return ""


def _below(name: str, domains: Collection[str]) -> bool:
    labels = name.split(".")
    return any(".".join(labels[at:]) in domains for at in range(len(labels)))


def _no_key(named: Sequence[str], domain: str, keys: Collection[str]) -> str:
    for each in named:
        owner, comma, selector = each.partition(",")
        if not comma:
            owner, selector = domain, owner
        if owner and f"{owner},{selector}" not in keys:
            return f"and {owner} has no active key {selector}"
        if not any(key.endswith(f",{selector}") for key in keys):  # the domain is the author's, whoever that is
            return f"and no domain has an active key {selector}"
    return ""
