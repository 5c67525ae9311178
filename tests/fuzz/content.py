"""What is done to a content: its header found, its parts, its long lines re-encoded, its signature made.

Properties: the fields found are the header, octet for octet; nothing changes but what is said to; a part says the
same when its lines were broken, and parts that are sealed keep their octets; twice is the same as once; dkimpy, who
shares no code with us, finds every signature of ours good.
"""

from __future__ import annotations

import base64
import quopri
import re
from functools import cache
from typing import Any

import dkim
from dkim.canonicalization import Relaxed

from relay.config import LongLines
from relay.model.account import Algorithm
from relay.model.reply import Refused
from relay.transform.dkim import Material, Signer, sign
from relay.transform.headers import Header, read_header, splice
from relay.transform.hygiene import REMOVED, Arrival, tidy
from relay.transform.keys import generate
from relay.transform.longlines import LINE, long_line, shorten
from relay.transform.mime import Part, leaves
from relay.transform.relaxed import body_hash, relaxed_value
from tests.fuzz.target import Target, fits
from tests.transform.verifiers import dkimpy

NOW = 1_790_000_000.0
ARRIVAL = Arrival(hostname="relay.example", id="0" * 16, at=NOW, recipient="ann@example.net")
_FIELD = re.compile(rb"[!-9;-~]+:")


def arrived(octets: bytes) -> bytes:
    """A content as a session hands it up: CRLF alone, no NUL, the last line ended."""
    octets = re.sub(rb"\r(?!\n)|\0", b"", octets)
    octets = re.sub(rb"\r?\n", b"\r\n", octets)
    return octets if not octets or octets.endswith(b"\r\n") else octets + b"\r\n"


def header_of(content: bytes) -> Header | None:
    try:
        return read_header(content)
    except Refused as refused:
        assert refused.reply.code in (552, 554)
        assert fits(refused.reply)
        return None


def by_lines(content: bytes) -> list[tuple[bytes, bytes]] | None:
    """Names and whole fields, read line by line; None where a line is neither field nor fold."""
    lines = re.findall(rb"[^\n]*\n", content)
    if lines and re.match(rb">?From (?![ \t]*:)", lines[0]) and len(lines[0]) <= 1000:
        del lines[0]
    found: list[tuple[bytes, bytes]] = []
    for line in lines:
        if line == b"\r\n":
            break
        if line[:1] in b" \t" and found:
            found[-1] = (found[-1][0], found[-1][1] + line)
        elif _FIELD.match(line):
            found.append((line.partition(b":")[0].lower(), line))
        else:
            return None
    return found


def check_header(octets: bytes) -> None:
    content = arrived(octets)
    header, expected = header_of(content), by_lines(content)
    if header is None:
        assert expected is None or len(expected) > 1000
        return
    assert expected is not None
    assert [(each.name, content[each.start : each.end]) for each in header.fields] == expected
    at = header.start
    for each in header.fields:
        assert (each.start, each.start < each.value <= each.end) == (at, True)
        at = each.end
    assert header.body == min(at + 2, len(content))
    _check_splice(header)


def _check_splice(header: Header) -> None:
    assert splice(header, (), ()) == header.content[header.start :]
    gone = [each for number, each in enumerate(header.fields) if number % 2]
    left = header_of(splice(header, gone, [b"A: b\r\n"]))
    assert left is not None
    assert len(left.fields) == len(header.fields) - len(gone) + 1
    tidied = header_of(tidy(header, ARRIVAL, [each for each in gone if each.name != b"date"]).content())
    assert tidied is not None
    assert not any(each.name in REMOVED for each in tidied.fields)
    assert tidied.has(b"date") and tidied.has(b"message-id")
    assert tidied.content[tidied.body :] == header.content[header.body :]


def check_parts(octets: bytes) -> None:
    content = arrived(octets)
    header = header_of(content)
    if header is None:
        return
    at = 0
    parts = leaves(header)
    for each in parts:
        assert at <= each.start <= each.body <= each.end <= len(content), each
        assert all(each.start <= one.start < one.value <= one.end <= each.body for one in each.fields) or not at
        at = each.end
    done = shorten(content, LongLines.ENCODE)
    if long_line(content, 0, len(content)) is None:
        assert done.content is content and not done.warnings
        return
    again = shorten(done.content, LongLines.ENCODE)
    assert again.content == done.content
    assert bool(done.warnings) == (long_line(done.content, 0, len(done.content)) is not None)
    assert done.content.count(b"\r") == done.content.count(b"\n") == done.content.count(b"\r\n")
    after = leaves(read_header(done.content))
    assert [_said(content, each) for each in parts] == [_said(done.content, each) for each in after]
    _check_fields(header, read_header(done.content))


