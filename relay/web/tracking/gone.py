"""Who was erased a moment ago: what is still in memory of them is not told to any disk any more.

In:  orders to erase an address, when this process hears of them. Out: whether a recipient is meant.

Why so: recipients are remembered for half a minute, and what they did waits for some seconds; both would bring back,
as new events, what the order has just taken out. Mail that was taken after the order is mail to somebody new.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

from relay.store.erasure import ERASED
from relay.store.interface import Tracked

REMEMBERED = 10_000  # addresses


class Gone:
    def __init__(self) -> None:
        self._orders: OrderedDict[str, float] = OrderedDict()  # when each address was erased, the last time

    def add(self, address: str, at: float) -> None:
        address = address.casefold()
        self._orders[address] = max(at, self._orders.pop(address, at))
        if len(self._orders) > REMEMBERED:
            self._orders.popitem(last=False)

    def __contains__(self, tracked: Tracked) -> bool:
        if not self._orders:
            return False
        at = self._orders.get(tracked.address.casefold())
        return at is not None and tracked.received <= at

    def without(self, tracked: Tracked) -> Tracked:
        """The recipient as the store has it, or will in a moment."""
        return replace(tracked, address=ERASED) if tracked in self else tracked
