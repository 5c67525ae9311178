"""Addresses as people write them, and as they stand in fields."""

from __future__ import annotations

from email.header import decode_header, make_header
from email.headerregistry import HeaderRegistry

import pytest

from relay.transform.compose.fields import listed
from relay.transform.compose.mailboxes import Group, Mailbox, mailbox, read_mailboxes, written


def pairs(text: str) -> list[tuple[str, str]]:
    found = read_mailboxes(text)
    assert all(isinstance(each, Mailbox) for each in found)
    return [(each.name, each.address) for each in found if isinstance(each, Mailbox)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ann@example.net", [("", "ann@example.net")]),
        (" ann@EXAMPLE.net ,, bob@example.net,", [("", "ann@example.net"), ("", "bob@example.net")]),
        ("<ann@example.net>", [("", "ann@example.net")]),
        ("Ann Smith <ann@example.net>", [("Ann Smith", "ann@example.net")]),
        ("Ann<ann@example.net>", [("Ann", "ann@example.net")]),
        ('"Smith, Ann" <ann@example.net>, b@example.net', [("Smith, Ann", "ann@example.net"), ("", "b@example.net")]),
        ('"Ann \\"the\\" Smith" <ann@example.net>', [('Ann "the" Smith', "ann@example.net")]),
        ("Dr. A. Smith: Sales [x] <ann@example.net>", [("Dr. A. Smith: Sales [x]", "ann@example.net")]),
        ("Jörg Müller <joerg@bücher.example>", [("Jörg Müller", "joerg@xn--bcher-kva.example")]),
        ("=?utf-8?Q?J=C3=B6rg?= <j@example.net>", [("Jörg", "j@example.net")]),
        ("=?broken?= <j@example.net>", [("=?broken?=", "j@example.net")]),
        ("Ann (at home) <ann@example.net>", [("Ann", "ann@example.net")]),
        ("ann@example.net (Ann, at home)", [("", "ann@example.net")]),
        ('"ann smith"@example.net', [("", '"ann smith"@example.net')]),
        ("用户@例子.example", [("", "用户@xn--fsqu00a.example")]),
        ("ann@work <ann@example.net>", [("ann@work", "ann@example.net")]),
        ("{$name} <{$recipient}>, {$a.b}", [("{$name}", "{$recipient}"), ("", "{$a.b}")]),
        ("{$user}@example.net", [("", "{$user}@example.net")]),
        ("", []),
    ],
)
def test_names_and_addresses_are_told_apart(text: str, wanted: list[tuple[str, str]]) -> None:
    assert pairs(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "Smith, Ann <ann@example.net>",
        "ann@example.net bob@example.net",
        "ann@example.net; bob@example.net",
        "<ann@example.net> <bob@example.net>",
        "Ann <ann@example.net> Smith",
        "Ann <ann@example.net",
        'Ann" <ann@example.net>',
        "Ann (x <ann@example.net>",
        "ann",
        "@example.net",
        "{$a b}",
        "{a}",
        "ann@example.net\r\nBcc: eve@example.net",
        "Ann\nX: y <ann@example.net>",
        "=?utf-8?Q?eve=40example.org?=@example.net",
        "Ann\0 <ann@example.net>",
        "ann@exam\u2028ple.net",
        "x" * 501 + " <ann@example.net>",
    ],
)
def test_what_could_be_read_in_two_ways_or_breaks_a_field_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_mailboxes(text)


def test_a_group_with_nobody_in_it_stays_one() -> None:
    found = read_mailboxes("undisclosed-recipients:;")
    assert found == (Group("undisclosed-recipients"),)
    assert written(found[0]) == "undisclosed-recipients:;"


@pytest.mark.parametrize(
    "name",
    [
        "Ann",
        "Smith, Ann",
        'Ann "the" Smith',
        "back\\slash",
        "Jörg Müller",
        "=?utf-8?Q?x?=",
        "a.b",
        "(x)",
        "名前" * 60,
        "{$name}",
        '"' * 500,
    ],
)
def test_a_name_is_read_by_others_as_it_was_given(name: str) -> None:
    line = listed("From", [written(mailbox("ann@example.net", name))])
    assert line.isascii()
    assert max(map(len, line.split(b"\r\n"))) <= 998
    value = line.decode().partition(":")[2].replace("\r\n", "").strip()
    [address] = HeaderRegistry()("From", value).addresses  # type: ignore[attr-defined]
    assert address.addr_spec == "ann@example.net"
    if name.isascii() and len(name) < 100:
        assert address.display_name == name
    else:  # of several encoded words
        assert str(make_header(decode_header(value.rpartition(" <")[0]))) == name


def test_a_long_list_is_read_in_time_and_has_an_end() -> None:
    assert len(read_mailboxes(",".join(["a@example.net"] * 5000))) == 5000
    with pytest.raises(ValueError, match="over 5,000"):
        read_mailboxes(",".join(["a@example.net"] * 5001))


@pytest.mark.parametrize("text", ["(" * 50_000, '"' + "\\" * 50_001, "<" * 50_000, "a " * 50_000, '""' * 50_000])
def test_text_made_to_be_a_burden_is_refused_at_once(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_mailboxes(text)
