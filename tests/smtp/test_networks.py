"""Who is inside, and how addresses are written."""

from __future__ import annotations

import pytest

from relay.smtp.networks import Networks, client_address


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("192.0.2.9", True),
        ("192.0.3.9", False),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("fe80::1%eth0", True),
    ],
)
def test_a_client_is_inside_or_not(address: str, inside: bool) -> None:
    assert (address in Networks(("192.0.2.0/24", "2001:db8::/32", "fe80::/10"))) is inside


def test_no_networks_hold_nobody() -> None:
    assert "192.0.2.9" not in Networks(())
    assert not Networks(())


def test_an_ipv4_client_of_an_ipv6_socket_has_its_own_address() -> None:
    assert client_address("::ffff:192.0.2.9") == "192.0.2.9"
    assert client_address("2001:db8::1") == "2001:db8::1"
