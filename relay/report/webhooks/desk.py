"""The outbox as couriers see it: awaited, in a thread of its own, so that a slow disk never holds the loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import apsw

from relay.model.account import DkimKey
from relay.model.ids import shard_of
from relay.model.webhook import Webhook
from relay.report.webhooks import letters
from relay.report.webhooks.outbox import NAME, SLICE, Answer, Outbox, Settled, Waiting, open_outbox
from relay.report.webhooks.schedule import Endpoint
from relay.store.interface import NotFound, StoreDown
from relay.store.sqlite import open_reader, shard_directory
from relay.store.sqlite.connect import value
from relay.store.sqlite.hooks import SqliteWebhooks, open_webhooks

logger = logging.getLogger("relay.webhooks")

LARGEST = 1 << 20  # octets of a message that goes into a body

T = TypeVar("T")


class Desk:
    """Everything the sender asks of files. One a sender."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._thread = ThreadPoolExecutor(1, "webhooks")
        self._outbox: Outbox | None = None
        self._registry: SqliteWebhooks | None = None

    async def close(self) -> None:
        await self._do(self._close)
        self._thread.shutdown()

    # --- couriers -------------------------------------------------------------------------------------

    async def endpoint(self, hook: str) -> Endpoint:
        return await self._do(lambda: self._open().endpoint(hook))

    async def next(self, hook: str) -> float | None:
        return await self._do(lambda: self._open().next(hook))

    async def due(self, hook: str, now: float, limit: int) -> list[Waiting]:
        return await self._do(lambda: self._open().due(hook, now, limit))

    async def settle(
        self,
        hook: str,
        settled: Sequence[Settled],
        answer: Answer,
        endpoint: Endpoint,
        now: float,
        recovered: bool,
    ) -> None:
        await self._do(lambda: self._open().settle(hook, settled, answer, endpoint, now, recovered=recovered))

    async def original(self, submission: str) -> str | None:
        return await self._do(lambda: self._original(submission))

    # --- the sender -----------------------------------------------------------------------------------

    async def version(self) -> int:
        """Of the registry; -1 while there is none."""
        return await self._do(self._version)

    async def webhooks(self) -> tuple[list[Webhook], list[DkimKey]]:
        def read() -> tuple[list[Webhook], list[DkimKey]]:
            opened = self._open_registry()
            return opened.webhooks(), opened.signing_keys()

        return await self._do(read)

    async def changes(self) -> int | None:
        """A number that differs once others have changed the outbox; None while there is none."""
        return await self._do(self._changes)

    async def disable(self, hook: str, reason: str, now: float) -> None:
        """In the registry, with a line in the audit."""
        await self._do(lambda: self._disable(hook, reason, now))

    async def set_right(self, hook: str, now: float) -> None:
        await self._do(lambda: self._open().set_right(hook, now))

    async def bury(self, hook: str, reason: str, now: float, before: float | None = None) -> bool:
        """A slice; True when there may be more."""
        return await self._do(lambda: self._open().bury(hook, reason, now, before)) == SLICE

    async def strangers(self, known: Sequence[str]) -> list[str]:
        """Webhooks of whom there are rows, and which are no more."""
        return await self._do(lambda: [each for each in self._open().hooks() if each not in known])

    async def forget(self, hook: str) -> bool:
        return await self._do(lambda: self._open().forget(hook))

    async def tidy(self, *, died_before: float, octets: int, clients_before: float, routed_before: float) -> bool:
        def act() -> bool:
            return letters.tidy(
                self._open(),
                died_before=died_before,
                octets=octets,
                clients_before=clients_before,
                routed_before=routed_before,
            )

        return await self._do(act)

    # --- in the thread --------------------------------------------------------------------------------

    async def _do(self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, act)

    def _open(self) -> Outbox:
        if self._outbox is None:
            self._outbox = open_outbox(self._data, synced=False)
        return self._outbox

    def _open_registry(self) -> SqliteWebhooks:
        if self._registry is None:
            self._registry = open_webhooks(self._data / "registry.db")
        return self._registry

    def _version(self) -> int:
        if self._registry is None and not (self._data / "registry.db").exists():
            return -1
        return self._open_registry().version()

    def _changes(self) -> int | None:
        if self._outbox is None and not (self._data / NAME).exists():
            return None
        try:
            version: int = value(self._open().connection, "pragma data_version")
        except apsw.Error as error:
            raise StoreDown(f"the outbox of webhooks cannot be read: {error}") from error
        return version

    def _disable(self, hook: str, reason: str, now: float) -> None:
        opened = self._open_registry()
        try:
            found = opened.webhook(hook)
        except NotFound:  # removed meanwhile
            return
        if not found.disabled:
            opened.update(replace(found, disabled=reason, disabled_at=now))
            opened.audit(now, "relay", "webhook disable", {"webhook": hook, "reason": reason})

    def _original(self, submission: str) -> str | None:
        try:
            shard = shard_of(submission)
            with closing(open_reader(shard_directory(self._data, shard), shard)) as reader:
                octets = reader.content(submission, 0)
        except (NotFound, StoreDown, ValueError):
            return None
        return octets.decode("utf-8", "replace") if len(octets) <= LARGEST else None

    def _close(self) -> None:
        for each in (self._outbox, self._registry):
            if each is not None:
                each.close()
        self._outbox = self._registry = None
