"""The grammars of option values: text in, a value of `Options` out, or ValueError with what is wrong.

A grammar gets the values of all fields that set the option, in the order of the header, each decoded and
never empty (an empty field sets nothing); so each grammar decides what a repeated field means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from relay.model.address import printable

Grammar = Callable[[Sequence[str]], Any]

TAGS = 25  # of a message
TAG_OCTETS = 255
_SEPARATOR = re.compile(r"[,;]")


def tags(values: Sequence[str]) -> tuple[str, ...]:
    """Labels, separated by commas or semicolons, or in several fields: their union, in order.

    White space around a label is none of it; inside it is refused, since logs and queries part labels there.
    """
    found: dict[str, None] = {}
    for value in values:
        for item in _SEPARATOR.split(value):
            tag = item.strip()
            if not tag:
                continue
            if any(each.isspace() for each in tag):
                raise ValueError(f"a tag has no white space: {printable(tag, 60)}")
            if not tag.isprintable():
                raise ValueError(f"a tag has no control characters: {printable(tag, 60)}")
            if len(tag.encode()) > TAG_OCTETS:
                raise ValueError(f"a tag has at most {TAG_OCTETS} octets: {printable(tag, 60)}")
            found[tag] = None
    if len(found) > TAGS:
        raise ValueError(f"a message has at most {TAGS} tags, not {len(found)}")
    return tuple(found)
