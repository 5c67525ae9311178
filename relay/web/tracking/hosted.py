"""Pictures that we host (option `hosted_images`): at `/h/NAME` on every host of ours.

In:  a name, or the URL of a picture in a message.
Out: octets and media type; None: not ours, or gone.

Reads files, in a thread of its own.
"""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol
from urllib.parse import urlsplit

from relay.web.tracking.hosts import Hosts

PREFIX = "/h/"
CACHE = b"public, max-age=31536000, immutable"  # a name stands for its octets, for ever

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{15,119}")


class Assets(Protocol):
    """What is asked of `relay.store.assets.Assets`."""

    def get(self, name: str) -> tuple[bytes, str] | None:
        """Octets and media type. Raises StoreDown."""


class Hosted:
    def __init__(self, assets: Assets | None, hosts: Hosts) -> None:
        self._assets = assets
        self._hosts = hosts
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hosted")

    async def get(self, name: str) -> tuple[bytes, str] | None:
        """Raises StoreDown."""
        if self._assets is None or _NAME.fullmatch(name) is None:
            return None
        found = await asyncio.get_running_loop().run_in_executor(self._thread, self._assets.get, name)
        return found if found is not None and found[1].startswith("image/") else None

    async def behind(self, url: str) -> tuple[bytes, str] | None:
        """The hosted picture a URL leads to, so that we need not ask ourselves for it. Raises StoreDown."""
        if PREFIX not in url or not self._hosts.leads_here(url):
            return None
        path = urlsplit(url).path
        return await self.get(path.removeprefix(PREFIX)) if path.startswith(PREFIX) else None

    def close(self) -> None:
        self._thread.shutdown()
