"""The sites of one process: found by route, forgotten when nothing is known of them any more.

Connections of one (egress, site) share a window; routes that differ in their TLS demand do not share connections,
since a connection taken with any certificate must not carry mail that demands a verified one, nor one in clear text
mail that must not be sent so. Nor do those that may use one version of IP and those that may use both.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from relay.delivery.desk import Tools
from relay.delivery.site import Site
from relay.model.route import Route, TlsDemand
from relay.queue.window import Window

WINDOWS = 10_000  # sites whose window is remembered
LEAST = 50  # recipients a site may hold ready, however many others there are

_Key = tuple[str, str, TlsDemand, int, bool, str]


class Sites:
    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._sites: dict[_Key, Site] = {}
        self._windows: OrderedDict[tuple[str, str], tuple[Window, Route]] = OrderedDict()  # with the last route there
        self._busy: dict[Site, None] = {}

    def of(self, route: Route) -> Site:
        key = _key(route)
        site = self._sites.get(key)
        if site is None:
            site = self._sites[key] = Site(route, self._window(route), self._tools, self._ended)
        return site

    def share(self, flight: int) -> int:
        """Recipients one site may hold ready: half of the memory, shared with the other sites at work."""
        return max(LEAST, flight // (2 * max(1, len(self._sites))))

    def busy(self, site: Site) -> None:
        """Mail was added; `pump` sets the site to work."""
        self._busy[site] = None

    def pump(self) -> None:
        busy, self._busy = self._busy, {}
        for site in busy:
            site.pump()

    def forgive(self, site: str) -> None:
        """Ask this site now, whatever it answered before; so for each egress."""
        for (_, name), (window, route) in self._windows.items():
            if name == site:
                window.forgive()
                self._tools.pool.forgive(route)

    def stop(self) -> list[asyncio.Task[None]]:
        """Begin nothing more anywhere; the tasks still at work."""
        for site in self._sites.values():
            site.stop()
        return [task for site in self._sites.values() for task in site.tasks]

    def cancel(self) -> list[asyncio.Task[None]]:
        return [task for site in self._sites.values() for task in site.cancel()]

    def _ended(self, site: Site) -> None:
        if self._sites.get(_key(site.route)) is site and site.quiet and not site.full:
            del self._sites[_key(site.route)]

    def _window(self, route: Route) -> Window:
        key = (route.egress, route.site)
        known = self._windows.get(key)
        delivery = self._tools.delivery
        window = known[0] if known else Window(ceiling=delivery.connections, rest=delivery.dead_host)
        self._windows[key] = (window, route)
        self._windows.move_to_end(key)
        if len(self._windows) > WINDOWS:
            self._windows.popitem(last=False)
        return window


def _key(route: Route) -> _Key:
    return route.egress, route.site, route.tls, route.family, route.implicit_tls, route.rule
