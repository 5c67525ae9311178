"""Time, as an argument.

A time in this project is a float: seconds since 1970-01-01 UTC, as `time.time` gives it. Stores keep
it, cores compute with it, and only the edges that print (Received, Date, logs, the command line) turn
it into text. Durations are floats of seconds, too; names end in `_seconds` where the type does not tell.

Why so: the hot path compares and stores times by the thousand, and an aware `datetime` costs ten
times as much there and says nothing more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

Clock = Callable[[], float]

system_clock: Clock = time.time


def iso(at: float) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-01-31T12:00:00.123Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rfc5322(at: float) -> str:
    """The date form of header fields (RFC 5322 section 3.3), in UTC."""
    return _rfc5322(int(at))


@lru_cache(maxsize=16)  # a busy relay asks for the same second hundreds of times
def _rfc5322(at: int) -> str:
    return format_datetime(datetime.fromtimestamp(at, UTC))
