"""The keys of our return paths: the newest signs, the older ones are good for a while, a new one comes each month.

In:  recipients whose message leaves under our own return path; local parts that come back.
Out: addresses; recipients' ids; a new key in the registry when it is time.

Why so: a key is made when the first address is needed, so that a relay that never uses its own return path has no
secret lying about. Two processes that need the first one at the same time make two, and both are good. Later ones
are made by a single process, the worker of the lowest shard, which always runs.
"""

from __future__ import annotations

import asyncio
import logging
import secrets

from relay.bounce.returnpath import VALID, make, read
from relay.model.account import ReturnKey
from relay.model.clock import Clock
from relay.model.message import Due
from relay.store.interface import Registry, StoreDown

logger = logging.getLogger("relay.worker")

ROTATE = 30 * 86_400.0  # seconds a key signs
LOOK = 3600.0  # seconds between looks at the calendar
_SECRET = 32  # octets


class ReturnKeys:
    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock
        self._version = -1
        self._keys: list[ReturnKey] = []

    def path(self, due: Due) -> str:
        """The address bounces of a recipient come back to, at the message's `return_host`. Raises StoreDown."""
        keys = self._known() or [self._make()]
        return f"{make(keys[0], f'{due.message.id}-{due.number}')}@{due.message.return_host}"

    def read(self, local_part: str) -> str:
        """The recipient's id in the local part of one of our addresses.

        Raises:
            ValueError: it is none of ours, or too old; the text says which.
            StoreDown: the keys cannot be read.
        """
        return read(local_part, self._known(), self._clock())

    def rotate(self) -> None:
        """Make a new key if the newest has signed for long enough; forget those that are good no more.

        Raises StoreDown.
        """
        keys, now = self._known(), self._clock()
        if keys and now - keys[0].created >= ROTATE:
            self._make()
            logger.info("a new key signs return paths from now on")
        if keys and (gone := self._registry.forget_return_keys(now - VALID)):
            logger.info("%d old keys of return paths are forgotten", gone)

    async def run(self) -> None:
        """Rotate until cancelled. In one process of the relay."""
        while True:
            try:
                self.rotate()
            except StoreDown as error:  # the registry may be back for the next look
                logger.error("the keys of return paths cannot be renewed: %s", error)
            await asyncio.sleep(LOOK)

    def _known(self) -> list[ReturnKey]:
        version = self._registry.version()
        if version != self._version:
            self._keys = self._registry.return_keys()
            self._version = version
        return self._keys

    def _make(self) -> ReturnKey:
        return self._registry.add_return_key(secrets.token_bytes(_SECRET), self._clock())
