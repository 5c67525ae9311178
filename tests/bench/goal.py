"""Names of the systems, and what a load has to reach."""

from __future__ import annotations

import dataclasses

DIRECT, RELAY, POSTFIX = "direct", "relay", "postfix"
RATE, P99 = "rate", "p99"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A ratio relay has to reach: at least, or with p99 at most."""

    figure: str = RATE  # or p99: there smaller is better
    goal: float | None = None
    least: float | None = None
    cpu_ms: float | None = None  # relay's CPU per message, at most


NO_GOAL = Goal()
