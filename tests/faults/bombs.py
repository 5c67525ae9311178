"""Messages made to cost a relay more than their size, and what it must answer to each.

In:  nothing. Out: contents as they are after the dots were taken off, each with the code of the reply.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

FROM = b"From: me@example.com\r\n"
HEADER = FROM + b"To: ann@example.net\r\nSubject: hello\r\n"
_MIME = HEADER + b"MIME-Version: 1.0\r\n"
_BODY = b"\r\nhello\r\n"
_LONG = b"y" * 5000 + b"\r\n"  # a line that would be encoded anew, so that the whole message is looked through


@dataclass(frozen=True, slots=True)
class Bomb:
    what: str
    content: bytes
    code: int

    def wire(self) -> bytes:
        """As it goes over the wire, with the end of data."""
        content = self.content.replace(b"\r\n.", b"\r\n..")
        return content + (b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n")


def bombs() -> Iterator[Bomb]:
    """All of them; the largest has 15 MB."""
    yield from _deep()
    yield from _headers()
    yield from _encoded_words()
    yield from _lines()


def _nested(depth: int, inside: bytes, boundary: bytes = b"b%d") -> bytes:
    def name(level: int) -> bytes:
        return boundary % level if b"%" in boundary else boundary

    opened = b"".join(
        b'Content-Type: multipart/mixed; boundary="%s"\r\n\r\n--%s\r\n' % (name(level), name(level))
        for level in range(depth)
    )
    closed = b"".join(b"--%s--\r\n" % name(level) for level in reversed(range(depth)))
    return _MIME + opened + b"Content-Type: text/plain\r\n\r\n" + inside + closed


def _deep() -> Iterator[Bomb]:
    for depth in (100, 10_000, 100_000):
        yield Bomb(f"multipart in multipart, {depth} deep", _nested(depth, _LONG), 250)
    yield Bomb("one boundary for all of 50,000 levels", _nested(50_000, _LONG, b"b"), 250)
    yield Bomb("message/rfc822 50,000 deep", _MIME + b"Content-Type: message/rfc822\r\n\r\n" * 50_000 + _LONG, 250)
    parts = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\nx\r\n" * 100_000
    yield Bomb("100,000 parts", _MIME + parts + b"--b--\r\n" + _LONG, 250)
    almost = (
        b'Content-Type: multipart/mixed; boundary="%s"\r\n\r\n' % (b"a" * 70)
        + (b"--" + b"a" * 69 + b"\r\n") * 200_000
    )
    yield Bomb("200,000 lines that are nearly the boundary", _MIME + almost, 250)


def _headers() -> Iterator[Bomb]:
    fields = b"".join(b"X-Field-%d: value\r\n" % number for number in range(100_000))
    yield Bomb("100,000 fields", HEADER + fields + _BODY, 552)
    yield Bomb("100,000 Received fields", HEADER + b"Received: from a by b; today\r\n" * 100_000 + _BODY, 552)
    yield Bomb("20,000 control fields", HEADER + b"X-SMTPeter-Tags: a\r\n" * 20_000 + _BODY, 552)
    yield Bomb("a field folded 300,000 times", HEADER + b"X-Field: a" + b"\r\n b" * 300_000 + b"\r\n" + _BODY, 552)
    yield Bomb("300,000 folds of nothing", HEADER + b"X-Field:" + b"\r\n " * 300_000 + b"\r\n" + _BODY, 250)
    yield Bomb("3 MB of blanks", HEADER + b"X-Field:" + (b" " * 60_000 + b"\r\n") * 50 + _BODY, 552)
    yield Bomb("100,000 lines without a colon", HEADER + b"nothing\r\n" * 100_000 + _BODY, 554)
    yield Bomb(
        "20,000 addresses in To", FROM + b"To: " + b",\r\n ".join([b"a@example.net"] * 20_000) + b"\r\n" + _BODY, 250
    )
    for what, author in {
        "comments": b"(" * 20_000 + b")" * 20_000,
        "groups": b"g:;" * 20_000,
        "quotes": b'"' + b'\\"' * 20_000 + b'"',
        "commas": b"a," * 20_000,
        "folds": b"\r\n " * 20_000,
    }.items():
        yield Bomb(f"From of {what}", b"From: " + author + b" <me@example.com>\r\n" + _BODY, 554)
    comments = b"(" * 7_500 + b")" * 7_500
    yield Bomb("From of comments in comments", b"From: " + comments + b" <me@example.com>\r\n" + _BODY, 250)
    for what, value in {"lists": b"[" * 20_000, "objects": b'{"a":' * 10_000}.items():
        yield Bomb(
            f"JSON of {what} in a control field", HEADER + b"X-SMTPeter-Metadata: " + value + b"\r\n" + _BODY, 554
        )
    kinds = {
        "parameters": b"; a=b" * 10_000,
        "quotes": b'; x="' + b'\\"' * 20_000,
        "blanks": b";" + b" " * 50_000 + b"x",
        "pieces (RFC 2231)": b"".join(b";\r\n n*%d*=%%41" % number for number in range(20_000)),
    }
    for what, value in kinds.items():
        yield Bomb(f"Content-Type of {what}", _MIME + b"Content-Type: text/plain" + value + b"\r\n\r\n" + _LONG, 250)


def _encoded_words() -> Iterator[Bomb]:
    word = b"=?utf-8?q?" + b"=41" * 20 + b"?="
    for what, value, code in (
        ("20,000 encoded words", b"\r\n ".join([word] * 20_000), 552),
        ("10,000 encoded words", b"\r\n ".join([word] * 10_000), 250),
        ("encoded words that never end", b"=?" * 30_000, 250),
        ("an encoded word of 60 KB", b"=?utf-8?b?" + b"QUFB" * 15_000 + b"?=", 250),
        ("encoded words in encoded words", b"=?utf-8?q?=3D=3Futf-8=3Fq=3F" * 2_000 + b"?=" * 2_000, 250),
    ):
        yield Bomb(what, FROM + b"Subject: " + value + b"\r\n" + _BODY, code)
    name = b"\r\n ".join([word] * 2_000)
    yield Bomb("From of encoded words", b"From: " + name + b" <me@example.com>\r\n" + _BODY, 554)


def _lines() -> Iterator[Bomb]:
    for what, content in {
        "5,000,000 empty lines": b"\r\n" * 5_000_000,
        "2,500,000 lines of a dot": b".\r\n" * 2_500_000,
        "5,000,000 bare LF": b"x\n" * 5_000_000,
        "160 lines of 60 KB": (b"y" * 60_000 + b"\r\n") * 160,
        "160 lines of 60 KB of blanks": (b" " * 60_000 + b"\r\n") * 160,
    }.items():
        yield Bomb(what, HEADER + b"\r\n" + content, 250)
    utf8 = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + ("é".encode() * 30_000 + b"\r\n") * 160
    yield Bomb("160 lines of 60 KB of UTF-8", _MIME + utf8, 250)
    base64 = b"Content-Transfer-Encoding: base64\r\n\r\n" + (b"QUFB" * 15_000 + b"\r\n") * 160
    yield Bomb("160 lines of 60 KB of base64", _MIME + base64, 250)
    yield Bomb("a line of 12 MB", HEADER + b"\r\n" + b"y" * 12_000_000 + b"\r\n", 500)
    yield Bomb("NUL", HEADER + b"\r\n" + b"\0" * 1_000_000 + b"\r\n", 550)
    yield Bomb("2,000,000 bare CR", HEADER + b"\r\n" + b"x\r" * 1_000_000 + b"\r\n", 550)
