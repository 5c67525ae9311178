"""Pages as mail: charset, transfer encoding and structure of each message."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Leaf:
    """A part with a body."""

    type: str
    body: bytes  # encoded
    encoding: str = "7bit"
    charset: str = ""
    more: str = ""  # further header lines, without line ends at the end

    def octets(self) -> bytes:
        charset = f"; charset={self.charset}" if self.charset else ""
        more = f"\r\n{self.more}" if self.more else ""
        head = f"Content-Type: {self.type}{charset}\r\nContent-Transfer-Encoding: {self.encoding}{more}\r\n\r\n"
        return head.encode() + self.body


@dataclass(frozen=True)
class Multi:
    """A part of parts."""

    type: str
    parts: tuple[Leaf | Multi, ...]
    boundary: str
    more: str = ""

    def octets(self) -> bytes:
        head = f'Content-Type: {self.type}; boundary="{self.boundary}"{self.more}\r\n\r\n'
        delimiter = f"\r\n--{self.boundary}".encode()
        body = b"".join(delimiter + b"\r\n" + each.octets() for each in self.parts)
        return head.encode() + body + delimiter + b"--\r\n"


def text(
    content: str, charset: str = "utf-8", encoding: str = "quoted-printable", kind: str = "html", more: str = ""
) -> Leaf:
    """A part of text, encoded."""
    octets = re.sub(r"\r\n?|\n", "\r\n", content.replace("CHARSET", charset)).encode(charset)
    if encoding == "quoted-printable":
        lines = [binascii.b2a_qp(each, istext=False).replace(b"\n", b"\r\n") for each in octets.split(b"\r\n")]
        body = b"\r\n".join(lines)
    elif encoding == "base64":
        body = lines_of(octets, 76)
    else:
        body = octets
    return Leaf(f"text/{kind}", body, encoding, charset, more)


def lines_of(octets: bytes, length: int) -> bytes:
    whole = base64.b64encode(octets)
    return b"".join(whole[at : at + length] + b"\r\n" for at in range(0, len(whole), length))


def message(subject: str, sender: str, root: Leaf | Multi, *more: str) -> bytes:
    """A whole message."""
    domain = sender.rpartition("@")[2].rstrip(">")
    local = re.sub(r"[^a-z0-9]+", "-", subject.lower()).strip("-")[:30]
    head = [
        f"From: {sender}",
        "To: Reader <reader@example.net>",
        f"Subject: {subject}",
        "Date: Sat, 21 Nov 2026 07:30:00 +0100",
        f"Message-ID: <{local}@{domain}>",
        "MIME-Version: 1.0",
        *more,
    ]
    return "\r\n".join(head).encode() + b"\r\n" + root.octets()
