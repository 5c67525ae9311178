from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from random import Random

import pytest

from relay.config import Dns
from relay.dns.mx import HOSTS, Kind, lookup
from relay.dns.resolver import DnsFailure, Mx, Resolver
from tests.peers.dns import DnsServer


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer() as running:
        yield running


@pytest.fixture
async def resolver(server: DnsServer) -> AsyncIterator[Resolver]:
    made = Resolver(Dns(servers=(server.address,), timeout=5.0), lambda: 1000.0)
    yield made
    await made.close()


async def test_hosts_come_by_preference(resolver: Resolver, server: DnsServer) -> None:
    server.set("a.test", "MX", "30 c.a.test.", "10 A.a.test.", "20 b.a.test.")
    found = await lookup(resolver, "a.test", Random(1))
    assert found.kind is Kind.MX
    assert found.hosts == (Mx(10, "a.a.test"), Mx(20, "b.a.test"), Mx(30, "c.a.test"))
    assert found.until == 1300.0


async def test_hosts_of_equal_preference_come_in_random_order(resolver: Resolver, server: DnsServer) -> None:
    server.set("a.test", "MX", "10 a.a.test.", "10 b.a.test.", "10 c.a.test.", "20 d.a.test.")
    orders = [[each.host[0] for each in (await lookup(resolver, "a.test", Random(n))).hosts] for n in range(50)]
    assert {"".join(each[:3]) for each in orders} == {"abc", "acb", "bac", "bca", "cab", "cba"}
    assert {each[3] for each in orders} == {"d"}


async def test_a_null_mx_is_told_apart(resolver: Resolver, server: DnsServer) -> None:
    server.set("a.test", "MX", "0 .")
    found = await lookup(resolver, "a.test", Random(1))
    assert (found.kind, found.hosts) == (Kind.NULL, ())


async def test_a_null_mx_beside_others_is_left_out(resolver: Resolver, server: DnsServer) -> None:
    server.set("a.test", "MX", "0 .", "10 mx.a.test.")
    found = await lookup(resolver, "a.test", Random(1))
    assert (found.kind, found.hosts) == (Kind.MX, (Mx(10, "mx.a.test"),))


async def test_without_mx_the_domain_itself_is_the_host(resolver: Resolver, server: DnsServer) -> None:
    server.set("a.test", "A", "192.0.2.1")
    found = await lookup(resolver, "A.test", Random(1))
    assert (found.kind, found.hosts) == (Kind.IMPLICIT, (Mx(0, "a.test"),))


async def test_a_failed_look_up_is_never_an_implicit_mx(resolver: Resolver, server: DnsServer) -> None:
    server.set("a.test", "A", "192.0.2.1")
    server.fail("a.test", "SERVFAIL", "MX")
    with pytest.raises(DnsFailure):
        await lookup(resolver, "a.test", Random(1))


async def test_a_referral_is_a_failure_and_not_the_lack_of_mx(resolver: Resolver, server: DnsServer) -> None:
    server.refer("a.test", "ns.elsewhere.test.")
    with pytest.raises(DnsFailure, match="referral"):
        await lookup(resolver, "a.test", Random(1))


async def test_a_domain_that_does_not_exist_is_told_apart(resolver: Resolver) -> None:
    assert (await lookup(resolver, "nothing.test", Random(1))).kind is Kind.NO_DOMAIN


@pytest.mark.parametrize(
    "host", ["192.0.2.1.", "localhost.", "mx.localhost.", "localhost.localdomain.", r"a\032b.test."]
)
async def test_what_can_be_no_mail_host_is_left_out(resolver: Resolver, server: DnsServer, host: str) -> None:
    server.set("a.test", "MX", f"10 {host}", "20 mx.a.test.")
    found = await lookup(resolver, "a.test", Random(1))
    assert found.hosts == (Mx(20, "mx.a.test"),)
    server.set("b.test", "MX", f"10 {host}")
    found = await lookup(resolver, "b.test", Random(1))
    assert (found.kind, found.hosts, len(found.unusable)) == (Kind.MX, (), 1)


async def test_a_host_named_twice_keeps_its_better_preference(resolver: Resolver, server: DnsServer) -> None:
    server.set("a.test", "MX", "10 x.a.test.", "20 X.A.test.", "15 y.a.test.")
    found = await lookup(resolver, "a.test", Random(1))
    assert found.hosts == (Mx(10, "x.a.test"), Mx(15, "y.a.test"))


async def test_of_too_many_hosts_the_same_ones_are_kept_each_time(resolver: Resolver, server: DnsServer) -> None:
    server.set("a.test", "MX", *(f"10 mx{number:02}.a.test." for number in range(40)))
    kept = [sorted(each.host for each in (await lookup(resolver, "a.test", Random(n))).hosts) for n in range(5)]
    assert kept == [[f"mx{number:02}.a.test" for number in range(HOSTS)]] * 5
