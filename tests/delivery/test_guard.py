from __future__ import annotations

import pytest

from relay.delivery.guard import Guard, Objection, is_own_address

OURS = frozenset({"185.1.2.3", "2a00:1::25", "127.0.0.1", "10.1.2.3"})


def guard(*, allow_private: bool = False) -> Guard:
    return Guard("Relay.Example.", frozenset({25, 587}), allow_private=allow_private, own_address=OURS.__contains__)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "2a00:1450:4001::1b",
        "2620:0:ccc::2",
        "::ffff:8.8.8.8",  # mapped
        "64:ff9b::808:808",  # NAT64
        "2002:808:808::1",  # 6to4
    ],
)
def test_addresses_of_the_internet_are_called(address: str) -> None:
    assert guard().objection(address, 25) is None


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "0.1.2.3",
        "::1",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "fe80::1%1",
        "fec0::1",
        "2001:db8::1",
        "2001::1",  # Teredo
        "100::1",
        "4000::1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "::10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::808:808",
        "2002:a00:1::1",
        "2002:7f00:1::1",
    ],
)
def test_private_and_reserved_addresses_are_not_called_unless_that_is_allowed(address: str) -> None:
    assert guard().objection(address, 26) is Objection.PRIVATE
    assert guard(allow_private=True).objection(address, 26) is None
    assert guard().objection(address, 26, chosen=True) is None


@pytest.mark.parametrize("address", ["224.0.0.1", "ff02::1", "0.0.0.0", "::", "::ffff:0.0.0.0", "::ffff:224.0.0.1"])
def test_what_is_no_single_host_is_never_called(address: str) -> None:
    assert guard(allow_private=True).objection(address, 26, chosen=True) is Objection.NO_HOST


@pytest.mark.parametrize(
    "address", ["185.1.2.3", "::ffff:185.1.2.3", "2a00:1::25", "127.0.0.1", "127.9.9.9", "0.0.0.0", "::", "::1"]
)
def test_an_address_of_ours_with_a_port_of_ours_is_ourselves(address: str) -> None:
    for each in (guard(), guard(allow_private=True)):
        assert each.objection(address, 587) is Objection.OURSELVES
        assert each.objection(address, 587, chosen=True) is Objection.OURSELVES


def test_another_port_of_our_address_is_another_program() -> None:
    assert guard().objection("185.1.2.3", 2525) is None


def test_our_name_is_known_however_it_is_written() -> None:
    assert guard().is_us("RELAY.example")
    assert not guard().is_us("mx.relay.example")


def test_the_kernel_knows_which_addresses_are_ours() -> None:
    assert is_own_address("127.0.0.1")
    assert not is_own_address("192.0.2.77")
    assert not is_own_address("2001:db8::77")
