"""The header by offsets, and what is added and removed."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from relay.model.reply import Refused
from relay.transform.headers import BLOCK, FIELDS, HEADER_OCTETS, LARGE, USUAL, read_header, splice
from relay.transform.hygiene import REMOVED, Arrival, check_loop, received, tidy
from tests import corpus

ARRIVAL = Arrival(hostname="relay.example", id="0123456789abcdef", at=1_795_000_000.7, tls="TLSv1.3 AES")
PIECES = [
    *(b"A:", b"b:", b" ", b"\t", b"x", b":", b"\r\n", b"\r\n", b"\r\n\r\n", b"\r", b"\n", b"\0", b"\xff"),
    *(b"A: 1\r\n", b"From: x\r\n", b"Subject:\r\n y\r\n"),
]
ALL = {**corpus.own(), **corpus.shared()}


def test_fields_are_found_with_their_folds() -> None:
    header = read_header(b"A: 1\r\nb-B:\r\n 2\r\n\t3\r\nA:\r\n\r\nbody: no\r\n")
    assert [(each.name, header.value(each)) for each in header.fields] == [
        (b"a", b" 1"),
        (b"b-b", b"\r\n 2\r\n\t3"),
        (b"a", b""),
    ]
    assert header.content[header.body :] == b"body: no\r\n"
    assert [each.start for each in header.fields] == [0, 6, 20]
    assert header.named(b"a") == [b" 1", b""]
    assert header.at(header.shape.places[b"b-b"]) == header.fields[1:2]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join))
@settings(max_examples=1000)
def test_a_header_read_in_one_go_is_the_one_read_field_by_field(content: bytes) -> None:
    """Read field by field is one whose blank line is far away."""
    assume(not content.startswith((b" ", b"\t")))  # which would go on with the field before it
    long = b"X: " + b"x" * USUAL + b"\r\n"
    try:
        slow = read_header(long + content)
    except Refused as refused:
        with pytest.raises(Refused) as found:
            read_header(content)
        assert found.value.reply.code == refused.reply.code
        return
    fast = read_header(content)
    assert (fast.shape.names, list(fast.values)) == (slow.shape.names[1:], list(slow.values[1:]))
    moved = [
        (each.name, each.start + len(long), each.value + len(long), each.end + len(long)) for each in fast.fields
    ]
    assert moved == list(slow.fields[1:])
    assert fast.body + len(long) == slow.body


def test_headers_with_the_same_names_share_a_shape() -> None:
    one, other = (read_header(f"Subject: {text}\r\nFrom: a\r\n\r\n".encode()) for text in ("x", "y"))
    assert one.shape is other.shape
    assert one.named(b"subject") != other.named(b"subject")


@pytest.mark.parametrize(
    ("content", "body"),
    [(b"A: 1\r\n", b""), (b"A: 1", b""), (b"A: 1\r\n\r\n", b""), (b"\r\nx", b"x"), (b"", b""), (b"\r\n", b"")],
)
def test_a_body_may_be_absent_and_a_header_empty(content: bytes, body: bytes) -> None:
    assert read_header(content).content[read_header(content).body :] == body


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"A: 1\r\nno colon\r\nFrom: x\r\n\r\n", "line 2 of the message is no header field"),
        (b"Hello there\r\n", "line 1 of the message is no header field"),
        (b" A: 1\r\n\r\n", "line 1 of the message begins with white space"),
        (b"A: 1\r\nFrom : x\r\n\r\n", "line 2 of the message has white space before its colon: From : x"),
        (b"From : x\r\nFrom: y\r\n\r\n", "line 1 of the message has white space before its colon: From : x"),
        (b"A: 1\0\r\n\r\n", "line 1 of the message has a NUL"),
        (b"A: 1\nFrom: x\r\n\r\n", "line 1 of the message has a NUL, or a CR or LF"),
        (b"A: 1\rFrom: x\r\n\r\n", "line 1 of the message has a NUL, or a CR or LF"),
        ("Gr\u00fc\u00dfe: x\r\n\r\n".encode(), "line 1 of the message is no header field"),
        (b"A: 1\r\nFrom x Mon Jan 1\r\n\r\n", "line 2 of the message is no header field"),
        (b": x\r\n\r\n", "line 1"),
    ],
)
def test_a_line_that_readers_take_differently_is_refused_by_number(content: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why) as caught:
        read_header(content)
    assert str(caught.value.reply).startswith("554 5.6.0 ")
    assert caught.value.reply.text.isprintable()


def test_a_header_without_measure_is_refused() -> None:
    for content in (b"A: 1\r\n" * (FIELDS + 1), b"A: " + b"x" * HEADER_OCTETS + b"\r\n"):
        with pytest.raises(Refused, match="over the limit") as caught:
            read_header(content)
        assert caught.value.reply.code == 552


def test_an_mbox_separator_on_top_is_cut_off() -> None:
    header = read_header(b"From me@example.com Mon Jan  1 00:00:00 2026\r\nFrom: a@example.com\r\n\r\nx")
    assert [each.name for each in header.fields] == [b"from"]
    assert splice(header, (), [b"Top: 1\r\n"]) == b"Top: 1\r\nFrom: a@example.com\r\n\r\nx"


@pytest.mark.parametrize("size", [LARGE - 1000, LARGE + 1000, LARGE + BLOCK])
def test_a_large_content_is_cut_and_put_together_as_a_small_one(size: int) -> None:
    content = b"From: a@example.com\r\nBcc: b@example.com\r\nSubject: s\r\n\r\n" + b"text\r\n" * (size // 6)
    header = read_header(content)
    assert splice(header, (), [b"Top: 1\r\n"]) == b"Top: 1\r\n" + content
    wanted = b"Top: 1\r\n" + content.replace(b"Bcc: b@example.com\r\n", b"", 1)
    assert splice(header, header.at((1,)), [b"Top: 1\r\n"]) == wanted


@given(st.binary(max_size=300))
def test_any_octets_are_read_or_refused_and_offsets_cover_the_header(content: bytes) -> None:
    try:
        header = read_header(content)
    except Refused:
        return
    assert splice(header, (), ()) == content[header.start :]
    at = header.start
    for each in header.fields:
        assert each.start == at
        at = each.end
    assert content[at : header.body] in (b"", b"\r\n")


@pytest.mark.parametrize("name", ALL)
def test_tidying_changes_no_octet_but_those_of_whole_fields(name: str) -> None:
    content = ALL[name]
    try:
        header = read_header(content)
    except Refused as refused:
        assert refused.reply.code == 554
        return
    after = tidy(header, ARRIVAL).content()
    kept = b"".join(content[each.start : each.end] for each in header.fields if each.name not in REMOVED)
    tail = kept + content[max((each.end for each in header.fields), default=header.start) :]
    assert after.endswith(tail)
    added = after.removesuffix(tail)
    names = [each.name for each in read_header(added + b"\r\n").fields]
    missing = [each for each in (b"date", b"message-id") if not header.has(each)]
    assert names == [b"received", *missing]


def test_hidden_copies_and_return_path_go_out_and_nothing_else() -> None:
    content = corpus.own()["hidden-copies"]
    after = tidy(read_header(content), ARRIVAL).content()
    assert b"a@example.net" not in after
    assert b"b@example.net" not in after
    assert b"c@example.net" not in after
    assert b"d@example.net" not in after
    assert b"Return-Path" not in after
    assert after.endswith(b"Message-ID: <1@example.com>\r\n\r\nBcc: stays@example.net\r\n")


def test_date_and_message_id_come_only_when_missing() -> None:
    bare = tidy(read_header(b"From: me@example.com\r\n\r\nx\r\n"), ARRIVAL).content()
    assert b"\r\nDate: Wed, 18 Nov 2026 11:06:40 +0000\r\n" in bare
    assert b"\r\nMessage-ID: <0123456789abcdef@relay.example>\r\n" in bare
    given = b"DATE: yesterday\r\nMESSAGE-id: <>\r\nFrom: me@example.com\r\n\r\n"
    assert tidy(read_header(given), ARRIVAL).content().endswith(b"+0000\r\n" + given)


def test_received_hides_the_client_unless_told_otherwise() -> None:
    hidden = received(
        Arrival(hostname="relay.example", id="i", at=0, helo="pc", address="192.0.2.7", tls="TLSv1.3 X")
    )
    assert hidden == (
        b"Received: by relay.example with ESMTPSA (TLSv1.3 X) id i;\r\n\tThu, 01 Jan 1970 00:00:00 +0000\r\n"
    )
    shown = received(
        Arrival(
            hostname="relay.example",
            id="i",
            at=0,
            helo="pc) by evil\r\nX: y",
            address="2001:db8::7",
            recipient="ann@example.net",
            hide_client=False,
        )
    )
    assert shown.split(b"\r\n\t")[0] == b"Received: from pc??by?evil??X:?y ([IPv6:2001:db8::7])"
    assert b"\r\n\tfor <ann@example.net>;\r\n" in shown
    assert len(read_header(shown).fields) == 1


@pytest.mark.parametrize(
    ("tls", "esmtp", "authenticated", "smtputf8", "protocol"),
    [
        ("", False, False, False, "SMTP"),
        ("", True, False, False, "ESMTP"),
        ("", True, True, False, "ESMTPA"),
        ("TLSv1.3", True, False, False, "ESMTPS"),
        ("TLSv1.3", True, True, False, "ESMTPSA"),
        ("TLSv1.3", True, True, True, "UTF8SMTPSA"),
    ],
)
def test_the_protocol_has_its_registered_name(
    tls: str, esmtp: bool, authenticated: bool, smtputf8: bool, protocol: str
) -> None:
    arrival = Arrival(
        hostname="h", id="i", at=0, tls=tls, esmtp=esmtp, authenticated=authenticated, smtputf8=smtputf8
    )
    assert arrival.protocol == protocol


def test_a_message_that_went_in_circles_is_refused() -> None:
    check_loop(read_header(b"Received: x\r\n" * 50), 50)
    with pytest.raises(Refused, match=r"51 Received fields, over the limit of 50") as caught:
        check_loop(read_header(b"RECEIVED: x\r\n" * 51), 50)
    assert str(caught.value.reply).startswith("554 5.4.6")


def test_a_field_of_a_million_folds_costs_no_memory_of_its_own() -> None:
    content = b"Subject: a" + b"\r\n a" * 1_000_000 + b"\r\n\r\n"
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match="over the limit"):
            read_header(content)
        assert tracemalloc.get_traced_memory()[1] < 2 * len(content)
    finally:
        tracemalloc.stop()
