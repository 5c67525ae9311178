"""DKIM keys for a domain: their selectors, making them, and the records that publish them.

A selector is the algorithm's letter and the day it was made, `r20260131` and `e20260131`: one sees at once
which key is old. A second key of one day gets a letter more.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from relay.cli.output import when
from relay.model.account import Algorithm, DkimKey
from relay.store.interface import Registry

if TYPE_CHECKING:
    from relay.dns.records import DomainRecord

_LETTER = {Algorithm.RSA: "r", Algorithm.ED25519: "e"}


def make_keys(registry: Registry, domain: str, algorithms: Sequence[Algorithm], at: float) -> list[DkimKey]:
    """Make an active key of each algorithm and keep it."""
    from relay.transform.keys import generate

    taken = {each.selector for each in registry.keys(domain)}
    made = []
    for algorithm in algorithms:
        name = selector(algorithm, at, taken)
        taken.add(name)
        key = generate(domain, name, algorithm, at)
        registry.add_key(key)
        made.append(key)
    return made


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


def describe_record(record: DomainRecord) -> dict[str, str]:
    return {"name": record.name, "type": record.kind, "value": record.text}


def describe(key: DkimKey) -> dict[str, Any]:
    return {
        "domain": key.domain,
        "selector": key.selector,
        "algorithm": key.algorithm.value,
        "state": key.state.value,
        "created": when(key.created),
    }
