"""How one option is tried by every door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from relay.model.envelope import Parameters


@dataclass(frozen=True, kw_only=True)
class Case:
    """How an option is tried. Values are text or JSON; the first of `good` is used wherever one is enough."""

    good: tuple[tuple[Any, Any], ...]  # as written, and what `Options` has then
    bad: tuple[Any, ...]
    again: Any  # another good value
    again_value: Any
    denied: tuple[Any, str, Mapping[str, Any]] | None = (
        None  # a value, the text of its refusal, defaults it is held to
    )
    esmtp: tuple[Parameters, Mapping[str, Any], Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)  # what the credential has beside


def needs(name: str, grant: str) -> str:
    return f"550 5.7.1 option {name} needs grant {grant}"
