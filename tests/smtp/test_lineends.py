"""Line ends, told from what only looks like them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.smtp.lineends import PIECE, LineEnds, only_crlf

soup = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\x85", b"\xff", b"\0"]), max_size=12).map(b"".join)


@given(soup)
def test_it_agrees_with_counting(content: bytes) -> None:
    pairs = content.count(b"\r\n")
    assert only_crlf(content) == (content.count(b"\r") == pairs == content.count(b"\n"))


@pytest.mark.parametrize("content", [b"", b"a", b"a\r\nb\r\n", b"\r\n\r\n"])
def test_crlf_and_no_line_end_at_all_are_fine(content: bytes) -> None:
    assert only_crlf(content)


@pytest.mark.parametrize("content", [b"\r", b"\n", b"a\r\nb\r", b"\n\r", b"a\r\r\n", b"a\r\n\nb"])
def test_a_bare_cr_or_lf_is_found_at_the_ends_too(content: bytes) -> None:
    assert not only_crlf(content)


@given(st.lists(soup, max_size=6))
def test_pieces_are_seen_as_the_whole_would_be(pieces: list[bytes]) -> None:
    ends = LineEnds()
    for each in pieces:
        ends.see(each)
    assert ends.only_crlf() == only_crlf(b"".join(pieces))


@pytest.mark.parametrize("before", [PIECE - 2, PIECE - 1, PIECE])
def test_a_line_end_where_a_large_content_is_parted_is_one(before: int) -> None:
    assert only_crlf(b"x" * before + b"\r\n" + b"y" * PIECE)
    assert not only_crlf(b"x" * before + b"\n" + b"y" * PIECE)
    assert not only_crlf(b"x" * before + b"\r" + b"y" * PIECE)
