from __future__ import annotations

import pytest

from relay.config import RouteRule, Smarthost
from relay.delivery.rules import Rule

HOP = Smarthost(host="hop.test")


@pytest.mark.parametrize(
    ("pattern", "domain", "fits"),
    [
        ("*", "example.net", True),
        ("*", "", True),
        ("*", "[192.0.2.1]", True),
        ("example.net", "example.net", True),
        ("Example.NET", "example.net", True),
        ("example.net", "mail.example.net", False),
        ("example.net", "notexample.net", False),
        ("*.example.net", "mail.example.net", True),
        ("*.example.net", "a.b.example.net", True),
        ("*.example.net", "example.net", False),
        ("*.example.net", "notexample.net", False),
        ("bücher.test", "xn--bcher-kva.test", True),
        ("*.bücher.test", "mail.xn--bcher-kva.test", True),
        ("[192.0.2.1]", "[192.0.2.1]", True),
        ("[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]", True),
        ("example.net", "", False),
    ],
)
def test_a_pattern_fits_what_it_says(pattern: str, domain: str, fits: bool) -> None:
    assert Rule(RouteRule(name="r", domains=(pattern,), smarthost=HOP)).fits(domain, "anyone.test") is fits
    assert Rule(RouteRule(name="r", senders=(pattern,), smarthost=HOP)).fits("anywhere.test", domain) is fits


def test_both_sides_have_to_fit() -> None:
    rule = Rule(RouteRule(name="r", domains=("a.test", "b.test"), senders=("x.test",), smarthost=HOP))
    assert rule.fits("b.test", "x.test")
    assert not rule.fits("b.test", "y.test")
    assert not rule.fits("c.test", "x.test")
