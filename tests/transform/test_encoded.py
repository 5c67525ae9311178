"""Edits of a text change its encoded body in the places of the edits alone."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from relay.model.token import TOKEN_LENGTH, Purpose
from relay.transform.edit import Edit, Hole, Piece, fill, splice
from relay.transform.encoded import BASE64, EIGHT, QUOTED, SEVEN, Text, ascii_based, decode, encode, encode_whole

CLICK = Hole(Purpose.CLICK, 1)
TOKEN = b"A-_z" * 9
assert len(TOKEN) == TOKEN_LENGTH

_WORDS = [
    b"=3D",
    b"=3d",
    b"=",
    b"==",
    b"=\r\n",
    b"= \r\n",
    b"=\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"=XY",
    b"=E9",
    b"=e9",
    b"\xe9",
]
_TEXT = [b" ", b"\t", b'<a href=3D"http://x.example/?a=3D1"> ', b"--", b"-", b"word", b"x", b"long" * 12]
QUOTED_BODIES = st.lists(st.sampled_from([*_WORDS, *_TEXT]), max_size=30).map(b"".join)
_ADDED = [b"a=b", b"41", b"--", b"-", b" ", b"\r\n", b"\n", b"\r", b"x" * 80, b"\xe9=", b"=" * 40, b""]
PIECES = st.lists(st.just(CLICK) | st.sampled_from(_ADDED) | st.binary(max_size=6), max_size=5)


def token(hole: Hole) -> bytes:
    return TOKEN


def text_of(body: bytes, encoding: bytes = SEVEN) -> Text:
    found = decode(body, encoding)
    assert found is not None
    return found


def alike(one: bytes, other: bytes) -> int:
    """How many octets both begin with."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


