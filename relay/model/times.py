"""Values with times in them, for people and programs outside: numbers become RFC 3339 text.

In:  JSON's types, as events and explanations have them. Out: the same with its times as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay.model.clock import iso

# Words whose numbers are seconds since 1970.
TIMES = frozenset({"at", "received", "deadline", "next", "next_attempt", "ended", "until", "due", "arrival"})
_CLIENTS = frozenset({"metadata", "options"})  # what stands in them is not ours to read


def times_as_text(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _value(name, inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [times_as_text(each) for each in value]
    return value


def _value(name: str, value: Any) -> Any:
    if name in TIMES and isinstance(value, int | float) and not isinstance(value, bool):
        return iso(value)
    return value if name in _CLIENTS else times_as_text(value)
