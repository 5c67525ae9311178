"""What messages ask of their way out."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from relay.config import Delivery, Egress
from relay.delivery.route import as_wished
from relay.delivery.wishes import NO_WISH, Wish, Wishes
from relay.model.envelope import Envelope, Recipient
from relay.model.message import Message
from relay.model.options import NOTHING_ASKED, Options, RequireTls, Resolved, VerifyTls
from relay.model.outcome import Fault
from relay.model.route import Host, NoRoute, Route, TlsDemand, Way

DELIVERY = Delivery(
    egress=Egress(name="main"),
    egresses=(
        Egress(name="one", ipv4="192.0.2.1", ipv6="2001:db8::1"),
        Egress(name="two", ipv4="192.0.2.2"),
        Egress(name="three", ipv6="2001:db8::3"),
    ),
    pools={"bulk": ("one", "two"), "all": ("main", "one", "two", "three")},
)
HOSTS = (Host("mx", "2001:db8::99", 25), Host("mx", "198.51.100.9", 25))


def message(identity: str = "m", **options: Any) -> Message:
    return Message(
        id=identity,
        account="a",
        credential="c",
        envelope=Envelope(reverse_path="", recipients=(Recipient(address="ann@example.net"),)),
        received=0,
        deadline=9,
        size=1,
        resolved=Resolved(options=Options(**options)) if options else NOTHING_ASKED,
    )


def wish(delivery: Delivery = DELIVERY, **options: Any) -> Wish:
    return Wishes(delivery).of(message(**options))


def test_nearly_all_mail_wishes_nothing() -> None:
    assert wish() is NO_WISH
    assert wish(tags=("a",), priority=9) is NO_WISH
    assert wish(verify_tls=VerifyTls.NONE) is NO_WISH


@pytest.mark.parametrize(
    ("options", "demand"),
    [
        ({"require_tls": RequireTls.MUST}, TlsDemand.MUST),
        ({"require_tls": RequireTls.MUST, "verify_tls": VerifyTls.NONE}, TlsDemand.MUST),
        ({"verify_tls": VerifyTls.REQUIRED}, TlsDemand.VERIFIED),
        ({"require_tls": RequireTls.MUST, "verify_tls": VerifyTls.REQUIRED}, TlsDemand.VERIFIED),
    ],
)
def test_tls_that_is_asked_for(options: dict[str, Any], demand: TlsDemand) -> None:
    assert wish(**options) == Wish(tls=demand)


def test_a_pool_spreads_its_mail_evenly_and_keeps_a_message_where_it_is() -> None:
    wishes = Wishes(DELIVERY)
    messages = [message(f"{number:016x}", pool="bulk") for number in range(1000)]
    chosen = [wishes.of(each).egress for each in messages]
    assert chosen == [Wishes(DELIVERY).of(each).egress for each in messages]
    counted = Counter(chosen)
    assert counted.keys() == {"one", "two"}
    assert min(counted.values()) > 400


@pytest.mark.parametrize(
    ("options", "egress", "family"),
    [
        ({"source_ip": ("192.0.2.2",)}, "two", 4),
        ({"source_ip": ("2001:DB8:0::1",)}, "one", 6),
        ({"source_ip": ("192.0.2.1", "2001:db8::1")}, "one", 0),
        ({"source_ip": ("192.0.2.1",), "pool": "bulk"}, "one", 4),
        ({"source_ip": ("192.0.2.9",)}, None, 0),
        ({"source_ip": ("2001:db8::3",), "pool": "bulk"}, None, 0),
        ({"pool": "gone"}, None, 0),
    ],
)
def test_a_source_address_picks_its_egress_and_the_version_of_ip(
    options: dict[str, Any], egress: str | None, family: int
) -> None:
    found = wish(**options)
    assert (found.egress, found.family) == (egress, family)


def test_an_egress_with_one_address_uses_that_version_of_ip_alone() -> None:
    four = Delivery(egress=Egress(ipv4="192.0.2.1"))
    assert wish(four).family == 4
    assert wish(four, require_tls=RequireTls.MUST) == Wish(tls=TlsDemand.MUST, family=4)
    assert wish(Delivery(egress=Egress(ipv4="192.0.2.1", ipv6="2001:db8::1"))) is NO_WISH


def route(tls: TlsDemand = TlsDemand.MAY) -> Route:
    return Route(way=Way.MX, egress="main", site="mx", hosts=HOSTS, tls=tls)


@pytest.mark.parametrize(
    ("demand", "asked", "result", "own"),
    [
        (TlsDemand.MAY, TlsDemand.MUST, TlsDemand.MUST, True),
        (TlsDemand.NONE, TlsDemand.MUST, TlsDemand.MUST, True),
        (TlsDemand.MAY, TlsDemand.NONE, TlsDemand.MAY, False),
        (TlsDemand.VERIFIED, TlsDemand.NONE, TlsDemand.VERIFIED, False),
        (TlsDemand.VERIFIED, TlsDemand.MUST, TlsDemand.VERIFIED, False),
        (TlsDemand.MUST, TlsDemand.VERIFIED, TlsDemand.VERIFIED, True),
    ],
)
def test_a_message_makes_a_demand_stricter_and_never_looser(
    demand: TlsDemand, asked: TlsDemand, result: TlsDemand, own: bool
) -> None:
    given = as_wished(route(demand), HOSTS, Wish(tls=asked), "example.net")
    assert (given.tls, given.tls_asked) == (result, own)


def test_hosts_of_the_other_version_of_ip_are_left_out() -> None:
    given = as_wished(route(), HOSTS, Wish(egress="two", family=4), "example.net")
    assert (given.egress, given.hosts, given.family) == ("two", HOSTS[1:], 4)
    with pytest.raises(NoRoute) as caught:
        as_wished(route(), HOSTS[1:], Wish(egress="three", family=6), "example.net")
    assert str(caught.value.reply) == (
        "451 4.4.4 no mail host of example.net has an IPv6 address, the only kind egress three sends from"
    )


def test_mail_whose_pool_is_gone_waits_for_it() -> None:
    with pytest.raises(NoRoute) as caught:
        as_wished(route(), HOSTS, wish(pool="gone", source_ip=("192.0.2.9",)), "example.net")
    assert str(caught.value.reply) == (
        "451 4.3.5 no egress of this relay is of pool gone and source address 192.0.2.9, which the message asks for"
    )
    assert (caught.value.fault, caught.value.reason) == (Fault.NONE, "egress")
