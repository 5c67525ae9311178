"""The options of a message: what the client asked for, once every door has been heard.

One frozen value, whatever the door: control headers, ESMTP parameters or REST properties. The
registry of options (names, grammar, permissions, help) is `relay/submission/control/registry.py`;
a field stands here for every option it knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    tags: tuple[str, ...] = ()  # labels for search and statistics; never seen by the recipient

    def as_dict(self) -> dict[str, Any]:
        """The options that differ from their default, in JSON's types."""
        given: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if value != each.default:
                given[each.name] = list(value) if isinstance(value, tuple) else value
        return given

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Options:
        """The reverse of `as_dict`; options of a later version are left out."""
        known = {each.name for each in fields(cls)}
        return cls(
            **{
                name: tuple(value) if isinstance(value, list) else value
                for name, value in given.items()
                if name in known
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Options with their provenance, and what was worth a warning on the way."""

    options: Options = Options()
    sources: Mapping[str, str] = field(default_factory=dict)  # option -> "header X-SMTPeter-Tags"
    warnings: tuple[str, ...] = ()


NOTHING_ASKED = Resolved()
