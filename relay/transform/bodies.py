"""Which parts of a message are what its reader reads: its texts, and not what is attached, signed or contained.

In:  the header of a content.
Out: its bodies, text/html and text/plain, with charset and transfer encoding, in order.

Why so: a text with a file name is a file, whatever its disposition says; most mail programs show it as one. Inline
PGP is signed or encrypted though MIME does not say so. AMP and calendar parts are for programs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from relay.transform.charsets import CHARACTERS, UNKNOWN, codec
from relay.transform.encoded import ascii_based
from relay.transform.headers import Header
from relay.transform.mime import Part, leaves

HTML, PLAIN = b"text/html", b"text/plain"
_CHARSET = re.compile(rb""";\s*charset\s*=\s*"?([^\s";]+)""", re.IGNORECASE)
_FILE = re.compile(rb""";\s*(?:file)?name\*?(?:\d+\*?)?\s*=""", re.IGNORECASE)
_FLOWED = re.compile(rb""";\s*format\s*=\s*"?flowed\b""", re.IGNORECASE)
_DELSP = re.compile(rb""";\s*delsp\s*=\s*"?yes\b""", re.IGNORECASE)
_ATTACHED = re.compile(rb"\s*attachment\b", re.IGNORECASE)
_PGP = b"-----BEGIN PGP "


@dataclass(frozen=True, slots=True)
class Body:
    part: Part
    html: bool
    charset: str  # as named, "us-ascii" where none is; one that is none is called unknown-8bit
    encoding: bytes  # the value of Content-Transfer-Encoding, b"7bit" where there is none
    delsp: bool = False  # format=flowed, DelSp=yes (RFC 3676): spaces at line ends are no spaces of the text


def bodies(header: Header) -> list[Body]:
    content = header.content
    found = []
    for part in leaves(header):
        if part.type not in (HTML, PLAIN) or part.sealed or _file(content, part):
            continue
        if content.find(_PGP, part.body, part.end) >= 0:
            continue
        kind = part.value(content, b"content-type")
        charset = _CHARSET.search(kind)
        encodings = part.named(b"content-transfer-encoding")
        if len(encodings) > 1:  # which one counts depends on the reader
            continue
        found.append(
            Body(
                part=part,
                html=part.type == HTML,
                charset=_charset(charset[1].decode("ascii", "replace")) if charset else "us-ascii",
                encoding=part.value(content, b"content-transfer-encoding") or b"7bit",
                delsp=_FLOWED.search(kind) is not None and _DELSP.search(kind) is not None,
            )
        )
    return found


def _charset(name: str) -> str:
    try:
        codec(name)
    except LookupError:
        return UNKNOWN if ascii_based(name) else name[:CHARACTERS]
    return name


def _file(content: bytes, part: Part) -> bool:
    disposition = part.value(content, b"content-disposition")
    if _ATTACHED.match(disposition) or _FILE.search(disposition):
        return True
    return _FILE.search(part.value(content, b"content-type")) is not None
