"""Who wants no more: asked of the list of suppressions, and told to the reporter as events.

In:  a recipient and a wish.
Out: events on disk before anybody hears that it is done.

What was done a moment ago is remembered, since the reporter carries it into the list a little later: so a page shows
it at once, and a wish that is repeated causes no second event. Only for seconds: whom an operator took from the list
since is to be believed when he asks to be on it again.

Taking mail back is done `BACK` times a day for a message at most: whoever turned it off and on without end would fill
the disk, one event each. Giving it up is never refused.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from relay.config.tracking import ClientAddress
from relay.model.clock import Clock
from relay.store.interface import NotFound, Tracked
from relay.web.tracking.asked import Asked
from relay.web.tracking.consent import ALL, Wish, groups_of
from relay.web.tracking.gone import Gone
from relay.web.tracking.happened import unsubscribed
from relay.web.tracking.journal import Record
from relay.web.tracking.often import Often
from relay.web.tracking.pages import Standing

REMEMBERED = 10_000  # wishes
FOR = 10.0  # seconds; the reporter is sooner
BACK = 100  # times a day

Unsubscribed = Callable[[str, str, str], bool]  # account, address, group: is it on the list for that?


class TooOften(Exception):
    """Somebody took mail back often enough for today."""


class Consents:
    def __init__(
        self,
        record: Record,
        listed: Unsubscribed,
        clock: Clock,
        gone: Gone | None = None,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._record = record
        self._listed = listed
        self._clock = clock
        self._steady = steady
        self._gone = gone if gone is not None else Gone()
        self._often = Often(BACK)
        self._recent: OrderedDict[tuple[str, str, str], tuple[float, bool]] = OrderedDict()

    def off(self, tracked: Tracked, group: str) -> bool:
        """Whether the recipient gave up this group, by a word of its own. Raises StoreDown."""
        key = (tracked.account, tracked.address, group)
        recent = self._recent.get(key)
        if recent is not None and self._steady() - recent[0] <= FOR:
            return recent[1]
        return self._listed(*key)

    def standing(self, tracked: Tracked) -> Standing:
        """Raises StoreDown."""
        return Standing(
            domain=domain_of(tracked),
            address=tracked.address,
            all_off=self.off(tracked, ALL),
            groups=[(each, not self.off(tracked, each)) for each in groups_of(tracked.options)],
        )

    async def carry_out(self, tracked: Tracked, asked: Asked, wish: Wish, how: ClientAddress) -> None:
        """Returns once it is on disk.

        Raises:
            StoreDown, StoreFull, NotFound: nothing was done.
            TooOften: nothing was taken back.
        """
        if tracked in self._gone:  # while the request came in
            raise NotFound(f"{tracked.message}-{tracked.number} was erased")
        now = self._clock()
        changes = [(each, True) for each in wish.off] + [(each, False) for each in wish.on]
        changes = [(group, off) for group, off in changes if self.off(tracked, group) is not off]
        if not changes:
            return
        refused = any(not off for _, off in changes) and not self._often.take(
            (tracked.message, tracked.number), self._steady()
        )
        if refused:
            changes = [(group, off) for group, off in changes if off]
        if changes:
            await self._record(
                [
                    unsubscribed(now, tracked, asked, how, via=wish.via, group=group, back=not off)
                    for group, off in changes
                ]
            )
        for group, off in changes:
            self._recent[tracked.account, tracked.address, group] = (self._steady(), off)
            self._recent.move_to_end((tracked.account, tracked.address, group))
        while len(self._recent) > REMEMBERED:
            self._recent.popitem(last=False)
        if refused:
            raise TooOften


def domain_of(tracked: Tracked) -> str:
    """Whose mail it was, as its reader knows them."""
    return tracked.author or tracked.sender.rpartition("@")[2] or "this sender"
