"""The rule about addresses."""

from __future__ import annotations

import pytest

from relay.http.guard import Guard

PUBLIC = ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"]
INNER = [
    "127.0.0.1",
    "127.255.0.9",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "192.88.99.1",
    "::",
    "::1",
    "::7f00:1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "2002:7f00:1::1",
    "2001:0:53aa:64c:0:fbff:fffe:fffe",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:a00:1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "not an address",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_reached_over_tls(address: str) -> None:
    assert Guard().refusal(address, 443, False) == ""


@pytest.mark.parametrize("address", INNER)
def test_whatever_is_not_public_may_not_be_reached(address: str) -> None:
    assert Guard(plain=True).refusal(address, 443, False)


def test_ports_and_plain_http_are_by_rule() -> None:
    assert Guard().refusal("8.8.8.8", 80, True) == "only https is allowed there"
    assert Guard(plain=True).refusal("8.8.8.8", 80, True) == ""
    assert Guard().refusal("8.8.8.8", 22, False) == "port 22 is not allowed there"
    assert Guard(ports={8443}).refusal("8.8.8.8", 8443, False) == ""
    assert Guard(ports=()).refusal("8.8.8.8", 9, False) == ""


def test_an_allowed_network_may_be_reached_on_any_port_and_without_tls() -> None:
    guard = Guard(allow=["10.0.0.0/8", "::1/128"])
    assert guard.refusal("10.9.8.7", 9000, True) == ""
    assert guard.refusal("::ffff:10.9.8.7", 9000, True) == ""
    assert guard.refusal("::1", 1, True) == ""
    assert guard.refusal("192.168.0.1", 443, False)
