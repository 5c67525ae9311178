"""When to try a deferred recipient again, and when to give up. Pure arithmetic.

In:  the waits of the configuration, the attempts made so far, the time, the deadline.
Out: the time of the next attempt, or None: there will be none, so the mail is returned now.

Standard: RFC 5321 section 4.5.4.1 (two attempts in the first hour, then every two or three hours, for four
or five days).

Why so: a wait that would end after the deadline is cut short, so that one last attempt falls shortly before
it. Without it a message with a deadline of an hour would be given up after its first quarter. The last
attempt is made only if it comes at least half of the first wait from now: closer together, two attempts
tell nothing new. It is spread over the last moments like every other, since mail that came together has
its deadline together. When none will follow, the sender hears of it now; the rest of the lifetime would
change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

SPREAD = 600.0  # seconds before the deadline, at most, over which last attempts are spread
MARGIN = 1.0  # seconds before the deadline; an attempt has to begin before it


def next_attempt(
    waits: Sequence[float], *, jitter: float, attempts: int, now: float, deadline: float, random: Random
) -> float | None:
    """Time of the next attempt, always before `deadline`; None when there will be no other.

    Args:
        waits: seconds between attempts, at least one; the last repeats.
        jitter: share by which a wait may be longer or shorter, 0 to less than 1.
        attempts: made so far, at least 1.
        now: when the last attempt ended.
    """
    wait = waits[min(max(attempts, 1), len(waits)) - 1] * random.uniform(1 - jitter, 1 + jitter)
    if now + wait <= deadline - MARGIN:
        return now + wait
    last = deadline - MARGIN - random.uniform(0, min(SPREAD, jitter * waits[0]))
    return last if last - now >= waits[0] / 2 else None
