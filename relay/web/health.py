"""How the relay fares, as a value: what monitoring asks and the first page shows. No IO.

In:  what the supervisor last told of its processes, and when.
Out: `ok`, or `degraded` with the reasons; the HTTP status that says the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from relay import __version__

STALE = 10.0  # seconds after which the supervisor's word no longer counts
LATE = 60.0  # seconds of reporter lag that are worth a warning: search and webhooks are that old


@dataclass(slots=True)
class Seen:
    """What the supervisor last said. `processes`: name -> running, ready, beating, and its own facts."""

    at: float
    processes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def faults(seen: Seen, now: float) -> list[str]:
    if now - seen.at > STALE:
        return [f"the supervisor has said nothing for {now - seen.at:.0f} s"]
    found = []
    for name, facts in seen.processes.items():
        if not facts.get("running"):
            found.append(f"{name} is not running; its successor is on its way")
        elif not facts.get("beating"):
            found.append(f"{name} is silent")
        elif not facts.get("ready"):
            found.append(f"{name} is starting")
    lag = reporter_lag(seen)
    if lag is not None and lag > LATE:
        found.append(f"the reporter is {lag:.0f} s behind: search is that old")
    return found


def reporter_lag(seen: Seen) -> float | None:
    """Seconds; None while the reporter has not told."""
    lag = seen.processes.get("reporter", {}).get("lag")
    return float(lag) if isinstance(lag, int | float) else None


def health(seen: Seen, now: float) -> tuple[int, dict[str, Any]]:
    """HTTP status and body: 200 while all is well, 503 with the reasons else."""
    found = faults(seen, now)
    body = {
        "status": "degraded" if found else "ok",
        "version": __version__,
        "processes": {
            name: {word: bool(facts.get(word)) for word in ("running", "ready", "beating")}
            for name, facts in seen.processes.items()
        },
        "reporter": {"lag": reporter_lag(seen)},
        "faults": found,
    }
    return (503 if found else 200), body
