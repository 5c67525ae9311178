"""Routes, with a real DNS server behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from relay.config import Delivery, Dns, Egress, RouteRule, Smarthost, SmarthostTls
from relay.delivery.route import Router
from relay.dns.resolver import Resolver
from relay.model.envelope import Envelope, Recipient
from relay.model.message import Message
from relay.model.options import NOTHING_ASKED, Options, RequireTls, Resolved, VerifyTls
from relay.model.outcome import Fault
from relay.model.route import Host, NoRoute, Route, TlsDemand, Way
from tests.peers.dns import DnsServer

ZONE = """
a.test           60  MX    20 mx2.a.test.
a.test           60  MX    10 mx1.a.test.
mx1.a.test           A     8.1.1.1
mx1.a.test           AAAA  2a00::1
mx2.a.test           A     8.1.1.2
null.test            MX    0 .
implicit.test        A     8.1.1.3
implicit.test        AAAA  2a00::3
text.test            TXT   "no mail here"
hop.test         30  A     8.1.1.9
hop.test         30  AAAA  2a00::9
inside.test          A     10.0.0.9
"""


class Time:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer(ZONE) as running:
        yield running


@pytest.fixture
def clock() -> Time:
    return Time()


Make = Callable[..., Router]


@pytest.fixture
def make(server: DnsServer, clock: Time) -> Make:
    def router(
        *,
        sandbox: bool = False,
        timeout: float = 5.0,
        hostname: str = "relay.test",
        ports: frozenset[int] = frozenset(),
        own: frozenset[str] = frozenset(),
        seed: int = 1,
        **settings: Any,
    ) -> Router:
        resolver = Resolver(Dns(servers=(server.address,), timeout=timeout, min_ttl=0.0), clock)
        return Router(
            Delivery(**settings),
            sandbox,
            hostname,
            ports,
            resolver,
            clock,
            random=Random(seed),
            own_address=own.__contains__,
        )

    return router


def message(reverse_path: str = "me@example.com", *, sandbox: bool = False, **options: Any) -> Message:
    return Message(
        id="0123456789abcdef",
        account="shop",
        credential="shop",
        envelope=Envelope(reverse_path=reverse_path, recipients=(Recipient(address="you@a.test"),)),
        received=0.0,
        deadline=1e12,
        size=1,
        sandbox=sandbox,
        resolved=Resolved(options=Options(**options)) if options else NOTHING_ASKED,
    )


def rule(name: str = "hop", **settings: Any) -> RouteRule:
    smarthost = Smarthost(
        **{"host": "hop.test", **{key: settings.pop(key) for key in list(settings) if key in Smarthost.model_fields}}
    )
    return RouteRule(name=name, smarthost=smarthost, **settings)


def addresses(route: Route) -> list[str]:
    return [each.address for each in route.hosts]


async def refused(router: Router, domain: str) -> NoRoute:
    with pytest.raises(NoRoute) as caught:
        await router.route(message(), domain)
    return caught.value


async def test_mx_hosts_come_by_preference_and_ipv6_first(make: Make) -> None:
    route = await make().route(message(), "a.test")
    assert route.hosts == (
        Host("mx1.a.test", "2a00::1", 25),
        Host("mx1.a.test", "8.1.1.1", 25),
        Host("mx2.a.test", "8.1.1.2", 25),
    )
    assert (route.way, route.site, route.egress) == (Way.MX, "mx1.a.test,mx2.a.test", "default")
    assert (route.tls, route.implicit_tls, route.login, route.rule) == (TlsDemand.MAY, False, None, "")


async def test_ipv6_can_be_left_out(make: Make, server: DnsServer) -> None:
    assert addresses(await make(ipv6=False).route(message(), "a.test")) == ["8.1.1.1", "8.1.1.2"]
    assert server.count("mx1.a.test", "AAAA") == 0


async def test_the_port_of_mx_hosts_can_be_another_for_tests(make: Make) -> None:
    assert {each.port for each in (await make(mx_port=2526).route(message(), "a.test")).hosts} == {2526}


async def test_the_addresses_of_a_host_alternate_between_the_families(make: Make, server: DnsServer) -> None:
    server.set("implicit.test", "A", *(f"8.2.2.{n}" for n in range(4)))
    server.set("implicit.test", "AAAA", "2a00::a", "2a00::b")
    found = addresses(await make().route(message(), "implicit.test"))
    assert [":" in each for each in found] == [True, False, True, False, False, False]
    assert len(set(found)) == 6


async def test_hosts_of_equal_preference_change_places_from_call_to_call(make: Make, server: DnsServer) -> None:
    server.set("a.test", "MX", "10 mx1.a.test.", "10 mx2.a.test.", "20 implicit.test.")
    router = make(ipv6=False)
    routes = [await router.route(message(), "a.test") for _ in range(30)]
    assert {tuple(addresses(each)) for each in routes} == {
        ("8.1.1.1", "8.1.1.2", "8.1.1.3"),
        ("8.1.1.2", "8.1.1.1", "8.1.1.3"),
    }
    assert server.count("a.test", "MX") == 1


async def test_domains_with_the_same_mx_hosts_are_one_site(make: Make, server: DnsServer) -> None:
    server.set("b.test", "MX", "5 MX2.a.test.", "5 mx1.a.test.")
    router = make()
    assert (await router.route(message(), "a.test")).site == (await router.route(message(), "b.test")).site


async def test_a_host_that_does_not_resolve_is_left_out_and_the_site_stays_the_same(
    make: Make, server: DnsServer
) -> None:
    server.fail("mx1.a.test")
    route = await make().route(message(), "a.test")
    assert addresses(route) == ["8.1.1.2"]
    assert route.site == "mx1.a.test,mx2.a.test"


async def test_without_mx_the_domain_itself_takes_the_mail(make: Make) -> None:
    route = await make().route(message(), "implicit.test")
    assert route.hosts == (Host("implicit.test", "2a00::3", 25), Host("implicit.test", "8.1.1.3", 25))
    assert route.site == "implicit.test"


async def test_a_domain_that_does_not_exist_is_a_permanent_fault_of_the_recipient(make: Make) -> None:
    why = await refused(make(), "nothing.test")
    assert str(why.reply) == "550 5.1.2 domain nothing.test does not exist"
    assert (why.fault, why.reason) == (Fault.RECIPIENT, "no-such-domain")


async def test_a_null_mx_is_permanent(make: Make) -> None:
    why = await refused(make(), "null.test")
    assert (why.reply.code, why.reply.status, why.reason) == (556, "5.1.10", "null-mx")


async def test_a_domain_without_mail_host_is_permanent(make: Make) -> None:
    why = await refused(make(), "text.test")
    assert (why.reply.code, why.reply.status, why.fault, why.reason) == (
        550,
        "5.4.4",
        Fault.RECIPIENT,
        "no-mail-host",
    )


async def test_mx_records_that_name_no_host_are_permanent_and_the_reply_shows_them(
    make: Make, server: DnsServer
) -> None:
    server.set("a.test", "MX", "10 localhost.", "20 192.0.2.1.")
    why = await refused(make(), "a.test")
    assert str(why.reply) == "550 5.4.4 the MX records of a.test name no mail host (192.0.2.1, localhost)"


@pytest.mark.parametrize("name", ["a.test", "mx"])
async def test_a_dns_failure_is_transient_and_tells_nothing_of_our_resolver(
    make: Make, server: DnsServer, name: str
) -> None:
    for each in [name] if name == "a.test" else ["mx1.a.test", "mx2.a.test"]:
        server.fail(each)
    why = await refused(make(), "a.test")
    assert (why.reply.code, why.reply.status, why.fault, why.reason) == (451, "4.4.3", Fault.SITE, "dns")
    assert "SERVFAIL" in why.reply.text and "127.0.0.1" not in why.reply.text


async def test_a_dns_server_that_is_silent_is_transient(make: Make, server: DnsServer) -> None:
    server.drop("a.test")
    assert (await refused(make(timeout=0.3), "a.test")).reply.status == "4.4.3"


async def test_mx_records_whose_hosts_do_not_exist_are_transient(make: Make, server: DnsServer) -> None:
    server.set("a.test", "MX", "10 gone.a.test.", "20 text.test.")
    why = await refused(make(), "a.test")
    assert str(why.reply) == "451 4.4.4 no mail host of a.test has an address (gone.a.test, text.test)"
    assert (why.fault, why.reason) == (Fault.SITE, "no-mx-address")


async def test_one_host_that_does_not_exist_and_one_that_fails_are_a_dns_failure(
    make: Make, server: DnsServer
) -> None:
    server.set("a.test", "MX", "10 gone.a.test.", "20 mx2.a.test.")
    server.fail("mx2.a.test")
    assert (await refused(make(), "a.test")).reply.status == "4.4.3"


@pytest.mark.parametrize("domain", ["a b.test", "", "[what]", "[IPv6:what]", "x" * 64 + ".test"])
async def test_what_is_no_domain_is_permanent_and_no_question(make: Make, server: DnsServer, domain: str) -> None:
    why = await refused(make(), domain)
    assert (why.reply.code, why.reply.status) == (550, "5.1.2")
    assert server.total == 0


@pytest.mark.parametrize(
    ("domain", "address"), [("[8.7.6.5]", "8.7.6.5"), ("[IPv6:2a00::7]", "2a00::7"), ("[ipv6:2A00::7]", "2a00::7")]
)
async def test_an_address_literal_is_called_without_a_question(
    make: Make, server: DnsServer, domain: str, address: str
) -> None:
    route = await make().route(message(), domain)
    assert route.hosts == (Host(address, address, 25),)
    assert route.site == domain
    assert server.total == 0


async def test_our_own_name_among_the_mx_takes_out_all_that_are_not_better(make: Make, server: DnsServer) -> None:
    server.set("a.test", "MX", "10 mx1.a.test.", "20 Relay.Test.", "20 mx2.a.test.", "30 implicit.test.")
    route = await make(ipv6=False).route(message(), "a.test")
    assert addresses(route) == ["8.1.1.1"]
    assert route.site == "mx1.a.test"


@pytest.mark.parametrize("domain", ["a.test", "relay.test"])
async def test_mail_that_would_come_back_to_us_is_refused(make: Make, server: DnsServer, domain: str) -> None:
    server.set("a.test", "MX", "10 relay.test.", "20 mx2.a.test.")
    server.set("relay.test", "A", "8.9.9.9")
    why = await refused(make(), domain)
    assert str(why.reply) == f"554 5.4.6 mail for {domain} loops back to myself"
    assert (why.fault, why.reason) == (Fault.RECIPIENT, "loop")


async def test_our_own_address_with_our_own_port_is_known_whatever_its_name(make: Make) -> None:
    own = frozenset({"8.1.1.2"})
    assert addresses(await make(own=own, ports=frozenset({25}), ipv6=False).route(message(), "a.test")) == ["8.1.1.1"]
    assert len((await make(own=own, ports=frozenset({587})).route(message(), "a.test")).hosts) == 3
    best = make(own=frozenset({"8.1.1.1"}), ports=frozenset({25}))
    assert (await refused(best, "a.test")).reply.status == "5.4.6"
    assert (await refused(best, "[8.1.1.1]")).reply.status == "5.4.6"


async def test_loopback_with_our_own_port_is_ourselves_even_where_private_is_allowed(
    make: Make, server: DnsServer
) -> None:
    server.set("a.test", "MX", "10 mx1.a.test.")
    server.set("mx1.a.test", "A", "127.0.0.1")
    server.set("mx1.a.test", "AAAA")
    router = make(ports=frozenset({2525}), mx_port=2525, allow_private=True)
    assert (await refused(router, "a.test")).reply.status == "5.4.6"
    router = make(ports=frozenset({2525}), mx_port=2526, allow_private=True)
    assert addresses(await router.route(message(), "a.test")) == ["127.0.0.1"]


async def test_private_addresses_are_left_out(make: Make, server: DnsServer) -> None:
    server.set("mx1.a.test", "A", "192.168.1.1")
    server.set("mx1.a.test", "AAAA", "::ffff:127.0.0.1")
    assert addresses(await make().route(message(), "a.test")) == ["8.1.1.2"]
    server.set("mx2.a.test", "A", "10.0.0.1")
    why = await refused(make(), "a.test")
    assert (why.reply.code, why.reply.status, why.reason) == (550, "5.4.4", "private-address")
    assert (await refused(make(), "[127.0.0.1]")).reason == "private-address"
    assert len((await make(allow_private=True).route(message(), "a.test")).hosts) == 3


async def test_under_a_relay_wide_sandbox_nothing_is_looked_up(make: Make, server: DnsServer) -> None:
    router = make(sandbox=True, routes=(rule(),))
    for domain in ("a.test", "nothing.test", "[127.0.0.1]"):
        route = await router.route(message(), domain)
        assert (route.way, route.site, route.hosts) == (Way.SANDBOX, "sandbox", ())
    assert server.total == 0


async def test_a_message_in_the_sandbox_stays_there_alone(make: Make, server: DnsServer) -> None:
    router = make()
    assert (await router.route(message(sandbox=True), "a.test")).way is Way.SANDBOX
    assert server.total == 0
    assert (await router.route(message(), "a.test")).way is Way.MX
    assert (await router.route(message(sandbox=True), "a.test")).way is Way.SANDBOX


async def test_messages_that_ask_for_their_way_share_one_look_up_with_those_that_do_not(
    make: Make, server: DnsServer
) -> None:
    one = Egress(name="one", ipv4="192.0.2.1")
    router = make(egresses=(one,), pools={"bulk": ("one",)})
    plain = await router.route(message(), "a.test")
    assert (plain.tls_asked, plain.family) == (False, 0)
    asked = server.total
    bulk = await router.route(message(pool="bulk", require_tls=RequireTls.MUST), "a.test")
    assert server.total == asked
    assert (bulk.egress, bulk.site, bulk.tls, bulk.tls_asked, bulk.family) == (
        "one",
        plain.site,
        TlsDemand.MUST,
        True,
        4,
    )
    assert addresses(bulk) == ["8.1.1.1", "8.1.1.2"]
    assert (await router.route(message(), "a.test")).egress == "default"


async def test_a_message_never_loosens_what_a_smarthost_demands(make: Make) -> None:
    router = make(routes=(rule(tls=SmarthostTls.STARTTLS), rule("plain", tls=SmarthostTls.NONE)))
    loose = await router.route(message(verify_tls=VerifyTls.NONE), "a.test")
    assert (loose.tls, loose.tls_asked) == (TlsDemand.VERIFIED, False)
    router = make(routes=(rule("plain", tls=SmarthostTls.NONE),))
    strict = await router.route(message(require_tls=RequireTls.MUST), "a.test")
    assert (strict.tls, strict.tls_asked) == (TlsDemand.MUST, True)


async def test_a_smarthost_is_looked_up_by_address_and_not_by_mx(make: Make, server: DnsServer) -> None:
    server.set("hop.test", "MX", "10 mx1.a.test.")
    route = await make(routes=(rule(username="u", password="p", port=2587),)).route(message(), "a.test")
    assert route.hosts == (Host("hop.test", "2a00::9", 2587), Host("hop.test", "8.1.1.9", 2587))
    assert (route.way, route.site, route.rule, route.login) == (Way.SMARTHOST, "smarthost:hop", "hop", ("u", "p"))
    assert server.count("a.test") == 0 and server.count("hop.test", "MX") == 0


@pytest.mark.parametrize(
    ("setting", "demand", "implicit"),
    [
        (SmarthostTls.NONE, TlsDemand.NONE, False),
        (SmarthostTls.MAY, TlsDemand.MAY, False),
        (SmarthostTls.STARTTLS, TlsDemand.VERIFIED, False),
        (SmarthostTls.TLS, TlsDemand.VERIFIED, True),
    ],
)
async def test_a_smarthost_has_the_tls_of_its_rule(
    make: Make, setting: SmarthostTls, demand: TlsDemand, implicit: bool
) -> None:
    route = await make(routes=(rule(tls=setting),)).route(message(), "a.test")
    assert (route.tls, route.implicit_tls, route.login) == (demand, implicit, None)


@pytest.mark.parametrize(
    ("host", "address"), [("10.0.0.9", "10.0.0.9"), ("[::1]", "::1"), ("inside.test", "10.0.0.9")]
)
async def test_a_smarthost_of_the_operators_choice_may_be_private(make: Make, host: str, address: str) -> None:
    assert addresses(await make(routes=(rule(host=host),)).route(message(), "a.test")) == [address]


async def test_a_smarthost_that_is_ourselves_or_does_not_resolve_keeps_the_mail(
    make: Make, server: DnsServer
) -> None:
    ourselves = make(routes=(rule(host="127.0.0.1", port=2525),), ports=frozenset({2525}))
    assert str((await refused(ourselves, "a.test")).reply) == "451 4.4.6 smarthost 127.0.0.1 is this relay itself"
    for host in ("gone.test", "text.test", "no host"):
        why = await refused(make(routes=(rule(host=host),)), "a.test")
        assert str(why.reply) == f"451 4.4.4 smarthost {host} has no address"
        assert (why.fault, why.reason) == (Fault.SITE, "smarthost")
    server.fail("hop.test")
    assert (await refused(make(routes=(rule(),)), "a.test")).reply.status == "4.4.3"


async def test_the_first_rule_that_fits_recipient_and_sender_wins(make: Make) -> None:
    router = make(
        routes=(
            rule("internal", host="10.1.1.1", domains=("*.corp.test",)),
            rule("brand", host="10.1.1.2", senders=("brand.test",)),
            rule("brand-a", host="10.1.1.3", domains=("a.test",), senders=("brand.test",)),
            rule("null", host="10.1.1.4", domains=("implicit.test",)),
        )
    )
    brand, other, null = message("me@brand.test"), message("me@example.com"), message("")
    assert (await router.route(brand, "x.corp.test")).rule == "internal"
    assert (await router.route(brand, "a.test")).rule == "brand"
    assert (await router.route(other, "a.test")).way is Way.MX
    assert (await router.route(null, "a.test")).way is Way.MX
    assert (await router.route(null, "implicit.test")).rule == "null"


async def test_a_route_is_kept_for_the_shortest_time_of_its_records(
    make: Make, server: DnsServer, clock: Time
) -> None:
    router = make()
    await router.route(message(), "a.test")
    asked = server.total
    clock.now += 59.0
    await router.route(message(), "a.test")
    assert server.total == asked
    server.set("a.test", "MX", "10 mx2.a.test.")
    clock.now += 1.0
    assert addresses(await router.route(message(), "a.test")) == ["8.1.1.2"]


async def test_a_route_is_kept_five_seconds_at_least_and_an_hour_at_most(
    make: Make, server: DnsServer, clock: Time
) -> None:
    router = make()
    server.set("implicit.test", "A", "8.1.1.3", ttl=0)
    for step, asked in [(0.0, 1), (4.9, 1), (0.2, 2)]:
        clock.now += step
        await router.route(message(), "implicit.test")
        assert server.count("implicit.test", "A") == asked
    await router.route(message(), "[8.8.8.8]")
    assert len(router._cache) == 2


async def test_a_failure_is_kept_for_some_seconds_too(make: Make, server: DnsServer, clock: Time) -> None:
    router = make()
    server.fail("a.test")
    for _ in range(3):
        await refused(router, "a.test")
    assert server.count("a.test", "MX") == 1
    server.behave("a.test")
    clock.now += 5.1
    assert (await router.route(message(), "a.test")).way is Way.MX


async def test_all_domains_of_a_smarthost_rule_share_one_look_up(make: Make, server: DnsServer) -> None:
    router = make(routes=(rule(),))
    routes = [await router.route(message(), f"d{number}.test") for number in range(20)]
    assert {each.site for each in routes} == {"smarthost:hop"}
    assert server.total == 2


async def test_a_stampede_looks_up_once(make: Make, server: DnsServer) -> None:
    router = make()
    server.hold("a.test")
    crowd = [asyncio.create_task(router.route(message(), "a.test")) for _ in range(300)]
    await asyncio.to_thread(server.wait_for, "a.test", "MX")
    server.behave("a.test")
    assert {each.site for each in await asyncio.gather(*crowd)} == {"mx1.a.test,mx2.a.test"}
    assert server.count("a.test") == 1 and server.count("mx1.a.test") == 2


async def test_a_slow_domain_holds_up_no_other(make: Make, server: DnsServer) -> None:
    router = make()
    server.hold("a.test")
    slow = asyncio.create_task(router.route(message(), "a.test"))
    await asyncio.to_thread(server.wait_for, "a.test")
    assert (await router.route(message(), "implicit.test")).site == "implicit.test"
    assert not slow.done()
    server.behave("a.test")
    assert (await slow).way is Way.MX
