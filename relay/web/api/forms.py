"""Forms and queries as PHP reads them: `tags[]=a&tags[]=b`, `dsn[notify]=NEVER`, `to[0][name]=Ann`. Pure.

In:  application/x-www-form-urlencoded octets.
Out: nested mappings and lists of text; or ValueError, which says what is wrong.

A name without brackets that comes twice has its last value, as in PHP. Keys that are 0, 1, 2, ... in order make a
list. Text is UTF-8.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

FIELDS = 20_000
DEPTH = 10


def read_form(octets: bytes) -> dict[str, Any]:
    """Raises ValueError."""
    root: dict[str, Any] = {}
    if not octets:
        return root
    if octets.count(b"&") >= FIELDS:
        raise ValueError(f"over {FIELDS:,} fields")
    for pair in octets.split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            _put(root, _keys(_text(name)), _text(value))
    return {name: _listed(value) for name, value in root.items()}


def _text(octets: bytes) -> str:
    try:
        return unquote_to_bytes(octets.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8") from error


def _keys(name: str) -> list[str]:
    """`a[b][]` -> a, b, "" """
    head, bracket, rest = name.partition("[")
    if not bracket or not head:
        return [name]
    keys = [head]
    while rest:
        key, close, rest = rest.partition("]")
        if not close:
            raise ValueError(f"{name[:60]!r}: a bracket is not closed")
        keys.append(key)
        if not rest.startswith("["):
            break
        rest = rest[1:]
    if len(keys) > DEPTH:
        raise ValueError(f"{name[:60]!r}: over {DEPTH} levels")
    return keys


def _put(node: dict[str, Any], keys: list[str], value: str) -> None:
    for key in keys[:-1]:
        key = key if key or node is None else str(len(node))
        below = node.get(key)
        if not isinstance(below, dict):
            below = node[key] = {}
        node = below
    last = keys[-1] if keys[-1] or len(keys) == 1 else str(len(node))
    node[last] = value


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inside = {key: _listed(each) for key, each in value.items()}
    if inside and all(key == str(place) for place, key in enumerate(inside)):
        return list(inside.values())
    return inside
