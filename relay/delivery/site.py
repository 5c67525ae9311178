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
from collections.abc import Callable

from relay.delivery.attempt import Attempt
from relay.delivery.carrier import Carrier
from relay.delivery.desk import Tools
from relay.delivery.ready import Job, Ready
from relay.limits.interface import Kind, Mark
from relay.model.message import Due
from relay.model.outcome import Fault
from relay.model.route import Route
from relay.queue.window import Window
from relay.smtp.client import Connection

log = logging.getLogger(__name__)
HURRY = 0.1  # seconds mail may wait for a connection at work, before another is opened
PILE = 5  # jobs a connection at work, over which another is opened at once
NO_PLACE = 0.5  # seconds until we ask again for a place that other processes have
FRESH = 0.05  # seconds; a site that was awake is not asked again at each recipient
LOW = 25  # recipients ready, under which a site that was full takes more


class Site:
    """Mail of one route key (egress, site, TLS demand, version of IP) and the connections that carry it."""

    def __init__(self, route: Route, window: Window, tools: Tools, ended: Callable[[Site], None]) -> None:
        self.route = route
        self.gate = tools.pool.gate(route)  # what the scheduler calls it
        self.ready = Ready(tools.delivery.recipients_per_message)
        self.full = False  # the scheduler was told to hand out no more
        self._window = window
        self._tools = tools
        self._ended = ended
        self._working: dict[asyncio.Task[None], None] = {}
        self._idle: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._awake_until = 0.0  # until then nobody looks again whether the site rests
        self._denied_until = 0.0  # loop time; until then other processes are taken to have all places

    @property
    def quiet(self) -> bool:
        """Nothing waits and nobody works."""
        return not self._working and not len(self.ready)

    def resting_until(self) -> float | None:
        """When the site takes mail again, if it does not now."""
        now = self._tools.clock()
        if now < self._awake_until:
            return None
        paused = self._tools.limits.marked(Kind.PAUSED_SITE, self.gate)
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
        self._tools.desk.rests(self.gate, until)
        self._tools.desk.put_back(self.ready.empty())

    # One connection's work.

    async def _work(self) -> None:
        me = asyncio.current_task()
        assert me is not None
        route, tools = self.route, self._tools
        carrier = Carrier(tools, self)
        placed = False
        try:
            placed = await tools.pool.place(route.egress, route.site)
            if not placed:
                self._denied_until = asyncio.get_running_loop().time() + NO_PLACE
            while placed and (job := await self._next(carrier)) is not None:
                began = tools.clock()
                attempt = await carrier.carry(job, self.route)
                if attempt is not None:
                    self._learn(attempt, began)
        except Exception:
            log.exception("site %s: a connection's task failed; its mail goes back to the queue", route.site)
        finally:
            del self._working[me]
            carrier.close()
            if placed:
                tools.pool.give_back(route.egress, route.site)
            if len(self.ready):
                self._hurry(HURRY)
            elif not self._working:
                self._ended(self)

    async def _next(self, carrier: Carrier) -> Job | None:
        """The next job; None when there is none within the idle time, or work has to end here."""
        job, connection = carrier.coming, carrier.connection
        until = self.resting_until() if len(self.ready) or job is not None else None
        if until is not None:
            self.rest(until)
            return None
        if len(self._working) > max(1, self._window.connections(self._tools.clock())):
            return None  # the window shrank
        if job is None:
            job = self.ready.take()
        if job is None and connection is not None and self._may_idle(connection):
            await self._wait(connection)
            job = self.ready.take() if not self._closing else None
        self._tell_room()
        return job

    def _tell_room(self) -> None:
        if self.full and len(self.ready) < LOW:
            self.full = False
            self._tools.desk.has_room(self.gate)

    def follow(self) -> Job | None:
        """A job that may go out behind the message under way."""
        if len(self._working) > max(1, self._window.connections(self._tools.clock())):
            return None
        if not len(self.ready) or self.resting_until() is not None:
            return None
        job = self.ready.take()
        self._tell_room()
        return job

    def unfollow(self, job: Job) -> None:
        """It could not, and waits again."""
        if self._closing:
            self._tools.desk.put_back(job.dues)
        else:
            self.ready.put_back(job.dues)

    def _may_idle(self, connection: Connection) -> bool:
        return connection.usable and not self._closing and not self._tools.pool.crowded

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

    def _learn(self, attempt: Attempt, began: float) -> None:
        """What the attempt tells of the site, and what it left for the next transaction."""
        if self._closing:
            self._tools.desk.put_back(attempt.surplus)
        else:
            self.ready.put_back(attempt.surplus)
        now = self._tools.clock()
        rate = next((each.outcome for each in attempt.verdicts if each.outcome.reason == "rate"), None)
        if rate is not None and rate.fault is Fault.SITE:
            pause = now + self._tools.delivery.retry[0]
            self._tools.limits.mark(Mark(Kind.PAUSED_SITE, self.gate, pause, str(rate.reply)))
        if attempt.reached:
            self._window.delivered()
        elif not attempt.in_vain:
            self._window.unreachable(now, began)
        if attempt.reached and rate is None:
            return
        self._awake_until = 0.0
        until = self.resting_until()
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
