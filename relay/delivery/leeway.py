"""More time for mail whose deadline passed only because the machine's clock was set forward.

In:  a clock that can be set, and one that cannot. Out: what is due, with a deadline as far off as it was before.

Why so: lifetimes are seconds that pass, and a clock that is set ten days ahead by mistake would return all mail that
waits before anybody could set it right. So mail that was there before such a step keeps the time it had left, and
never gets more than its whole lifetime from the step on; the report of a delay is put off with it. A clock that
is set back takes back what it gave. A deadline that was given as a time of day (`deliver_by`) follows the clock.
Nothing of this is kept over a restart; by then somebody has looked at the clock.

The two clocks are compared when something would be given up or its sender told of a delay, since the step may be a
moment old.
"""

from __future__ import annotations

from dataclasses import replace

from relay.model.clock import Clock
from relay.model.message import Due, Message

STEP = 5.0  # seconds; a slow correction is no step


class Leeway:
    """One for a process, over all its agents."""

    def __init__(self, clock: Clock, steady: Clock) -> None:
        self._clock = clock
        self._steady = steady
        self._offset = clock() - steady()
        self._ahead = 0.0  # seconds the clock was set forward, all in all
        self._since = 0.0  # when it was, by the new time

    def look(self) -> float:
        """By how many seconds the clock was set since the last look; 0.0 if it was not."""
        offset = self._clock() - self._steady()
        by, self._offset = offset - self._offset, offset
        if abs(by) < STEP:
            return 0.0
        if by > 0:
            self._since = self._clock()
        self._ahead = max(0.0, self._ahead + by)
        return by

    def of(self, due: Due, now: float) -> Due:
        """The recipient as it should be judged; the same object if nothing is to be changed."""
        message = due.message
        if now >= message.deadline or (message.delay_at is not None and now >= message.delay_at):
            self.look()
        if not (self._ahead or due.leeway) or message.received >= self._since:
            return due
        if message.resolved.options.deliver_by is not None:
            return due
        leeway = min(self._ahead, self._since - message.received)
        return (
            due if due.leeway == leeway else replace(due, message=_later(message, leeway - due.leeway), leeway=leeway)
        )


def _later(message: Message, seconds: float) -> Message:
    delay_at = None if message.delay_at is None else message.delay_at + seconds
    return replace(message, deadline=message.deadline + seconds, delay_at=delay_at)
