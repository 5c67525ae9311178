"""The API put together for one process, and what it does beside answering.

In:  the rooms of the process that takes its mail.
Out: the door; `run`, which the process keeps going until its end.

Why so: when a token was used last is noted on disk twice a minute, not with every request; a process that dies
forgets half a minute of it.
"""

from __future__ import annotations

import asyncio
import logging

from relay.config import Config
from relay.dns.resolver import Resolver
from relay.http.client import Client
from relay.http.guard import Guard
from relay.limits.interface import Limits
from relay.model.clock import Clock
from relay.store.beside import Idempotency, Suppressions
from relay.store.interface import Registry, StoreDown, StoreFull
from relay.submission.directory import Directory
from relay.submission.intake import Intake
from relay.web.api.door import Door
from relay.web.api.once import Once
from relay.web.api.services import Services
from relay.web.api.table import CALLS

logger = logging.getLogger("relay.web")

NOTE_EVERY = 30.0  # seconds
FORGET_EVERY = 3600.0  # seconds


class Api:
    def __init__(
        self,
        *,
        config: Config,
        registry: Registry,
        suppressions: Suppressions,
        idempotency: Idempotency,
        directory: Directory,
        intake: Intake,
        limits: Limits,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._idempotency = idempotency
        self._registry = registry
        self._resolver = Resolver(config.dns, clock)
        self.services = Services(
            config=config,
            clock=clock,
            registry=registry,
            suppressions=suppressions,
            idempotency=idempotency,
            directory=directory,
            intake=intake,
            limits=limits,
            http=_client(config),
            resolver=lambda: self._resolver,
        )
        once = Once(idempotency, lambda: self.services.config.limits.idempotency)
        self.door = Door(self.services, CALLS, once, clock)

    async def run(self) -> None:
        """Note when tokens were used, and forget old answers, until cancelled."""
        forget_at = 0.0
        while True:
            await asyncio.sleep(NOTE_EVERY)
            try:
                self.note()
                if self._clock() >= forget_at:
                    forget_at = self._clock() + FORGET_EVERY
                    await self._idempotency.prune_answers(self._clock() - self.services.config.limits.idempotency)
            except (StoreDown, StoreFull) as error:
                logger.error("what the API keeps beside its answers waits: %s", error)

    def note(self) -> None:
        """Keep when tokens were used. Raises StoreDown, StoreFull."""
        if used := dict(self.door.used):
            self._registry.note_tokens_used(used)
            for token, at in used.items():
                if self.door.used.get(token) == at:
                    del self.door.used[token]

    async def reconfigure(self, config: Config) -> None:
        before, self.services.config = self.services.config, config
        self.door.reconfigure()
        if config.dns != before.dns:
            old, self._resolver = self._resolver, Resolver(config.dns, self._clock)
            await old.close()
        if config.http.api.networks != before.http.api.networks:
            client, self.services.http = self.services.http, _client(config)
            await client.close()

    async def close(self) -> None:
        """Once no request is under way."""
        try:
            self.note()
        except (StoreDown, StoreFull) as error:
            logger.error("when tokens were used last cannot be kept: %s", error)
        await self.services.http.close()
        await self._resolver.close()
        self.services.close()


def _client(config: Config) -> Client:
    return Client(Guard(allow=config.http.api.networks, plain=True))
