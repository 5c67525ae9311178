"""The grammars of tags and metadata.

In:  text or JSON. Out: a tuple of labels, a mapping of JSON's scalars; or ValueError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from relay.submission.control.grammar import items, pairs, plain_text, shown

TAGS = 25  # of a message
TAG_OCTETS = 255
KEYS = 64  # of metadata
KEY_OCTETS = 128
VALUE_OCTETS = 1000
METADATA_OCTETS = 16 << 10

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # a tab may stay


def tags(value: Any) -> tuple[str, ...]:
    """Labels, separated by commas or semicolons.

    White space around a label is none of it; inside it is refused, since logs and queries part labels there.
    """
    found: dict[str, None] = {}
    for item in items(value, semicolons=True):
        tag = item.strip() if isinstance(item, str) else plain_text(item)
        if not tag:
            continue
        if any(each.isspace() or each in ",;" for each in tag):
            raise ValueError(f"a tag has no white space, comma or semicolon: {shown(tag)}")
        if not tag.isprintable():
            raise ValueError(f"a tag has no control characters: {shown(tag)}")
        if len(tag.encode()) > TAG_OCTETS:
            raise ValueError(f"a tag has at most {TAG_OCTETS} octets: {shown(tag)}")
        found[tag] = None
    return tuple(found)


def few_tags(found: tuple[str, ...]) -> None:
    """The limit of all tags of a message."""
    if len(found) > TAGS:
        raise ValueError(f"a message has at most {TAGS} tags, not {len(found)}")


def metadata(value: Any) -> dict[str, Any]:
    """Texts by key; in JSON also numbers, true, false."""
    return {metadata_key(key): metadata_value(each) for key, each in pairs(value).items() if each is not None}


def metadata_key(key: str) -> str:
    key = plain_text(key).strip()
    if not key:
        raise ValueError("a key of metadata that is empty")
    if len(key.encode()) > KEY_OCTETS:
        raise ValueError(f"a key of metadata has at most {KEY_OCTETS} octets: {shown(key)}")
    return key


def metadata_value(value: Any) -> Any:
    if isinstance(value, bool | int | float):
        if len(repr(value)) > VALUE_OCTETS:
            raise ValueError(f"a value of metadata has at most {VALUE_OCTETS:,} octets")
        return value
    if not isinstance(value, str):
        raise ValueError(f"a value of metadata is a text, a number, true or false, not {shown(value)}")
    if _CONTROL.search(value):
        raise ValueError(f"a value of metadata has no control characters: {shown(value)}")
    if len(value.encode()) > VALUE_OCTETS:
        raise ValueError(f"a value of metadata has at most {VALUE_OCTETS:,} octets: {shown(value)}")
    return value


def little_metadata(found: Mapping[str, Any]) -> None:
    """The limits of all metadata of a message."""
    if len(found) > KEYS:
        raise ValueError(f"at most {KEYS} keys of metadata, not {len(found)}")
    octets = sum(len(key.encode()) + len(str(value).encode()) for key, value in found.items())
    if octets > METADATA_OCTETS:
        raise ValueError(f"at most {METADATA_OCTETS >> 10} KiB of metadata, not {octets:,} octets")
