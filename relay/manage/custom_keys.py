"""DKIM keys that an account brings, or has made, for a domain of its own.

In:  the domain, a selector, perhaps a private key as text, when the key signs; the keys there are.
Out: the key for the registry; `Wrong` or `Unfit`.

Why so: each key costs every message a signature and half a kilobyte, so a domain has few of them and an account fewer
that always sign. A key of ours is never shown, changed or deleted here: its owner is the relay, which rotates it.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from relay.manage.times import instant
from relay.manage.wrong import Unfit, Wrong
from relay.model.account import Algorithm, DkimKey
from relay.model.address import printable
from relay.store.interface import NotFound, Registry
from relay.transform.keys import RSA_BITS, brought, generate, rsa_bits, selector_name

MOST = 10  # of a domain
ALWAYS = 5  # of an account that sign all its mail
_TEXT = 16 << 10  # characters of a private key; one of 4096 bits has 4,500
_LAST = 253_402_300_799.0  # the last second of the year 9999


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChanges:
    """None: it stays as it is. Empty: there is no such time."""

    always: bool | None = None
    start: str | None = None
    end: str | None = None


def find(registry: Registry, domain: str, selector: str) -> DkimKey | None:
    """The custom key of that name. Raises Unfit: it is one of ours."""
    for each in registry.keys(domain):
        if each.selector == selector:
            if not each.custom:
                raise Unfit(f"{selector} is a key of the relay's own, which it rotates itself")
            return each
    return None


def selector(text: str) -> str:
    """In lower case. Raises Wrong."""
    try:
        return selector_name(text)
    except ValueError as error:
        raise Wrong("selector", str(error)) from error


def make(domain: str, name: str, private: str | None, at: float) -> DkimKey:
    """The key of a private one, or a new one of RSA with 2048 bits. For a thread: some tenths of a second.

    Raises Wrong.
    """
    if not private:
        return replace(generate(domain, name, Algorithm.RSA, at), custom=True)
    try:
        return replace(brought(domain, name, _octets(private), at), custom=True)
    except ValueError as error:
        raise Wrong("privatekey", str(error)) from error


def put(registry: Registry, account: str, wanted: DkimKey, changes: KeyChanges) -> DkimKey:
    """Keep it, made or changed. Raises Wrong, Unfit."""
    before = find(registry, wanted.domain, wanted.selector)
    after = _timed(wanted, changes)
    if changes.always is not None:
        after = replace(after, always=changes.always)
    _few(registry, account, before, after)
    if before is None:
        registry.add_key(after)
    else:
        registry.update_key(replace(after, created=before.created))
    return replace(after, created=(before or after).created)


def remove(registry: Registry, domain: str, name: str) -> None:
    """Raises NotFound, Unfit."""
    if find(registry, domain, name) is None:
        raise NotFound(f"no key {name} of {domain}")
    registry.remove_key(domain, name)


def weaknesses(key: DkimKey) -> list[str]:
    bits = rsa_bits(key)
    if bits and bits < RSA_BITS:
        return [f"an RSA key of {bits} bits is short: {RSA_BITS} are what receivers expect"]
    return []


def _octets(text: str) -> bytes:
    """Raises ValueError."""
    if len(text) > _TEXT:
        raise ValueError(f"expected a private key of {_TEXT:,} characters at most")
    if text.lstrip().startswith("-----BEGIN "):
        return text.strip().encode("utf-8", "replace")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("expected a private key in base64, or PEM as it is") from error


def _timed(key: DkimKey, changes: KeyChanges) -> DkimKey:
    if changes.start is not None:
        key = replace(key, start=_time("start", changes.start))
    if changes.end is not None:
        key = replace(key, end=_time("end", changes.end))
    if key.start is not None and key.end is not None and key.end <= key.start:
        field = "start" if changes.end is None else "end"
        raise Wrong(field, f"the key would end at {shown(key.end)}, and not after its start at {shown(key.start)}")
    return key


def _time(field: str, text: str) -> float | None:
    if not text.strip():
        return None
    try:
        at = instant(text.strip())
    except ValueError:
        at = -1.0
    if not 0 <= at <= _LAST:
        raise Wrong(field, f"expected a time such as 2026-05-01 08:00:00, in UTC, not {printable(text, 40)!r}")
    return at


def _few(registry: Registry, account: str, before: DkimKey | None, after: DkimKey) -> None:
    if before is None and sum(each.custom for each in registry.keys(after.domain)) >= MOST:
        raise Unfit(f"{after.domain} has {MOST} keys of its account's, as many as there may be")
    if after.always and (before is None or not before.always):
        owned = registry.domains(account)
        if sum(key.always for each in owned for key in registry.keys(each.name)) >= ALWAYS:
            raise Unfit(f"always: {ALWAYS} keys of the account sign all its mail, as many as may")


def shown(at: float) -> str:
    """`2026-05-01 08:00:00`, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
