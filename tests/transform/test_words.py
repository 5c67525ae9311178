"""Encoded words, read as real clients write them."""

from __future__ import annotations

from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.transform.words import decode, encode


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b" plain ", "plain"),
        (b" a\r\n b\r\n\tc", "a b\tc"),
        (b"=?utf-8?Q?J=C3=B6rg_M?=", "Jörg M"),
        (b"=?UTF-8?b?SsO2cmc=?= x", "Jörg x"),
        (b"=?utf-8?B?SsO2cmc?=", "Jörg"),
        (b"=?utf-8?Q?a?= =?utf-8?Q?b?=\r\n =?utf-8?Q?c?=", "abc"),
        (b"=?utf-8?Q?a?= b =?utf-8?Q?c?=", "a b c"),
        (b"=?iso-8859-1*de?Q?=FC?=", "ü"),
        (b'{"a":"=?utf-8?Q?=C4=99?="}', '{"a":"ę"}'),
        ("Jörg".encode(), "Jörg"),
        (b"=?broken", "=?broken"),
    ],
)
def test_values_become_text(value: bytes, text: str) -> None:
    assert decode(value).text == text


def test_raw_latin1_is_read_and_noted() -> None:
    assert decode(b"J\xf6rg").text == "Jörg"
    assert decode(b"J\xf6rg").latin1
    assert not decode("Jörg".encode()).latin1


@pytest.mark.parametrize(
    "value",
    [
        b"=?no-such?Q?x?=",
        b"=?utf-8?Q?=FF?=",
        b"=?utf-8?B?!!?=",
        b"=?" + b"utf-8" * 9 + b"?Q?x?=",
        b"=?utf-7?Q?+2AA-?=",  # a lone surrogate
        b"=?Unicode_Escape?Q?=5Cud800?=",
        b"=?unicode-escape?Q?=5Cx0a?=",
        b"=?IDNA?Q?a?=",
        b"=?punycode?Q?a-" + b"b" * 200_000 + b"?=",  # would take two seconds
    ],
)
def test_words_that_cannot_be_read_are_value_errors(value: bytes) -> None:
    with pytest.raises(ValueError, match="encoded word"):
        decode(value)


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))))
def test_what_we_write_others_read(text: str) -> None:
    written = encode(text)
    assert written.isascii()
    assert all(len(line) <= 76 for line in written.split("\r\n")) or text.isascii()
    if not text.isascii():
        assert decode(written.encode()).text.strip(" \t") == text.strip(" \t")
        assert str(make_header(decode_header(written))) == text
