"""DKIM keys for a domain: their selectors, making them, those that accounts bring, and the records that publish them.

A selector is the algorithm's letter and the day it was made, `r20260131` and `e20260131`: one sees at once
which key is old. A second key of one day gets a letter more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from relay.model.account import Algorithm, DkimKey, KeyState
from relay.store.interface import Registry

if TYPE_CHECKING:
    from relay.dns.records import DomainRecord

_LETTER = {Algorithm.RSA: "r", Algorithm.ED25519: "e"}


def make_keys(registry: Registry, domain: str, algorithms: Sequence[Algorithm], at: float) -> list[DkimKey]:
    """Make an active key of each algorithm and keep it."""
    made = new_keys(domain, algorithms, at, {each.selector for each in registry.keys(domain)})
    for key in made:
        registry.add_key(key)
    return made


def new_keys(domain: str, algorithms: Sequence[Algorithm], at: float, taken: Collection[str]) -> list[DkimKey]:
    """A key of each algorithm, not kept yet. For a thread: RSA takes some tenths of a second."""
    from relay.transform.keys import generate

    made: list[DkimKey] = []
    for algorithm in algorithms:
        name = selector(algorithm, at, {*taken, *(each.selector for each in made)})
        made.append(generate(domain, name, algorithm, at))
    return made


def missing(keys: Sequence[DkimKey]) -> list[Algorithm]:
    """The algorithms of which a domain has no active key of ours."""
    have = {each.algorithm for each in signing(keys)}
    return [each for each in Algorithm if each not in have]


def newest(keys: Sequence[DkimKey]) -> list[DkimKey]:
    """Of those of ours that are active the newest of each algorithm, RSA first; `keys` come newest first."""
    found: dict[Algorithm, DkimKey] = {}
    for key in signing(keys):
        found.setdefault(key.algorithm, key)
    return [found[each] for each in Algorithm if each in found]


def signing(keys: Iterable[DkimKey]) -> list[DkimKey]:
    """Those of ours that are active."""
    return [each for each in keys if each.state is KeyState.ACTIVE and not each.custom]


def use(registry: Registry, key: DkimKey, now: float) -> list[DkimKey]:
    """A key that waited signs from now on; the others of ours of its algorithm sign no more, and are returned.

    Raises NotFound: it was removed meanwhile.
    """
    registry.update_key(replace(key, state=KeyState.ACTIVE, start=now))
    others = [each for each in signing(registry.keys(key.domain)) if each.selector != key.selector]
    old = [each for each in others if each.algorithm is key.algorithm]
    for each in old:
        registry.retire_key(each.domain, each.selector)
    return [replace(each, state=KeyState.RETIRED) for each in old]


def published(key: DkimKey, texts: Sequence[str]) -> bool:
    """Whether the TXT records at its name say this key."""
    return any(f"p={key.public_base64}" in each.replace(" ", "").split(";") for each in texts)


def to_publish(keys: Sequence[DkimKey], now: float) -> list[DkimKey]:
    """Those whose records should stand in DNS: they sign, or will."""
    return [each for each in keys if each.state is not KeyState.RETIRED and (each.end is None or each.end > now)]


def selector(algorithm: Algorithm, at: float, taken: Collection[str]) -> str:
    """A name that no key of the domain has, nor had."""
    stem = f"{_LETTER[algorithm]}{datetime.fromtimestamp(at, UTC):%Y%m%d}"
    if stem not in taken:
        return stem
    number = 0
    while (name := f"{stem}{_letters(number)}") in taken:
        number += 1
    return name


def _letters(number: int) -> str:
    """a to z, then aa, ab, ..."""
    text = ""
    while number >= 0:
        number, rest = divmod(number, 26)
        text = chr(ord("a") + rest) + text
        number -= 1
    return text


def record(key: DkimKey) -> DomainRecord:
    """The TXT record that publishes a key (RFC 6376 section 3.6.1)."""
    from relay.dns.records import DomainRecord, Purpose
    from relay.transform.keys import dns_name, dns_record

    return DomainRecord(Purpose.DKIM, dns_name(key), dns_record(key))
