"""Octets from a peer become replies, or stop making sense."""

from __future__ import annotations

import pytest

from relay.model.reply import Reply
from relay.smtp.replies import ReplyReader


def read(*pieces: bytes) -> tuple[list[str], str]:
    reader = ReplyReader()
    replies = [str(reply) for piece in pieces for reply in reader.feed(piece)]
    return replies, reader.garbled


def test_replies_come_in_pieces_of_any_size() -> None:
    whole = b"250-2.1.0 one\r\n250 2.1.0 two\r\n354 go\r\n"
    for size in range(1, len(whole) + 1):
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert read(*pieces) == (["250 2.1.0 one\ntwo", "354 go"], "")


def test_bare_lf_and_a_code_alone_are_understood() -> None:
    assert read(b"250\n550 5.1.1 no\n") == (["250", "550 5.1.1 no"], "")


def test_replies_before_the_nonsense_stand() -> None:
    assert read(b"250 ok\r\nhello\r\n250 ok\r\n") == (["250 ok"], "not an SMTP reply: 'hello'")


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"2" * 5000, "a reply line has more than 4096 octets"),
        (b"250 " + b"x" * 5000 + b"\r\n", "a reply line has more than 4096 octets"),
        (b"250-x\r\n" * 201, "a reply has more than 200 lines"),
        (b"\x80\xff\x00\r\n", "not an SMTP reply: '\ufffd\ufffd?'"),
        (b"999 what\r\n", "not an SMTP reply: '999 what'"),
        (b"xyz-a\r\n", "not an SMTP reply: 'xyz-a'"),
        (b"\r\n", "not an SMTP reply: ''"),
    ],
)
def test_what_is_no_reply_is_named(octets: bytes, why: str) -> None:
    assert read(octets) == ([], why)


def test_control_characters_of_a_stranger_do_not_pass() -> None:
    reader = ReplyReader()
    assert reader.feed(b"550 5.1.1 a\tb\x1b[31m\rc\x00\r\n") == [Reply(550, "5.1.1", "a b?[31m?c?")]
