"""The last steps to the 250: the key is reserved, the quota spent, the message on disk, and delivery told.

In:  what was decided about a message, what it costs, and its idempotency key.
Out: that it is stored, perhaps later than it wanted; or the submission that was taken with its key before.

    reserve the key -> claim the campaign -> spend the quota -> queue.add -> keep both -> dispatch

Why so: a session may be cut off while it waits here. With a key or a quota this goes on all the same, in a task of
its own, since a reserved key must reach its end, whoever still listens. Most messages have neither and are spared
the task: whether they are stored then, nobody is told, so those of their recipients who are in flight are put back
into the queue (a write behind the other), lest one is in flight whom delivery does not have. A key is released
where its message was not stored. A process that dies in between leaves a reservation, which is settled when the
shard is opened again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from relay.limits.interface import Limits
from relay.model.light import light
from relay.model.message import Lane, NewMessage, State, lane_of
from relay.model.reply import Refused
from relay.store.beside import Reservation
from relay.store.interface import Queue, StoreDown, StoreFull
from relay.submission.campaigns import Campaigns, Turn
from relay.submission.dispatch import Dispatch
from relay.submission.once import Key, Once
from relay.submission.plan import Plan
from relay.submission.quotas import Cost, delay, refusal
from relay.submission.record import dues

log = logging.getLogger("relay.submission")
T = TypeVar("T")


class Make(Protocol):
    def __call__(
        self, plan: Plan, warnings: tuple[str, ...], flight: bool, had: Collection[int] = (), /
    ) -> NewMessage:
        """The message with more warnings; whether it is in flight; and who had its campaign, by number from 1."""


@light(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A message ready to be stored."""

    at: float  # when it came
    plan: Plan
    replan: Callable[[float], Plan]  # the same, with nothing due before that time; raises Refused
    make: Make
    cost: Cost | None = None
    key: Key | None = None
    turn: Turn | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    other: Reservation | None = None  # it was taken before: this one
    warnings: tuple[str, ...] = ()


_STORED = Stored()


class Storing:
    """For one shard."""

    def __init__(self, queue: Queue, dispatch: Dispatch, limits: Limits, once: Once, campaigns: Campaigns) -> None:
        self._queue = queue
        self._dispatch = dispatch
        self._limits = limits
        self._once = once
        self._campaigns = campaigns
        self._tasks: set[asyncio.Task[Any]] = set()

    async def store(self, parcel: Parcel) -> Stored:
        """Take responsibility for a message.

        Raises:
            Refused: over quota, or its key is in use otherwise.
            StoreFull, StoreDown: not kept.
        """
        if parcel.key is None and parcel.cost is None and parcel.turn is None:
            await self._add(parcel, parcel.plan, ())
            return _STORED
        return await asyncio.shield(self._start(self._store(parcel)))

    async def add(self, new: NewMessage) -> None:
        """Store a message of our own, which waits in the queue. Raises StoreFull, StoreDown."""
        await self._queue.add(new)
        self._tell_waiting(new, State.QUEUED)

    async def settle(self) -> None:
        """See `Once.settle`."""
        await self._once.settle()
        await self._campaigns.settle()

    async def close(self) -> None:
        """Wait for what is being stored."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def _store(self, parcel: Parcel) -> Stored:
        key = parcel.key
        if key is None:
            return await self._bring(parcel)
        other = await self._once.reserve(key)
        if other is not None:
            return Stored(other)
        try:
            stored = await self._bring(parcel)
        except Exception:
            await self._once.release(key)
            raise
        await self._once.keep(key)
        return stored

    async def _bring(self, parcel: Parcel) -> Stored:
        """To those who did not have its campaign."""
        turn = parcel.turn
        if turn is None:
            return await self._pay_and_add(parcel)
        had = await self._campaigns.claim(turn)
        try:
            stored = await self._pay_and_add(parcel, had)
        except Exception:
            await self._campaigns.release(turn)
            raise
        await self._campaigns.keep(turn)
        if not had:
            return stored
        text = f"dedupe_campaign: {len(had)} of {len(turn.people)} recipients had it already, and do not get it again"
        return Stored(warnings=(*stored.warnings, text))

    async def _pay_and_add(self, parcel: Parcel, had: Collection[int] = ()) -> Stored:
        if parcel.cost is None:
            await self._add(parcel, parcel.plan, (), had)
            return _STORED
        plan, warnings = await self._spend(parcel, parcel.cost)
        await self._add(parcel, plan, warnings, had)
        return Stored(warnings=warnings)

    async def _spend(self, parcel: Parcel, cost: Cost) -> tuple[Plan, tuple[str, ...]]:
        """The plan as far as the quotas allow it, and what is to be told."""
        if cost.strict and (spent := await self._limits.spend(cost.strict)) is not None:
            raise refusal(spent)
        if not cost.patient or (spent := await self._limits.spend(cost.patient)) is None:
            return parcel.plan, ()
        # Looked at before it is taken by force: what can never be sent in time must not use up the quota.
        if spent.until == float("inf"):
            raise refusal(spent)
        try:
            parcel.replan(spent.until)
        except Refused:
            raise refusal(spent) from None
        spent = await self._limits.spend(cost.patient, force=True) or spent
        return parcel.replan(spent.until), (delay(spent),)

    async def _add(self, parcel: Parcel, plan: Plan, warnings: tuple[str, ...], had: Collection[int] = ()) -> None:
        """Make it durable and tell delivery: all recipients that are due in flight, or none."""
        fresh = 0 if plan.rest is not None else sum(due <= parcel.at for due in plan.dues)
        flight = fresh > 0 and self._dispatch.reserve(fresh)
        new: NewMessage | None = None
        try:
            new = parcel.make(plan, warnings, flight, had)
            await self._queue.add(new)
        except BaseException as error:
            if flight:
                self._dispatch.forgo(fresh)
            if new is not None and isinstance(error, asyncio.CancelledError):
                self._start(self._put_back(new))
            raise
        if flight:
            begun = dues(self._queue.shard, new)
            if len(begun) < fresh:  # some get nothing
                self._dispatch.forgo(fresh - len(begun))
            self._dispatch.offer(begun)
        if fresh < len(plan.dues) or not flight:
            self._tell_waiting(new, State.QUEUED)

    async def _put_back(self, new: NewMessage) -> None:
        """Nobody heard whether it was stored. If it was, its recipients are the queue's."""
        try:
            await self._queue.release(dues(self._queue.shard, new), new.message.received)
        except (StoreDown, StoreFull) as error:
            log.error("%s: if it was stored, it waits until this worker is started anew: %s", new.message.id, error)
            return
        self._tell_waiting(new, State.QUEUED, State.FLIGHT)

    def _tell_waiting(self, new: NewMessage, *states: State) -> None:
        """Of the recipients who began in one of these states and are in the queue now."""
        lanes: dict[Lane, float] = {}
        for each in new.recipients:
            if each.state in states:
                lane = lane_of(new.message, each.recipient)
                lanes[lane] = min(each.due, lanes.get(lane, each.due))
        by_due: dict[float, set[Lane]] = {}
        for lane, due in lanes.items():
            by_due.setdefault(due, set()).add(lane)
        for due, found in by_due.items():
            self._dispatch.waiting(self._queue.shard, found, due)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.debug("a message could not be stored: %r", fault)  # its session hears it, if there still is one
