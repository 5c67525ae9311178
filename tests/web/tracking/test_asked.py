"""Whom a request comes from: proxies are believed if they are ours, and nobody else."""

from __future__ import annotations

import pytest

from relay.config.tracking import ClientAddress
from relay.web.tracking.asked import AGENT, REFERER, Asked, Proxies, shown

OURS = Proxies(["192.0.2.0/24", "2001:db8::1"])


def asked(peer: str | None, proxies: Proxies = OURS, scheme: str = "http", **fields: str) -> Asked:
    headers = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in fields.items()]
    client = (peer, 1234) if peer is not None else None
    return proxies.asked({"method": "GET", "path": "/", "client": client, "scheme": scheme, "headers": headers})


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.7", "203.0.113.5", "198.51.100.7"),
        ("192.0.2.1", "203.0.113.5", "203.0.113.5"),
        ("::ffff:192.0.2.1", "203.0.113.5", "203.0.113.5"),
        ("192.0.2.1", "6.6.6.6, 203.0.113.5", "203.0.113.5"),
        ("192.0.2.1", "6.6.6.6, 203.0.113.5, 192.0.2.9", "203.0.113.5"),
        ("192.0.2.1", "2001:db8::7", "2001:db8::7"),
        ("192.0.2.1", '"[2001:db8::7]"', "2001:db8::7"),
        ("2001:db8::1", "::ffff:203.0.113.5", "203.0.113.5"),
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "unknown", "192.0.2.1"),
        ("192.0.2.1", "nonsense, 192.0.2.9", "192.0.2.9"),
        ("192.0.2.1", "x" * 5000, "192.0.2.1"),
        ("192.0.2.1", ",".join(["203.0.113.5"] * 1000), "203.0.113.5"),
        (None, "203.0.113.5", ""),
        ("somewhere", "203.0.113.5", "somewhere"),
    ],
)
def test_the_client_is_who_the_last_proxy_of_ours_was_called_by(
    peer: str | None, forwarded: str, client: str
) -> None:
    assert asked(peer, x_forwarded_for=forwarded).client == client


def test_without_proxies_nobody_is_believed() -> None:
    found = asked("192.0.2.1", Proxies(()), x_forwarded_for="203.0.113.5", x_forwarded_proto="https")
    assert (found.client, found.secure) == ("192.0.2.1", False)


def test_https_is_what_the_listener_or_a_proxy_of_ours_says() -> None:
    assert asked("192.0.2.1", x_forwarded_proto="https").secure
    assert not asked("198.51.100.7", x_forwarded_proto="https").secure
    assert asked("198.51.100.7", scheme="https").secure


@pytest.mark.parametrize(
    ("address", "how", "told"),
    [
        ("203.0.113.5", ClientAddress.FULL, "203.0.113.5"),
        ("203.0.113.5", ClientAddress.NETWORK, "203.0.113.0/24"),
        ("2001:db8:1:2:3::4", ClientAddress.NETWORK, "2001:db8:1::/48"),
        ("fe80::1%eth0", ClientAddress.NETWORK, "fe80::/48"),
        ("203.0.113.5", ClientAddress.NONE, ""),
        ("somewhere", ClientAddress.NETWORK, ""),
        ("", ClientAddress.FULL, ""),
    ],
)
def test_an_address_is_told_as_precisely_as_the_setting_says(address: str, how: ClientAddress, told: str) -> None:
    assert shown(address, how) == told


def test_what_clients_say_is_cut_and_printable() -> None:
    found = asked("1.2.3.4", user_agent="a\x01\xff" + "b" * 1000, referer="https://a.example/b?secret#c")
    assert found.agent == ("a??" + "b" * 1000)[:AGENT].replace("??", "?\ufffd", 1)
    assert found.referer == "https://a.example/b"
    assert len(asked("1.2.3.4", referer="x" * 5000).referer) == REFERER
    assert asked("1.2.3.4").agent == ""


@pytest.mark.parametrize(
    ("name", "value", "ahead"),
    [
        ("sec-purpose", "prefetch", True),
        ("sec-purpose", "prefetch;prerender", True),
        ("purpose", "prefetch", True),
        ("purpose", "preview", True),
        ("x-purpose", "preview", True),
        ("x-moz", "prefetch", True),
        ("purpose", "navigation", False),
        ("x-other", "prefetch", False),
    ],
)
def test_what_is_fetched_ahead_says_so(name: str, value: str, ahead: bool) -> None:
    assert asked("1.2.3.4", OURS, "http", **{name: value}).prefetch is ahead


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Clicks.Example.com", "clicks.example.com"),
        ("clicks.example.com.:8025", "clicks.example.com"),
        ("[::1]:80", "[::1]"),
        ("", ""),
    ],
)
def test_the_host_is_without_case_and_port(host: str, name: str) -> None:
    assert asked("1.2.3.4", host=host).host == name