def _said(content: bytes, part: Part) -> tuple[bytes, bool, bytes]:
    """What a part says, its encoding undone."""
    body = content[part.body : part.end]
    given = part.named(b"content-transfer-encoding")
    encoding = content[given[0].value : given[0].end].replace(b"\r\n", b"").strip().lower() if given else b""
    if part.sealed or len(given) > 1:
        return part.type, part.sealed, body
    if encoding == b"base64":
        return part.type, False, b"".join(body.split())
    if encoding == b"quoted-printable" and part.type.startswith(b"text/"):
        return part.type, False, quopri.decodestring(body)
    return part.type, False, body


def _check_fields(before: Header, after: Header) -> None:
    """Fields stay as they were, but for those that tell the new encoding."""
    told = {b"content-transfer-encoding", b"mime-version", b"content-type"}
    one, two = (
        [each.content[field.start : field.end] for field in each.fields if field.name not in told]
        for each in (before, after)
    )
    assert one == two


@cache
def _key() -> tuple[Any, Signer]:
    key = generate("example.com", "e1", Algorithm.ED25519, 0.0)
    return key, Signer.load(key)


def check_dkim(octets: bytes) -> None:
    content = arrived(octets)
    header = header_of(content)
    if header is None:
        return
    body = content[header.body :]
    digest = base64.b64encode(body_hash(content, header.body))
    assert body_hash(body) == base64.b64decode(digest)
    assert Relaxed.canonicalize_body(body) in (_relaxed_body(body), b"\r\n" if not body.strip(b"\r\n") else None)
    material = Material.of(content)
    assert material.body_hash == digest
    key, signer = _key()
    content = content[header.start :]  # an mbox separator is no field, which dkimpy cannot know
    if not header.fields or re.search(rb"[\v\f]", content[: header.body - header.start]):
        return  # dkimpy wants a header, and takes more for white space than RFC 6376 section 2.8 does
    signed = sign(content, [signer], NOW)
    assert signed.endswith(content)
    try:
        dkim.rfc822_parse(signed)
    except dkim.MessageFormatError:
        return
    if header.has(b"from"):
        assert dkimpy(signed, [key]) == [True]
    for each in header.fields:
        value = header.value(each)
        [(_, theirs)] = Relaxed.canonicalize_headers([(each.name, value + b"\r\n")])
        assert relaxed_value(value) + b"\r\n" == theirs, value


def _relaxed_body(body: bytes) -> bytes:
    """RFC 6376 section 3.4.4, line by line."""
    lines = [re.sub(rb"[ \t]+", b" ", each).removesuffix(b" ") for each in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(each + b"\r\n" for each in lines)


def work_header(octets: bytes) -> None:
    if (header := header_of(arrived(octets))) is not None:
        tidy(header, ARRIVAL).content()


def work_parts(octets: bytes) -> None:
    content = arrived(octets)
    if (header := header_of(content)) is not None:
        leaves(header)
        shorten(content, LongLines.ENCODE)


def work_dkim(octets: bytes) -> None:
    content = arrived(octets)
    if header_of(content) is not None:
        Material.of(content)


_HEADER = (
    b"From: a@example.com\r\n", b"To: b@example.net\r\n", b"Subject: x\r\n", b"Subject:\r\n",
    b"Bcc: c@example.net\r\n",
    b"Date: Mon, 21 Sep 2026 14:13:20 +0000\r\n", b"Message-ID: <1@example.com>\r\n", b"Received: by x; y\r\n",
    b"List-Unsubscribe: <https://example.com/>\r\n", b"Return-Path: <>\r\n", b"DKIM-Signature: v=1; b=x\r\n",
    b"From someone Mon\r\n", b">From x\r\n", b"\r\n ", b"\r\n\t", b"\r\n", b" ", b"\t", b":", b"\xff", b"\xc3\xa4",
    b"X" * 80, b" \t" * 40,
)  # fmt: skip
_MIME = (
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n",
    b'Content-Type: multipart/alternative; boundary="c d"\r\n\r\n',
    b"Content-Type: multipart/signed; boundary=s\r\n\r\n", b"Content-Type: text/plain; charset=utf-8\r\n\r\n",
    b"Content-Type: message/rfc822\r\n\r\n", b"Content-Type: text/html\r\n", b"--b\r\n", b"--b--\r\n", b"--c d\r\n",
    b"--c d--\r\n", b"--s\r\n", b"--s--\r\n", b"Content-Transfer-Encoding: quoted-printable\r\n",
    b"Content-Transfer-Encoding: base64\r\n", b"Content-Transfer-Encoding: 8bit\r\n", b"MIME-Version: 1.0\r\n",
    b"-----BEGIN PGP SIGNED MESSAGE-----", b"--", b"=3D", b"=\r\n", b"=", b"x" * (LINE + 1), b"\xc3\xa4" * 500,
    b"YWJj" * 260,
)  # fmt: skip

TARGETS = (
    Target(name="header", check=check_header, words=_HEADER, work=work_header, head=b"A: "),
    Target(name="mime", check=check_parts, words=_HEADER + _MIME, work=work_parts),
    Target(name="dkim", check=check_dkim, words=_HEADER, work=work_dkim, head=b"From: a@example.com\r\n\r\n"),
)
