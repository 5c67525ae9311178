"""Mechanisms of SPF as people write them."""

from __future__ import annotations

import pytest

from relay.dns.spf import mechanism


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("ip4", "192.0.2.1/24", "ip4:192.0.2.1/24"),
        ("ip4", " 192.0.2.1 ", "ip4:192.0.2.1"),
        ("IP6", "2001:db8::/32", "ip6:2001:db8::/32"),
        ("include", "SPF.Example.net.", "include:spf.example.net"),
        ("a", "", "a"),
        ("a", "/24", "a/24"),
        ("a", "mail.example.net/24//64", "a:mail.example.net/24//64"),
        ("mx", "mail.example.com", "mx:mail.example.com"),
        ("ptr", "", "ptr"),
        ("exists", "%{i}._spf.%{d2}", "exists:%{i}._spf.%{d2}"),
        ("include", "bücher.example", "include:xn--bcher-kva.example"),
    ],
)
def test_a_mechanism_is_written_as_a_record_has_it(name: str, value: str, text: str) -> None:
    assert mechanism(name, value) == text


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("all", "", "expected one of include"),
        ("ip4", "2001:db8::1", "expected an address or network such as 192.0.2.0/24"),
        ("ip6", "192.0.2.1", "such as 2001:db8::/32"),
        ("ip4", "192.0.2.1/255.255.255.0", "expected an address"),
        ("ip4", "192.0.2.1/33", "expected an address"),
        ("ip6", "fe80::1%eth0", "expected an address"),
        ("ip4", "", "expected an address"),
        ("include", "", "include needs a domain"),
        ("exists", "", "exists needs a domain"),
        ("include", "example.net/24", "include has no prefix length"),
        ("a", "example.net/99", "expected a prefix length"),
        ("a", "example.net/24 -all", "expected a prefix length"),
        ("include", "example.net -all", "not a domain name"),
        ("include", "localhost", "has no dot"),
        ("exists", "%{z}.example.net", "not a macro"),
        ("include", "a\nb.example", "not a domain name"),
    ],
)
def test_what_is_no_mechanism_is_refused_with_a_reason(name: str, value: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        mechanism(name, value)
