"""Long lines go; what they say stays."""

from __future__ import annotations

import email
import email.policy
import time
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.config import LongLines
from relay.model.reply import Refused
from relay.transform.headers import read_header
from relay.transform.longlines import LINE, long_line, shorten
from relay.transform.mime import PARTS, leaves
from tests import corpus

OWN = corpus.own()
ALL = {**OWN, **corpus.shared()}


def parsed(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.SMTP)
    assert isinstance(message, EmailMessage)
    return message


def payloads(content: bytes) -> list[tuple[str, bytes]]:
    """Type and decoded octets of each leaf."""
    found = []
    for each in parsed(content).walk():
        if not each.is_multipart():
            octets = each.get_payload(decode=True)
            assert isinstance(octets, bytes)
            found.append((each.get_content_type(), octets))
    return found


def longest(content: bytes) -> int:
    return max(len(line) for line in content.split(b"\r\n"))


@pytest.mark.parametrize(
    "name",
    [
        "long-line",
        "long-line-8bit",
        "long-line-in-alternative",
        "long-line-in-base64",
        "long-line-in-quoted-printable",
    ],
)
def test_long_lines_are_encoded_and_decode_to_the_same(name: str) -> None:
    done = shorten(OWN[name], LongLines.ENCODE)
    assert longest(OWN[name]) > LINE
    assert longest(done.content) <= 78
    assert done.warnings == ()
    assert payloads(done.content) == payloads(OWN[name])


def test_only_the_part_concerned_changes() -> None:
    before = OWN["long-line-in-alternative"]
    after = shorten(before, LongLines.ENCODE).content
    cut = before.index(b"--b1\r\nContent-Type: text/html")
    assert after.startswith(before[:cut])
    assert after.endswith(b"\r\n--b1--\r\nepilogue\r\n")
    assert b"Content-Transfer-Encoding: quoted-printable\r\n\r\n<p>=C3=9F" in after
    assert b"8bit" not in after


def test_a_message_that_never_spoke_of_mime_now_does() -> None:
    plain = shorten(OWN["long-line"], LongLines.ENCODE).content
    assert plain.partition(b"\r\n\r\n")[0].endswith(
        b"\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable"
    )
    eight = parsed(shorten(OWN["long-line-8bit"], LongLines.ENCODE).content)
    assert eight.get_content_charset() == "utf-8"
    assert "Größe" in eight.get_content()


@pytest.mark.parametrize(
    "name", ["long-line-signed", "long-line-inline-pgp", "long-line-in-contained-message", "overlong-field"]
)
def test_what_is_signed_or_contained_stays_and_a_warning_says_so(name: str) -> None:
    done = shorten(OWN[name], LongLines.ENCODE)
    assert done.content == OWN[name]
    assert len(done.warnings) == 1
    assert "longer than 998 octets" in done.warnings[0]


def test_the_operator_may_pass_or_refuse_them() -> None:
    assert shorten(OWN["long-line"], LongLines.PASS).content == OWN["long-line"]
    with pytest.raises(Refused, match="line 8 of the message is over the limit of 998 octets") as caught:
        shorten(OWN["long-line"], LongLines.REFUSE)
    assert caught.value.reply.code == 554
    assert shorten(OWN["plain"], LongLines.REFUSE).content == OWN["plain"]


@pytest.mark.parametrize("name", ALL)
def test_messages_without_long_lines_stay_octet_by_octet(name: str) -> None:
    done = None
    try:
        done = shorten(ALL[name], LongLines.ENCODE)
    except Refused:
        assert longest(ALL[name]) > LINE
    if longest(ALL[name]) <= LINE:
        assert done is not None
        assert done.content == ALL[name]
        assert done.warnings == ()


@pytest.mark.parametrize("length", [996, 997, 998, 999, 1000, 1001, 1998, 2000])
@pytest.mark.parametrize("before", [b"", b"x\r\n", b"x" * 990 + b"\r\n"])
@pytest.mark.parametrize("after", [b"", b"\r\n", b"\r\nx", b"\r\nx\r\n"])
def test_the_limit_is_998_octets_without_the_line_end(before: bytes, length: int, after: bytes) -> None:
    text = before + b"y" * length + after
    assert long_line(text, 0, len(text)) == (len(before) if length > 998 else None)


