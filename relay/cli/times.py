"""Times as an operator writes them, on the command line and in files."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from relay.model.clock import system_clock


def ago(text: str, option: str) -> float | None:
    """A time, or how long ago; None for "". Raises BadParameter."""
    return _read(text, option, -1)


def ahead(text: str, option: str) -> float | None:
    """A time, or how long from now; None for "". Raises BadParameter."""
    return _read(text, option, 1)


def _read(text: str, option: str, direction: int) -> float | None:
    from relay.config import parse_duration

    if not text:
        return None
    try:
        return system_clock() + direction * parse_duration(text)
    except ValueError:
        pass
    try:
        return instant(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is neither a time, as 2026-01-31T12:00:00Z, nor a duration, as 2h", param_hint=option
        ) from error


def seconds_of(text: str, option: str = "--wait") -> float:
    """A duration. Raises BadParameter."""
    from relay.config import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def ahead_or_at(text: str) -> float:
    """A time, or how long from now. Raises ValueError. The time goes first: 20260501 is a date, and not seconds."""
    from relay.config import parse_duration

    try:
        return instant(text)
    except ValueError:
        return system_clock() + parse_duration(text)


def instant(text: str) -> float:
    """RFC 3339, or its date alone; without a zone it is UTC. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