@st.composite
def edited(draw: st.DrawFn, bodies: st.SearchStrategy[bytes], encoding: bytes) -> tuple[Text, list[Edit]]:
    text = text_of(draw(bodies), encoding)
    places = draw(st.lists(st.integers(0, len(text.octets)), max_size=8))
    places = sorted(place for place in places if text.octets[max(place - 1, 0) : place + 1] != b"\r\n")
    places = places[: len(places) // 2 * 2]
    return text, [Edit(a, b, tuple(draw(PIECES))) for a, b in zip(places[::2], places[1::2], strict=True)]


@given(edited(QUOTED_BODIES, QUOTED))
def test_quoted_printable_says_what_was_edited(case: tuple[Text, list[Edit]]) -> None:
    text, edits = case
    compiled = text.compile(edits)
    assert compiled.encoding == QUOTED
    assert text_of(compiled.fill(token), QUOTED).octets == fill(splice(text.octets, edits), token)


@given(edited(QUOTED_BODIES.map(lambda body: re.sub(rb"(?<!\r)\n|\r(?!\n)", b"\r\n", body)), QUOTED))
def test_no_line_of_ours_is_too_long_or_breaks_a_token(case: tuple[Text, list[Edit]]) -> None:
    text, edits = case
    longest = max(map(len, text.body.split(b"\r\n")))
    body = text.compile(edits).fill(token)
    for line in body.split(b"\r\n"):
        assert len(line) <= max(longest, 76)
    assert body.count(TOKEN) == sum(piece is CLICK for each in edits for piece in each.pieces)


@given(edited(QUOTED_BODIES, QUOTED))
def test_what_is_not_edited_keeps_its_octets(case: tuple[Text, list[Edit]]) -> None:
    """Beside the octets of the edit only soft breaks, a lone `=` with an octet, and dashes after it may change."""
    text, edits = case
    for each in edits:
        body = text.compile([each]).fill(token)
        head = alike(text.body, body)
        tail = alike(text.body[head:][::-1], body[head:][::-1])
        changed = text_of(text.body[head : len(text.body) - tail], QUOTED).octets
        assert len(changed) <= each.end - each.start + 4 + changed.count(b"-")


@given(st.binary(max_size=200), st.sampled_from([SEVEN, EIGHT, b"binary", QUOTED, BASE64]))
def test_without_edits_a_body_is_what_it_was(body: bytes, encoding: bytes) -> None:
    text = decode(body, encoding)
    if text is not None:
        assert text.compile(()).fill(token) == body
        assert text.edit(()) == text


@given(edited(st.binary(max_size=60).map(base64.encodebytes), BASE64))
def test_base64_says_what_was_edited(case: tuple[Text, list[Edit]]) -> None:
    text, edits = case
    assume(edits)
    body = text.compile(edits).fill(token)
    assert base64.b64decode(body) == fill(splice(text.octets, edits), token)
    assert all(len(line) <= 76 for line in body.split(b"\r\n"))


@given(edited(st.lists(st.sampled_from([b"one ", b"two\r\n", b"\xe9"]), max_size=9).map(b"".join), EIGHT))
def test_eight_bit_is_spliced_in_place(case: tuple[Text, list[Edit]]) -> None:
    text, edits = case
    compiled = text.compile(edits)
    said = fill(splice(text.octets, [Edit(e.start, e.end, _lines(e.pieces)) for e in edits]), token)
    assert compiled.encoding == EIGHT or b"\0" in said
    assert text_of(compiled.fill(token), compiled.encoding).octets == said


def _lines(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    whole = re.compile(rb"\r\n?|\n")
    return tuple([whole.sub(b"\r\n", each) if isinstance(each, bytes) else each for each in pieces])


def test_a_link_in_quoted_printable_changes_alone() -> None:
    body = (
        b'<td style=3D"color:#fff"><a class=3D"b" href=3D"http://shop.example/a/ve=\r\n'
        b'ry/long/path?x=3D1&amp;y=3D2" title=3d"lower case =XY">Caf=c3=A9 </a></td>=20\r\n'
    )
    text = text_of(body, b" Quoted-Printable (as ever)\r\n")
    start = text.octets.index(b"http:")
    end = text.octets.index(b'" title')
    compiled = text.compile([Edit(start, end, (b"http://c.example/?t=", CLICK, b"-a"))])
    assert compiled.fill(token) == (
        b'<td style=3D"color:#fff"><a class=3D"b" href=3D"http://c.example/?t=3D=\r\n'
        + TOKEN
        + b"-a=\r\n"
        + b'" title=3d"lower case =XY">Caf=c3=A9 </a></td>=20\r\n'
    )


def test_white_space_before_a_line_end_is_not_lost() -> None:
    text = text_of(b"one two\r\nthree", QUOTED)
    assert text.compile([Edit(4, 7, ())]).fill(token) == b"one =\r\n\r\nthree"
    assert text.compile([Edit(3, 7, (b" ",))]).fill(token) == b"one=20\r\nthree"
    assert text.compile([Edit(4, 4, (b"\r\n",))]).fill(token) == b"one =\r\n\r\ntwo\r\nthree"


def test_a_soft_break_makes_no_delimiter() -> None:
    text = text_of(b"x" * 70 + b"y--boundary\r\n", QUOTED)
    body = text.compile([Edit(70, 71, (b"123",))]).fill(token)
    assert body == b"x" * 70 + b"123--=\r\nboundary\r\n"
    text = text_of(b"x" * 73 + b"y--boundary\r\n", QUOTED)
    body = text.compile([Edit(73, 74, (b"12",))]).fill(token)
    assert body == b"x" * 73 + b"12=\r\n=2D-boundary\r\n"


def test_an_equals_sign_that_means_itself_keeps_its_meaning() -> None:
    text = text_of(b"<a href=http://x.example>", QUOTED)
    compiled = text.compile([Edit(8, 24, (b"abc",))])
    assert compiled.fill(token) == b"<a href=3Dabc>"


def test_seven_bits_become_quoted_printable_with_a_piece_that_needs_it() -> None:
    text = text_of(b"one = two\r\nthree\r\n")
    compiled = text.compile([Edit(0, 3, ("ä".encode(), CLICK))])
    assert compiled.encoding == QUOTED
    assert compiled.fill(token) == b"=C3=A4" + TOKEN + b" =3D two\r\nthree\r\n"
    assert text_of(b"\xe9\r\n").compile([Edit(0, 0, (b"\xe8",))]).encoding == SEVEN  # it said nothing true before


@pytest.mark.parametrize("encoding", [SEVEN, EIGHT])
def test_a_line_that_an_edit_makes_too_long_becomes_quoted_printable(encoding: bytes) -> None:
    text = text_of(b"x" * 970 + b"\r\n", encoding)
    assert text.compile([Edit(0, 8, (CLICK,))]).encoding == encoding
    compiled = text.compile([Edit(0, 7, (CLICK,))])
    assert compiled.encoding == QUOTED
    assert text_of(compiled.fill(token), QUOTED).octets == TOKEN + b"x" * 963 + b"\r\n"
    assert text_of(b"x" * 999 + b"\r\n", encoding).compile([Edit(0, 0, (CLICK,))]).encoding == encoding


def test_base64_keeps_the_length_of_its_lines() -> None:
    octets = bytes(range(256))
    for length in (60, 72, 76):
        encoded = base64.b64encode(octets)
        body = b"\r\n".join([encoded[at : at + length] for at in range(0, len(encoded), length)]) + b"\r\n"
        filled = text_of(body, BASE64).compile([Edit(0, 1, (b"\0",))]).fill(token)
        assert filled == body
    assert text_of(b"QUJD\r\n", BASE64).compile([Edit(3, 3, (CLICK,))]).fill(token).count(b"\r\n") == 1


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"x", b"x-uuencode"),
        (b"QUJD=\r\n=\r\nQUJD", BASE64),
        (b"QUI=\r\n-- \r\nfooter of a list\r\n", BASE64),
        (b"QUJDR", BASE64),
    ],
)
def test_what_cannot_be_read_for_certain_is_left_alone(body: bytes, encoding: bytes) -> None:
    assert decode(body, encoding) is None


