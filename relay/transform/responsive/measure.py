"""How large and how deep a value of JSON is, and whether its names are text, before anybody walks into it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from relay.transform.responsive.error import DocumentError

_HALF = re.compile("[\ud800-\udfff]")
SIZE = 1 << 20  # characters of all texts and names
DEPTH = 20  # objects and arrays within each other
VALUES = 100_000


def measure(values: object, path: str = "") -> None:
    """Raises DocumentError: over a limit; a name that no warning could be made of."""
    size = count = 0
    waiting: list[tuple[object, int]] = [(values, 1)]
    while waiting:
        value, depth = waiting.pop()
        count += 1
        inner: Sequence[object] = ()
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, Mapping):
            size += sum(len(each) for each in value if isinstance(each, str))
            if any(isinstance(each, str) and _HALF.search(each) for each in value):
                raise DocumentError(path, "a property with half a character (a lone surrogate) in its name")
            inner = list(value.values())
        elif isinstance(value, (list, tuple)):
            inner = value
        if depth > DEPTH and inner:
            raise DocumentError(path, f"objects and arrays within each other over {DEPTH} levels")
        if size > SIZE or count > VALUES:
            raise DocumentError(path, f"over the limit of {SIZE} characters and {VALUES} values")
        waiting += [(each, depth + 1) for each in inner]
