"""An order to the queue on behalf of a token, and what it came to in the shards that were asked.

In:  an act, a selection, the shards it can concern.
Out: the order's number, how many were changed and left alone, and whether every shard has answered in time.

Why so: a time-out takes nothing back. The order stays, and a shard that had no time for it carries it out as soon as
it can; so the answer tells that it is not done, and the caller may look again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from relay.manage import queue
from relay.model.order import Act, Order, Selection
from relay.web.api.call import Asked
from relay.web.api.problem import Problem
from relay.web.api.services import Services

ASK = 0.1  # seconds between looks whether a shard is done
WAIT = 10.0  # seconds
WAITING = 100  # orders of an account that no shard has done yet


@dataclass(frozen=True, slots=True)
class Came:
    order: int
    changed: int
    in_flight: int
    done: bool


async def give(
    services: Services, asked: Asked, act: Act, selection: Selection, shards: Iterable[int], reason: str = ""
) -> Came:
    """Raises Problem: too many wait; StoreDown, StoreFull."""
    wanted = frozenset(shards)
    room(services, asked, wanted)
    registry, who = services.registry, asked.caller.who
    asked_for = Order(number=0, at=services.clock(), who=who, act=act, selection=selection, reason=reason)
    order = queue.give(registry, asked_for)
    until = asyncio.get_running_loop().time() + WAIT
    while True:
        done = [each for each in registry.done(order.number) if each.shard in wanted]
        finished = len(done) == len(wanted)
        if finished or asyncio.get_running_loop().time() > until:
            changed, in_flight = sum(each.changed for each in done), sum(each.in_flight for each in done)
            return Came(order.number, changed, in_flight, finished)
        await asyncio.sleep(ASK)


def room(services: Services, asked: Asked, shards: Iterable[int]) -> None:
    """Raises Problem: too many orders of the account wait in the shard that is quickest."""
    account, registry = asked.caller.account, services.registry
    waiting = [sum(each.selection.account == account for each in registry.orders(shard)) for shard in shards]
    if waiting and min(waiting) >= WAITING:
        text = f"{min(waiting)} orders of the account are not done yet, which is as many as may wait"
        raise Problem("too_many_requests", text, retry=5)
