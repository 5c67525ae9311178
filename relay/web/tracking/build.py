"""The parts that answer links of ours, put together for one process.

In:  the configuration, the registry, the list of suppressions, and what writes events to disk.
Out: an ASGI application for each listener; the journal, whose `run` the process keeps going until its end.
"""

from __future__ import annotations

from relay.config import Config
from relay.model.clock import Clock
from relay.model.suppression import Cause
from relay.store.assets import Assets
from relay.store.beside import Suppressions
from relay.store.interface import Registry
from relay.web.tracking.asked import Proxies
from relay.web.tracking.consents import Consents
from relay.web.tracking.front import Application, Front
from relay.web.tracking.gone import Gone
from relay.web.tracking.handlers import Handlers
from relay.web.tracking.hosted import Hosted
from relay.web.tracking.hosts import Hosts
from relay.web.tracking.journal import Journal, Record
from relay.web.tracking.known import Known
from relay.web.tracking.pictures import Pictures
from relay.web.tracking.room import Room


class Links:
    def __init__(
        self,
        config: Config,
        registry: Registry,
        suppressions: Suppressions,
        record: Record,
        clock: Clock,
        assets: Assets,
    ) -> None:
        """`record` writes events; it returns once they are on disk, and raises StoreDown or StoreFull."""
        self.gone = Gone()
        self.journal = Journal(record, self.gone)
        self._config = config
        self._hosts = Hosts(registry, config)
        self._known = Known(config.data, registry, self.gone)
        self._pictures = Pictures(config.data, config.tracking.images, clock)
        self._hosted = Hosted(assets, self._hosts)

        def listed(account: str, address: str, group: str) -> bool:
            found = suppressions.matching(account, address.lower(), "", clock(), group)
            return any(each.cause is Cause.UNSUBSCRIBE and each.group == group for each in found)

        self.room = Room()
        self._handlers = Handlers(
            known=self._known,
            journal=self.journal,
            pictures=self._pictures,
            hosted=self._hosted,
            consents=Consents(record, listed, clock, self.gone),
            settings=config.tracking,
            clock=clock,
            room=self.room,
        )

    def front(self, application: Application | None) -> Front:
        """For one listener. `application`: what else is shown there; None: nothing."""
        http = self._config.http
        return Front(self._handlers, self._hosts, Proxies(http.proxies), self._config.acme, application)

    async def reconfigure(self, config: Config) -> None:
        """Answer by a new configuration from now on; proxies and webroot are matters of listeners, and stay."""
        self._hosts.reconfigure(config)
        self._handlers.settings = config.tracking
        await self._pictures.reconfigure(config.tracking.images)

    async def close(self) -> None:
        """Once no request is under way."""
        await self._pictures.close()
        self._hosted.close()
        self._known.close()
