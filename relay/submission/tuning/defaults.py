"""The values that a template's document has for placeholders nobody else gives.

In:  the text of a document, JSON. Out: values by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

DOCUMENTS = 16  # remembered: one template is mostly put on many messages


@lru_cache(maxsize=DOCUMENTS)
def defaults(document: str) -> Mapping[str, Any]:
    found = json.loads(document).get("data") if '"data"' in document else None
    return found if isinstance(found, Mapping) else {}
