"""Notices that the clock was set, and has delivery begin anew.

In:  a clock that can be set, and one that cannot.
Out: a call for each time it was.

What delivery remembers of sites, routes and hosts it remembers with times. With the clock an hour back a site that
was to rest for a minute would rest for an hour, and with it all mail for it, fresh mail too. Pauses and bans are
moved by the broker, which sees the same (`relay.limits.broker`); the rest is soon learnt again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from relay.model.clock import Clock

logger = logging.getLogger("relay.worker")

LOOK = 2.0  # seconds between looks
STEP = 5.0  # seconds; a slow correction is no step


def steady_clock() -> float:
    """Seconds that nobody sets, and that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


async def watch(stepped: Callable[[], Awaitable[None]], clock: Clock, steady: Clock, every: float = LOOK) -> None:
    """Until cancelled. Raises what `stepped` raises."""
    offset = clock() - steady()
    while True:
        await asyncio.sleep(every)
        before, offset = offset, clock() - steady()
        if abs(offset - before) >= STEP:
            logger.warning("the clock was set by %+.0f s: delivery looks anew at all that waits", offset - before)
            await stepped()
