"""The sender: a courier for each webhook that has work, in the reporter's process, beside its folding.

In:  webhooks of the registry and what waits for them in the outbox; both may be changed by anybody at any time.
Out: requests; webhooks that are of no use any more, disabled; dead letters forgotten when their time has come.

It looks twice a second whether anything has changed, which costs next to nothing where nothing has. What fails here
(a disk, a file) is said once and tried again: mail and search do not wait for webhooks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import ssl
from collections.abc import Callable
from pathlib import Path
from random import Random

from relay.config import Config
from relay.http.client import Client
from relay.http.guard import Guard
from relay.http.names import Look
from relay.model.account import DkimKey
from relay.model.clock import Clock
from relay.model.webhook import Webhook
from relay.report.webhooks.courier import Courier, Means
from relay.report.webhooks.desk import Desk
from relay.report.webhooks.request import signing_key
from relay.report.webhooks.schedule import PATIENCE
from relay.store.interface import StoreDown, StoreFull

logger = logging.getLogger("relay.webhooks")

PAUSE = 0.5  # seconds between looks
AFTER_FAULT = 2.0  # seconds until a file that failed is tried again
AFTER_FAILURE = 60.0  # seconds until a webhook whose courier failed is looked at again
TIDY = 60.0  # seconds between looks for what is too old
LEAST_LOOK = 5.0  # seconds after which a webhook that is left alone is looked at again: somebody may have enabled it
LAST_REPLIES = 2.0  # seconds for requests under way when told to stop
CONNECTIONS = 1000

Nonce = Callable[[], str]


class Sender:
    def __init__(
        self,
        config: Config,
        clock: Clock,
        *,
        data: Path | None = None,
        random: Random | None = None,
        look: Look | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._config = config
        self._clock = clock
        self._desk = Desk(data if data is not None else config.data)
        self._random = random if random is not None else Random()
        self._look_up = look
        self._tls = tls
        self._client = self._new_client()
        self._retired: list[Client] = []
        self._version = -2
        self._hooks: dict[str, Webhook] = {}
        self._key: DkimKey | None = None
        self._changes: int | None = None
        self._next: dict[str, float | None] = {}  # when a webhook is to be looked at; missing: now
        self._not_before: dict[str, float] = {}  # of webhooks whose courier failed
        self._closing: asyncio.Future[list[None]] | None = None
        self._couriers: dict[str, tuple[Courier, asyncio.Task[float | None]]] = {}
        self._tidy_at = 0.0
        self._looked_at = 0.0
        self._failing = False

    def reload(self, config: Config) -> None:
        """Requests from now on go by this configuration."""
        changed = config.webhooks != self._config.webhooks
        self._config = config
        if changed:
            self._retired.append(self._client)
            self._client = self._new_client()

    async def run(self, stopping: asyncio.Event) -> None:
        """Until told to stop; what is under way then has a moment to end."""
        try:
            while not stopping.is_set():
                pause = await self._try()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await stopping.wait()
        finally:
            await self._end()

    async def _try(self) -> float:
        try:
            await self.look()
        except (StoreDown, StoreFull) as error:
            if not self._failing:
                logger.error("webhooks wait: %s", error)
            self._failing = True
            return AFTER_FAULT
        if self._failing:
            self._failing = False
            logger.warning("webhooks are sent again")
        return PAUSE

    async def look(self) -> None:
        """Start couriers where there is work, and see what ended. Raises StoreFull, StoreDown."""
        await self._read()
        self._reap()
        changes = await self._desk.changes()
        if changes is None:
            return
        if changes != self._changes:
            self._changes = changes
            self._next.clear()
        now = self._clock()
        if now < self._looked_at:  # the clock was set back
            self._not_before.clear()
            self._tidy_at = 0.0
        self._looked_at = now
        for ident, hook in self._hooks.items():
            if not hook.ready or ident in self._couriers or self._not_before.get(ident, 0.0) > now:
                continue
            if ident not in self._next:
                self._next[ident] = await self._desk.next(ident)
            due = self._next[ident]
            if due is not None and due <= now:
                self._start(hook)
        if now >= self._tidy_at:
            await self._tidy(now)

    @property
    def busy(self) -> bool:
        return bool(self._couriers)

    async def idle(self) -> None:
        """Wait until the couriers under way have ended."""
        if self._couriers:
            await asyncio.wait([task for _, task in self._couriers.values()])
        self._reap()

    def _start(self, hook: Webhook) -> None:
        means = Means(
            client=self._client,
            desk=self._desk,
            clock=self._clock,
            random=self._random,
            nonce=lambda: secrets.token_hex(16),
            disable=self._disable,
            timeout=self._config.webhooks.timeout,
            at_once=self._config.webhooks.at_once,
        )
        courier = Courier(hook, self._key, means)
        self._couriers[hook.id] = courier, asyncio.create_task(courier.turn(), name=f"courier {hook.id}")

    def _reap(self) -> None:
        for ident, (_, task) in list(self._couriers.items()):
            if not task.done():
                continue
            del self._couriers[ident]
            fault = None if task.cancelled() else task.exception()
            if isinstance(fault, StoreDown | StoreFull):
                raise fault
            if fault is not None:  # of this webhook alone, so that the others go on
                logger.error("webhook %s is left alone for a minute", ident, exc_info=fault)
                self._not_before[ident] = self._clock() + AFTER_FAILURE
            again = None if fault is not None or task.cancelled() else task.result()
            if again is None:
                self._next.pop(ident, None)
            else:
                self._next[ident] = min(again, self._clock() + LEAST_LOOK)
        if not self._couriers and self._retired:
            self._closing = asyncio.gather(*(each.close() for each in self._retired))
            self._retired.clear()

    async def _read(self) -> None:
        """The webhooks as they are now."""
        version = await self._desk.version()
        if version == self._version:
            return
        if version == -1:
            self._hooks, self._version = {}, version
            return
        hooks, keys = await self._desk.webhooks()
        self._hooks = {each.id: each for each in hooks}
        self._key = signing_key(keys)
        self._version = version
        self._next.clear()
        for ident, (courier, task) in self._couriers.items():
            hook = self._hooks.get(ident)
            if hook is None or not hook.ready:
                task.cancel()
            else:
                courier.hook, courier.key = hook, self._key
        self._tidy_at = 0.0  # somebody may be gone

    async def _disable(self, hook: Webhook, reason: str) -> None:
        logger.error("webhook %s of account %s is disabled: %s", hook.id, hook.account, reason)
        await self._desk.disable(hook.id, reason, self._clock())

    async def _tidy(self, now: float) -> None:
        """Give up and forget what is past its time, a slice of each at a look."""
        settings = self._config.webhooks
        tracking = self._config.tracking
        more = await self._desk.tidy(
            died_before=now - settings.dead_keep,
            octets=settings.dead_bytes,
            clients_before=now - tracking.client_address_keep,
            routed_before=now - max(tracking.life, PATIENCE),
        )
        for ident, hook in self._hooks.items():
            if hook.disabled:
                more = await self._desk.bury(ident, f"the webhook was disabled: {hook.disabled}", now) or more
            else:
                await self._desk.set_right(ident, now)
                more = await self._desk.bury(ident, "it waited too long", now, now - PATIENCE) or more
        for ident in await self._desk.strangers(list(self._hooks)):
            more = await self._desk.forget(ident) or more
        self._tidy_at = now if more else now + TIDY
        self._next.clear()

    async def _end(self) -> None:
        tasks = []
        for courier, task in self._couriers.values():
            courier.stopping = True
            tasks.append(task)
        if tasks:
            await asyncio.wait(tasks, timeout=LAST_REPLIES)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for client in (*self._retired, self._client):
            await client.close()
        await self._desk.close()

    def _new_client(self) -> Client:
        settings = self._config.webhooks
        guard = Guard(allow=settings.allow, ports=settings.ports, plain=settings.plain_http)
        return Client(
            guard, look=self._look_up, tls=self._tls, connections=CONNECTIONS, per_host=4 * settings.at_once
        )
