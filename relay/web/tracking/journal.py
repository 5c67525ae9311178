"""Opens and clicks wait here for a moment, then go into the journal together.

In:  what happened, from handlers that have answered already, or are about to.
Out: events in the shard of this process, on disk, at most `WINDOW` and a commit later.

What happens to one recipient's message stays together for WINDOW, or half of it at least, so that a burst can be
judged; and one fsync serves all that came in the other half. There is room for `most`; who comes when there is none
waits (`add`), up to `PATIENCE`. What finds no room even then is counted and said in the log.

Of one recipient's message `EACH` are kept in a day: who follows one link without end is not told of without end.

Why so: an answer is not kept back until an event is on disk, since a reader waits for it; so a kill loses the opens
and clicks of the last seconds. An orderly end (`stop`) writes all of them. Unsubscribing does not go through here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from relay.model.event import Event, EventName
from relay.store.interface import StoreDown, StoreFull, Tracked
from relay.web.tracking.gone import Gone
from relay.web.tracking.happened import Happened, event_of
from relay.web.tracking.machines import BURST, burst
from relay.web.tracking.often import Often

logger = logging.getLogger("relay.web")

WINDOW = 2.0  # seconds
MOST = 20_000  # that wait at once
EACH = 1000  # of one recipient's message in a day; a newsletter may have sixty pictures, each of them an open
BATCH = 500  # events in one write
PATIENCE = 5.0  # seconds a request waits for room
RETRY = 2.0  # seconds between tries of a write that failed
LAST_TRIES = 3  # of a write, once the process is to end
TELL_EVERY = 60.0  # seconds between words in the log about what found no room

Record = Callable[[Sequence[Event]], Awaitable[None]]
_Group = tuple[float, list[Happened]]  # steady time of the first, and all


class Journal:
    def __init__(
        self,
        record: Record,
        gone: Gone | None = None,
        *,
        window: float = WINDOW,
        most: int = MOST,
        patience: float = PATIENCE,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """`record` writes events, and returns once they are on disk; it raises StoreDown or StoreFull."""
        self._record = record
        self._window = window
        self._most = most
        self._patience = patience
        self._steady = steady
        self._often = Often(EACH)
        self._gone = gone if gone is not None else Gone()
        self._groups: dict[tuple[str, int], _Group] = {}  # by message and recipient; the oldest first
        self._ready: list[tuple[Tracked, Event]] = []  # judged, but not yet written
        self._count = 0  # of both
        self._room = asyncio.Condition()
        self._work = asyncio.Event()
        self._stopping = asyncio.Event()
        self._lost = 0
        self._tell_at = 0.0

    @property
    def waiting(self) -> int:
        return self._count

    @property
    def lost(self) -> int:
        """How many found no room, since the start."""
        return self._lost

    def offer(self, what: Happened) -> bool:
        """Take it, if there is room; or pass over it, where there was enough of the kind."""
        if self._count >= self._most:
            return False
        key = (what.tracked.message, what.tracked.number)
        if not self._often.take(key, self._steady()):
            return True
        group = self._groups.get(key)
        if group is None:
            self._groups[key] = (self._steady(), [what])
        else:
            group[1].append(what)
        self._count += 1
        self._work.set()
        return True

    async def add(self, what: Happened) -> bool:
        """Take it, if there is room or will be soon; False: it was lost, and the log says so."""
        if self.offer(what):
            return True
        try:
            async with asyncio.timeout(self._patience), self._room:
                await self._room.wait_for(lambda: self._count < self._most)
                return self.offer(what)
        except TimeoutError:
            self._lost += 1
            if (now := self._steady()) >= self._tell_at:
                self._tell_at = now + TELL_EVERY
                logger.error("no room for opens and clicks: %d were not kept since the start", self._lost)
            return False

    def stop(self) -> None:
        """Let `run` write what waits, and return."""
        self._stopping.set()
        self._work.set()

    async def run(self) -> None:
        """Write until told to stop."""
        while not self._stopping.is_set():
            await self._work.wait()
            if not self._groups and not self._ready:
                self._work.clear()
                continue
            await self._pause(self._due())
            self._judge(self._steady() - self._window / 2)
            if not await self._write():
                await self._pause(RETRY)
        self._judge(self._steady())
        for _ in range(LAST_TRIES):
            if await self._write():
                return
        logger.error("%d opens and clicks cannot be written, and are lost", len(self._ready))

    def _due(self) -> float:
        """Seconds until the oldest group has waited long enough."""
        if self._ready or not self._groups:
            return 0.0
        first, _ = next(iter(self._groups.values()))
        return first + self._window - self._steady()

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self._stopping.wait()
            except TimeoutError:
                pass

    def _judge(self, before: float) -> None:
        """Groups that began until then become events."""
        while self._groups:
            key, (first, group) = next(iter(self._groups.items()))
            if first > before:
                return
            del self._groups[key]
            clicks = [(each.at, each.link or 0) for each in group if each.name is EventName.CLICKED]
            quick = BURST if burst(clicks) else None
            self._ready += [
                (each.tracked, event_of(each, quick if each.name is EventName.CLICKED else None)) for each in group
            ]

    async def _write(self) -> bool:
        """Whether all that is ready is on disk now."""
        while self._ready:
            batch = self._ready[:BATCH]
            try:
                if told := [event for tracked, event in batch if tracked not in self._gone]:
                    await self._record(told)
            except (StoreDown, StoreFull) as error:
                logger.error("%d opens and clicks wait: %s", len(self._ready), error)
                return False
            del self._ready[: len(batch)]
            self._count -= len(batch)
            async with self._room:
                self._room.notify_all()
        return True