@given(st.lists(st.integers(0, 2500), max_size=6), st.booleans())
def test_long_lines_are_found_wherever_they_are(lengths: list[int], ended: bool) -> None:
    text = b"\r\n".join(b"x" * each for each in lengths) + (b"\r\n" if ended else b"")
    assert (long_line(text, 0, len(text)) is not None) == any(each > 998 for each in lengths)


PIECES = [b"=", b" ", b"\t", b"\r\n", b".", b"a" * 300, b"\xc3\xa4" * 60, b"--b1", b"=3D", b"From "]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join))
@settings(max_examples=300)
def test_any_text_survives_its_encoding(text: bytes) -> None:
    text = b"x" * 999 + text
    head = b"From: a@example.com\r\nContent-Type: text/plain; charset=latin-1\r\n"
    after = shorten(head + b"\r\n" + text, LongLines.ENCODE).content
    assert max(len(line) for line in after.partition(b"\r\n\r\n")[2].split(b"\r\n")) <= 76
    [(kind, octets)] = payloads(after)
    assert kind == "text/plain"
    assert octets == text


@pytest.mark.parametrize("encoding", [b"8bit", b"quoted-printable"])
@pytest.mark.parametrize("shift", range(80))
def test_no_line_break_of_ours_makes_a_delimiter_of_text(encoding: bytes, shift: int) -> None:
    text = b"x" * shift + b"y---z--b--" * 200
    content = (
        b"From: a@example.com\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + text + b"\r\n--b--\r\n"
    )
    after = shorten(content, LongLines.ENCODE).content
    assert long_line(after, 0, len(after)) is None
    assert payloads(after) == payloads(content)


@given(st.lists(st.sampled_from([b"=C3=A4", b"x", b"=\r\n", b"ab" * 40, b" ", b"\r\n"]), max_size=60).map(b"".join))
def test_quoted_printable_only_gains_soft_breaks(text: bytes) -> None:
    text = b"=C3=A4" * 200 + text
    head = b"From: a@example.com\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    done = shorten(head + text, LongLines.ENCODE)
    assert long_line(done.content, 0, len(done.content)) is None
    assert payloads(done.content) == payloads(head + text)


def test_parts_are_found_by_offsets() -> None:
    content = OWN["nested"]
    parts = leaves(read_header(content))
    assert [(each.type, content[each.body : each.end]) for each in parts] == [
        (b"text/plain", b"plain"),
        (b"text/html", b"<b>"),
        (b"text/plain", b"last"),
    ]
    assert not any(each.sealed for each in parts)


@pytest.mark.parametrize("name", ALL)
def test_parts_never_overlap_and_stay_inside(name: str) -> None:
    try:
        header = read_header(ALL[name])
    except Refused:
        return
    at = header.start
    parts = leaves(header)
    for each in parts:
        assert at <= each.start <= each.body <= each.end <= len(header.content)
        at = each.end


def test_neither_depth_nor_number_costs_more_than_its_octets() -> None:
    deep = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(5000))
    wide = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 200_000
    lost = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--c\r\n" * 200_000
    began = time.process_time()
    for content, count in ((deep, 1), (wide, 1), (lost, 0)):
        assert len(leaves(read_header(content))) == count
    assert time.process_time() - began < 10


def test_a_message_with_parts_without_measure_is_one_part_that_is_left_alone() -> None:
    top = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    assert len(leaves(read_header(top + b"--b\r\n\r\nx\r\n" * PARTS))) == PARTS
    (part,) = leaves(read_header(top + b"--b\r\n\r\nx\r\n" * (PARTS + 1)))
    assert part.sealed


@given(
    st.lists(
        st.sampled_from(
            [
                b"--b",
                b"--b--",
                b"--",
                b"\r\n",
                b"\r\n",
                b"x",
                b"A: 1",
                b"Content-Type: multipart/mixed; boundary=b",
                b"Content-Type: multipart/mixed; boundary=c",
                b"--c",
                b"--c--",
            ]
        ),
        max_size=40,
    ).map(b"".join)
)
@settings(max_examples=300)
def test_any_body_has_parts_in_order(body: bytes) -> None:
    content = b"From: a@example.com\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + body
    at = 0
    for each in leaves(read_header(content)):
        assert at <= each.start <= each.body <= each.end <= len(content)
        at = each.end
