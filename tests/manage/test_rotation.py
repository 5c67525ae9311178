"""Keys of the relay's own are renewed every month, as far as DNS follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from relay.config import Config, Dns, Listener, Sandbox
from relay.dns.resolver import Resolver
from relay.manage import rotation as module
from relay.manage.rotation import ROTATE, Rotation
from relay.model.account import Account, Algorithm, DkimKey, Domain, KeyState
from relay.store.sqlite import SqliteRegistry, open_registry
from relay.transform.keys import dns_name, dns_record, generate
from relay.worker.keyring import renew
from tests.peers.dns import DnsServer

AT = 1_795_000_000.0
MONTH = AT + ROTATE


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[SqliteRegistry]:
    opened = open_registry(tmp_path / "registry.db")
    opened.add_account(Account(name="shop", created=AT))
    yield opened
    opened.close()


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer(negative_ttl=0) as running:
        yield running


@pytest.fixture
async def resolver(server: DnsServer) -> AsyncIterator[Resolver]:
    made = Resolver(Dns(servers=(server.address,), timeout=5.0, min_ttl=0.0, cache=0), lambda: AT)
    yield made
    await made.close()


def furnish(registry: SqliteRegistry, name: str = "example.com") -> DkimKey:
    registry.add_domain(Domain(name=name, account="shop", challenge="c", created=AT))
    registry.verify_domain(name, AT, "dns")
    key = generate(name, "e1", Algorithm.ED25519, AT)
    registry.add_key(key)
    return key


def publish(server: DnsServer, key: DkimKey) -> None:
    server.set(dns_name(key), "TXT", f'"{dns_record(key)}"')


def states(registry: SqliteRegistry, name: str = "example.com") -> list[tuple[str, str]]:
    return [(each.selector, each.state.value) for each in registry.keys(name)]


async def test_a_key_gets_a_successor_after_a_month_which_signs_once_its_record_is_seen(
    registry: SqliteRegistry, server: DnsServer, resolver: Resolver
) -> None:
    now = MONTH - 1
    turned = [now]
    rotation = Rotation(registry, lambda: turned[0])
    publish(server, furnish(registry))
    await rotation.round(resolver)
    assert states(registry) == [("e1", "active")]
    turned[0] = MONTH
    await rotation.round(resolver)
    assert [state for _, state in states(registry)] == ["pending", "active"]
    turned[0] += 86_400
    await rotation.round(resolver)  # it waits, and nothing else is made
    assert [state for _, state in states(registry)] == ["pending", "active"]
    (waiting,) = registry.pending_keys()
    publish(server, waiting)
    await rotation.round(resolver)
    assert states(registry) == [(waiting.selector, "active"), ("e1", "retired")]
    assert registry.keys("example.com")[0].start == turned[0]
    assert registry.audits(1)[0]["detail"] == {"domain": "example.com", "selector": waiting.selector}
    turned[0] += ROTATE - 1
    await rotation.round(resolver)
    assert registry.pending_keys() == []
    turned[0] += 1
    await rotation.round(resolver)
    assert len(registry.pending_keys()) == 1


async def test_a_key_that_waits_gives_way_to_one_that_was_made_by_hand_since(
    registry: SqliteRegistry, server: DnsServer, resolver: Resolver
) -> None:
    key = furnish(registry)
    waits = replace(key, selector="e2", created=AT + 1, state=KeyState.PENDING)
    registry.add_key(waits)
    publish(server, waits)
    registry.add_key(replace(key, selector="e3", created=AT + 2))
    await Rotation(registry, lambda: AT + 3).round(resolver)
    assert states(registry) == [("e3", "active"), ("e2", "retired"), ("e1", "active")]


async def test_where_nobody_publishes_nothing_is_renewed(
    registry: SqliteRegistry, server: DnsServer, resolver: Resolver
) -> None:
    key = furnish(registry)
    rotation = Rotation(registry, lambda: MONTH)
    await rotation.round(resolver)
    server.fail(dns_name(key))
    await rotation.round(resolver)
    assert states(registry) == [("e1", "active")]


async def test_keys_of_accounts_and_of_domains_that_are_not_proved_are_left_alone(
    registry: SqliteRegistry, server: DnsServer, resolver: Resolver
) -> None:
    key = furnish(registry)
    registry.retire_key("example.com", "e1")
    own = replace(key, selector="own", custom=True)
    registry.add_key(own)
    publish(server, own)
    registry.add_domain(Domain(name="waits.example", account="shop", challenge="c", created=AT))
    waits = replace(key, domain="waits.example")
    registry.add_key(waits)
    publish(server, waits)
    await Rotation(registry, lambda: MONTH).round(resolver)
    assert registry.pending_keys() == []


async def test_a_round_makes_few_keys_and_the_next_goes_on(
    registry: SqliteRegistry, server: DnsServer, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MADE", 2)
    monkeypatch.setattr(module, "LOOKS", 3)
    names = [f"d{number}.example" for number in range(7)]
    for name in names:
        publish(server, furnish(registry, name))
    rotation = Rotation(registry, lambda: MONTH)
    counts = []
    for _ in range(5):
        await rotation.round(resolver)
        counts.append(len(registry.pending_keys()))
    assert counts == [2, 4, 6, 7, 7]
    for key in registry.pending_keys():
        publish(server, key)
    for _ in range(4):
        await rotation.round(resolver)
    assert registry.pending_keys() == []
    assert all(registry.keys(name)[0].state is KeyState.ACTIVE for name in names)


@pytest.mark.parametrize("sandbox", [False, True])
async def test_a_worker_looks_for_records_unless_nothing_is_to_leave(
    registry: SqliteRegistry, server: DnsServer, sandbox: bool
) -> None:
    key = furnish(registry)
    registry.update_key(replace(key, state=KeyState.PENDING))
    publish(server, key)
    config = Config(
        hostname="relay.example",
        listeners=(Listener(name="submission", port=2525),),
        dns=Dns(servers=(server.address,)),
        sandbox=Sandbox(enabled=sandbox),
    )
    looked = asyncio.Event()

    class Watched(Rotation):
        async def round(self, resolver: Resolver) -> None:
            await super().round(resolver)
            looked.set()

    def current() -> Config:
        if sandbox:
            looked.set()
        return config

    running = asyncio.create_task(renew(Watched(registry, lambda: AT), current, lambda: AT))
    async with asyncio.timeout(10):
        await looked.wait()
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert states(registry) == [("e1", "pending" if sandbox else "active")]
    assert (server.total == 0) is sandbox
