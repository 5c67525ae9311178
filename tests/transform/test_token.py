"""Tokens of links: one spelling, one length, and nothing but what a key of ours signed."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.model.account import LinkKey
from relay.model.ids import IdSource
from relay.model.token import TOKEN_LENGTH, Purpose, Token
from relay.transform.token import RECIPIENTS, TARGETS, make, read

KEY = LinkKey(number=7, secret=bytes(range(32)), created=0.0)
OLDER = LinkKey(number=6, secret=bytes(range(1, 33)), created=0.0)
MESSAGE = IdSource(3, lambda: 1_700_000_000.0).new()
TOKEN = Token(Purpose.CLICK, MESSAGE, 12, 345)

tokens = st.builds(
    Token,
    st.sampled_from(Purpose),
    st.text("0123456789abcdefghijklmnopqrstuv", min_size=16, max_size=16),
    st.integers(1, RECIPIENTS - 1),
    st.integers(0, TARGETS - 1),
)


def forged(octets: bytes, key: LinkKey = KEY) -> str:
    """A token with a right signature of any 17 octets."""
    mac = blake2b(octets, digest_size=10, key=key.secret, person=b"relay link").digest()
    return urlsafe_b64encode(octets + mac).decode()


@given(tokens, st.integers(1, 1000), st.binary(min_size=32, max_size=32))
def test_what_is_made_is_read_again(token: Token, number: int, secret: bytes) -> None:
    key = LinkKey(number=number, secret=secret, created=0.0)
    text = make(key, token)
    assert re.fullmatch(rb"[A-Za-z0-9_-]+", text)
    assert len(text) == TOKEN_LENGTH
    assert read(text.decode(), [key]) == token


def test_a_token_stays_what_it_is_in_links_that_were_sent() -> None:
    token = Token(Purpose.UNSUBSCRIBE, "0r2k9v1m00000001", 2, 3)
    assert make(KEY, token) == b"FQcGxUT8NgAAAAABAAACAAM3o8tEbYsHoY2f"


def test_older_keys_are_read_as_long_as_they_are_there() -> None:
    text = make(OLDER, TOKEN).decode()
    assert read(text, [KEY, OLDER]) == TOKEN
    with pytest.raises(ValueError, match="not a token of ours"):
        read(text, [KEY])
    with pytest.raises(ValueError, match="not a token of ours"):
        read(text, [])


def test_keys_whose_numbers_differ_by_256_are_told_apart() -> None:
    later = LinkKey(number=KEY.number + 256, secret=OLDER.secret, created=0.0)
    assert read(make(KEY, TOKEN).decode(), [later, KEY]) == TOKEN
    assert read(make(later, TOKEN).decode(), [KEY, later]) == TOKEN


@pytest.mark.parametrize("place", range(TOKEN_LENGTH))
def test_a_token_with_any_character_changed_is_none_of_ours(place: int) -> None:
    text = make(KEY, TOKEN).decode()
    other = "A" if text[place] != "A" else "B"
    with pytest.raises(ValueError, match="not a token"):
        read(text[:place] + other + text[place + 1 :], [KEY, OLDER])


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: text + "\n",
        lambda text: text[:-4] + "====",
        lambda text: " " + text[1:],
        lambda text: text[:10] + "+" + text[11:],
        lambda text: text[:10] + "/" + text[11:],
        lambda text: text[:10] + "\u00e9" + text[11:],
        lambda text: text[:10] + "\0" + text[11:],
        lambda text: "",
    ],
)
def test_what_does_not_look_like_a_token_is_none(change: object) -> None:
    assert callable(change)
    with pytest.raises(ValueError, match="not a token"):
        read(change(make(KEY, TOKEN).decode()), [KEY])


@given(st.text(max_size=80) | st.from_regex(r"[A-Za-z0-9_-]{36}", fullmatch=True))
def test_reading_raises_nothing_but_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="token"):
        read(text, [KEY, OLDER])


@pytest.mark.parametrize("head", [0x00, 0x21, 0x10, 0x1F])
def test_what_another_version_signed_is_refused(head: int) -> None:
    octets = bytes([head]) + urlsafe_b64decode(make(KEY, TOKEN))[1:17]
    with pytest.raises(ValueError, match=r"version|Purpose"):
        read(forged(octets), [KEY])


@pytest.mark.parametrize(
    "token",
    [
        Token(Purpose.CLICK, MESSAGE, 0),
        Token(Purpose.CLICK, MESSAGE, RECIPIENTS),
        Token(Purpose.CLICK, MESSAGE, 1, TARGETS),
        Token(Purpose.CLICK, MESSAGE, 1, -1),
        Token(Purpose.CLICK, MESSAGE[:-1], 1),
        Token(Purpose.CLICK, MESSAGE[:-1] + "z", 1),
        Token(Purpose.CLICK, "-" + MESSAGE[1:], 1),
    ],
)
def test_what_no_link_can_name_is_refused(token: Token) -> None:
    with pytest.raises(ValueError, match="no link"):
        make(KEY, token)
