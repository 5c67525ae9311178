"""Every listening socket of the relay, opened once and kept for the supervisor's life.

In:  the configuration, how many mail workers there are, and sockets a service manager opened.
Out: for each worker its own socket of each listener; the HTTP sockets; the configuration with real ports.

Each worker gets a SO_REUSEPORT socket of its own, so that the kernel spreads connections without a lock
between the workers; it stays open while the worker is replaced, so connections that wait in its backlog
reach the successor.

A socket from the service manager belongs to the listener whose name it bears (FileDescriptorName=), or else to the
one that is configured for its address and port. It is one for all workers, who then take turns at it: whichever
wakes first accepts. A listener may have several of them, as for IPv4 and IPv6.

Why so: SO_REUSEPORT would also let a second relay (or any program of this user) share our ports without a
word, and take half of our connections. So each port is first bound without it, which fails when somebody
listens there. For a few seconds we try again: the children of a supervisor that was just killed may still
be on their way out.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import logging
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from relay.config import Config, Http, Https, Listener
from relay.supervisor.service import Inherited

logger = logging.getLogger("relay.supervisor")

BACKLOG = 512  # connections that wait for a worker, for each socket; the kernel's somaxconn may cut it
HTTP = "http"  # the names of the HTTP sockets
HTTPS = "https"
PATIENCE = 3.0  # seconds in which an address may become free


class CannotListen(Exception):
    """An address cannot be bound; the text says which listener, where and why."""


@dataclass(frozen=True, slots=True)
class Sockets:
    config: Config  # as given, with the ports that were bound
    listeners: dict[str, tuple[tuple[socket.socket, ...], ...]]  # by name; of each place one a worker, or one for all
    http: socket.socket
    https: socket.socket | None = None

    def of_worker(self, number: int) -> tuple[tuple[Listener, socket.socket], ...]:
        return tuple(
            (each, place[number % len(place)])
            for each in self.config.listeners
            for place in self.listeners[each.name]
        )

    def close(self) -> None:
        for each in self.all():
            each.close()

    def all(self) -> Iterator[socket.socket]:
        for places in self.listeners.values():
            for place in places:
                yield from place
        yield self.http
        if self.https is not None:
            yield self.https


def open_sockets(config: Config, workers: int, given: Sequence[Inherited] = ()) -> Sockets:
    """Bind and listen everywhere.

    Raises:
        CannotListen: somewhere it is not possible; what was opened before is closed again.
    """
    with contextlib.ExitStack() as opened:
        for each in given:
            opened.callback(each.sock.close)
        taken = _divide(config, given)
        listeners: dict[str, tuple[tuple[socket.socket, ...], ...]] = {}
        actual = []
        for listener in config.listeners:
            places: tuple[tuple[socket.socket, ...], ...] = tuple((sock,) for sock in taken.get(listener.name, ()))
            if not places:
                socks = _bind(f"listener {listener.name}", listener.address, listener.port, workers)
                for sock in socks:
                    opened.callback(sock.close)
                places = (tuple(socks),)
            listeners[listener.name] = places
            actual.append(listener.model_copy(update={"port": places[0][0].getsockname()[1]}))
        web = taken.get(HTTP) or _bind(HTTP, config.http.address, config.http.port, 1)
        for sock in web:
            opened.callback(sock.close)
        secure = _https(config.http.https, taken)
        real = config.model_copy(
            update={
                "listeners": tuple(actual),
                "http": _bound(config.http, web[0], secure),
            }
        )
        opened.pop_all()
        return Sockets(real, listeners, web[0], secure)


def _https(settings: Https, taken: Mapping[str, Sequence[socket.socket]]) -> socket.socket | None:
    if settings.port is None:
        return None
    return (taken.get(HTTPS) or _bind(HTTPS, settings.address, settings.port, 1))[0]


def _bound(settings: Http, web: socket.socket, secure: socket.socket | None) -> Http:
    """The settings with the ports there are."""
    update: dict[str, object] = {"port": web.getsockname()[1]}
    if secure is not None:
        update["https"] = settings.https.model_copy(update={"port": secure.getsockname()[1]})
    return settings.model_copy(update=update)


def _divide(config: Config, given: Sequence[Inherited]) -> dict[str, list[socket.socket]]:
    """Sockets of the service manager by the listener they are for; those for none are closed, with a warning."""
    places = {each.name: (each.address, each.port) for each in config.listeners}
    places[HTTP] = (config.http.address, config.http.port)
    if config.http.https.port is not None:
        places[HTTPS] = (config.http.https.address, config.http.https.port)
    taken: dict[str, list[socket.socket]] = {}
    for each in given:
        inet = each.sock.family in (socket.AF_INET, socket.AF_INET6)
        address, port = each.sock.getsockname()[:2] if inet else ("a path", 0)
        names = [each.name] if each.name in places else [name for name in places if _at(address, port, *places[name])]
        if not inet or not names or (names[0] in (HTTP, HTTPS) and names[0] in taken):
            logger.warning(
                "no listener is called %r or has port %d at %s: this socket of the service manager is not used, and "
                "who connects to it waits in vain",
                each.name,
                port,
                address,
            )
            each.sock.close()
            continue
        if not _at(address, port, *places[names[0]]):
            logger.info("listener %s is at port %d of %s, as the service manager says", names[0], port, address)
        each.sock.setblocking(False)
        taken.setdefault(names[0], []).append(each.sock)
    return taken


def _at(address: str, port: int, wanted: str, wanted_port: int) -> bool:
    """Whether a socket is where the configuration wants one; all of IPv6 may be all of both."""
    return port == wanted_port != 0 and (
        ipaddress.ip_address(address) == ipaddress.ip_address(wanted) or {address, wanted} <= {"::", "0.0.0.0"}  # noqa: S104
    )


def _bind(what: str, address: str, port: int, count: int) -> list[socket.socket]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    if port:
        _must_be_free(what, family, address, port)
    socks: list[socket.socket] = []
    try:
        for _ in range(count):
            sock = socket.socket(family, socket.SOCK_STREAM)
            socks.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            _both_families(sock, family, address)
            sock.bind((address, port))
            port = sock.getsockname()[1]  # with 0 the first one chooses for all
        for sock in socks:
            sock.listen(BACKLOG)
            sock.setblocking(False)
    except OSError as error:
        for sock in socks:
            sock.close()
        raise _cannot(what, address, port, error) from error
    return socks


def _must_be_free(what: str, family: int, address: str, port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # Past connections in TIME_WAIT are no obstacle; a socket that listens is.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _both_families(probe, family, address)
            try:
                probe.bind((address, port))
                return
            except OSError as error:
                if time.monotonic() >= deadline:
                    raise _cannot(what, address, port, error) from error
        time.sleep(0.05)


def _both_families(sock: socket.socket, family: int, address: str) -> None:
    if family == socket.AF_INET6:
        # `::` means all addresses, IPv4 too; any other IPv6 address means itself.
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if address == "::" else 1)


def _cannot(what: str, address: str, port: int, error: OSError) -> CannotListen:
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    low = isinstance(error, PermissionError) and 0 < port < 1024
    hint = " (ports below 1024 need systemd/relay.service or CAP_NET_BIND_SERVICE)" if low else ""
    if error.errno == errno.EADDRINUSE:
        hint = "; end what listens there, or say another port in the configuration"
    return CannotListen(f"{what}: cannot listen on {where}: {error.strerror}{hint}")
