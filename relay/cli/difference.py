"""What must change so that the registry is what a file says.

In:  the file, and the registry.
Out: changes in the order in which they can be made, each in words and as a deed; or what in the file cannot be.

Nothing is written while the changes are found. Each is a transaction of its own: what a crash leaves undone, the
next run finds again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from relay.cli.desired import AccountPart, CredentialPart, Desired, DomainPart, PresetPart
from relay.manage import secret
from relay.manage.keys import make_keys
from relay.manage.rules import describe_quota
from relay.model.account import Account, Algorithm, Credential, DkimKey, Domain, KeyState, Preset
from relay.model.spelling import duration_text, option_text
from relay.store.interface import Registry


@dataclass(frozen=True, slots=True)
class Change:
    sign: str  # + added, ~ changed, - removed or disabled
    what: str  # "credential shop-app"
    details: tuple[str, ...]
    deed: Callable[[Registry, float], None]
    password: Callable[[], str | None] = lambda: None  # made for it, to be shown once


@dataclass(frozen=True, slots=True)
class Present:
    """The registry as it is."""

    accounts: Mapping[str, Account]
    credentials: Mapping[str, Credential]  # by case-folded user name
    domains: Mapping[str, Domain]
    presets: Mapping[tuple[str, str], Preset]  # by account and lower-case name
    keys: tuple[DkimKey, ...]

    @classmethod
    def of(cls, registry: Registry) -> Present:
        return cls(
            accounts={each.name: each for each in registry.accounts()},
            credentials={each.username.casefold(): each for each in registry.credentials()},
            domains={each.name: each for each in registry.domains()},
            presets={(each.account, each.name.lower()): each for each in registry.presets()},
            keys=tuple(registry.keys()),
        )

    def active(self, domain: str) -> list[DkimKey]:
        """Keys of ours; those that accounts brought are theirs."""
        mine = [each for each in self.keys if each.domain == domain and not each.custom]
        return [each for each in mine if each.state is KeyState.ACTIVE]


def conflicts(desired: Desired, present: Present) -> Iterator[str]:
    """What the file says and the registry forbids: names that belong to another account."""
    for number, account in enumerate(desired.accounts):
        for at, domain in enumerate(account.domains):
            found = present.domains.get(domain.name)
            if found is not None and found.account != account.name:
                where = desired.where(("accounts", number, "domains", at))
                yield f"{where}: domain {domain.name} is of account {found.account}"
            for holder in present.domains.values():
                if holder.tracking_host == domain.tracking_host != "" and holder.account != account.name:
                    where = desired.where(("accounts", number, "domains", at))
                    yield f"{where}: tracking_host {domain.tracking_host} is of account {holder.account}"
        for at, part in enumerate(account.credentials):
            known = present.credentials.get(part.username.casefold())
            if known is not None and known.account != account.name:
                where = desired.where(("accounts", number, "credentials", at))
                yield f"{where}: credential {part.username} is of account {known.account}"


def difference(desired: Desired, present: Present, who: str, prune: bool) -> Iterator[Change]:
    for account in desired.accounts:
        yield from _account(account, present.accounts.get(account.name))
        for preset in account.presets:
            yield from _preset(account.name, preset, present.presets.get((account.name, preset.name.lower())))
        for domain in account.domains:
            yield from _domain(account.name, domain, present, who, prune)
        for part in account.credentials:
            yield from _credential(account.name, part, present.credentials.get(part.username.casefold()))
    if prune:
        yield from _prune(desired, present)


def _account(part: AccountPart, before: Account | None) -> Iterator[Change]:
    wanted: dict[str, Any] = {"disabled": part.disabled, "options": part.options, "quota": part.quota.quota()}
    if before is None:
        yield Change(
            "+",
            f"account {part.name}",
            _told(Account(name=part.name, created=0.0), wanted),
            lambda registry, now: registry.add_account(Account(name=part.name, created=now, **wanted)),
        )
    elif (after := replace(before, **wanted)) != before:
        yield Change(
            "~", f"account {part.name}", _told(before, wanted), lambda registry, now: registry.update_account(after)
        )


def _preset(account: str, part: PresetPart, before: Preset | None) -> Iterator[Change]:
    if before is not None and before.options == part.options:
        return
    wanted = {"options": part.options}
    old = before or Preset(account=account, name=part.name, options={}, created=0.0)
    yield Change(
        "+" if before is None else "~",
        f"preset {part.name} of {account}",
        _told(old, wanted),
        lambda registry, now: registry.put_preset(
            Preset(account=account, name=old.name, options=part.options, created=old.created or now)
        ),
    )


def _domain(account: str, part: DomainPart, present: Present, who: str, prune: bool) -> Iterator[Change]:
    before = present.domains.get(part.name)
    wanted: dict[str, Any] = {
        name: getattr(part, name) for name in ("options", "bounce_host", "tracking_host", "tracking_https")
    }
    if before is None:
        yield Change(
            "+",
            f"domain {part.name}",
            _told(Domain(name=part.name, account=account, challenge="", created=0.0), wanted),
            lambda registry, now: registry.add_domain(
                Domain(name=part.name, account=account, challenge=secret.challenge(), created=now, **wanted)
            ),
        )
    elif any(getattr(before, name) != value for name, value in wanted.items()):
        if before.bounce_host != part.bounce_host:
            wanted["bounce_verified"] = None
        if before.tracking_host != part.tracking_host:
            wanted["tracking_verified"] = None
        after = replace(before, **wanted)
        yield Change(
            "~", f"domain {part.name}", _told(before, wanted), lambda registry, now: registry.update_domain(after)
        )
    if part.verified and (before is None or before.verified is None):
        yield _verified(part.name, account, who)
    yield from _keys(part, present, prune)


def _verified(name: str, account: str, who: str) -> Change:
    def deed(registry: Registry, now: float) -> None:
        registry.audit(now, who, "domain verify --force", {"domain": name, "account": account, "by": "relay apply"})
        registry.verify_domain(name, now, f"hand ({who}, relay apply)")

    return Change("~", f"domain {name}", ("verified: by hand",), deed)


def _keys(part: DomainPart, present: Present, prune: bool) -> Iterator[Change]:
    active = present.active(part.name)
    wanted = [each.algorithm for each in part.dkim]
    for algorithm in dict.fromkeys(wanted):
        if algorithm not in {each.algorithm for each in active}:
            yield _new_key(part.name, algorithm)
    for key in active if prune else ():
        if key.algorithm not in wanted:
            yield _retired(key)


def _new_key(domain: str, algorithm: Algorithm) -> Change:
    def deed(registry: Registry, now: float) -> None:
        make_keys(registry, domain, [algorithm], now)

    return Change("+", f"key of {domain}", (f"algorithm: {algorithm.value}",), deed)


def _retired(key: DkimKey) -> Change:
    return Change(
        "-",
        f"key {key.selector} of {key.domain}",
        ("retired",),
        lambda registry, now: registry.retire_key(key.domain, key.selector),
    )


def _credential(account: str, part: CredentialPart, before: Credential | None) -> Iterator[Change]:
    wanted: dict[str, Any] = {
        **{
            name: getattr(part, name)
            for name in (
                "note",
                "disabled",
                "sandbox",
                "control_headers",
                "on_invalid",
                "lifetime",
                "refuse_suppressed",
            )
        },
        "grants": frozenset(part.grants),
        "allowed": part.allowed,
        "forbidden": frozenset(part.forbidden),
        "presets": frozenset(part.presets),
        "options": part.options,
        "quota": part.quota.quota(),
    }
    what = f"credential {part.username}"
    if before is None:
        made = _Password(part)
        bare = Credential(username=part.username, account=account, password_hash="", created=0.0)
        details = (*_told(bare, wanted), f"password: {made.source}")

        def add(registry: Registry, now: float) -> None:
            registry.add_credential(replace(bare, password_hash=made.hash(), created=now, **wanted))

        yield Change("+", what, details, add, lambda: made.generated)
        return
    details = _told(before, wanted)
    if not _same_password(part, before):
        details = (*details, "password: changed")
        wanted["password_hash"] = _Password(part).hash()
    after = replace(before, **wanted)
    if after != before:
        yield Change("~", what, details, lambda registry, now: registry.update_credential(after))


class _Password:
    """The one the file names, or one that is made now."""

    def __init__(self, part: CredentialPart) -> None:
        self._hash = part.password_hash
        self.generated = None if part.password or part.password_hash else secret.password()
        self._plain = part.password or self.generated
        self.source = "made, and shown once" if self.generated else "as the file says"

    def hash(self) -> str:
        from relay.submission.login import hash_password

        return self._hash or hash_password(self._plain or "")


def _same_password(part: CredentialPart, before: Credential) -> bool:
    if part.password_hash is not None:
        return part.password_hash == before.password_hash
    if part.password is None:
        return True
    from argon2 import PasswordHasher
    from argon2.exceptions import Argon2Error, InvalidHash

    try:
        return PasswordHasher().verify(before.password_hash, part.password)
    except (Argon2Error, InvalidHash):
        return False


def _prune(desired: Desired, present: Present) -> Iterator[Change]:
    """Disable or remove what the file does not name; credentials and accounts keep their history."""
    users = {one.username.casefold() for each in desired.accounts for one in each.credentials}
    domains = {one.name for each in desired.accounts for one in each.domains}
    presets = {(each.name, one.name.lower()) for each in desired.accounts for one in each.presets}
    accounts = {each.name for each in desired.accounts}
    for folded, credential in present.credentials.items():
        if folded not in users and not credential.disabled:
            yield _disabled(credential)
    for key, preset in present.presets.items():
        if key not in presets:
            yield _removed_preset(preset)
    for name in present.domains:
        if name not in domains:
            yield _removed_domain(name)
    for name, account in present.accounts.items():
        if name not in accounts and not account.disabled:
            yield _disabled_account(name)


def _disabled(credential: Credential) -> Change:
    after = replace(credential, disabled=True, presets=frozenset())
    what = f"credential {credential.username}"
    return Change("-", what, ("disabled",), lambda registry, now: registry.update_credential(after))


def _disabled_account(name: str) -> Change:
    return Change(
        "-", f"account {name}", ("disabled",), lambda registry, now: registry.set_account_disabled(name, True)
    )


def _removed_preset(preset: Preset) -> Change:
    what = f"preset {preset.name} of {preset.account}"
    return Change("-", what, ("removed",), lambda registry, now: registry.remove_preset(preset.account, preset.name))


def _removed_domain(name: str) -> Change:
    return Change(
        "-", f"domain {name}", ("removed, with its keys",), lambda registry, now: registry.remove_domain(name)
    )


def _told(before: Any, wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """`name: old -> new` for what differs; options and quotas one by one."""
    lines: list[str] = []
    for name in (each.name for each in fields(before) if each.name in wanted):
        old, new = getattr(before, name), wanted[name]
        if name == "quota":
            old, new = describe_quota(old), describe_quota(new)
        if isinstance(new, Mapping):
            differing = (key for key in sorted({*old, *new}) if old.get(key) != new.get(key))
            said = option_text if name == "options" else lambda _, value: _shown(value)
            lines += [f"{name} {key}: {_either(said, key, old)} -> {_either(said, key, new)}" for key in differing]
        elif old != new and name == "lifetime":
            lines.append(f"{name}: {_shown(old and duration_text(old))} -> {_shown(new and duration_text(new))}")
        elif old != new:
            lines.append(f"{name}: {_shown(old)} -> {_shown(new)}")
    return tuple(lines)


def _either(said: Callable[[str, Any], str], key: str, given: Mapping[str, Any]) -> str:
    return said(key, given[key]) if key in given else _shown(None)


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "(none)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, frozenset):
        return ", ".join(sorted(value)) or "(none)"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "(none)"
    return str(value)
