"""Values of JSON's types out of octets, in a grammar in which every string of octets is one.

    "text NUL   #number NUL   t f n   [ values ]   { name NUL value ... }   anything else is a text, up to its NUL

Why so: octets by chance are hardly ever JSON, and what is behind the decoder would never be seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tests.fuzz.target import Source

DEPTH = 8
_PLAIN: dict[bytes, Any] = {b"t": True, b"f": False, b"n": None, b"": None}


def value(source: Source, depth: int = 0) -> Any:
    first = source.take(1)
    if first in _PLAIN:
        return _PLAIN[first]
    if first == b"[" and depth < DEPTH:
        return many(source, b"]", lambda: value(source, depth + 1))
    if first == b"{" and depth < DEPTH:
        return dict(many(source, b"}", lambda: (source.text(), value(source, depth + 1))))
    if first == b"#":
        return _number(source.text())
    return (b"" if first == b'"' else first).decode("ascii", "replace") + source.text()


def many(source: Source, end: bytes, one: Callable[[], Any]) -> list[Any]:
    found: list[Any] = []
    while (ahead := source.ahead) and ahead != end:
        found.append(one())
    source.take(1)
    return found


def pack(given: Any) -> bytes:
    """The octets of a value: for seeds."""
    if isinstance(given, dict):
        return b"{" + b"".join(name.encode() + b"\0" + pack(each) for name, each in given.items()) + b"}"
    if isinstance(given, list):
        return b"[" + b"".join(map(pack, given)) + b"]"
    if given is None or isinstance(given, bool):
        return {None: b"n", True: b"t", False: b"f"}[given]
    return (f"#{given}" if isinstance(given, int | float) else f'"{given}').encode() + b"\0"


def _number(text: str) -> int | float:
    for kind in (int, float):
        try:
            found = kind(text[:1000])
        except ValueError:
            continue
        if math.isfinite(found) if isinstance(found, float) else True:
            return found
    return 0
