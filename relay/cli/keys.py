"""DKIM keys and records as the commands print them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relay.cli.output import when
from relay.model.account import DkimKey

if TYPE_CHECKING:
    from relay.dns.records import DomainRecord


def describe_record(record: DomainRecord) -> dict[str, str]:
    return {"name": record.name, "type": record.kind, "value": record.text}


def describe(key: DkimKey) -> dict[str, Any]:
    return {
        "domain": key.domain,
        "selector": key.selector,
        "algorithm": key.algorithm.value,
        "state": key.state.value,
        "custom": key.custom,
        "created": when(key.created),
    }
