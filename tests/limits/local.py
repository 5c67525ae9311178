"""Limits of one process without a broker, for tests of the rooms that ask for them.

It counts with the ledger and the book the broker and its clients count with, and keeps to limit / workers, as a
worker does that cannot ask.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from relay.limits.interface import Charge, Kind, Limits, Mark, Place, Spent
from relay.limits.ledger import Marks, Places, Strikes, share, told
from relay.limits.spending import Alone
from relay.model.clock import Clock

logger = logging.getLogger("relay.limits")

_ME = 0


class LocalLimits(Limits):
    def __init__(self, workers: int, clock: Clock) -> None:
        self._workers = workers
        self._clock = clock
        self._places: Places[int] = Places()
        self._strikes = Strikes()
        self._marks = Marks()
        self._quotas = Alone(workers, clock)

    async def spend(self, charges: Sequence[Charge], *, force: bool = False) -> Spent | None:
        return self._quotas.spend(charges, force=force)

    async def lease(self, place: Place, key: str, limit: int) -> bool:
        limit = self._strikes.left(place, key, share(limit, self._workers))
        return self._places.lease(_ME, place, key, limit, 1) == 1

    def give_back(self, place: Place, key: str) -> None:
        self._places.give_back(_ME, place, key, 1)

    def mark(self, mark: Mark) -> None:
        self._marks.put(mark, self._clock())

    def unmark(self, kind: Kind, key: str) -> None:
        self._marks.remove(kind, key)

    def marked(self, kind: Kind, key: str) -> Mark | None:
        return self._marks.get(kind, key, self._clock())

    def strike(self, kind: Kind, key: str, *, limit: int, window: float, rest: float, why: str) -> None:
        now = self._clock()
        mark = self._strikes.strike(kind, key, limit=limit, window=window, rest=rest, why=why, now=now)
        if mark is not None:
            logger.warning("%s", told(mark))
            self._marks.put(mark, now)
