"""The desk for data requests: takes them, carries them out one after the other, tells who waits for it.

In:  requests of the API. Out: their state; files of results (`store/requests.py`); a POST or a mail at the end.

    pending -> done | failed -> told, where there is a monitor -> forgotten after `data_requests.keep`

Why so: one at a time and in a thread, since each looks through all shards; the accounts take turns. Who waits is told
beside that, a few at once, so that a monitor that does not answer holds up nobody else's. A request is on disk before
it is answered, and one that a restart interrupted is begun anew. What fails is said in the request and in the log,
and stays failed: who wants it still asks again. Told is told at least once: after a crash in that moment, twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final

from relay.store.interface import StoreDown, StoreFull
from relay.store.requests import Request, Requests, Stage
from relay.web.requests.collect import Collected, Stopped, Wanted, collect
from relay.web.requests.tell import tell

if TYPE_CHECKING:
    from relay.web.api.services import Services

log = logging.getLogger("relay.web")

PATIENCE: Final = 600.0  # seconds for one request
TIDY: Final = 3600.0  # seconds between looks for what is too old
AGAIN: Final = 30.0  # seconds until a disk that failed is tried again
TELLING: Final = 4  # monitors at once


class DataRequests:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._wake = asyncio.Event()
        self._stop = Event()
        self._tidy_at = 0.0
        self._turns: dict[str, int] = {}  # by account, when it had its last one
        self._telling: dict[str, asyncio.Task[None]] = {}  # by request

    @property
    def _store(self) -> Requests:
        return Requests(self._services.data)

    async def add(self, request: Request) -> None:
        """On disk on return. Raises TooMany, StoreFull, StoreDown."""
        most = self._services.config.data_requests.count
        await self._services.threaded(self._store.add, request, most)
        self._wake.set()

    async def find(self, account: str, id: str) -> Request | None:
        """None: there is none, or it is another account's. Raises NotFound, StoreDown."""
        found = await self._services.threaded(self._store.get, id)
        return found if found.account == account else None

    def result(self, id: str) -> Path:
        """Where the JSON of a request that is done lies."""
        return self._store.result(id)

    async def run(self) -> None:
        """Until cancelled; of one process."""
        swept = False
        self._stop = Event()  # a thread of a former run may still look at its own
        try:
            while True:
                self._wake.clear()
                pause = TIDY
                try:
                    if not swept:
                        await self._services.threaded(self._store.sweep)
                        swept = True
                    if await self._turn():
                        continue
                except (StoreDown, StoreFull) as error:
                    log.error("data requests wait: %s", error)
                    pause = AGAIN
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
        finally:
            self._stop.set()  # also for the thread that is at work
            for task in self._telling.values():
                task.cancel()
            await asyncio.gather(*self._telling.values(), return_exceptions=True)

    async def _turn(self) -> bool:
        """Carry out the request whose turn it is, and begin to tell of others; False: there is none."""
        if time.monotonic() >= self._tidy_at:
            self._tidy_at = time.monotonic() + TIDY
            keep = self._services.config.data_requests.keep
            await self._services.threaded(self._store.prune, self._services.clock() - keep)
        listed = await self._services.threaded(self._store.listing)
        for each in listed:
            untold = each.stage is not Stage.PENDING and each.monitor and not each.told
            if untold and each.id not in self._telling and len(self._telling) < TELLING:
                task = self._telling[each.id] = asyncio.create_task(self._tell(each))
                task.add_done_callback(partial(self._told, each.id))
        pending = [each for each in listed if each.stage is Stage.PENDING]
        if not pending:
            return False
        chosen = min(pending, key=lambda each: (self._turns.get(each.account, 0), each.asked))
        self._turns[chosen.account] = max(self._turns.values(), default=0) + 1
        await self._carry_out(chosen)
        return True

    async def _tell(self, request: Request) -> None:
        """Never fails but by being cancelled; what the disk did not take is told again after a while."""
        try:
            try:
                told = await tell(self._services, self._store, request)
            except (StoreDown, StoreFull):
                raise
            except Exception as error:
                log.exception("the monitor of data request %s", request.id)
                told = f"not told: a fault of the relay's: {type(error).__name__}"
            await self._services.threaded(self._store.change, replace(request, told=told))
        except (StoreDown, StoreFull) as error:
            log.error("the monitor of data request %s waits: %s", request.id, error)
            await asyncio.sleep(AGAIN)

    def _told(self, id: str, task: asyncio.Task[None]) -> None:
        self._telling.pop(id, None)
        self._wake.set()

    async def _carry_out(self, request: Request) -> None:
        store = self._store
        erasures = await self._services.threaded(store.erasures)
        part = store.part(request.id)
        try:
            wanted = await self._wanted(request)
            stopped = partial(_stopped, self._stop, time.monotonic() + PATIENCE)
            found = await self._services.threaded(collect, wanted, part, stopped)
        except Stopped:
            await self._fail(request, f"it took longer than {PATIENCE:g} s")
        except (StoreDown, StoreFull, OSError) as error:
            await self._fail(request, str(error))
        except Exception as error:
            log.exception("data request %s", request.id)
            await self._fail(request, f"a fault of the relay's: {type(error).__name__}")
        else:
            done = _done(request, found, self._services.clock())
            if not await self._services.threaded(store.finish, done, part, erasures):
                log.info("data request %s: somebody was erased meanwhile", request.id)

    async def _wanted(self, request: Request) -> Wanted:
        services = self._services
        settings = services.config.data_requests
        used = await services.threaded(self._store.octets)
        listed = [
            each
            for account in (request.account, "")
            for each in services.suppressions.listing(account, request.email)
            if each.address == request.email.lower()  # and not one of its whole domain
        ]
        return Wanted(
            data=services.data,
            account=request.account,
            address=request.email,
            suppressions=tuple(listed),
            contents=settings.size,
            room=max(0, settings.bytes - used),
        )

    async def _fail(self, request: Request, why: str) -> None:
        log.error("data request %s failed: %s", request.id, why)
        await self._services.threaded(self._store.part(request.id).unlink, missing_ok=True)
        failed = replace(request, stage=Stage.FAILED, ended=self._services.clock(), error=why)
        await self._services.threaded(self._store.change, failed)


def _stopped(stop: Event, deadline: float) -> bool:
    return stop.is_set() or time.monotonic() > deadline


def _done(request: Request, found: Collected, at: float) -> Request:
    return replace(request, stage=Stage.DONE, ended=at, octets=found.octets, complete=found.complete)
