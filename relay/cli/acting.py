"""Giving an order to the queue, and waiting until every shard has carried it out.

In:  an act, a selection, a reason.
Out: what each shard did; and which shards have not answered in time, with the reason.

Whoever owns a shard reads its orders from the registry and acts. A shard that nobody holds is opened and acted
upon here, under its lock; if somebody takes it meanwhile, that owner is waited for.

Why so: a time-out takes nothing back. The order stays in the registry, and a shard that had no time for it
carries it out as soon as it can, for a week.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relay.cli.frame import operator, relay_data
from relay.cli.progress import Progress, progress
from relay.manage import queue
from relay.model.clock import system_clock
from relay.model.order import Act, Done, Order, Selection

if TYPE_CHECKING:
    from relay.config import Config
    from relay.store.interface import Registry

ASK = 0.1  # seconds between looks whether a shard is done
TAKE = 1.0  # seconds between tries to take a shard that is held


@dataclass(slots=True)
class Came:
    """What an order came to."""

    order: Order
    done: dict[int, Done] = field(default_factory=dict)  # by shard
    outstanding: dict[int, str] = field(default_factory=dict)  # by shard: why it is not done
    earlier: int = 0  # recipients changed by the same order, given before

    @property
    def changed(self) -> int:
        return self.earlier + sum(each.changed for each in self.done.values())

    @property
    def in_flight(self) -> int:
        return sum(each.in_flight for each in self.done.values())


def give(config: Config, act: Act, selection: Selection, reason: str = "", wait: float = 60.0) -> Came:
    """Give an order, and wait so many seconds for all shards. Raises CommandError, StoreDown."""
    from relay.cli.frame import registry
    from relay.worker.orders import KEPT

    relay_data(config)
    now = system_clock()
    with registry(config) as opened, progress(act.value, "shards") as shown:
        opened.forget_orders(now - KEPT)
        wanted = Order(
            number=0,
            at=now,
            who=operator(),
            act=act,
            selection=selection,
            reason=reason,
            lifetime=config.delivery.lifetime if act is Act.RELEASE else 0.0,
        )
        order = queue.give(opened, wanted)
        return asyncio.run(_until_done(config, opened, order, wait, shown))


async def _until_done(config: Config, registry: Registry, order: Order, wait: float, shown: Progress) -> Came:
    from relay.store.sqlite import existing_shards

    came = Came(order)
    shards = set(existing_shards(config.data))
    deadline = time.monotonic() + wait
    take_at = 0.0
    while True:
        if time.monotonic() >= take_at:
            for shard in sorted(shards - came.done.keys()):
                came.outstanding[shard] = await _act(config, registry, shard)
            take_at = time.monotonic() + TAKE
        for done in registry.done(order.number):
            came.done[done.shard] = done
            came.outstanding.pop(done.shard, None)
        shown.at(len(came.done), len(shards))
        if shards <= came.done.keys() or time.monotonic() > deadline:
            return came
        await asyncio.sleep(ASK)


async def _act(config: Config, registry: Registry, shard: int) -> str:
    """Carry out a shard's orders where nobody else does; else why not."""
    from relay.cli.files import give_to_holder
    from relay.store.interface import ShardBusy, StoreDown, StoreFull
    from relay.store.sqlite import open_queue, shard_directory
    from relay.store.sqlite.layout import CONTENTS, LOCK
    from relay.worker.orders import carry_out

    directory = shard_directory(config.data, shard)
    try:
        queue = await open_queue(
            directory, shard, config.retention, config.sandbox, system_clock, config.tracking.life
        )
    except ShardBusy as error:
        return f"{error}, which has not done it yet"
    except StoreDown as error:
        return str(error)
    for made in (LOCK, CONTENTS):  # opening a shard that was restored makes them
        give_to_holder(directory / made)
    try:
        async for _ in carry_out(queue, registry, system_clock):
            pass
    except (StoreDown, StoreFull) as error:
        return str(error)
    finally:
        await queue.close()
    return ""
