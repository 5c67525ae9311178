"""One site: what is ready for it, how many connections work on it, and when it is left alone.

In:  recipients with their route, one by one. Out: attempts, made by one task a connection; verdicts to the desk.

A task takes jobs while there are any, keeps its connection `idle` seconds for the next one, and ends. Another task
is started when mail waits longer than HURRY or piles up, and the window and the machine-wide places allow it.
A site that is dead or paused gives back what is ready for it: waiting is state of the site, not of its mail.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from relay.config import Delivery
from relay.delivery.attempt import Attempt
from relay.delivery.pool import Pool
from relay.delivery.ready import Job, Ready
from relay.delivery.settle import TOO_LATE, Verdict
from relay.limits.interface import Kind, Limits, Mark
from relay.model.clock import Clock
from relay.model.message import Due
from relay.model.outcome import Fate, Fault, Outcome
from relay.model.reply import Reply
from relay.model.route import Route
from relay.queue.window import Window
from relay.smtp.client import Connection
from relay.store.interface import NotFound, StoreDown

log = logging.getLogger(__name__)
HURRY = 0.1  # seconds mail may wait for a connection at work, before another is opened
PILE = 5  # jobs a connection at work, over which another is opened at once
NO_PLACE = 0.5  # seconds until we ask again for a place that other processes have
FRESH = 0.05  # seconds; a site that was awake is not asked again at each recipient
AGAIN = 60.0  # seconds until mail is tried again that met a fault of ours, or of the store
LOW = 25  # recipients ready, under which a site that was full takes more
ATTEMPT = 3600.0  # seconds for a whole attempt, whatever its single waits add up to
_LOST_CONTENT = Outcome(Fate.FAILED, Reply(554, "5.3.0", "its content is no longer kept"), Fault.MESSAGE, "content")


class Desk(Protocol):
    """Where a site gets contents and leaves verdicts."""

    async def content(self, due: Due) -> bytes:
        """Raises NotFound, StoreDown."""

    def decide(self, verdicts: Iterable[Verdict]) -> None: ...
    def put_back(self, dues: Iterable[Due], delay: float = 0.0) -> None:
        """Return recipients to the queue, due after so many seconds."""

    async def room(self, shard: int) -> None:
        """Until outcomes are written down fast enough to send on."""

    def rests(self, site: str, until: float) -> None:
        """Hand out no mail for this site before then."""

    def has_room(self, site: Site) -> None:
        """The site was full, and is about to run dry; hand out more."""

    def start_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What all sites share."""

    delivery: Delivery
    pool: Pool
    limits: Limits
    clock: Clock
    desk: Desk


