from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import dns.rdatatype
import dns.zone
import pytest

from relay.config import Dns
from relay.dns.answer import Caa
from relay.dns.records import Purpose, challenge_name, check_challenge, wanted
from relay.dns.resolver import DnsFailure, Resolver
from tests.peers.dns import DnsServer

DKIM = "v=DKIM1; k=rsa; p=" + "A" * 392


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer() as running:
        yield running


@pytest.fixture
async def resolver(server: DnsServer) -> AsyncIterator[Resolver]:
    made = Resolver(Dns(servers=(server.address,), timeout=5.0, min_ttl=0.0, cache=0), lambda: 1000.0)
    yield made
    await made.close()


async def test_a_published_challenge_proves_the_domain(resolver: Resolver, server: DnsServer) -> None:
    server.set("_relay-challenge.example.test", "TXT", '"something else"', '"relay-4711"')
    assert (await check_challenge(resolver, "example.test", "relay-4711")).proved


async def test_no_challenge_another_one_or_a_part_of_it_proves_nothing(resolver: Resolver, server: DnsServer) -> None:
    assert not (await check_challenge(resolver, "example.test", "relay-4711")).proved
    server.set("_relay-challenge.example.test", "TXT", '"relay-47110"')
    assert not (await check_challenge(resolver, "example.test", "relay-4711")).proved
    server.set("_relay-challenge.example.test", "A", "192.0.2.1")
    server.set("_relay-challenge.example.test", "TXT")
    assert not (await check_challenge(resolver, "example.test", "relay-4711")).proved


async def test_a_failed_look_up_is_no_verdict(resolver: Resolver, server: DnsServer) -> None:
    server.fail(challenge_name("example.test"))
    with pytest.raises(DnsFailure):
        await check_challenge(resolver, "example.test", "relay-4711")


async def test_an_empty_challenge_is_refused(resolver: Resolver, server: DnsServer) -> None:
    server.set("_relay-challenge.example.test", "TXT", '""')
    with pytest.raises(ValueError, match="proves nothing"):
        await check_challenge(resolver, "example.test", "")


async def test_published_as_printed_the_records_are_found_as_they_were_meant(
    resolver: Resolver, server: DnsServer
) -> None:
    records = wanted("example.test", "relay.test", [("s1._domainkey.example.test", DKIM)], "relay-4711")
    assert [each.purpose for each in records] == [Purpose.CHALLENGE, Purpose.DKIM, Purpose.SPF, Purpose.DMARC]
    text = "$TTL 60\n" + "\n".join(each.zone_line() for each in records)
    zone = dns.zone.from_text(text, origin="test.", check_origin=False, relativize=False)
    for name, _, data in zone.iterate_rdatas(dns.rdatatype.TXT):
        server.set(name.to_text(), "TXT", data.to_text())
    for each in records:
        assert (await resolver.txt(each.name)).records == (each.text,)
    assert (await check_challenge(resolver, "example.test", "relay-4711")).proved


def test_a_domain_marked_by_hand_needs_no_challenge_record() -> None:
    records = wanted("example.test", "relay.test", [])
    assert [(each.name, each.text) for each in records] == [
        ("example.test", "v=spf1 a:relay.test ~all"),
        ("_dmarc.example.test", "v=DMARC1; p=none"),
    ]


def test_quotes_in_a_record_are_escaped_in_its_zone_line() -> None:
    (record, *_) = wanted("example.test", "relay.test", [], 'say "hi" \\o/')
    assert record.zone_line() == '_relay-challenge.example.test. IN TXT "say \\"hi\\" \\\\o/"'


def test_a_domain_with_a_bounce_host_publishes_where_it_leads_and_who_sends_from_it() -> None:
    records = wanted("example.test", "relay.test", [], bounce_host="bounces.example.test")
    assert [each.zone_line() for each in records[-2:]] == [
        "bounces.example.test. IN MX 10 relay.test.",
        'bounces.example.test. IN TXT "v=spf1 a:relay.test -all"',
    ]
    assert [each.purpose for each in records[-2:]] == [Purpose.BOUNCE_MX, Purpose.BOUNCE_SPF]


def test_senders_and_others_stand_in_spf_and_a_host_of_links_may_have_addresses() -> None:
    records = wanted(
        "example.test",
        "relay.test",
        [],
        bounce_host="bounces.example.test",
        tracking=("clicks.example.test", "relay.test"),
        senders=("ip4:192.0.2.1", "ip6:2001:db8::1"),
        others=("include:spf.example.net",),
        dmarc="v=DMARC1; p=reject",
        web=("192.0.2.1", "2001:db8::1"),
    )
    assert [(each.name, each.kind, each.text) for each in records] == [
        ("example.test", "TXT", "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 include:spf.example.net ~all"),
        ("_dmarc.example.test", "TXT", "v=DMARC1; p=reject"),
        ("bounces.example.test", "MX", "10 relay.test."),
        ("bounces.example.test", "TXT", "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all"),
        ("clicks.example.test", "A", "192.0.2.1"),
        ("clicks.example.test", "AAAA", "2001:db8::1"),
    ]


async def test_records_of_authorities_are_read(resolver: Resolver, server: DnsServer) -> None:
    server.set("example.test", "CAA", '0 issue ";"', '128 Iodef "mailto:a@example.test"')
    found = (await resolver.caa("example.test")).records  # a set of records has no order
    assert set(found) == {Caa("issue", ";"), Caa("iodef", "mailto:a@example.test")}
    assert (await resolver.caa("below.example.test")).records == ()
