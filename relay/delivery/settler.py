"""Writes down what became of recipients, many at a time: one task and one transaction after the other a shard.

In:  settled recipients, with the reports they cause; recipients to put back.
Out: they are on disk; the scheduler knows what waits; their room in memory is free.

What comes while a transaction is being written joins the next one, so batches are as large as the load.

Why so: a sender need not wait for its own transaction, only for the backlog to be short (`room`). Else a
connection would send as many messages a second as the disk syncs. What a crash sends twice is bounded by twice
BACKLOG.
While the store is down or full nothing is lost: the same batch is tried again, and nobody sends on.

A report quotes the mail it is about and is signed if it can be; a content that cannot be read, or a key, must not
keep the outcomes of all others waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from relay.bounce.notice import Action
from relay.delivery.report import Reporter, news
from relay.delivery.settle import Settled
from relay.model.message import Due, Lane, NewMessage, State, lane_of
from relay.store.interface import Exists, NotFound, Queue, StoreDown, StoreFull

log = logging.getLogger(__name__)
BACKLOG = 100  # outcomes not yet on disk, over which senders wait
BATCH = 500  # settlements in one transaction
PAUSE = (0.1, 1.0)  # seconds after a failed transaction: first, and longest; a crash meanwhile sends twice


class Settler:
    """Of one shard."""

    def __init__(
        self,
        queue: Queue,
        home: Queue,
        *,
        reporter: Reporter,
        sandbox: bool,
        clock: Callable[[], float],
        waits: Callable[[int, Lane, float], None],
        freed: Callable[[int], None],
    ) -> None:
        """`waits` hears of recipients that are queued from now on; `freed` how many left the memory."""
        self._queue = queue
        self._home = home
        self._reporter = reporter
        self._sandbox = sandbox
        self._clock = clock
        self._waits = waits
        self._freed = freed
        self._settled: list[Settled] = []
        self._back: list[tuple[Due, float]] = []
        self._work = asyncio.Event()
        self._short = asyncio.Event()
        self._short.set()
        self._idle = asyncio.Event()
        self._idle.set()

    def put(self, settled: Iterable[Settled]) -> None:
        self._settled += settled
        self._work.set()
        self._idle.clear()
        if len(self._settled) > BACKLOG:
            self._short.clear()

    def put_back(self, dues: Iterable[Due], delay: float = 0.0) -> None:
        """Return recipients to the queue as if they had never been claimed, due after so many seconds."""
        at = self._clock() + delay
        self._back += [(due, at) for due in dues]
        self._work.set()
        self._idle.clear()

    @property
    def crowded(self) -> bool:
        """The backlog is too long to send on."""
        return not self._short.is_set()

    async def room(self) -> None:
        """Until the backlog is short enough to send on."""
        await self._short.wait()

    async def flush(self) -> None:
        """Until all that was put is on disk."""
        await self._idle.wait()

    async def run(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while self._settled or self._back:
                batch, self._settled = self._settled[:BATCH], self._settled[BATCH:]
                back, self._back = self._back, []
                await self._write(batch, back)
                if len(self._settled) <= BACKLOG:
                    self._short.set()
            self._idle.set()

    async def _write(self, batch: Sequence[Settled], back: Sequence[tuple[Due, float]]) -> None:
        reports: list[NewMessage] | None = None
        times: dict[float, list[Due]] = {}
        for due, at in back:
            times.setdefault(at, []).append(due)
        pause = PAUSE[0]
        while True:
            try:
                if reports is None:
                    batch, reports = await self._report(batch)
                if batch:
                    await self._settle(batch, reports)
                    batch = ()
                while times:
                    at, dues = next(iter(times.items()))
                    await self._queue.release(dues, at)
                    del times[at]  # never a second time: somebody may have claimed them again
                    self._released(dues, at)
                return
            except (StoreDown, StoreFull) as error:
                log.error("shard %d: cannot write down outcomes, trying again: %s", self._queue.shard, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, PAUSE[1])

    async def _settle(self, batch: Sequence[Settled], reports: Sequence[NewMessage]) -> None:
        settlements = [each.settlement for each in batch]
        if self._queue is self._home:
            await self._queue.settle(settlements, reports)
        else:
            # An adopted shard: a report's id names the shard that holds it, which is ours. First the report,
            # then the outcome: a crash between them tells the sender twice, never not at all. Not by `add`, which
            # takes nothing on a disk that is nearly full: what is under way must be able to end.
            for report in reports:
                with contextlib.suppress(Exists):  # the second try after a fault in between
                    await self._home.settle((), (report,))
            await self._queue.settle(settlements)
        shard = self._queue.shard
        for each in settlements:
            if each.state is State.QUEUED and each.next_attempt is not None:
                self._waits(shard, _lane(each.due), each.next_attempt)
        for report in reports:
            (first,) = report.recipients
            self._waits(self._home.shard, lane_of(report.message, first.recipient), first.due)
        self._freed(len(settlements))

    def _released(self, dues: Sequence[Due], at: float) -> None:
        for lane in {_lane(each) for each in dues}:
            self._waits(self._queue.shard, lane, at)
        self._freed(len(dues))

    async def _report(self, batch: Sequence[Settled]) -> tuple[list[Settled], list[NewMessage]]:
        """The reports this batch causes; the events of those they tell of name them."""
        alike: dict[tuple[str, Action], list[Settled]] = {}
        for each in batch:
            if (action := news(each, self._sandbox)) is not None:
                alike.setdefault((each.settlement.due.message.id, action), []).append(each)
        if not alike:
            return list(batch), []
        reports, named = [], {}
        for (_, action), those in alike.items():
            content = await self._quoted(those[0])
            report = self._reporter.write(those[0].settlement.due.message, content, action, those)
            reports.append(report)
            named.update({id(each): report.message.id for each in those})
        return [_naming(each, named.get(id(each))) for each in batch], reports

    async def _quoted(self, settled: Settled) -> bytes:
        """What a report quotes; nothing if that cannot be read: the sender hears of it all the same."""
        due = settled.settlement.due
        try:
            return await self._queue.content(due.message.id, due.content)
        except NotFound:
            return b""
        except StoreDown as error:
            log.error("the report about %s goes without its content: %s", due.message.id, error)
            return b""


def _naming(settled: Settled, report: str | None) -> Settled:
    if report is None:
        return settled
    *before, last = settled.settlement.events
    last = replace(last, data={**last.data, "report": report})
    return replace(settled, settlement=replace(settled.settlement, events=(*before, last)))


def _lane(due: Due) -> Lane:
    return lane_of(due.message, due.recipient)
