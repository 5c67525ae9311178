"""How much comes to one return path: whoever has seen one can write to it, and nobody has a hundred bounces to send.

In:  the ids of the recipients a message is for, and the time. Out: whether it is taken.

Why so: each process counts for itself and forgets at its end. What is to be stopped is thousands of messages to one
address; whether it takes a hundred a day or some hundreds makes no difference to anybody.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

DAY = 86_400.0
KNOWN = 50_000  # return paths counted at once; the one that was written to longest ago is forgotten first


class Flood:
    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()  # until when, and how many so far

    def full(self, recipients: Iterable[str], limit: int, now: float) -> bool:
        """Whether one of them has had `limit` messages within a day that began with its first."""
        return any(self._count(each, now) >= limit for each in recipients)

    def add(self, recipients: Iterable[str], now: float) -> None:
        """A message is taken for these."""
        for each in recipients:
            until, count = self._seen.pop(each, (0.0, 0))
            self._seen[each] = (until, count + 1) if now < until else (now + DAY, 1)
        while len(self._seen) > KNOWN:
            self._seen.popitem(last=False)

    def _count(self, recipient: str, now: float) -> int:
        until, count = self._seen.get(recipient, (0.0, 0))
        return count if now < until else 0