def test_base64_without_its_padding_is_read() -> None:
    assert text_of(b"QUI\r\n", BASE64).octets == b"AB"


@pytest.mark.parametrize(("start", "end"), [(2, 1), (0, 9), (-1, 0)])
def test_an_edit_out_of_range_is_refused(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        text_of(b"12345678").compile([Edit(start, end, ())])


def test_edits_that_overlap_or_split_a_line_end_are_refused() -> None:
    with pytest.raises(ValueError, match="overlaps"):
        text_of(b"12345678").compile([Edit(0, 2, ()), Edit(1, 3, ())])
    with pytest.raises(ValueError, match="CR and LF"):
        text_of(b"12\r\n").compile([Edit(0, 3, ())])


@given(
    st.text(max_size=80),
    st.sampled_from(["utf-8", "iso-8859-1", "us-ascii", "nothing"]),
    st.sampled_from([SEVEN, EIGHT, QUOTED, BASE64]),
)
def test_a_text_that_is_written_anew_reads_as_it_was_written(text: str, charset: str, encoding: bytes) -> None:
    written, told = encode_whole(text, charset, encoding)
    again = text_of(written.body, written.encoding)
    assert again == written
    expected = re.sub("\r\n?|\n", "\r\n", text).encode("utf-8", "replace").decode()
    assert again.octets.decode(told) == expected
    assert told in (charset, "utf-8")
    assert written.encoding in (encoding, QUOTED)


def test_a_text_that_is_written_anew_keeps_its_encoding_where_that_holds_it() -> None:
    assert encode(b"plain\r\n", SEVEN).encoding == SEVEN
    assert encode(b"caf\xe9\r\n", SEVEN) == Text(b"caf=E9\r\n", QUOTED, b"caf\xe9\r\n")
    assert encode(b"caf\xe9\r\n", EIGHT).encoding == EIGHT
    assert encode(b"x" * 999, EIGHT).encoding == QUOTED
    assert encode(b"x" * 999, BASE64).encoding == BASE64


@pytest.mark.parametrize(
    ("charset", "based"),
    [
        ("utf-8", True),
        ('"US-ASCII"', True),
        ("Windows-1252", True),
        ("shift_jis", True),
        ("gb18030", True),
        ("big5", True),
        ("euc-kr", True),
        ("x-unheard-of", True),
        ("utf-16", False),
        ("UTF_16LE", False),
        ("utf7", False),
        ("iso-2022-jp", False),
        ("ISO-2022-CN-EXT", False),
        ("hz-gb-2312", False),
        ("cp500", False),
        ("IBM037", False),
        ("x-ebcdic-us", False),
    ],
)
def test_charsets_whose_octets_below_128_are_not_ascii_are_known(charset: str, based: bool) -> None:
    assert ascii_based(charset) is based
