"""What is sent: one event or many, as JSON or as a form. Pure.

In:  mappings of JSON's types.
Out: octets and their content type.

A form has nested names as PHP and others read them: `tags[]=a&tags[]=b`, `message[id]=...`; truth is `true` or
`false`. It holds one event, so a batch is JSON: a list.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from relay.model.webhook import Format

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"


def write(events: Sequence[Mapping[str, Any]], form: Format, batched: bool) -> tuple[bytes, str]:
    """Raises ValueError: several events where there is room for one."""
    if not batched and len(events) != 1:
        raise ValueError("one event a request")
    if form is Format.FORM:
        return urlencode(list(_pairs(events[0]))).encode("ascii"), FORM_TYPE
    value = list(events) if batched else events[0]
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"), JSON_TYPE


def _pairs(given: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, str | bytes]]:
    for name, value in given.items():
        yield from _value(f"{within}[{name}]" if within else name, value)


def _value(name: str, value: Any) -> Iterator[tuple[str, str | bytes]]:
    if isinstance(value, Mapping):
        yield from _pairs(value, name)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _value(f"{name}[]", each)
    else:
        yield name, _text(value).encode("utf-8", "replace")


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