class Site:
    """Mail of one route key (egress, site, TLS demand) and the connections that carry it."""

    def __init__(self, route: Route, window: Window, tools: Tools, ended: Callable[[Site], None]) -> None:
        self.route = route
        self.ready = Ready(tools.delivery.recipients_per_message)
        self.full = False  # the scheduler was told to hand out no more
        self._window = window
        self._tools = tools
        self._ended = ended
        self._working: dict[asyncio.Task[None], Attempt | None] = {}
        self._idle: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._awake_until = 0.0  # until then nobody looks again whether the site rests
        self._denied_until = 0.0  # loop time; until then other processes are taken to have all places

    @property
    def connections(self) -> int:
        return len(self._working)

    @property
    def quiet(self) -> bool:
        """Nothing waits and nobody works."""
        return not self._working and not len(self.ready)

    def resting_until(self) -> float | None:
        """When the site takes mail again, if it does not now."""
        now = self._tools.clock()
        if now < self._awake_until:
            return None
        paused = self._tools.limits.marked(Kind.PAUSED_SITE, self.route.site)
        dead = self._tools.pool.dead_until(self.route)
        until = max(self._window.dead_until, paused.until if paused else 0.0, dead or 0.0)
        if until > now:
            return until
        self._awake_until = now + FRESH
        return None

    def add(self, due: Due, route: Route) -> None:
        self.route = route
        self.ready.add(due)

    def pump(self) -> None:
        """Set somebody to work if there is work. Call after adding."""
        if not len(self.ready) or self._closing:
            return
        for waiter in list(self._idle)[: self.ready.jobs]:
            if not waiter.done():
                waiter.set_result(None)
        if not self._idle and (not self._working or self.ready.jobs > PILE * len(self._working)):
            self._hire()
        self._hurry(HURRY)

    def _hire(self) -> None:
        if asyncio.get_running_loop().time() < self._denied_until:
            return
        if len(self._working) < self._window.connections(self._tools.clock()):
            task = self._tools.desk.start_task(self._work())
            self._working[task] = None

    def _hurry(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._late)

    def _late(self) -> None:
        self._timer = None
        if not len(self.ready) or self._closing:
            return
        until = self.resting_until()
        if until is not None:
            self.rest(until)
            return
        if not self._idle:
            self._hire()
        self._hurry(HURRY)

    def rest(self, until: float) -> None:
        """Give everything back, and take nothing before then."""
        self._tools.desk.rests(self.route.site, until)
        self._tools.desk.put_back(self.ready.empty())

    # One connection's work.

    async def _work(self) -> None:
        me = asyncio.current_task()
        assert me is not None
        route, pool = self.route, self._tools.pool
        connection: Connection | None = None
        placed = False
        try:
            placed = await pool.place(route.egress, route.site)
            if not placed:
                self._denied_until = asyncio.get_running_loop().time() + NO_PLACE
            while placed and (job := await self._next(connection)) is not None:
                connection = await self._carry(me, job, connection)
        except Exception:
            log.exception("site %s: a connection's task failed; its mail goes back to the queue", route.site)
        finally:
            del self._working[me]
            if connection is not None:
                connection.close()
            if placed:
                pool.give_back(route.egress, route.site)
            if len(self.ready):
                self._hurry(HURRY)
            elif not self._working:
                self._ended(self)

    async def _next(self, connection: Connection | None) -> Job | None:
        """The next job; None when there is none within the idle time, or work has to end here."""
        until = self.resting_until() if len(self.ready) else None
        if until is not None:
            self.rest(until)
            return None
        if len(self._working) > max(1, self._window.connections(self._tools.clock())):
            return None  # the window shrank
        job = self.ready.take()
        if job is None and connection is not None and connection.usable and not self._closing:
            await self._wait(connection)
            job = self.ready.take() if not self._closing else None
        if self.full and len(self.ready) < LOW:
            self._tools.desk.has_room(self)
        return job

    async def _wait(self, connection: Connection) -> None:
        """Until there is work, the connection ends, or the idle time is over."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not waiter.done():
                waiter.set_result(None)

        timer = loop.call_later(self._tools.delivery.idle, wake)
        connection.speaker.gone = wake
        self._idle.append(waiter)
        try:
            await waiter
        finally:
            self._idle.remove(waiter)
            connection.speaker.gone = None
            timer.cancel()

    async def _carry(self, me: asyncio.Task[None], job: Job, kept: Connection | None) -> Connection | None:
        """Make the attempt of one job; the connection that may carry the next."""
        desk, now = self._tools.desk, self._tools.clock()
        late = [due for due in job.dues if now >= due.message.deadline]
        if late:
            desk.decide([Verdict(due=due, outcome=TOO_LATE) for due in late])
            job = Job(tuple([due for due in job.dues if now < due.message.deadline]))
            if not job.dues:
                return kept
        attempt: Attempt | None = None
        try:
            await desk.room(job.dues[0].shard)
            content = await desk.content(job.dues[0])
            if kept is not None and self._tools.pool.worn(kept):
                kept.close()
                kept = None
            attempt = Attempt(job, content, self.route, self._tools.pool, self._tools.clock)
            self._working[me] = attempt
            async with asyncio.timeout(ATTEMPT):
                await attempt.run(kept)
        except NotFound:
            desk.decide([Verdict(due=due, outcome=_LOST_CONTENT) for due in job.dues])
            return kept
        except StoreDown as error:
            log.error("site %s: a content cannot be read now: %s", self.route.site, error)
            desk.put_back(job.dues, AGAIN)
            return kept
        except TimeoutError:
            assert attempt is not None
            attempt.cut_short(f"the attempt was given up after {ATTEMPT:g} s")
            return self._end(attempt, now, keep=False)
        except asyncio.CancelledError:  # a drain
            self._leave(job, attempt, kept, 0.0)
            raise
        except Exception:  # a fault of ours; not at once again, or it would be met in a circle
            self._leave(job, attempt, kept, AGAIN)
            raise
        finally:
            self._working[me] = None
        return self._end(attempt, now, keep=True)

    def _leave(self, job: Job, attempt: Attempt | None, kept: Connection | None, delay: float) -> None:
        """Settle what the peer has had up to its final dot, and give back what it has not."""
        connection = attempt.connection if attempt is not None else kept
        if attempt is None:
            self._tools.desk.put_back(job.dues, delay)
        else:
            if attempt.uncertain:
                attempt.cut_short("given up by us while the final dot was waiting for its reply")
            self._tools.desk.decide(attempt.verdicts)
            self._tools.desk.put_back([*attempt.undecided, *attempt.surplus], delay)
        if connection is not None:
            connection.speaker.abort()

    def _end(self, attempt: Attempt, began: float, *, keep: bool) -> Connection | None:
        connection = attempt.connection
        self._tools.desk.decide(attempt.verdicts)
        if self._closing:
            self._tools.desk.put_back(attempt.surplus)
        else:
            self.ready.put_back(attempt.surplus)
        self._learn(attempt, began)
        if keep or connection is None:
            return connection
        connection.speaker.abort()
        return None

    def _learn(self, attempt: Attempt, began: float) -> None:
        """What the attempt tells of the site."""
        now = self._tools.clock()
        rate = next((each.outcome for each in attempt.verdicts if each.outcome.reason == "rate"), None)
        if rate is not None and rate.fault is Fault.SITE:
            pause = now + self._tools.delivery.retry[0]
            self._tools.limits.mark(Mark(Kind.PAUSED_SITE, self.route.site, pause, str(rate.reply)))
        if attempt.reached:
            self._window.delivered()
        else:
            self._window.unreachable(now, began)
        self._awake_until = 0.0
        until = None if attempt.reached and rate is None else self.resting_until()
        if until is not None:
            self.rest(until)

    # How it ends.

    def stop(self) -> None:
        """Begin nothing more: give back what is ready, let idle connections go."""
        self._closing = True
        self._tools.desk.put_back(self.ready.empty())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for waiter in self._idle:
            if not waiter.done():
                waiter.set_result(None)

    def cancel(self) -> list[asyncio.Task[None]]:
        """End what is still under way."""
        for task in self._working:
            task.cancel()
        return list(self._working)

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        return list(self._working)
