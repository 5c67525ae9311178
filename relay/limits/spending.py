"""Quotas on the wire between a worker and the broker, and what a worker does while the broker is silent.

In:  charges, and the time.
Out: JSON values of charges and back; the answer of our own book; what the broker has to be told afterwards.

Names go as short digests, each list once: a message to ten thousand domains, counted by the hour and by the day
for credential and account, still fits in a line, and nobody's recipients stand in the broker's file.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import math
from collections.abc import Callable, Sequence
from typing import Any

from relay.limits.interface import Charge, Spent
from relay.limits.ledger import share
from relay.limits.quotas import SLOTS, Quotas, too_much
from relay.model.clock import Clock

NAMES = 20_000  # of one charge; a line holds them, and no message has so many domains that this is exact above
OWED = 10_000  # spendings remembered for a broker that is silent


def written(charges: Sequence[Charge]) -> list[Any]:
    """Charges as JSON values."""
    lists: dict[tuple[str, ...], int] = {}
    rows = []
    for each in charges:
        names = lists.setdefault(each.names, len(lists)) if each.names else -1
        rows.append([each.key, each.window, each.limit, each.amount, names])
    return [rows, [sorted({_digest(name) for name in names[:NAMES]}) for names in lists]]


def read(rows: Sequence[Any], lists: Sequence[Any]) -> list[Charge]:
    """The charges that were `written`. Raises ValueError, TypeError or IndexError."""
    tables = [tuple(str(name) for name in names) for names in lists]
    return [
        Charge(str(key), _positive(window), int(limit), int(amount), tables[names] if names >= 0 else ())
        for key, window, limit, amount, names in rows
    ]


class Alone:
    """A worker's own book, for the time without a broker, and what it owes to the broker's."""

    def __init__(self, workers: int, clock: Clock) -> None:
        self._workers = workers
        self._clock = clock
        self._quotas = Quotas()
        self._owed: dict[int, Sequence[Charge]] = {}
        self._expire_at = 0.0

    @property
    def owes(self) -> bool:
        return bool(self._owed)

    def spend(self, charges: Sequence[Charge], *, force: bool, number: int | None = None) -> Spent | None:
        """See `interface.Limits.spend`, of our share; `number` is that of the broker's question, for `settled`."""
        now = self._clock()
        if now >= self._expire_at:
            self._expire_at = now + 60
            self._quotas.expire(now)
        ours = [dataclasses.replace(each, limit=share(each.limit, self._workers)) for each in charges]
        spent = self._quotas.spend(ours, now, force=force)
        if spent is not None:
            spent = self._whole(spent, charges[ours.index(spent.charge)], now)
        if spent is None or (force and spent.until < math.inf):
            if number is not None and len(self._owed) < OWED:
                self._owed[number] = charges
            if spent is not None and too_much(ours[charges.index(spent.charge)]):
                self._quotas.count(ours, now)
        return spent

    def settled(self, number: int) -> None:
        """The broker has this one in its book after all."""
        self._owed.pop(number, None)

    def pay(self, send: Callable[[Sequence[Charge]], bool]) -> None:
        """Hand what is owed to `send`, one spending at a time, until it says no."""
        for number, charges in list(self._owed.items()):
            if not send(charges):
                return
            del self._owed[number]

    def _whole(self, spent: Spent, charge: Charge, now: float) -> Spent:
        """The same, of the whole limit; what is only too much for our share will have room with the broker."""
        until = spent.until
        if until == math.inf and not too_much(charge):
            until = now + charge.window / SLOTS
        return Spent(charge, spent.used, until)


def _positive(window: Any) -> float:
    if not 0 < float(window) < math.inf:
        raise ValueError(f"a window of {window!r} seconds")
    return float(window)


def _digest(name: str) -> str:
    digest = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=6).digest()
    return base64.b64encode(digest).decode()  # 48 bits: of 100,000 domains two coincide once in 50,000 times
