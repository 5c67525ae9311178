"""Header fields and their parameters, as they leave: folded, and encoded where they are not ASCII.

In:  a name and a text. Out: the whole field, with its CRLF.

Standards: RFC 5322 section 2.2.3 (folding), RFC 2047 (encoded words), RFC 2231 (parameters).

Why so: a value is folded where it has white space, which unfolding gives back as it was; so a JSON text in a control
field keeps its octets. One without a place to fold becomes encoded words once it would break the limit of a line.
The name of an attachment stands twice: as RFC 2231 has it in Content-Disposition, and in encoded words in
Content-Type for old readers, as mail programs have written it for twenty years.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from urllib.parse import quote

from relay.transform.words import encode

WIDTH = 76  # characters of a line that can be folded
LINE = 990  # characters of one that cannot
_FOLD = re.compile(r"[ \t](?=[^ \t])")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+^_`{|}~.-]+")


def field(name: str, value: str) -> bytes:
    """A field whose value is text. The value has no control characters but tabs; the name is the caller's word."""
    if not value.isascii() or "=?" in value:
        return f"{name}: {encode(value)}\r\n".encode()
    if len(name) + len(value) + 2 <= WIDTH:
        return f"{name}: {value}\r\n".encode()
    folded = _folded(value, len(name) + 2)
    if any(len(line) > LINE - len(name) for line in folded.split("\r\n")):
        folded = words(value)
    return f"{name}: {folded}\r\n".encode()


def listed(name: str, items: Sequence[str]) -> bytes:
    """A field whose items are separated by commas; they are ready, and may have folds of their own."""
    line = ", ".join(items)
    if len(name) + len(line) + 2 > WIDTH:
        line = ",\r\n ".join(items)
    return f"{name}: {line}\r\n".encode()


def words(value: str) -> str:
    """Encoded words of any text, folded after each."""
    octets, lines = b"", []
    for each in value:
        more = each.encode()
        if len(octets) + len(more) > 42:
            lines.append(octets)
            octets = b""
        octets += more
    lines.append(octets)
    return "\r\n ".join(f"=?utf-8?B?{base64.b64encode(each).decode('ascii')}?=" for each in lines)


def quoted(value: str) -> str:
    """A parameter's value in ASCII: a token as it is, all else in quotation marks."""
    if _TOKEN.fullmatch(value):
        return value
    inner = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{inner}"'


def named(value: str) -> tuple[str, str]:
    """The parameters for a file's name: of Content-Type, and of Content-Disposition."""
    if value.isascii() and "=?" not in value:  # or who reads encoded words there sees another name
        inner = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'name="{inner}"', f'filename="{inner}"'
    return f'name="{encode(value)}"', _extended("filename", value)


def _extended(name: str, value: str) -> str:
    """RFC 2231 sections 3 and 4: by sections where one line does not hold it."""
    octets = quote(value, safe="")
    if len(octets) + len(name) <= WIDTH - 12:
        return f"{name}*=utf-8''{octets}"
    sections: list[str] = []
    room, at = WIDTH - len(name) - 16, 0
    while at < len(octets):
        end = at + room
        if (escape := octets.rfind("%", end - 2, end)) > 0 and end < len(octets):
            end = escape  # %XX stays in one piece
        sections.append(octets[at:end])
        at = end
    sections[0] = f"utf-8''{sections[0]}"
    return ";\r\n ".join(f"{name}*{number}*={each}" for number, each in enumerate(sections))


def _folded(value: str, column: int) -> str:
    lines: list[str] = []
    start, last = 0, -1
    for found in _FOLD.finditer(value):
        at = found.start()
        if column + at - start > WIDTH and last > start:
            lines.append(value[start:last])
            start, column = last, 0
        last = at
    if column + len(value) - start > WIDTH and last > start:
        lines.append(value[start:last])
        start = last
    lines.append(value[start:])
    return "\r\n".join(lines)
