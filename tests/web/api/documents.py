"""ResponsiveEmail documents that tests of templates use."""

from __future__ import annotations

import copy
from typing import Any

_NEWS: dict[str, Any] = {
    "name": "News",
    "from": {"name": "Shop", "address": "me@example.com"},
    "subject": "News for {$name}",
    "data": {"name": "you"},
    "content": {
        "blocks": [
            {"type": "heading", "content": "Hello {$name}"},
            {"type": "text", "content": "What is new at {$shop|default:'ours'}."},
        ]
    },
}


def news(**more: Any) -> dict[str, Any]:
    """A document; a property that is None is left out."""
    made = copy.deepcopy(_NEWS) | more
    return {name: value for name, value in made.items() if value is not None}
