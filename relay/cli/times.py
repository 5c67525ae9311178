"""Times as an operator writes them, on the command line and in files."""

from __future__ import annotations

import typer

from relay.manage.times import instant
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
