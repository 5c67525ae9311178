"""The way out, tried: a mail server of the Internet greets us on port 25. Nothing is sent but QUIT."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from random import Random

from relay.config import Config, Egress
from relay.dns.answer import DnsFailure
from relay.dns.mx import lookup
from relay.dns.resolver import Resolver
from relay.manage.finding import Finding, fail, ok, warn

PROBE = "gmail.com"  # takes mail from everybody, on many hosts, day and night
TIMEOUT = 10.0  # seconds for connection and greeting


async def outbound(config: Config, resolver: Resolver, probe: str = PROBE) -> AsyncIterator[Finding]:
    """From each egress to one host of `probe`."""
    port = config.delivery.mx_port
    try:
        exchanges = await lookup(resolver, probe, Random())
        addresses = [
            address
            for host in exchanges.hosts[:3]
            for address in (await resolver.addresses(host.host, ipv6=config.delivery.ipv6)).records
        ]
    except (DnsFailure, ValueError) as error:
        yield fail(f"port {port} outward", f"cannot be tried: {error}", "look at the resolver first")
        return
    if not addresses:
        yield warn(f"port {port} outward", f"cannot be tried: {probe} names no mail host", "choose another --probe")
        return
    for egress in config.delivery.every_egress:
        yield await _try(egress, addresses, port)


async def _try(egress: Egress, addresses: list[str], port: int) -> Finding:
    subject = f"port {port} outward" + ("" if egress.name == "default" else f" from {egress.name}")
    why = "no address of a family this egress has"
    for address in addresses:
        local = egress.ipv6 if ":" in address else egress.ipv4
        if not local and (egress.ipv4 or egress.ipv6):
            continue
        try:
            said = await _greeting(address, port, local)
        except (OSError, TimeoutError) as error:
            why = f"{address}: {str(error) or 'timed out'}"
            continue
        if said.startswith("220"):
            return ok(subject, f"is open: {address} greets us")
        why = f"{address} says {said[:100]!r}"
    advice = "many providers block port 25 until asked; else use a smarthost (delivery.routes)"
    return fail(subject, f"does not work: {why}", advice)


async def _greeting(address: str, port: int, local: str) -> str:
    async with asyncio.timeout(TIMEOUT):
        source = (local, 0) if local else None
        reader, writer = await asyncio.open_connection(address, port, local_addr=source)
        try:
            said = await reader.readline()
            writer.write(b"QUIT\r\n")
            with contextlib.suppress(OSError):
                await writer.drain()
        finally:
            writer.close()
    return said.decode("ascii", "replace").strip()
