"""What an option is: the row of the registry, and who may ask for what.

Permission classes, as the tables say them:
    P0  safe for everybody, or stricter than what holds anyway.
    P1  everybody's, within the bounds given.
    P2  routing, identity, privacy, retention, others' reputation: needs a grant of the credential.
    P3  who gets the mail, or from which address it leaves: a grant, and the value on the credential's list.

An option that is P2 or P3 in one direction is P0 in the other: `needs` tells the directions apart.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from fnmatch import fnmatchcase
from typing import Any

from relay.submission.control.grammar import Read


class Door(StrEnum):
    """Where an option may be set."""

    HEADER = "header"
    ESMTP = "ESMTP"
    PROPERTY = "property"  # of a REST request
    PRESET = "preset"  # and stream
    CREDENTIAL = "credential"
    DOMAIN = "domain"
    ACCOUNT = "account"  # and the operator's defaults and forced values


MESSAGE = frozenset({Door.HEADER, Door.PROPERTY})  # what makes sense for one message only
DEFAULTS = frozenset({Door.PRESET, Door.CREDENTIAL, Door.DOMAIN, Door.ACCOUNT})
ANYWHERE = MESSAGE | DEFAULTS


class Repeat(Enum):
    """What two values of one option at one door come to."""

    FIRST = "the first one counts, with a warning"
    UNION = "all of them, each once"
    MERGE = "one map; the later value of a key counts"


class Listed(Enum):
    """Whether a value must be on the credential's list of allowed ones."""

    NO = "no"
    NARROWS = "if there is a list"
    NEEDED = "always"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a permission depends on beside the value."""

    now: float
    retention: float  # seconds the relay keeps contents
    domain: str  # of the author, where it is the account's; else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    words: str  # class by value, for the tables
    grant: str = ""
    needs: Callable[[Any, Any, Scope], bool] = lambda value, base, scope: True  # for this value, over this default
    listed: Listed = Listed.NO
    always: frozenset[str] = frozenset()  # values that must be on the list also where there is none


FREE = Permission(words="P0", needs=lambda value, base, scope: False)
CAPPED = Permission(words="P1", needs=lambda value, base, scope: False)


@dataclass(frozen=True, slots=True)
class Alias:
    """A further name, whose value may have a grammar of its own."""

    name: str
    read: Read | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    name: str  # everywhere but in headers; the field of Options
    header: str  # behind the prefix, as the documentation spells it
    aliases: tuple[Alias, ...] = ()
    type: str  # what the value is, in a few words
    limits: str = ""
    read: Read  # one value, of text or JSON
    whole: Callable[[Any], None] | None = None  # the limits of all values together; raises ValueError
    repeat: Repeat = Repeat.FIRST
    help: str  # one sentence
    example: str  # a value, as it stands in a header
    permission: Permission = FREE
    doors: frozenset[Door] = ANYWHERE
    esmtp: str = ""  # the parameters of MAIL and RCPT that set it
    safety: bool = False  # a bad value is refused whatever `on_invalid` says
    empty: bool = False  # an empty text is a value, in JSON
    lines: bool = False  # texts in its value may have several lines, in JSON

    @property
    def repeats(self) -> bool:
        """Whether several values of one door all count."""
        return self.repeat is not Repeat.FIRST

    def together(self, values: list[Any]) -> Any:
        """Several values of one door as one. Raises ValueError where all of them are too many."""
        value = values[0]
        if len(values) > 1 and self.repeat is Repeat.UNION:
            value = tuple(dict.fromkeys(each for some in values for each in some))
        elif len(values) > 1 and self.repeat is Repeat.MERGE:
            value = {key: each for some in values for key, each in some.items()}
        if self.whole is not None:
            self.whole(value)
        return value


def allows(patterns: Iterable[str], value: str) -> bool:
    """Whether a list has a value: itself, a pattern with `*`, a domain for its addresses, a network for its IPs."""
    wanted = value.lower()
    for each in patterns:
        pattern = each.lower()
        if pattern in (wanted, "*") or fnmatchcase(wanted, pattern):
            return True
        if "@" in wanted and wanted.rpartition("@")[2] == pattern.removeprefix("@"):
            return True
        if "/" in pattern and _within(wanted, pattern):
            return True
    return False


def _within(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def values_of(value: Any) -> tuple[str, ...]:
    """The single values of an option's value, as a list of allowed ones has them."""
    if isinstance(value, str):
        return (value or "<>",)
    if isinstance(value, Mapping | tuple):
        return tuple(str(each) for each in value)
    return (str(value),)
