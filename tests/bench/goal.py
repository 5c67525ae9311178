"""Names of the systems, and what a load has to reach."""

from __future__ import annotations

import dataclasses

DIRECT, RELAY, POSTFIX = "direct", "relay", "postfix"
RATE, P99, CPU = "rate", "p99", "cpu_ms"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A ratio relay has to reach: at least, or with p99 and CPU at most."""

    figure: str = RATE  # or P99, CPU
    goal: float | None = None
    least: float | None = None
    cpu_ms: float | None = None  # relay's CPU per message, at most

    @property
    def smaller(self) -> bool:
        """Whether less of it is better."""
        return self.figure != RATE


NO_GOAL = Goal()
