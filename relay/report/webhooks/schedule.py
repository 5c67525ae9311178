"""When an event is tried again, when it is given up, and when a whole endpoint is left alone. Pure.

In:  how often an event was tried; what an endpoint has answered lately.
Out: the time of the next attempt; the state of the endpoint.

The waits are those that the Standard Webhooks text suggests, about three days in all, each up to a fifth longer.

Why so: an event has its schedule, an endpoint its own. With a hundred thousand events waiting for a receiver that is
away, each on its own schedule would be tried and waited for; so after three failures in a row one request at a time
asks whether it is back, every five minutes at most, and the first success brings all forward that waits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from random import Random

WAITS = (0.0, 5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)  # before each attempt
JITTER = 0.2
PATIENCE = sum(WAITS) * (1 + JITTER) + 3600.0  # an event that waits longer is given up, tried or not
DISABLE_AFTER = 3 * 86_400.0  # of failures and nothing else

DOWN = 3  # failures in a row after which an endpoint counts as away
FIRST_PAUSE = 5.0  # for one that is away; doubles
LONGEST_PAUSE = 300.0
SLOW_PAUSE = 30.0  # for one that asks us to slow down without saying for how long; doubles
LONGEST_SLOW = 900.0
LONGEST_ASKED = 86_400.0  # of what Retry-After may ask
SLOW = frozenset({429, 502, 504})
LONGEST_WAIT = max(LONGEST_ASKED, *WAITS) * (1 + JITTER)
GONE = 410


@dataclass(frozen=True, slots=True)
class Endpoint:
    failures: int = 0  # in a row
    failing_since: float | None = None
    paused_until: float = 0.0
    last_success: float | None = None
    lost: int = 0  # events that found no room

    @property
    def away(self) -> bool:
        return self.failures >= DOWN


def next_attempt(attempts: int, now: float, random: Random) -> float | None:
    """After so many attempts; None: there is no further one."""
    if attempts >= len(WAITS):
        return None
    return now + WAITS[attempts] * (1 + random.uniform(0, JITTER))


def succeeded(endpoint: Endpoint, now: float) -> Endpoint:
    return Endpoint(last_success=now, lost=endpoint.lost)


def failed(endpoint: Endpoint, status: int, retry_after: float | None, now: float, random: Random) -> Endpoint:
    """`status`: of HTTP, 0 without an answer; `retry_after`: seconds the receiver asks for."""
    failures = endpoint.failures + 1
    pause = 0.0
    if retry_after is not None:
        pause = min(retry_after, LONGEST_ASKED)
    elif status in SLOW:
        pause = min(LONGEST_SLOW, SLOW_PAUSE * 2 ** min(failures - 1, 10))
    elif failures >= DOWN:
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures - DOWN, 10))
    if pause and retry_after is None:
        pause *= 1 + random.uniform(0, JITTER)
    return replace(
        endpoint,
        failures=failures,
        failing_since=now if endpoint.failing_since is None else endpoint.failing_since,
        paused_until=max(endpoint.paused_until, now + pause) if pause else endpoint.paused_until,
    )


def hopeless(endpoint: Endpoint, now: float) -> bool:
    return endpoint.failing_since is not None and now - endpoint.failing_since >= DISABLE_AFTER


def seconds_asked(retry_after: str, now: float) -> float | None:
    """What a Retry-After field says (RFC 9110 section 10.2.3); None: nothing that can be read."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        at = parsedate_to_datetime(text)
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        return max(0.0, at.timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None
