"""Returned mail in one worker: its doors, and what stands behind all of them.

In:  the shard of this process, delivery, the keys of our return paths.
Out: a door for each returns listener; copies and events in our shard; reports of DMARC.
"""

from __future__ import annotations

import asyncio
import logging

from relay.config import Config, ConfigError, Listener
from relay.config.bounces import bounces_of
from relay.limits.interface import Limits
from relay.model.clock import Clock
from relay.model.ids import IdSource
from relay.returns.flood import Flood
from relay.returns.keep import Dispatch, Keeper
from relay.returns.listener import ReturnsDoor
from relay.returns.originals import Originals
from relay.returns.reports import Taking
from relay.store.interface import Queue
from relay.worker.returnkeys import ReturnKeys

log = logging.getLogger("relay.worker")


class Returning:
    def __init__(
        self,
        *,
        config: Config,
        keys: ReturnKeys,
        queue: Queue,
        ids: IdSource,
        dispatch: Dispatch,
        limits: Limits,
        clock: Clock,
    ) -> None:
        self.keys = keys
        self._config = config
        self._limits = limits
        self._clock = clock
        self._originals = Originals(config.data)
        self._keeper = Keeper(
            hostname=config.hostname,
            lifetime=config.delivery.lifetime,
            rules=bounces_of(config),
            queue=queue,
            ids=ids,
            dispatch=dispatch,
        )
        self._flood = Flood()
        self._reports = Taking(config.data, config.reports, keys.owner)
        self._doors: list[ReturnsDoor] = []

    def door(self, listener: Listener) -> ReturnsDoor:
        made = ReturnsDoor(
            listener=listener,
            settings=self._config.limits,
            read=self.keys.read,
            hosts=self.keys.is_host,
            report_hosts=self.keys.is_report_host,
            reports=self._reports,
            originals=self._originals,
            limits=self._limits,
            keeper=self._keeper,
            flood=self._flood,
            clock=self._clock,
        )
        self._doors.append(made)
        return made

    def reconfigure(self, config: Config) -> None:
        """Take what comes from now on by a new configuration."""
        self._keeper.lifetime = config.delivery.lifetime
        self._reports.settings = config.reports
        try:
            self._keeper.rules = bounces_of(config)
        except ConfigError as error:  # it was good when the supervisor looked
            log.error("the rules for what comes back stay as they were: %s", error)
        for door in self._doors:
            door.reconfigure(config.limits)

    async def close(self) -> None:
        """Wait for what is being stored; no session is left by then."""
        await self._keeper.close()
        await asyncio.to_thread(self._reports.close)
        self._originals.close()
