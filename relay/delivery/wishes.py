"""What a message asks of its way out: how much TLS, and which of our addresses it leaves from. Pure.

In:  a message. Out: a `Wish`; for nearly all mail `NO_WISH`, which costs no more than a look.

A message is sent from the same egress at every attempt: its id picks one of those that fit, so the mail of a pool
is spread evenly and needs no memory.

Why so: `verify_tls: none` asks for no more than any certificate, which is what a route without a demand takes
anyway; it loosens no demand of a route, so nothing is left of it here. `require_tls` and `verify_tls` only add.
A message whose pool is gone from the configuration waits (see `route.py`): sent from another address, it could
harm the name of that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from zlib import crc32

from relay.config import Delivery, Egress
from relay.model.message import Message
from relay.model.options import NOTHING, Options, RequireTls, VerifyTls
from relay.model.route import TlsDemand

POOLS = 10_000  # combinations of pool and source addresses that are remembered
BOTH = 0  # versions of IP


@dataclass(frozen=True, slots=True)
class Wish:
    """Comparable, so that mail with the same wish shares a route."""

    tls: TlsDemand = TlsDemand.NONE  # at least
    egress: str | None = ""  # its name; "" is the default one; None: there is none that fits
    family: int = BOTH  # 4 or 6: only that version of IP
    said: str = ""  # what asked for an egress that is not there, in words


NO_WISH = Wish()


class Wishes:
    """Of one configuration."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._egresses = {each.name: each for each in delivery.every_egress}
        self._fitting: dict[tuple[str, tuple[str, ...]], tuple[str, ...]] = {}
        family = _family(delivery.egress, ())
        self._plain = NO_WISH if family == BOTH else Wish(family=family)

    def of(self, message: Message) -> Wish:
        options = message.resolved.options
        if options is NOTHING:
            return self._plain
        tls = _demand(options)
        if not options.pool and not options.source_ip:
            return self._plain if tls is TlsDemand.NONE else Wish(tls, "", self._plain.family)
        addresses = tuple(sorted({_usual(each) for each in options.source_ip}))
        names = self._names(options.pool, addresses)
        if not names:
            return Wish(tls, None, BOTH, _said(options.pool, addresses))
        name = names[crc32(message.id.encode()) % len(names)]
        return Wish(tls, name, _family(self._egresses[name], addresses))

    def _names(self, pool: str, addresses: tuple[str, ...]) -> tuple[str, ...]:
        names = self._fitting.get((pool, addresses))
        if names is None:
            if len(self._fitting) >= POOLS:
                self._fitting.clear()
            names = self._fitting[pool, addresses] = self._delivery.egress_names(pool, addresses)
        return names


def _demand(options: Options) -> TlsDemand:
    if options.verify_tls is VerifyTls.REQUIRED:
        return TlsDemand.VERIFIED
    return TlsDemand.MUST if options.require_tls is RequireTls.MUST else TlsDemand.NONE


def _family(egress: Egress, addresses: Sequence[str]) -> int:
    """The only version of IP mail may leave by, or BOTH.

    An egress that is bound to an address of one version alone does not use the other: the system would pick an
    address that nobody meant.
    """
    bound = {4: egress.ipv4, 6: egress.ipv6}
    usable = [version for version, address in bound.items() if address and (not addresses or address in addresses)]
    return usable[0] if len(usable) == 1 else BOTH


def _usual(address: str) -> str:
    try:
        return str(ip_address(address))
    except ValueError:  # then no egress is bound to it
        return address


def _said(pool: str, addresses: Sequence[str]) -> str:
    asked = [f"pool {pool}"] if pool else []
    if addresses:
        asked.append(f"source address {', '.join(addresses)}")
    return " and ".join(asked)
