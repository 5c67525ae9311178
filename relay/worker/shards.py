"""The shards a process owns: opened at its start, pruned while it runs.

In:  a `Context`. Out: a queue for each shard.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

from relay.model.clock import system_clock
from relay.store.interface import ShardBusy, StoreDown, StoreFull
from relay.store.sqlite import SqliteQueue, open_queue, shard_directory
from relay.worker.context import Context

logger = logging.getLogger("relay.worker")

PATIENCE = 10.0  # seconds in which a shard's former owner may end
PRUNE_EVERY = 60.0  # seconds


async def open_queues(context: Context) -> dict[int, SqliteQueue]:
    """Our own shard and the adopted ones. Raises StoreDown, ShardBusy."""
    deadline = time.monotonic() + PATIENCE
    queues: dict[int, SqliteQueue] = {}
    for shard in (context.shard, *context.adopted):
        directory = shard_directory(context.config.data, shard)
        while True:
            try:
                queues[shard] = await open_queue(
                    directory,
                    shard,
                    context.config.retention,
                    context.config.sandbox,
                    system_clock,
                    context.config.tracking.life,
                )
                break
            except ShardBusy:
                # The children of a supervisor that was killed just now may still be on their way out.
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.05)
    if context.adopted:
        logger.info("drains the shards %s, which have no worker", ", ".join(map(str, context.adopted)))
    return queues


async def prune(queues: Mapping[int, SqliteQueue]) -> None:
    """Forget what outlived its retention, until cancelled."""
    while True:
        await asyncio.sleep(PRUNE_EVERY)
        for queue in queues.values():
            try:
                if pruned := await queue.prune(system_clock()):
                    logger.info("shard %d: %d messages past their retention are forgotten", queue.shard, pruned)
            except (StoreDown, StoreFull) as error:  # the disk may be back for the next round
                logger.error("shard %d cannot be pruned: %s", queue.shard, error)
