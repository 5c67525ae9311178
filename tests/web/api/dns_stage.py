"""The API over a DNS server of the tests' own, which its domains are looked up in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from relay.config import Config, Dns, Listener, Purpose
from tests.peers.dns import DnsServer
from tests.web.api.stage import Stage, staged

US = "198.51.100.7"


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> Iterator[DnsServer]:
    """Our name leads to US, from which mail leaves."""
    monkeypatch.setattr("relay.manage.ours.sources", lambda egress, ipv6: [US])
    with DnsServer(f"relay.example A {US}", negative_ttl=300) as server:
        yield server


@pytest.fixture
async def api(tmp_path: Path, dns: DnsServer) -> AsyncIterator[Stage]:
    def asking(config: Config) -> Config:
        returns = Listener(name="returns", port=2526, purpose=Purpose.RETURNS)
        servers = Dns(servers=(dns.address,), timeout=2.0)
        return config.model_copy(update={"dns": servers, "listeners": (*config.listeners, returns)})

    async with staged(tmp_path, asking) as stage:
        yield stage
