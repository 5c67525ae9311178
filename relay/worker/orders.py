"""Orders of operators, carried out on the shards this process owns.

In:  orders, as rows of the registry; its version is asked twice a second, and tells when there is something new.
Out: the shards changed, the agent told what is due now, and a `Done` for each order and shard.

An order is carried out again when the process dies before its `Done` is written; that changes nothing which was
changed already. What fails is logged and tried again, and the orders behind it wait: they may rely on it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Protocol

from relay.model.clock import Clock
from relay.model.message import Lane
from relay.model.order import Act, Done, Order
from relay.store.interface import Acted, Queue, Registry, StoreDown

logger = logging.getLogger("relay.worker")

POLL = 0.5  # seconds
LONGEST = 60.0  # seconds between tries of what fails
MOST = 30  # failures counted, or the power overflows after hours of them
KEPT = 7 * 86_400.0  # seconds an order stays in force; then it is forgotten, done or not
FORGET_EVERY = 3600.0  # seconds


class Dispatch(Protocol):
    """What is asked of `relay.worker.outward.Outward`."""

    def waiting(self, shard: int, lanes: Iterable[Lane], due: float) -> None: ...
    def resume(self, site: str) -> None: ...


class Orders:
    """The task that reads orders. Start `run` once; it goes on until cancelled."""

    def __init__(
        self,
        queues: Mapping[int, Queue],
        registry: Registry,
        dispatch: Dispatch,
        clock: Clock,
        before: Callable[[Order], None] | None = None,
    ) -> None:
        """`before` hears of an order before a shard is changed by it."""
        self._before = before
        self._queues = queues
        self._registry = registry
        self._dispatch = dispatch
        self._clock = clock
        self._seen = -1  # version of the registry whose orders are all done
        self._failures = 0  # in a row
        self._forget_at = 0.0

    async def run(self) -> None:
        while True:
            try:
                await self._look()
                self._forget()
                self._failures = 0
            except Exception as error:
                self._failures = min(self._failures + 1, MOST)
                if isinstance(error, StoreDown):
                    logger.error("orders wait: %s", error)
                else:
                    logger.exception("orders wait")
            await asyncio.sleep(min(LONGEST, POLL * 2**self._failures))

    async def _look(self) -> None:
        """Carry out what is new. Raises what the first shard that failed raised, once the others had their turn."""
        version = self._registry.version()
        if version == self._seen:
            return
        failed: list[Exception] = []
        for queue in self._queues.values():
            try:
                async for order, acted in carry_out(queue, self._registry, self._clock, self._before):
                    self._tell(queue.shard, order, acted)
            except Exception as error:
                failed.append(error)
        if failed:
            raise failed[0]
        self._seen = version

    def _forget(self) -> None:
        now = self._clock()
        if now >= self._forget_at:
            self._forget_at = now + FORGET_EVERY
            self._registry.forget_orders(now - KEPT)

    def _tell(self, shard: int, order: Order, acted: Acted) -> None:
        logger.info(
            "order %d of %s: %s of %d recipients in shard %d, %d in flight were left alone",
            order.number,
            order.who,
            order.act.value,
            acted.changed,
            shard,
            acted.in_flight,
        )
        if order.act is Act.RETRY and order.selection.site and not order.selection.account:
            # Who names the site wants no more patience with it; but an account does not speak for the others' mail.
            self._dispatch.resume(order.selection.site)
        for state in acted.lanes:
            self._dispatch.waiting(shard, (state.lane,), state.due)


async def carry_out(
    queue: Queue, registry: Registry, clock: Clock, before: Callable[[Order], None] | None = None
) -> AsyncIterator[tuple[Order, Acted]]:
    """Do what a shard has not done yet, in the order given; each comes once it is on disk and written down.

    Raises:
        StoreDown, StoreFull: the rest is still to do.
    """
    for order in registry.orders(queue.shard):
        if before is not None:
            before(order)
        acted = await queue.act(order, clock())
        registry.order_done(
            Done(order=order.number, shard=queue.shard, at=clock(), changed=acted.changed, in_flight=acted.in_flight)
        )
        yield order, acted
