"""Which host names are ours, as the registry has them now.

In:  a host name. Out: whether it is one of a domain's tracking hosts, or of ours otherwise.

Why so: a link is judged by its signature, and works under any name. What hangs on the name is only what else is
shown there: nothing. A host of `tracking.base` that is an address or `hostname` shows the relay's own pages, too,
since there may be no other name for them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from relay.config import Config
from relay.model.address import is_ip
from relay.store.interface import Registry, StoreDown

logger = logging.getLogger("relay.web")

LAG = 0.5  # seconds for which a change may go unseen; while the registry is away, what was seen last holds


class Hosts:
    def __init__(self, registry: Registry, config: Config, steady: Callable[[], float] = time.monotonic) -> None:
        self._registry = registry
        self._steady = steady
        self._version = -1
        self._look_at = 0.0
        self._tracking: frozenset[str] = frozenset()
        self._own: frozenset[str] = frozenset()
        self.reconfigure(config)

    def reconfigure(self, config: Config) -> None:
        base = _host(config.tracking.base or "")
        name = config.hostname.lower()
        self._own = frozenset({name, base} - {""})
        self._base = frozenset() if base == name or is_ip(base) else frozenset({base} - {""})

    def tracks(self, name: str) -> bool:
        """Whether nothing but links of ours is shown under this name."""
        return name in self._base or name in self._domains()

    def ours(self, name: str) -> bool:
        """Whether a certificate for this name is ours to ask for."""
        name = name.strip().lower().rstrip(".")
        return not is_ip(name) and (name in self._own or name in self._domains())

    def leads_here(self, url: str) -> bool:
        """Whether a URL is at one of our hosts."""
        return _host(url) in self._own or _host(url) in self._domains()

    def _domains(self) -> frozenset[str]:
        if (now := self._steady()) >= self._look_at:
            self._look_at = now + LAG
            try:
                self._refresh()
            except StoreDown as error:
                logger.warning("the hosts of links stay as they were: %s", error)
        return self._tracking

    def _refresh(self) -> None:
        version = self._registry.version()
        if version != self._version:
            found = (each.tracking_host.lower() for each in self._registry.domains())
            self._tracking = frozenset(each for each in found if each)
            self._version = version


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""
