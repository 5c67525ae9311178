"""Forms and queries as PHP reads them: `tags[]=a&tags[]=b`, `dsn[notify]=NEVER`, `to[0][name]=Ann`. Pure.

In:  application/x-www-form-urlencoded octets.
Out: nested mappings and lists of text; or ValueError, which says what is wrong.

A name without brackets that comes twice has its last value, as in PHP; `a[]` takes the number behind the highest
there is. Keys that are 0, 1, 2, ... in order make a list. Text is UTF-8.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_to_bytes

FIELDS = 20_000
PIECE = 64 << 10  # octets of a value that are unquoted at once: each escape is an object while they are
DEPTH = 10
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


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
        return _unquoted(octets.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8") from error


def _unquoted(octets: bytes) -> bytes:
    if len(octets) <= PIECE or b"%" not in octets:
        return unquote_to_bytes(octets)
    made, start = bytearray(), 0
    while start < len(octets):
        end = start + PIECE
        cut = octets.rfind(b"%", end - 2, end)
        end = cut if cut > start else end  # no escape is cut in two
        made += unquote_to_bytes(octets[start:end])
        start = end
    return bytes(made)


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


class _Node(dict[str, Any]):
    """What stands under a name, by key."""

    next = 0  # the key that `[]` takes

    def key(self, given: str) -> str:
        if not given:
            given = str(self.next)
        if _INDEX.fullmatch(given):
            self.next = max(self.next, int(given) + 1)
        return given


def _put(root: dict[str, Any], keys: list[str], value: str) -> None:
    if len(keys) == 1:
        root[keys[0]] = value
        return
    node = root.get(keys[0])
    if not isinstance(node, _Node):
        node = root[keys[0]] = _Node()
    for key in keys[1:-1]:
        key = node.key(key)
        below = node.get(key)
        if not isinstance(below, _Node):
            below = node[key] = _Node()
        node = below
    node[node.key(keys[-1])] = value


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inside = {key: _listed(each) for key, each in value.items()}
    if inside and all(key == str(place) for place, key in enumerate(inside)):
        return list(inside.values())
    return inside
