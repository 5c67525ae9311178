"""The parts of a message that came back, as far as they are looked at: headers, and what stands between boundaries.

In:  octets as they came. Out: fields by name, and parts.

Why so: what strangers send is looked at here, never taken apart fully: a bounded piece of it, a bounded number of
parts, one level deep, with patterns that take linear time. Nothing raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header, make_header

VALUE = 1000  # octets of a field's value
PARTS = 10  # of a message that are looked at; a report has three
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_PARAMETER = re.compile(r';\s*([A-Za-z0-9*-]+)\s*=\s*("[^"]*"|[^\s;"]+)')
_PLAIN = ("7bit", "8bit", "binary")


def parted(entity: bytes) -> tuple[bytes, bytes]:
    """Header and body."""
    if entity.startswith(b"\r\n"):
        return b"", entity[2:]
    head, _, body = entity.partition(b"\r\n\r\n")
    return head, body


def fields(head: bytes) -> dict[bytes, str]:
    """The first field of each name, unfolded. Lines that are no fields are passed over."""
    found: dict[bytes, str] = {}
    for name, value in all_fields(head):
        found.setdefault(name, value)
    return found


def all_fields(head: bytes) -> Iterator[tuple[bytes, str]]:
    """Every field in its order, names in lower case; an empty name stands for an empty line."""
    for line in _FOLD.sub(b"", head).split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            yield name.strip().lower(), value[:VALUE].decode("utf-8", "replace").strip()
        elif not line.strip():
            yield b"", ""


def content_type(head: bytes) -> tuple[bytes, dict[str, str]]:
    value = fields(head).get(b"content-type", "")
    kind = value.partition(";")[0].strip().lower().encode("utf-8", "replace")
    return kind, {each[1].lower(): each[2].strip('"') for each in _PARAMETER.finditer(value)}


def parts(body: bytes, boundary: str) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Type, header and body of each part; the body is empty where it is encoded."""
    if not boundary:
        return
    delimiter = b"\r\n--" + boundary.encode("utf-8", "replace")
    for part in (b"\r\n" + body).split(delimiter, PARTS)[1:]:
        if part.startswith(b"--"):
            break
        head, inside = parted(part.partition(b"\r\n")[2])
        encoding = fields(head).get(b"content-transfer-encoding", "7bit").lower()
        yield content_type(head)[0], head, inside if encoding in _PLAIN else b""


def words(value: str) -> str:
    """A field's value with its encoded words decoded (RFC 2047), as far as they can be."""
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError):
        return value


def shown(text: str, most: int) -> str:
    """A stranger's words on one line, a blank between two."""
    return " ".join("".join(each if each.isprintable() else " " for each in text[: most * 2]).split())[:most]
