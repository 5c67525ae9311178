"""Paths, From fields and domains, as clients write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.model.address import (
    NeedsUtf8,
    ascii_domain,
    domain_of,
    from_addresses,
    is_ip,
    parse_path,
    printable,
    readable_domain,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ann@example.net", "ann@example.net"),
        ("Ann.Smith+tag@EXAMPLE.Net", "Ann.Smith+tag@example.net"),
        ("!#$%&'*+-/=?^_`{|}~@example.net", "!#$%&'*+-/=?^_`{|}~@example.net"),
        ('"john doe"@example.net', '"john doe"@example.net'),
        ('"a@b"@example.net', '"a@b"@example.net'),
        (r'"a\"b\\c"@example.net', r'"a\"b\\c"@example.net'),
        ("ann@localhost", "ann@localhost"),
        ("ann@_odd.example.net", "ann@_odd.example.net"),
        ("ann@[192.0.2.1]", "ann@[192.0.2.1]"),
        ("ann@[IPv6:2001:DB8::1]", "ann@[IPv6:2001:db8::1]"),
        ("@a.example,@b.example:ann@example.net", "ann@example.net"),
        ("a" * 64 + "@example.net", "a" * 64 + "@example.net"),
        ("ann@" + "x" * 63 + ".example", "ann@" + "x" * 63 + ".example"),
    ],
)
def test_a_mailbox_is_read_and_only_its_domain_is_lower_cased(text: str, address: str) -> None:
    assert parse_path(text) == address


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected name@domain"),
        ("ann", "expected name@domain"),
        ("@example.net", "before the @"),
        ("ann@", "not a domain name: nothing"),
        ("ann@example.net.", "ends in a dot"),
        ("ann@-x.example", "not a domain name"),
        ("ann@exa mple.net", "not a domain name"),
        ("ann@example..net", "not a domain name"),
        (".ann@example.net", "needs quotes or is malformed"),
        ("ann..b@example.net", "needs quotes or is malformed"),
        ("john doe@example.net", "needs quotes or is malformed"),
        ("ann<b@example.net", "needs quotes or is malformed"),
        ('"ann@example.net', "needs quotes or is malformed"),
        ('"a"b"@example.net', "needs quotes or is malformed"),
        ("ann\r\nRCPT TO:<x@example.net", "needs quotes or is malformed"),
        ('"ann\r\n"@example.net', "needs quotes or is malformed"),
        ("ann@example.net\n", "not a domain name"),
        ("ann@[192.0.2.300]", "not an address literal"),
        ("ann@[192.0.2.1", "not an address literal"),
        ("ann@[IPv6:fe80::1%eth0]", "not an address literal"),
        ("a" * 65 + "@example.net", "longer than 64 octets"),
        ("ann@" + ".".join(["x" * 63] * 4) + ".net", "longer than 255 octets"),
        ("a" * 60 + "@" + ".".join(["x" * 60] * 4), "longer than 254 octets"),
        ("ann@" + "x" * 64 + ".net", "not a domain name"),
    ],
)
def test_what_is_no_mailbox_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        parse_path(text)
    assert str(caught.value).isprintable()


def test_characters_outside_ascii_need_smtputf8() -> None:
    with pytest.raises(NeedsUtf8, match="needs SMTPUTF8"):
        parse_path("jörg@example.net")
    assert parse_path("jörg@example.net", smtputf8=True) == "jörg@example.net"
    assert parse_path("ann@Bücher.example", smtputf8=True) == "ann@xn--bcher-kva.example"
    assert parse_path("用户@例子.广告", smtputf8=True) == "用户@xn--fsqu00a.xn--4rr70v"


def test_limits_count_octets_and_a_labels() -> None:
    assert parse_path("ü" * 32 + "@example.net", smtputf8=True)
    with pytest.raises(ValueError, match="longer than 64 octets"):
        parse_path("ü" * 33 + "@example.net", smtputf8=True)
    with pytest.raises(ValueError, match="longer than 64 octets"):
        parse_path("a" * 50 + "ü" * 8 + "@x", smtputf8=True)


@pytest.mark.parametrize("text", ["a\udcffb@example.net", "a\x85b@example.net", "a\u2028b@example.net"])
def test_octets_that_are_no_text_are_refused_even_under_smtputf8(text: str) -> None:
    with pytest.raises(ValueError, match=r"not UTF-8|control characters"):
        parse_path(text, smtputf8=True)


@given(st.text(max_size=80), st.booleans())
def test_any_text_is_an_address_that_reads_the_same_again_or_a_value_error(text: str, smtputf8: bool) -> None:
    try:
        address = parse_path(text, smtputf8=smtputf8)
    except ValueError:
        return
    assert parse_path(address, smtputf8=smtputf8) == address
    assert not set("\r\n\0") & set(address)


@pytest.mark.parametrize(
    ("value", "addresses"),
    [
        (b" me@example.com", ["me@example.com"]),
        (b" Me <Me@Example.COM>", ["Me@example.com"]),
        (b' "Smith, John" <js@example.com>', ["js@example.com"]),
        (b' "a@b.example" <js@example.com>', ["js@example.com"]),
        (b" John Q. Public <jqp@example.com>", ["jqp@example.com"]),
        (b" =?utf-8?Q?J=C3=B6rg_(Paris)?= <j@example.com>", ["j@example.com"]),
        (b" J\xc3\xb6rg <j@example.com>", ["j@example.com"]),
        (b" J\xf6rg <j@example.com>", ["j@example.com"]),
        (b" Long name\r\n <j@example.com>", ["j@example.com"]),
        (b"\r\n j@example.com", ["j@example.com"]),
        (b" Pete(A nice \\) chap (and (deep))) <pete(his)@example.com(host)>", ["pete@example.com"]),
        (b" me@example.com (Me, myself)", ["me@example.com"]),
        (b" a@example.com, B <b@example.com>", ["a@example.com", "b@example.com"]),
        (b" ,a@example.com,,", ["a@example.com"]),
        (b" Undisclosed:;", []),
        (b" Team: a@example.com, B <b@example.com>;", ["a@example.com", "b@example.com"]),
        (b" Team: a@example.com;, c@example.com", ["a@example.com", "c@example.com"]),
        (b" <@relay.example,@b.example:me@example.com>", ["me@example.com"]),
        (b" me . too @ example . com", ["me.too@example.com"]),
        (b' "a b".c@example.com', ['"a b.c"@example.com']),
        (b" me@[192.0.2.1]", ["me@[192.0.2.1]"]),
        (b" me@example.com <me@Example.com>", ["me@example.com"]),
        ("Jörg <jörg@bücher.example>".encode(), ["jörg@xn--bcher-kva.example"]),
        (b"", []),
    ],
)
def test_from_fields_are_read_as_people_and_old_programs_write_them(value: bytes, addresses: list[str]) -> None:
    assert from_addresses(value) == addresses


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b" John Doe", "expected name@domain"),
        (b" <>", "expected name@domain"),
        (b" john doe@example.com", "malformed before the @"),
        (b" a@example.com b@example.com", "expected name@domain"),
        (b" a@example.com; b@example.com", "commas, not by semicolons"),
        (b" ceo@bank.example <me@example.com>", "quotation marks"),
        (b" Me <me@example.com> <ceo@bank.example>", "expected a comma"),
        (b" Me <me@example.com> ceo@bank.example", "expected a comma"),
        (b" Me <me@example.com", "not closed"),
        (b" Me <a <me@example.com>", "not closed"),
        (b" me@example.com>", "malformed after the @"),
        (b' "Me <me@example.com>', "quotation mark that is not closed"),
        (b" Me (me <me@example.com>", "comment that is not closed"),
        (b" me@a@example.com", "expected name@domain"),
        (b" A: B: me@example.com;;", "colon"),
        (b" A: me@example.com", "closing semicolon"),
        (b" me\0@example.com", "unexpected"),
        (b" m\\e@example.com", "unexpected"),
        (b" m\xff@example.com", "not UTF-8"),
        (b" =?utf-8?Q?ceo=40bank.example=3E?=@example.com", "encoded word"),
        (b' "=?utf-8?Q?ceo=40bank.example=3E?=" <"=?utf-8?Q?a=3E?="@example.com>', "encoded word"),
        (b" me@example.com" + b"," * (32 << 10), "longer than 32 KiB"),
        (b" me@example.com\r\nBcc: x@example.com", "expected name@domain|colon"),
    ],
)
def test_a_from_field_that_misleads_is_refused(value: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        from_addresses(value)
    assert str(caught.value).isprintable()


def test_deep_comments_cost_no_stack() -> None:
    assert from_addresses(b"(" * 10_000 + b")" * 10_000 + b"me@example.com") == ["me@example.com"]


@given(st.binary(max_size=120))
def test_any_octets_are_addresses_or_a_value_error(value: bytes) -> None:
    try:
        found = from_addresses(value)
    except ValueError:
        return
    for address in found:
        assert parse_path(address, smtputf8=True) == address


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_a_domain_has_one_spelling(text: str, name: str) -> None:
    assert ascii_domain(text) == name


@pytest.mark.parametrize(
    "text", ["", ".", "a..b", "a b", "-a.example", "a/b", "ü" * 300, "x" * 300, "\ud800.example"]
)
def test_what_is_no_domain_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="domain"):
        ascii_domain(text)


def test_printing() -> None:
    assert readable_domain("xn--bcher-kva.example") == "bücher.example"
    assert readable_domain("xn--0.example") == "xn--0.example"
    assert domain_of('"a@b"@example.net') == "example.net"
    assert domain_of("") == ""
    assert printable("a\r\nb\x1b[0m") == "a??b?[0m"
    assert len(printable("x" * 500)) == 80


def test_a_host_is_an_address_or_a_name() -> None:
    assert all(map(is_ip, ("192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "fe80::1%eth0")))
    assert not any(map(is_ip, ("", "example.com", "1.2.3", "256.1.1.1", "[2001:db8::1]", "a:b")))
