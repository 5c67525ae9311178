"""Mails whose texts were rewritten: the fields of a part tell what it became, and all else stays."""

from __future__ import annotations

import email
import email.policy
import re

import pytest

from relay.submission.tuning.compose import Work, body_memory, compose
from relay.transform.edit import Hole
from relay.transform.encoded import decode
from relay.transform.headers import read_header
from relay.transform.mime import leaves
from relay.transform.rules import Rules
from tests.transform.newsletters import OWN, SHARED, mails
from tests.transform.rewriting import CLICKS

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


MAILS = {**mails(OWN), **mails(SHARED)}


@pytest.mark.parametrize("name", MAILS)
def test_with_all_off_a_mail_stays_octet_for_octet(name: str) -> None:
    content = MAILS[name]
    assert compose(content, Work(Rules(base=b"https://clicks.example.com")), body_memory()).fill(token) == content


@pytest.mark.parametrize("name", MAILS)
def test_undoing_the_links_of_a_mail_gives_back_what_each_part_says(name: str) -> None:
    content = MAILS[name]
    composed = compose(content, Work(CLICKS), body_memory())
    changed = composed.fill(filler)
    before, after = said(content), said(changed)
    assert len(before) == len(after)
    tracked = 0
    for (kind, old), (same, new) in zip(before, after, strict=True):
        assert kind == same
        assert new == old or (kind[0] in (b"text/html", b"text/plain") and not kind[1])
        places = [(found.start(), int(found[1])) for found in OURS.finditer(new)]
        tracked += len(places)
        assert [composed.targets[number] for _, number in places] == [
            composed.targets[n] for n in sorted(n for _, n in places)
        ]
        if b"track" not in old:  # marks are taken out
            assert OURS.split(new)[::2] == split_at_links(old, OURS.split(new)[::2])
        assert places or new == old or b"track" in old
    assert tracked == len(composed.targets)


OURS = re.compile(rb"https://clicks\.example\.com/([0-9]{36})(?:-[A-Za-z0-9._~%/-]*[A-Za-z0-9_~%/-])?")


def filler(hole: Hole) -> bytes:
    return b"%036d" % hole.number


def split_at_links(text: bytes, pieces: list[bytes]) -> list[bytes]:
    """The pieces as they stand in the text, one after the other, something between each two, and nothing around."""
    found = []
    at = 0
    for number, each in enumerate(pieces):
        start = text.find(each, at) if number < len(pieces) - 1 else len(text) - len(each)
        if start < at or (number and start == at) or (not number and start):
            break
        found.append(text[start : start + len(each)])
        at = start + len(each)
    return found


def said(content: bytes) -> list[tuple[tuple[bytes, bool], bytes]]:
    """Each leaf: its type, whether it is sealed, and its decoded octets."""
    found = []
    for part in leaves(read_header(content)):
        given = part.named(b"content-transfer-encoding")
        text = decode(content[part.body : part.end], content[given[0].value : given[0].end] if given else b"7bit")
        found.append(((part.type, part.sealed), text.octets if text else content[part.body : part.end]))
    return found


@pytest.mark.parametrize("line", ["--zz", "--zz--", "a\r\n--zz\r\nContent-Type: text/x-other\r\n\r\nb"])
@pytest.mark.parametrize("encoding", ["7bit", "8bit", "quoted-printable", "base64"])
def test_no_line_that_is_added_ends_a_part(line: str, encoding: str) -> None:
    content = (
        "From: a@example.com\r\nContent-Type: multipart/alternative; boundary=zz\r\n\r\n--zz\r\n"
        f"Content-Type: text/plain\r\nContent-Transfer-Encoding: {encoding}\r\n\r\naGVsbG8=\r\n\r\n"
        f"--zz\r\nContent-Type: text/html\r\n\r\n<p>Hello\r\n--zz--\r\n"
    ).encode()
    work = Work(Rules(base=b"https://clicks.example.com", footer_text=line, footer_html=line))
    message = email.message_from_bytes(compose(content, work, body_memory()).fill(token))
    assert [each.get_content_type() for each in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


def test_what_is_added_to_a_part_with_nothing_in_it_stands_before_its_delimiter() -> None:
    content = (
        b"From: a@example.com\r\nContent-Type: multipart/alternative; boundary=zz\r\n\r\n"
        b"--zz\r\nContent-Type: text/plain\r\n\r\n--zz\r\nContent-Type: text/html\r\n\r\n--zz--\r\n"
    )
    work = Work(Rules(base=b"https://clicks.example.com", footer_text="one", footer_html="two"))
    message = email.message_from_bytes(compose(content, work, body_memory()).fill(token))
    parts = message.get_payload()
    assert [str(each.get_payload()).strip() for each in parts] == ["one", "two"]  # type: ignore[union-attr]
    assert not message.defects
