"""How many connections a site may have at once: slow open, quick retreat, and a rest for the dead.

In:  one verdict after each delivery or broken connection, and the time.
Out: the number of connections allowed now.

No clock and no timer inside: time comes in as an argument, so a test lives through a day in a microsecond.

Why so: a window halves once for each round of failures, not once for each of its connections: when a host
restarts, all its connections are lost together, and that is one piece of news. Hence `since`, as TCP does it
with its window. A site that stays dead rests longer each time, up to half an hour: it costs little to ask
it again, and its mail has deadlines.
"""

from __future__ import annotations

from dataclasses import dataclass

START = 2.0  # connections to a site we know nothing of
LONGEST_REST = 1800.0  # seconds


@dataclass(slots=True)
class Window:
    ceiling: int  # connections, never more
    rest: float = 120.0  # seconds of silence after the site is called dead for the first time
    allowed: float = START  # connections; fractions add up to the next whole one
    dead_until: float = 0.0
    deaths: int = 0  # in a row, without a delivery between them
    retreated: float = 0.0  # when the window shrank last

    def connections(self, now: float) -> int:
        """Connections allowed now: 0 while the site rests, then 1 to find out whether it is back."""
        return 0 if now < self.dead_until else max(1, min(int(self.allowed), self.ceiling))

    def delivered(self) -> None:
        """The site took a message, or refused one in good order: it is well."""
        # Grow by one connection for each window full of successes, not for each success: a burst of small
        # messages must not open the ceiling at once.
        self.allowed = min(float(self.ceiling), self.allowed + 1 / self.allowed)
        self.deaths = 0
        self.dead_until = 0.0

    def forgive(self) -> None:
        """Somebody knows that the site is back: ask it now."""
        self.dead_until = 0.0
        self.deaths = 0

    def unreachable(self, now: float, since: float | None = None) -> bool:
        """The site failed: no connection, no greeting, or 421. Refused recipients do not count.

        `since` is when the failed connection or transaction began; one that began before the last retreat
        is old news. Returns whether the site is dead now and rests until `dead_until`.
        """
        if now < self.dead_until:
            return True
        if since is not None and since < self.retreated:
            return False
        self.retreated = now
        self.allowed = self.allowed / 2
        if self.allowed >= 1:
            return False
        self.allowed = 1.0
        self.dead_until = now + min(LONGEST_REST, self.rest * 2.0**self.deaths)
        # Bounded, or the power overflows for a site that is gone for good.
        self.deaths = min(self.deaths + 1, 30)
        return True
