"""Taking a person's address out of what was written about others, too. Pure.

In:  an address, and text or JSON values.
Out: the same with `erased@invalid` in its place, wherever it stands by itself: as a value, as a key, in a
     reply or a line of a conversation. An address that merely ends or begins like it stays.
"""

from __future__ import annotations

import json
import re
from typing import Any

ERASED = "erased@invalid"

# Whose login it was is for the registry to forget; the message's own id is nobody's name.
_IDENTITY = frozenset({"event", "account", "credential", "message"})
_OF_CLIENT = frozenset({"client", "user_agent", "referer"})
_BEFORE = r"(?<![^\W_])(?<![.+_~^&%$#!*?`-])"  # no letter or digit, nor what joins them in a local part
_AFTER = r"(?![^\W_]|-|\.[^\W_])"  # the domain ends here


class Eraser:
    def __init__(self, address: str) -> None:
        """Raises ValueError: that is no address."""
        local, _, domain = address.rpartition("@")
        if not (local and domain) or address != address.strip():
            raise ValueError(f"not an address to erase: {address!r}")
        self.folded = address.casefold()
        # As it stands in JSON text, for a first look: escaped where quotes are in it.
        self.needle = json.dumps(self.folded, ensure_ascii=False)[1:-1]
        self._pattern = re.compile(_BEFORE + re.escape(address) + _AFTER, re.IGNORECASE)

    def is_theirs(self, address: str) -> bool:
        return address.casefold() == self.folded

    def text(self, text: str) -> str:
        return self._pattern.sub(ERASED, text)

    def value(self, value: Any) -> Any:
        """A JSON value without the address, its keys included."""
        if isinstance(value, str):
            return ERASED if self.is_theirs(value) else self.text(value)
        if isinstance(value, list):
            return [self.value(each) for each in value]
        if isinstance(value, dict):
            return {self.value(key): self.value(each) for key, each in value.items()}
        return value

    def event(self, text: str) -> str:
        """An event's JSON without the address; the same text when it was not in it."""
        given = json.loads(text)
        cleaned = {key: each if key in _IDENTITY else self.value(each) for key, each in given.items()}
        if cleaned == given:
            return text
        if cleaned.get("to") == ERASED:  # where somebody was who opened it or clicked is theirs, too
            cleaned = {key: each for key, each in cleaned.items() if key not in _OF_CLIENT}
        return json.dumps(cleaned, ensure_ascii=False, separators=(",", ":"))
