"""Pictures of messages, shown through us: fetched once for all who look at them, and kept.

In:  the URL of a picture, as it stood in the message.
Out: the picture, from memory, disk or where it lies; or `Failed`, and the mail program is sent there itself.

    memory    the pictures of today's mail, `MEMORY` octets
    disk      `tracking.images.cache` octets
    fetched   over the guarded client; many who ask for the same one wait for one answer. A kept picture that is older
              than `tracking.images.keep` is fetched anew, and shown as it is if that fails.

A failure is remembered for `FAILED_FOR`, so that a host that does not answer is not asked by every reader.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from relay.config.tracking import Images
from relay.http.client import Client, Failed, Failure
from relay.http.guard import Guard
from relay.model.clock import Clock
from relay.web.tracking.cache import Picture, PictureCache
from relay.web.tracking.kinds import picture_kind

logger = logging.getLogger("relay.web")

DIRECTORY = "pictures"  # in the data directory
MEMORY = 32 << 20  # octets
REMEMBERED = MEMORY // 16  # octets of the largest picture kept in memory
FETCHES = 30  # at once
REDIRECTS = 3
WAITING = 200  # requests that wait for a picture at once; more would leave no connections for links
FAILED_FOR = 60.0  # seconds
FAILURES = 4096  # remembered
WAIT = 2.0  # seconds for one of the fetches, beyond the time a fetch may take
ACCEPT = {"Accept": "image/avif,image/webp,image/png,image/jpeg,image/gif,image/*;q=0.8"}

T = TypeVar("T")


class Pictures:
    def __init__(self, data: Path, settings: Images, clock: Clock, client: Client | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._client = client or Client(Guard(allow=settings.networks, plain=True))
        self._own_client = client is None
        self._cache = PictureCache(data / DIRECTORY, settings.cache)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pictures")
        self._opened: asyncio.Future[bool] | None = None
        self._memory: OrderedDict[str, Picture] = OrderedDict()
        self._used = 0
        self._fetching: dict[str, asyncio.Task[Picture]] = {}
        self._failed: OrderedDict[str, tuple[float, Failed]] = OrderedDict()
        self._slots = asyncio.Semaphore(FETCHES)
        self._waiting = 0

    async def get(self, url: str) -> Picture:
        """Raises Failed."""
        found = self._memory.get(url)
        if found is not None and not self._old(found):
            self._memory.move_to_end(url)
            return found
        found = await self._on_disk(url)
        if found is not None and not self._old(found):
            self._remember(url, found)
            return found
        try:
            return await self._once(url)
        except Failed:
            if found is None:
                raise
            return found

    async def reconfigure(self, settings: Images) -> None:
        if settings.networks != self._settings.networks and self._own_client:
            old, self._client = self._client, Client(Guard(allow=settings.networks, plain=True))
            await old.close()
        self._settings = settings
        await self._in_thread(lambda: self._cache.resize(settings.cache))

    async def close(self) -> None:
        under_way = list(self._fetching.values())
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        if self._own_client:
            await self._client.close()
        self._thread.shutdown()

    def _old(self, picture: Picture) -> bool:
        return not 0 <= self._clock() - picture.fetched <= self._settings.keep

    async def _once(self, url: str) -> Picture:
        """Fetch, or wait for who fetches it already. Raises Failed."""
        if (failed := self._failed.get(url)) is not None:
            if 0 <= self._clock() - failed[0] < FAILED_FOR:
                raise failed[1]
            del self._failed[url]
        if self._waiting >= WAITING:
            raise Failed(Failure.TIMEOUT, "too many wait for pictures")
        task = self._fetching.get(url)
        if task is None:
            task = self._fetching[url] = asyncio.create_task(self._fetch(url), name=f"picture {url[:80]}")
            task.add_done_callback(lambda done: self._done(url, done))
        self._waiting += 1
        try:
            return await asyncio.shield(task)  # who goes away does not take it from the others
        finally:
            self._waiting -= 1

    def _done(self, url: str, task: asyncio.Task[Picture]) -> None:
        self._fetching.pop(url, None)
        fault = None if task.cancelled() else task.exception()
        if isinstance(fault, Failed):
            self._failed[url] = (self._clock(), fault)
            if len(self._failed) > FAILURES:
                self._failed.popitem(last=False)

    async def _fetch(self, url: str) -> Picture:
        settings = self._settings
        try:
            async with asyncio.timeout(settings.timeout + WAIT), self._slots:
                response = await self._client.get(
                    url, limit=settings.object, timeout=settings.timeout, headers=ACCEPT, redirects=REDIRECTS
                )
        except TimeoutError:
            raise Failed(Failure.TIMEOUT, "too many pictures are fetched at once") from None
        octets = response.content()
        kind = picture_kind(octets)
        if not kind:
            raise Failed(Failure.STATUS, "what came is no picture that we pass on")
        picture = Picture(octets, kind, self._clock())
        self._remember(url, picture)
        try:
            await self._in_thread(lambda: self._cache.put(url, picture))
        except OSError as error:
            logger.warning("a picture is not kept: %s", error)
        return picture

    def _remember(self, url: str, picture: Picture) -> None:
        if len(picture.octets) > REMEMBERED:
            return
        if (before := self._memory.pop(url, None)) is not None:
            self._used -= len(before.octets)
        self._memory[url] = picture
        self._used += len(picture.octets)
        while self._used > MEMORY:
            self._used -= len(self._memory.popitem(last=False)[1].octets)

    async def _on_disk(self, url: str) -> Picture | None:
        return await self._in_thread(lambda: self._cache.get(url))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        if self._opened is None:
            self._opened = loop.run_in_executor(self._thread, self._open)
        await asyncio.shield(self._opened)
        return await loop.run_in_executor(self._thread, work)

    def _open(self) -> bool:
        try:
            self._cache.open()
        except OSError as error:  # without it every picture is fetched again and again, but shown
            logger.error("pictures cannot be kept: %s", error)
            return False
        return True
