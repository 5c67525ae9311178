"""Pictures that we host (option `hosted_images`): at `/h/NAME` on every host of ours.

In:  a name, or the URL of a picture in a message.
Out: octets and media type; None: not ours, or gone.

Reads files, in a thread of its own.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from relay.store.assets import Assets
from relay.web.tracking.hosts import Hosts

PREFIX = "/h/"
CACHE = b"public, max-age=31536000, immutable"  # a name stands for its octets, for ever


class Hosted:
    def __init__(self, assets: Assets, hosts: Hosts) -> None:
        self._assets = assets
        self._hosts = hosts
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hosted")

    async def get(self, name: str) -> tuple[bytes, str] | None:
        """Raises StoreDown."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._assets.get, name)

    async def behind(self, url: str) -> tuple[bytes, str] | None:
        """The hosted picture a URL leads to, so that we need not ask ourselves for it. Raises StoreDown."""
        if PREFIX not in url or not self._hosts.leads_here(url):
            return None
        path = urlsplit(url).path
        return await self.get(path.removeprefix(PREFIX)) if path.startswith(PREFIX) else None

    def close(self) -> None:
        self._thread.shutdown()
