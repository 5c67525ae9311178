"""Times as people write them, on a command line, in files, and in requests. The clock is given."""

from __future__ import annotations

from datetime import UTC, datetime


def ahead_or_at(text: str, now: float) -> float:
    """A time, or how long from now. Raises ValueError. The time goes first: 20260501 is a date, and not seconds."""
    from relay.config import parse_duration

    try:
        return instant(text)
    except ValueError:
        return now + parse_duration(text)


def ago_or_at(text: str, now: float) -> float:
    """A time, or how long before now. Raises ValueError."""
    from relay.config import parse_duration

    try:
        return instant(text)
    except ValueError:
        return now - parse_duration(text)


def instant(text: str) -> float:
    """RFC 3339, or its date alone; without a zone it is UTC. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
