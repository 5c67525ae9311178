"""Names as people write them, and whose organisation they are of."""

from __future__ import annotations

import pytest

from relay.manage.names import kindred, organisation, plain


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("example.com", "example.com"),
        ("news.example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("example.nl", "example.nl"),
        ("www.example.nl", "example.nl"),
        ("co.uk", "co.uk"),
    ],
)
def test_an_organisation_has_two_labels_or_three_below_a_country_that_sells_those(name: str, of: str) -> None:
    assert organisation(name) == of


def test_hosts_of_one_organisation_serve_each_others_domains() -> None:
    assert kindred("bounces.example.com", "news.example.com")
    assert not kindred("one.co.uk", "two.co.uk")
    assert not kindred("example.com", "example.net")


def test_a_name_is_kept_in_one_spelling() -> None:
    assert plain(" Bücher.Example. ") == "xn--bcher-kva.example"
    for bad in ("localhost", "", ".", "a..b", "a b.example", "a_b.example", "x" * 64 + ".example", "\ud800.example"):
        with pytest.raises(ValueError, match="is no domain name"):
            plain(bad)
