"""What a look-up comes to: records, no such data, no such domain; or a failure, which is none of these.

A failure says nothing about the domain, so it is an exception and never an empty answer: mail for it waits
(4yz), while mail for a domain that does not exist is returned (5yz).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

Record = TypeVar("Record", covariant=True)


class Status(StrEnum):
    FOUND = "found"
    NO_DATA = "no-data"  # the name exists, without records of this type
    NO_DOMAIN = "no-domain"  # NXDOMAIN: neither this name nor any below it exists


@dataclass(frozen=True, slots=True)
class Answer(Generic[Record]):
    """Records in the order of the reply; none unless `status` is FOUND."""

    status: Status
    records: tuple[Record, ...]
    until: float  # unix seconds; holds so long


@dataclass(frozen=True, slots=True)
class Mx:
    preference: int  # the lowest is tried first
    host: str  # A-labels, lower case, no dot at the end; "" is the root, as in a null MX


@dataclass(frozen=True, slots=True)
class Caa:
    tag: str  # issue, issuewild, iodef; lower case
    value: str


class DnsFailure(Exception):
    """No answer: time-out, SERVFAIL, REFUSED, a malformed reply, a chain of aliases without end."""

    def __init__(self, name: str, kind: str, why: str, server: str = "") -> None:
        super().__init__(f"{name} {kind}: {why}" + (f" from {server}" if server else ""))
        self.name = name
        self.kind = kind  # type of the record asked for
        self.why = why  # without our resolver's address, so that it may be told to a stranger
