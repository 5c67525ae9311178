"""Names of character sets that mails give: which are ones, and what becomes of a text with another."""

from __future__ import annotations

import pytest

from relay.transform.autotext import html_to_text
from relay.transform.bodies import bodies
from relay.transform.charsets import codec
from relay.transform.encoded import ascii_based
from relay.transform.headers import read_header
from relay.transform.html.rewrite import rewrite_html
from relay.transform.plain import rewrite_text
from relay.transform.rules import Rules

# Names by which Python knows something, though it is no character set; and what nobody knows.
NONE = (
    *("rot13", "hex", "base64", "uu", "quopri", "zlib", "bz2", "idna", "punycode", "undefined", "mbcs", "aliases"),
    *("unicode_escape", "Unicode-Escape", "raw_unicode_escape", "x-unknown", "a\x01b", "caf\u00e9", ""),
    "x" * 300,
)
RULES = Rules(
    base=b"https://clicks.example.com",
    clicks_html=True,
    clicks_text=True,
    unsubscribe=True,
    unsubscribe_marker="{$unsubscribe}",
    footer_html="<p>Grüße</p>",
    footer_text="Grüße",
)


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_character_set_is_none(name: str) -> None:
    with pytest.raises(LookupError):
        codec(name)


@pytest.mark.parametrize(
    ("name", "known"),
    [("UTF8", "utf-8"), ("us-ascii", "ascii"), ("ISO_8859-1:1987", "iso8859-1"), ("windows-1252", "cp1252")],
)
def test_character_sets_have_several_names(name: str, known: str) -> None:
    assert codec(name) == known


@pytest.mark.parametrize("name", NONE)
def test_a_text_in_no_character_set_is_rewritten_as_if_it_were_utf_8(name: str) -> None:
    page = rewrite_html(b'<a href="https://shop.example/\\ud800">\xc3\xbc</a>', RULES, charset=name)
    assert page.targets == ("https://shop.example/\\ud800",)
    assert rewrite_text(b"see https://shop.example/a \xc3\xbc\r\n", RULES, charset=name).charset == "utf-8"
    assert html_to_text(b"<p>\\ud800 \xc3\xbc</p>", name) == "\\ud800 ü\n"


def test_a_body_in_no_character_set_is_called_unknown() -> None:
    head = b"From: a@example.com\r\nContent-Type: text/html; charset="
    named = [bodies(read_header(head + each + b"\r\n\r\nx"))[0].charset for each in (b"punycode", b"x-1", b"Latin1")]
    assert named == ["unknown-8bit", "unknown-8bit", "Latin1"]
    [left] = bodies(read_header(head + b"iso-2022-new\r\n\r\nx"))
    assert left.charset == "iso-2022-new"
    assert not ascii_based(left.charset)
