"""Times in requests. Pure."""

from __future__ import annotations

from relay.manage.times import instant
from relay.model.address import printable
from relay.web.api.problem import Problem


def moment(name: str, text: str | None) -> float | None:
    """Seconds since 1970 of a parameter in RFC 3339, or a date alone, in UTC where it has no zone. Raises Problem."""
    if not text:
        return None
    try:
        return instant(text.strip())
    except (ValueError, OverflowError):
        wanted = "a date, or a date and time, such as 2026-01-31T12:00:00Z"
        raise Problem(
            "bad_parameter", f"{name}: expected {wanted}, not {printable(text, 60)!r}", field=name
        ) from None
