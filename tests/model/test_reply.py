"""Replies as a client gets them."""

from __future__ import annotations

import pytest

from relay.model.reply import Reply


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("Ok", b"550 5.7.1 Ok\r\n"),
        ("", b"550 5.7.1 \r\n"),
        ("one\ntwo", b"550-5.7.1 one\r\n550 5.7.1 two\r\n"),
        ("jörg@example.net", b"550 5.7.1 j\\xf6rg@example.net\r\n"),
        ("\ud800 \U0001f600", b"550 5.7.1 \\ud800 \\U0001f600\r\n"),
    ],
)
def test_a_reply_is_plain_lines_of_ascii(text: str, wire: bytes) -> None:
    assert Reply(550, "5.7.1", text).octets() == wire


@pytest.mark.parametrize("text", ["word " * 300, "x" * 2000, "é " * 400, "a\n" + "word " * 150 + "\n\nb"])
def test_no_line_of_a_reply_is_longer_than_512_octets(text: str) -> None:
    lines = Reply(550, "5.111.111", text).octets().splitlines(keepends=True)
    assert all(len(each) <= 512 and each.endswith(b"\r\n") for each in lines)
    assert {each[:14] for each in lines[:-1]} == {b"550-5.111.111 "}
    assert lines[-1].startswith(b"550 5.111.111 ")
    told = b"".join(each[14:] for each in lines).decode()
    assert "".join(told.split()) == "".join(text.replace("é", "\\xe9").split())
