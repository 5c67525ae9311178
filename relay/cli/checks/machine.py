"""The machine: its clock, our ports, the addresses mail leaves from."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from relay.config import Config
from relay.manage.finding import Finding, fail, ok, warn
from relay.model.clock import iso

AHEAD = 60.0  # seconds by which a file may be newer than now
_TIME_ERROR = 5  # of adjtimex(2): the clock is not synchronised
_UNPRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
_BIND = 1 << 10  # CAP_NET_BIND_SERVICE


def clock(config: Config, *, public: bool) -> Iterator[Finding]:
    """Ids, retries and signatures all bear the time: it must be right, and it must not go back."""
    now = time.time()
    newest, path = _newest(config.data)
    if newest > now + AHEAD:
        yield fail(
            "clock",
            f"says {iso(now)}, and {path} was written {newest - now:.0f} s later than that: one of the two is wrong",
            "set the clock before the relay starts; mail that is due later than it is waits for that time",
        )
    elif public and _synchronised() is False:
        yield warn("clock", "is kept by nobody", "run chrony or systemd-timesyncd")
    else:
        yield ok("clock", f"says {iso(now)}")


def _newest(data: Path) -> tuple[float, Path]:
    """When the newest of our files was written, and which one it is."""
    newest, path = 0.0, data
    for pattern in ("*.db", "*.json", "shards/*/*.db", "shards/*/*-wal"):
        for each in data.glob(pattern):
            try:
                written = each.stat().st_mtime
            except OSError:
                continue
            if written > newest:
                newest, path = written, each
    return newest, path


def _synchronised() -> bool | None:
    """What the kernel says of its clock; None where it does not say."""
    try:
        asked = (ctypes.c_long * 64)()  # struct timex: modes 0 asks and changes nothing
        state = ctypes.CDLL(None, use_errno=True).adjtimex(asked)
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR


def ports(config: Config) -> Iterator[Finding]:
    """Each can be bound, or is held by the relay that runs."""
    from relay.cli.access import read_access
    from relay.store.running import running

    pid = running(config.data)
    held = set((read_access(config.data) or {}).get("ports", {}).values()) if pid is not None else set()
    places = [(f"listeners.{each.name}", each.address, each.port) for each in config.listeners]
    places.append(("http", config.http.address, config.http.port))
    places.append(("http.https", config.http.https.address, config.http.https.port or 0))
    for subject, address, port in places:
        if not port:
            continue
        if port in held:
            yield ok(subject, f"is open at port {port}, by the relay that runs (process {pid})")
        else:
            yield _bindable(subject, address, port)


def _bindable(subject: str, address: str, port: int) -> Finding:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    where = f"port {port} of {address}"
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            advice = f"`ss -ltnp sport = :{port}` names it; it may be systemd, for relay.socket"
            return fail(subject, f"cannot have {where}: somebody listens there", advice)
        if error.errno == errno.EACCES:
            return ok(subject, f"gets {where} from systemd/relay.service; this user may not take it")
        return fail(subject, f"cannot have {where}: {error.strerror}", "address is to be one of this machine")
    if _low(port) and not _may():
        return ok(subject, f"gets {where} from systemd/relay.service; this user may not take it")
    return ok(subject, f"can have {where}")


def _low(port: int) -> bool:
    try:
        return port < int(_UNPRIVILEGED.read_text())
    except (OSError, ValueError):
        return port < 1024


def _may() -> bool:
    """Whether this process may bind low ports. A capability counts where it is effective."""
    if os.geteuid() == 0:
        return True
    try:
        status = Path("/proc/self/status").read_text()
        effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
        return bool(int(effective.split()[1], 16) & _BIND)
    except (OSError, StopIteration, ValueError):
        return False


def egresses(config: Config) -> Iterator[Finding]:
    """Every address mail is to leave from is one of this machine."""
    for each in config.delivery.every_egress:
        for address in filter(None, (each.ipv4, each.ipv6)):
            subject = f"egress {each.name}"
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            try:
                with socket.socket(family, socket.SOCK_STREAM) as probe:
                    probe.bind((address, 0))
            except OSError as error:
                advice = "give the address to an interface of this machine, or take it out"
                yield fail(subject, f"cannot leave from {address}: {error.strerror}", advice)
            else:
                yield ok(subject, f"leaves from {address}")
