"""The fields of a part tell what it became."""

from __future__ import annotations

import email
import email.policy

import pytest

from relay.submission.tuning.compose import Work, body_memory, compose
from relay.transform.edit import Hole
from relay.transform.rules import Rules

FOOTER = Work(Rules(base=b"https://clicks.example.com", footer_text="Müller"))


def token(hole: Hole) -> bytes:
    raise AssertionError(f"no link was asked for, but {hole}")


@pytest.mark.parametrize(
    "fields",
    [
        b"",
        b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n",
        b'MIME-Version: 1.0\r\nContent-Type: text/plain; charset="US-ASCII"; format=flowed\r\n',
        b"MIME-Version: 1.0\r\nContent-Type: text/plain;\r\n charset=ascii\r\nContent-Transfer-Encoding: 7bit\r\n",
        b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n",
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
    ],
)
def test_an_ascii_text_with_a_footer_beyond_ascii_says_that_it_is_utf8(fields: bytes) -> None:
    body = b"aGVsbG8NCg==\r\n" if b"base64" in fields else b"hello\r\n"
    end = b"--b--\r\n" if b"--b" in fields else b""
    content = b"From: a@example.com\r\n" + fields + b"\r\n" + body + end
    message = email.message_from_bytes(compose(content, FOOTER, body_memory()).fill(token), policy=email.policy.SMTP)
    part = next(each for each in message.walk() if not each.is_multipart())
    assert part.get_content().split() == ["hello", "Müller"]
    assert part.get_content_charset() == "utf-8"
    assert message.get_all("MIME-Version") == ["1.0"]
    assert (b"format=flowed" in fields) == (part.get_param("format") == "flowed")


def test_a_text_that_stays_in_its_charset_keeps_its_fields() -> None:
    content = b"From: a@example.com\r\nContent-Type: text/plain; charset=ISO-8859-1\r\n"
    content += b"Content-Transfer-Encoding: 8bit\r\n\r\nhello\r\n"
    done = compose(content, FOOTER, body_memory()).fill(token)
    assert done == content + "\r\nMüller\r\n".encode("iso-8859-1")
