"""What a file for `relay apply` says: accounts, and what each has. No IO but for passwords in files of their own.

In:  the text of the file.
Out: `Desired`, checked as far as the file alone allows; or ConfigError, whose lines name file, line and key.

Absent keys mean their default, so that the file alone says what holds. Suppressions are not in it: they are data
that grows by itself (`relay suppress export`), and no setting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from relay.config import ConfigError, outside
from relay.config.load import Lines, parse_as
from relay.config.values import Duration
from relay.manage import rules
from relay.model.account import Algorithm, ControlHeaders, OnInvalid, OverQuota, Quota
from relay.model.address import ascii_domain
from relay.submission.control.option import Door

Path = tuple[str | int, ...]


class KeyKind(StrEnum):
    RSA = "rsa"
    ED25519 = "ed25519"

    @property
    def algorithm(self) -> Algorithm:
        return Algorithm.RSA if self is KeyKind.RSA else Algorithm.ED25519


def _name(value: str) -> str:
    if not value or len(value) > 64 or not all(each.isalnum() or each in "-_." for each in value):
        raise ValueError("a name has 1 to 64 letters, digits, '-', '_' and '.'")
    return value


def _username(value: str) -> str:
    if not value or len(value) > 128 or any(each.isspace() or not each.isprintable() for each in value):
        raise ValueError("a user name has up to 128 characters and no spaces")
    return value


def _domain(value: str) -> str:
    name = ascii_domain(value)
    if "." not in name:
        raise ValueError(f"{value!r} is no domain name: it has no dot")
    return name


def _outside(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith(("file:", "env:", "credential:")):
        raise ValueError("expected file:PATH, env:NAME or credential:NAME, so that no password stands in this file")
    found = outside.secret(value)
    if not found or found == value:
        raise ValueError("there is no password")
    return found


def _hash(value: str) -> str:
    from argon2 import extract_parameters
    from argon2.exceptions import InvalidHashError

    try:
        extract_parameters(value)
    except InvalidHashError:
        raise ValueError("expected an argon2id PHC string ($argon2id$...)") from None
    return value


def _count(name: str) -> Any:
    return Annotated[int | None, BeforeValidator(lambda value: rules.quota_value(name, value))]


Host = Annotated[str, AfterValidator(lambda value: _domain(value) if value else "")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class QuotaPart(_Part):
    messages_hour: _count("messages_hour") = None  # type: ignore[valid-type]
    messages_day: _count("messages_day") = None  # type: ignore[valid-type]
    recipients_hour: _count("recipients_hour") = None  # type: ignore[valid-type]
    recipients_day: _count("recipients_day") = None  # type: ignore[valid-type]
    bytes_hour: _count("bytes_hour") = None  # type: ignore[valid-type]
    bytes_day: _count("bytes_day") = None  # type: ignore[valid-type]
    domains_hour: _count("domains_hour") = None  # type: ignore[valid-type]
    domains_day: _count("domains_day") = None  # type: ignore[valid-type]
    over: OverQuota = OverQuota.REFUSE

    def quota(self) -> Quota:
        return Quota(**self.model_dump())


class CredentialPart(_Part):
    username: Annotated[str, AfterValidator(_username)]
    password: Annotated[str | None, BeforeValidator(_outside)] = Field(None, repr=False)
    password_hash: Annotated[str, AfterValidator(_hash)] | None = Field(None, repr=False)
    note: str = ""
    disabled: bool = False
    sandbox: bool = False
    control_headers: ControlHeaders = ControlHeaders.ON
    on_invalid: OnInvalid = OnInvalid.REJECT
    grants: tuple[str, ...] = ()
    allowed: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    forbidden: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    lifetime: Duration | None = None
    refuse_suppressed: bool = False
    options: dict[str, Any] = Field(default_factory=dict)
    quota: QuotaPart = QuotaPart()


class DomainPart(_Part):
    name: Annotated[str, AfterValidator(_domain)]
    verified: bool = False  # mark it verified without asking DNS
    dkim: tuple[KeyKind, ...] = tuple(KeyKind)
    bounce_host: Host = ""
    tracking_host: Host = ""
    tracking_https: bool = False
    options: dict[str, Any] = Field(default_factory=dict)


class PresetPart(_Part):
    name: Annotated[str, AfterValidator(_name)]
    options: dict[str, Any] = Field(default_factory=dict)


class AccountPart(_Part):
    name: Annotated[str, AfterValidator(_name)]
    disabled: bool = False
    options: dict[str, Any] = Field(default_factory=dict)
    quota: QuotaPart = QuotaPart()
    domains: tuple[DomainPart, ...] = ()
    credentials: tuple[CredentialPart, ...] = ()
    presets: tuple[PresetPart, ...] = ()


class Document(_Part):
    accounts: tuple[AccountPart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """The file, with the line of each key, for faults that only the registry shows."""

    accounts: tuple[AccountPart, ...]
    name: str
    lines: Lines

    def where(self, path: Path) -> str:
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.name}, line {self.lines.get(path, 1)}"


def read(text: str, name: str) -> Desired:
    """Raises ConfigError."""
    document, lines = parse_as(Document, text, name)
    desired = Desired(accounts=document.accounts, name=name, lines=lines)
    faults: list[str] = []
    accounts = tuple(_checked(desired, number, each, faults) for number, each in enumerate(document.accounts))
    faults += _twice(desired)
    faults += _shared(desired)
    if faults:
        raise ConfigError(faults)
    return Desired(accounts=accounts, name=name, lines=lines)


class _Checker:
    """Checks values one by one and keeps what is wrong, with its line."""

    def __init__(self, desired: Desired, faults: list[str]) -> None:
        self._desired = desired
        self._faults = faults

    def fault(self, path: Path, why: str) -> None:
        self._faults.append(f"{self._desired.where(path)}: {why}")

    def options(self, path: Path, given: Mapping[str, Any], door: Door) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in given.items():
            try:
                known = rules.settings_of({name: value}, door)
            except ValueError as error:
                self.fault((*path, "options", name), str(error))
                continue
            if found.keys() & known.keys():
                self.fault((*path, "options", name), f"{name} is given twice")
            found |= known
        return found

    def all(self, path: Path, given: tuple[str, ...], check: Callable[[str], str]) -> tuple[str, ...]:
        found = []
        for number, each in enumerate(given):
            try:
                found.append(check(each))
            except ValueError as error:
                self.fault((*path, number), str(error))
        return tuple(found)

    def allowed(self, path: Path, given: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        found = {}
        for name, values in given.items():
            try:
                known = rules.listed_option(name)
                found[known] = tuple(rules.listed_value(known, each) for each in values)
            except ValueError as error:
                self.fault((*path, "allowed", name), str(error))
        return found


def _checked(desired: Desired, number: int, account: AccountPart, faults: list[str]) -> AccountPart:
    """The same with every option, grant and list entry as the registry has them."""
    check, here = _Checker(desired, faults), ("accounts", number)
    domains = tuple(
        each.model_copy(update={"options": check.options((*here, "domains", at), each.options, Door.DOMAIN)})
        for at, each in enumerate(account.domains)
    )
    presets = tuple(
        each.model_copy(update={"options": check.options((*here, "presets", at), each.options, Door.PRESET)})
        for at, each in enumerate(account.presets)
    )
    names = {each.name.lower(): each.name for each in account.presets}
    credentials = tuple(
        _credential(check, (*here, "credentials", at), each, names) for at, each in enumerate(account.credentials)
    )
    return account.model_copy(
        update={
            "options": check.options(here, account.options, Door.ACCOUNT),
            "domains": domains,
            "presets": presets,
            "credentials": credentials,
        }
    )


def _credential(check: _Checker, path: Path, part: CredentialPart, presets: Mapping[str, str]) -> CredentialPart:
    if part.password is not None and part.password_hash is not None:
        check.fault((*path, "password_hash"), "there is a password, too; one of them is enough")

    def preset(name: str) -> str:
        if name.lower() not in presets:
            raise ValueError(f"the account has no preset {name!r} in this file")
        return presets[name.lower()]

    return part.model_copy(
        update={
            "options": check.options(path, part.options, Door.CREDENTIAL),
            "grants": check.all((*path, "grants"), part.grants, rules.grant),
            "forbidden": check.all((*path, "forbidden"), part.forbidden, rules.forbidden),
            "presets": check.all((*path, "presets"), part.presets, preset),
            "allowed": check.allowed(path, part.allowed),
        }
    )


def _twice(desired: Desired) -> Iterator[str]:
    """Names that can be only one's."""
    first: dict[tuple[str, str], Path] = {}
    for path, kind, name in _named(desired):
        key = (kind, name.casefold())
        if key in first:
            yield f"{desired.where(path)}: {kind} {name} is there already ({desired.where(first[key])})"
        first.setdefault(key, path)


def _shared(desired: Desired) -> Iterator[str]:
    """Tracking hosts that several accounts have."""
    first: dict[str, str] = {}
    for number, account in enumerate(desired.accounts):
        for at, domain in enumerate(account.domains):
            holder = first.setdefault(domain.tracking_host, account.name)
            if domain.tracking_host and holder != account.name:
                where = desired.where(("accounts", number, "domains", at))
                yield f"{where}: tracking_host {domain.tracking_host} is of account {holder} already"


def _named(desired: Desired) -> Iterator[tuple[Path, str, str]]:
    for number, account in enumerate(desired.accounts):
        here: Path = ("accounts", number)
        yield here, "account", account.name
        for at, domain in enumerate(account.domains):
            yield (*here, "domains", at), "domain", domain.name
        for at, credential in enumerate(account.credentials):
            yield (*here, "credentials", at), "credential", credential.username
        for at, preset in enumerate(account.presets):
            yield (*here, "presets", at), f"preset of {account.name}", preset.name
