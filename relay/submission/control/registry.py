"""The table of options: every option a message can set, by whatever door.

In:  a name as somebody wrote it. Out: its option, or the nearest name there is.

Names are compared without regard to case, `-` and `_`, after the prefix. A new option is a line here, a
field of `relay/model/options.py`, and a grammar where none of the old ones fits; the readers of headers, REST
properties and documentation all go by this table.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from relay.submission.control import grammar
from relay.submission.control.grammar import Grammar

PREFIX = "X-SMTPeter-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    name: str  # everywhere but in headers; the field of Options
    header: str  # behind the prefix, as the documentation spells it
    aliases: tuple[str, ...] = ()  # further names behind the prefix
    type: str  # what the value is, in a few words
    grammar: Grammar
    help: str  # one sentence


OPTIONS: tuple[Option, ...] = (
    Option(
        name="tags",
        header="Tags",
        type="labels separated by commas or semicolons; or several fields",
        grammar=grammar.tags,
        help="Labels for search and statistics, at most 25 of 255 octets, without white space.",
    ),
)


def squeezed(name: str) -> str:
    """What of a name counts when names are compared."""
    return name.lower().replace("-", "").replace("_", "")


def _names(options: tuple[Option, ...]) -> Mapping[str, Option]:
    table: dict[str, Option] = {}
    for option in options:
        for name in {squeezed(each) for each in (option.name, option.header, *option.aliases)}:
            if name in table:
                raise ValueError(f"two options are called {name}")
            table[name] = option
    return table


_BY_NAME = _names(OPTIONS)


def find(name: str) -> Option | None:
    """The option of that name (what follows the prefix of a header, or the name of a property)."""
    return _BY_NAME.get(squeezed(name))


def nearest(name: str) -> Option | None:
    """The option whose name is most like this one, if one is like it at all."""
    near = difflib.get_close_matches(squeezed(name)[:80], list(_BY_NAME), n=1)
    return _BY_NAME[near[0]] if near else None


def header_of(option: Option) -> str:
    """`X-SMTPeter-Tags`"""
    return PREFIX + option.header
