"""Mail out: takes what is due, finds its route, has it sent, and sees that the outcome is written down.

In:  fresh recipients from submission (`offer`), and what waits in the queues of this process (`waiting`, `claim`).
Out: settled recipients, reports to senders.

    offer, claim -> route -> ready queue of a site -> connection -> verdict -> settle

Recipients in memory are bounded by `delivery.flight`, and a site's share of that is bounded, so that a slow site
leaves room for the others; what a site cannot take goes back into the queue, and the scheduler holds its lanes up
until it can. Nothing here waits for one recipient: tasks belong to connections, look-ups and shards.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from math import inf
from random import Random
from typing import Any

from relay.config import Config
from relay.delivery.captured import captured
from relay.delivery.claims import Claims
from relay.delivery.desk import Tools
from relay.delivery.leeway import Leeway
from relay.delivery.pool import Pool
from relay.delivery.report import Reporter, Sign
from relay.delivery.routes import Router, Routes
from relay.delivery.screen import Screen, Suppressed
from relay.delivery.settle import TOO_LATE, Verdict, settled
from relay.delivery.settler import Settler
from relay.delivery.sites import Sites
from relay.delivery.wishes import Wishes
from relay.limits.interface import Kind, Limits
from relay.model.clock import Clock
from relay.model.ids import IdSource
from relay.model.message import Due, Lane
from relay.model.outcome import Fate, Outcome
from relay.model.route import NoRoute, Route, Way
from relay.queue.scheduler import Scheduler
from relay.smtp.dialogue import RFC5321, Timeouts
from relay.store.interface import Queue

log = logging.getLogger(__name__)
FLUSH = 2.0  # seconds a drain waits for the store at least


class Agent:
    """Implements `relay.submission.dispatch.Dispatch` and `relay.delivery.desk.Desk`. Belongs to one event loop."""

    def __init__(
        self,
        *,
        config: Config,
        queues: Mapping[int, Queue],
        router: Router,
        limits: Limits,
        clock: Clock,
        random: Random,
        ids: IdSource,
        home: int,
        sign: Sign | None,
        suppressed: Suppressed | None = None,
        return_path: Callable[[Due], str] | None = None,
        leeway: Leeway | None = None,
        timeouts: Timeouts = RFC5321,
    ) -> None:
        """`home` is the shard of this process, where reports go; the other queues are adopted and drained.

        `suppressed` tells of a recipient that gets no mail (raises StoreDown). `return_path` makes the reverse-path
        of a message with a return path of ours, for one recipient (raises StoreDown). `leeway` is the process's.
        """
        self._delivery = config.delivery
        self._queues = queues
        self._clock = clock
        self._random = random
        self._leeway = leeway or Leeway(clock, clock)
        self._flight = 0  # recipients reserved or in memory
        self._inbox: deque[Due] = deque()
        self._draining = False
        self._group: asyncio.TaskGroup | None = None
        reporter = Reporter(
            hostname=config.hostname, lifetime=config.delivery.lifetime, ids=ids, clock=clock, sign=sign
        )
        self._settlers = self._make_settlers(home, reporter, sandbox=config.sandbox.enabled)
        self._scheduler = Scheduler()
        self._claims = Claims(self._scheduler, queues, clock, room=self._room, took=self._took)
        self._limits = limits
        self._pool = Pool(config, limits, clock, timeouts)
        tools = Tools(
            delivery=config.delivery,
            pool=self._pool,
            limits=limits,
            clock=clock,
            desk=self,
            return_path=lambda due: return_path(due) if return_path and due.message.return_host else None,
        )
        self._sites = Sites(tools)
        self._routes = Routes(
            router,
            clock,
            self.start_task,
            Wishes(config.delivery),
            found=self._found,
            none=self._no_route,
            placed=self._sites.pump,
        )
        self._screen = Screen(suppressed, config.sandbox.enabled)

    def _make_settlers(self, home: int, reporter: Reporter, *, sandbox: bool) -> dict[int, Settler]:
        return {
            shard: Settler(
                queue,
                self._queues[home],
                reporter=reporter,
                sandbox=sandbox,
                clock=self._clock,
                waits=self._waits,
                freed=self._freed,
            )
            for shard, queue in self._queues.items()
        }

    # Dispatch: what submission calls.

    def reserve(self, count: int) -> bool:
        if self._draining or self._flight + count > self._delivery.flight:
            return False
        self._flight += count
        return True

    def forgo(self, count: int) -> None:
        self._freed(count)

    def offer(self, dues: Sequence[Due]) -> None:
        self._inbox.extend(dues)
        self._claims.wake()

    def waiting(self, shard: int, lanes: Iterable[Lane], due: float) -> None:
        for lane in lanes:
            self._scheduler.know(shard, lane, due)
        self._claims.wake()

    def resume(self, site: str) -> None:
        """An operator wants this site asked now: an end to its pause, on the whole machine, and to its rest here."""
        for gate in self._pool.gates(site):
            self._limits.unmark(Kind.PAUSED_SITE, gate)
            self._scheduler.unblock_site(gate)
        self._sites.forgive(site)
        self._claims.wake()

    # Its life.

    async def start(self) -> None:
        """Learn what waits; also later, when others put something into the shards. Raises StoreDown."""
        self._leeway.look()
        for shard, queue in self._queues.items():
            for each in await queue.lanes():
                self._scheduler.know(shard, each.lane, each.due)
        self._claims.wake()

    async def run(self) -> None:
        """Deliver until cancelled. Raises what a task of its own died of."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for settler in self._settlers.values():
                    group.create_task(settler.run())
                group.create_task(self._claims.run(self._place_inbox))
        finally:
            self._sites.stop()  # no timer of theirs may start work that nobody owns
            self._group = None

    async def drain(self, seconds: float) -> None:
        """Begin nothing more; let transactions under way end for so long; then all that is known is on disk.

        Recipients that were not begun are put back. Of those cut short, the ones whose message the peer has had
        up to its final dot are deferred as `uncertain`; the others are put back, too.
        """
        self._draining = True
        await self._claims.stop()
        self._place_inbox()
        self.put_back(self._routes.leave())
        tasks = self._sites.stop()
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        cut = self._sites.cancel()
        if cut:
            await asyncio.wait(cut, timeout=seconds)
        if self._group is None:
            return
        try:
            async with asyncio.timeout(max(seconds, FLUSH)):
                for settler in self._settlers.values():
                    await settler.flush()
        except TimeoutError:
            log.error("the store did not take the last outcomes; what they concern will be sent again")

    # Desk: what sites call.

    def content(self, due: Due) -> Awaitable[bytes]:
        return self._queues[due.shard].content(due.message.id, due.content)

    def decide(self, verdicts: Iterable[Verdict]) -> None:
        now = self._clock()
        for each in verdicts:
            verdict = each if each.outcome.fate is Fate.DELIVERED else self._with_leeway(each, now)
            if verdict is not None:
                self._settlers[each.due.shard].put((settled(verdict, self._delivery, now, self._random),))

    def _with_leeway(self, verdict: Verdict, now: float) -> Verdict | None:
        """None: its deadline has not come after all, so it goes back to the queue."""
        due = self._leeway.of(verdict.due, now)
        if due is verdict.due:
            return verdict
        if verdict.outcome is TOO_LATE and now < due.message.deadline:
            self.put_back([due])
            return None
        return replace(verdict, due=due)

    def put_back(self, dues: Iterable[Due], delay: float = 0.0) -> None:
        by_shard: dict[int, list[Due]] = {}
        for due in dues:
            by_shard.setdefault(due.shard, []).append(due)
        for shard, those in by_shard.items():
            self._settlers[shard].put_back(those, delay)

    def crowded(self, shard: int) -> bool:
        return self._settlers[shard].crowded

    async def room(self, shard: int) -> None:
        await self._settlers[shard].room()

    def rests(self, gate: str, until: float) -> None:
        self._scheduler.block_site(gate, until)
        self._claims.wake()

    def has_room(self, gate: str) -> None:
        self._scheduler.unblock_site(gate)
        self._claims.wake()

    def start_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        assert self._group is not None, "the agent does not run"
        return self._group.create_task(work)

    # Where recipients go.

    def _place_inbox(self) -> None:
        while self._inbox:
            self._place(self._inbox.popleft())
        self._sites.pump()

    def _took(self, dues: Sequence[Due]) -> None:
        self._flight += len(dues)
        self._inbox.extend(dues)

    def _place(self, due: Due) -> None:
        if self._draining:
            self.put_back([due])
            return
        now = self._clock()
        due = self._leeway.of(due, now)
        seen = self._screen.look(due, now)
        if seen is None or isinstance(seen, Due):
            self._routes.find(seen or due)
        elif isinstance(seen, Verdict):
            self.decide([seen])
        else:
            self.put_back([due], seen - now)

    def _found(self, due: Due, route: Route) -> None:
        if route.way is Way.SANDBOX:
            self.decide([captured(due, route)])
            return
        site = self._sites.of(route)
        own = route.egress != self._delivery.egress.name
        self._scheduler.belongs(due.recipient.domain, site.gate, (due.message.share, due.message.priority), own=own)
        until = inf if self._draining else site.resting_until()
        if until is not None:
            self._scheduler.block_site(site.gate, until)
            self.put_back([due])
            return
        if len(site.ready) >= self._sites.share(self._delivery.flight):
            # It has all it may hold; `has_room` ends this. What is urgent takes the place of what is not.
            site.full = True
            self._scheduler.block_site(site.gate, inf)
            others = site.ready.make_room(due)
            self.put_back(others or [due])
            if not others:
                return
        site.add(due, route)
        self._sites.busy(site)

    def _no_route(self, dues: list[Due], why: NoRoute) -> None:
        fate = Fate.FAILED if why.reply.permanent else Fate.DEFERRED
        outcome = Outcome(fate, why.reply, why.fault, why.reason)
        self.decide([Verdict(due=due, outcome=outcome) for due in dues])

    def _waits(self, shard: int, lane: Lane, due: float) -> None:
        self._scheduler.know(shard, lane, due)
        self._claims.wake()

    def _room(self) -> int:
        return 0 if self._draining else self._delivery.flight - self._flight

    def _freed(self, count: int) -> None:
        full = self._flight >= self._delivery.flight
        self._flight -= count
        if full:
            self._claims.wake()
