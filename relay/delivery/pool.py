"""Connections to next hops: who may open one, and how.

In:  a route and one of its hosts. Out: a `Connection`, ready for mail; or `Unconnected`.

Each connection holds one machine-wide place of its (egress, site) from before it is opened until it is closed.
What is learnt on the way is told to the whole machine: a host that cannot be reached is left alone for `dead_host`
seconds, one whose TLS handshake breaks gets clear text for an hour, from mail that takes clear text.

Why so: some receivers answer an address of ours that they do not like with silence. So what is learnt of a host's
being out of reach, and a pause a site asked for, is learnt for one egress; only TLS that breaks is the host's own.
A kept connection stays with the site's task that opened it, and waits there for the next message up to
`idle` seconds; a pool of parked connections would need a task for each message that takes one out again.
"""

from __future__ import annotations

import logging

from relay.config import Config
from relay.delivery.rules import Names
from relay.limits.interface import Kind, Limits, Mark, Place
from relay.model.clock import Clock
from relay.model.route import Host, Route
from relay.smtp.client import Client, Connection, Contexts, Hop, Unconnected
from relay.smtp.dialogue import Step, Timeouts, Trouble

log = logging.getLogger(__name__)
STEP_MEMORY = 604_800.0  # seconds; what throws away envelopes once is not mended by the hour
TLS_MEMORY = 3600.0  # seconds; a mended host is trusted with TLS again after that
CROWD = 500  # connections; more are open only while each carries mail
_UNREACHABLE = (Trouble.CONNECT, Trouble.LOST, Trouble.SILENT, Trouble.GARBLED)


class Pool:
    """The connections of one process."""

    def __init__(self, config: Config, limits: Limits, clock: Clock, timeouts: Timeouts) -> None:
        self._delivery = config.delivery
        self._limits = limits
        self._clock = clock
        contexts = Contexts(config.tls.ca_file)
        self._clients = {
            egress.name: Client(
                config.hostname,
                egress,
                connect_timeout=config.delivery.connect_timeout,
                contexts=contexts,
                timeouts=timeouts,
            )
            for egress in config.delivery.every_egress
        }
        self._default = config.delivery.egress.name
        self._ahead = Names(config.delivery.pipeline_envelopes)
        self._places = 0

    @property
    def crowded(self) -> bool:
        """So many connections are open that none should be kept without work."""
        return self._places > CROWD

    def gate(self, route: Route) -> str:
        """What the site is called, as this egress reaches it: by its own name from the default one."""
        return self._seen(route.egress, route.site)

    def gates(self, site: str) -> list[str]:
        """All that a site is called."""
        return [self._seen(egress, site) for egress in self._clients]

    def _seen(self, egress: str, name: str) -> str:
        return name if egress == self._default else f"{egress}/{name}"

    async def place(self, egress: str, site: str) -> bool:
        """Take the place a connection needs; False when all are taken."""
        if not await self._limits.lease(Place.SITE, f"{egress}/{site}", self._delivery.connections):
            return False
        self._places += 1
        return True

    def give_back(self, egress: str, site: str) -> None:
        self._places -= 1
        self._limits.give_back(Place.SITE, f"{egress}/{site}")

    def alive(self, route: Route) -> list[Host]:
        """Hosts that are not known to be out of reach, in order."""
        return [host for host in route.hosts if self._dead(route, host) is None]

    def _dead(self, route: Route, host: Host) -> Mark | None:
        return self._limits.marked(Kind.DEAD_HOST, self._seen(route.egress, host.key))

    def dead_until(self, route: Route) -> float | None:
        """When the first host of the route may be tried again; None if one may be now."""
        ends = []
        for host in route.hosts:
            mark = self._dead(route, host)
            if mark is None:
                return None
            ends.append(mark.until)
        return min(ends, default=None)

    def forgive(self, route: Route) -> None:
        """Forget that the route's hosts were out of reach."""
        for host in route.hosts:
            self._limits.unmark(Kind.DEAD_HOST, self._seen(route.egress, host.key))

    async def connect(self, route: Route, host: Host) -> Connection:
        """Raises Unconnected."""
        broken = self._limits.marked(Kind.BROKEN_TLS, host.key) is not None
        hop = Hop(host=host, tls=route.tls, implicit_tls=route.implicit_tls, login=route.login, broken_tls=broken)
        try:
            connection = await self._clients[route.egress].connect(hop)
        except Unconnected as error:
            self._learn(host, error.tls_broken)
            answer = error.answer
            if answer.trouble in _UNREACHABLE and answer.step in (Step.CONNECT, Step.GREETING, Step.EHLO):
                until = self._clock() + self._delivery.dead_host
                key = self._seen(route.egress, host.key)
                self._limits.mark(Mark(Kind.DEAD_HOST, key, until, str(answer.reply)))
            raise
        self._learn(host, connection.tls_broken)
        connection.ahead = connection.offers.pipelining and self._ahead.match(host.name) and self._in_step(host)
        return connection

    def may_follow(self, connection: Connection) -> bool:
        """Whether another envelope may go out behind the message under way."""
        room = connection.used + 1 < self._delivery.messages_per_connection and not self.crowded
        return room and self._in_step(connection.hop.host)

    def _in_step(self, host: Host) -> bool:
        return self._limits.marked(Kind.LOST_STEP, host.key) is None

    def lost_step(self, connection: Connection) -> None:
        """Every envelope waits for its turn there from now on."""
        host = connection.hop.host
        log.warning("%s gets no envelope ahead of its turn any more: %s", host.name, connection.lost_step)
        self._limits.mark(Mark(Kind.LOST_STEP, host.key, self._clock() + STEP_MEMORY, connection.lost_step))

    def _learn(self, host: Host, tls_broken: str) -> None:
        if tls_broken:
            self._limits.mark(Mark(Kind.BROKEN_TLS, host.key, self._clock() + TLS_MEMORY, tls_broken))

    def worn(self, connection: Connection) -> bool:
        """Whether the connection has carried its share of messages, or can carry no more."""
        return not connection.usable or connection.used >= self._delivery.messages_per_connection
