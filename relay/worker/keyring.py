"""Keys of one kind in the registry: the newest signs, older ones are good for a while, a new one comes each month.

In:  the registry, and how keys of that kind are added, listed and forgotten there.
Out: the newest key, made when it is needed first; all that are good; a new one when it is time.

Why so: a key is made when it is first needed, so that a relay that never signs anything of the kind has no secret
lying about. Two processes that need the first one at the same time make two, and both are good. Later ones are made
by a single process, the worker of the lowest shard, which always runs.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from relay.config import Config
from relay.dns.resolver import Resolver
from relay.manage.rotation import Rotation
from relay.model.clock import Clock
from relay.store.interface import Registry, StoreDown, StoreFull

logger = logging.getLogger("relay.worker")

ROTATE = 30 * 86_400.0  # seconds a key signs
LOOK = 3600.0  # seconds between looks at the calendar
_SECRET = 32  # octets


class _Key(Protocol):
    @property
    def created(self) -> float: ...


K = TypeVar("K", bound=_Key)


class Keyring(Generic[K]):
    def __init__(
        self,
        registry: Registry,
        clock: Clock,
        what: str,
        *,
        add: Callable[[bytes, float], K],
        listed: Callable[[], list[K]],
        forget: Callable[[float], int],
        valid: float,
    ) -> None:
        """`what` they sign, for the log; `valid`: seconds a key is good once a newer one has replaced it."""
        self.valid = valid
        self._registry = registry
        self._clock = clock
        self._what = what
        self._add = add
        self._listed = listed
        self._forget = forget
        self._version = -1
        self._keys: list[K] = []

    def newest(self) -> K:
        """The one that signs. Raises StoreDown, StoreFull."""
        keys = self.known()
        return keys[0] if keys else self._add(secrets.token_bytes(_SECRET), self._clock())

    def known(self) -> list[K]:
        """All there are, the newest first. Raises StoreDown."""
        version = self._registry.version()
        if version != self._version:
            self._keys = self._listed()
            self._version = version
        return self._keys

    def rotate(self) -> None:
        """Make a new key if the newest has signed for long enough; forget those that are good no more.

        Raises StoreDown, StoreFull.
        """
        keys, now = self.known(), self._clock()
        if keys and now - keys[0].created >= ROTATE:
            self._add(secrets.token_bytes(_SECRET), now)
            logger.info("a new key signs %s from now on", self._what)
        if keys and (gone := self._forget(now - self.valid)):
            logger.info("%d old keys of %s are forgotten", gone, self._what)


class Rotating(Protocol):
    def rotate(self) -> None: ...


async def rotate(rings: Sequence[Rotating]) -> None:
    """Rotate until cancelled. In one process of the relay."""
    while True:
        for ring in rings:
            try:
                ring.rotate()
            except (StoreDown, StoreFull) as error:  # the registry may be back for the next look
                logger.error("keys cannot be renewed: %s", error)
        await asyncio.sleep(LOOK)


async def renew(rotation: Rotation, config: Callable[[], Config], clock: Clock) -> None:
    """Renew DKIM keys until cancelled, as far as DNS follows. In one process of the relay; a sandbox asks no DNS."""
    while True:
        now = config()
        if not now.sandbox.enabled:
            resolver = Resolver(now.dns, clock)
            try:
                await rotation.round(resolver)
            except (StoreDown, StoreFull) as error:
                logger.error("DKIM keys cannot be renewed: %s", error)
            finally:
                await resolver.close()
        await asyncio.sleep(LOOK)
