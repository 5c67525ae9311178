"""The parts of a stored message as its reader sees them: texts, files, and what is embedded in its html. Pure.

In:  the octets of a message.
Out: its header, its html and text in Unicode, and its files in order, each with rank, name, type and octets.

A text is a body unless it has a file name or is marked as an attachment. A part with a Content-ID that the html shows
(`cid:`), or that is not marked as an attachment, is embedded; every other part is an attachment. Contained messages
are one file each.

Why so: what cannot be decoded is given as it is, since half a file is worth more than none to whoever looks into
what was sent. Types are told as the message has them only if they look like one; whoever serves them must not trust
them.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from relay.transform import words
from relay.transform.bodies import HTML, PLAIN
from relay.transform.charsets import codec
from relay.transform.encoded import decode
from relay.transform.headers import Header, read_header, unfold
from relay.transform.mime import Part, leaves

OCTETS = "application/octet-stream"
NAME = 255  # characters of a file's name
_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,80}")
_PARAMETER = re.compile(
    rb""";\s*([A-Za-z]+)(\*[0-9]{1,3})?(\*)?\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))""", re.DOTALL
)
_ATTACHED = re.compile(rb"\s*attachment\b", re.IGNORECASE)
_CID = re.compile(r"(?i)cid:([^\s\"'<>()&]+)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class File:
    """A part that is no body of its message."""

    name: str  # "" where it has none
    type: str  # such as image/png
    cid: str  # Content-ID without angle brackets; "" where it has none
    start: int  # its body is `content[start:end]`, encoded
    end: int
    encoding: bytes

    def octets(self, content: bytes) -> bytes:
        return _octets(content[self.start : self.end], self.encoding)


@dataclass(frozen=True, slots=True)
class Parts:
    header: str
    html: str
    text: str
    attachments: Sequence[File]
    embeds: Sequence[File]


def read(content: bytes) -> Parts:
    """Raises Refused: its header cannot be read, which none has that was taken in."""
    header = read_header(content)
    bodies: dict[bytes, str] = {}
    files: list[tuple[File, bool]] = []
    for part in leaves(header):
        parameters = _parameters(content, part)
        disposition = part.value(content, b"content-disposition")
        attached = _ATTACHED.match(disposition) is not None
        name = parameters.get("filename", "") or parameters.get("name", "")
        if part.type in (HTML, PLAIN) and not name and not attached:
            if part.type not in bodies:
                bodies[part.type] = _text(content, part, parameters.get("charset", ""))
            continue
        files.append((_file(content, part, name), attached))
    html = bodies.get(HTML, "")
    shown = {unquote_to_bytes(each).decode("utf-8", "replace") for each in _CID.findall(html)}
    embeds = [each for each, attached in files if each.cid and (each.cid in shown or not attached)]
    return Parts(
        header=_header(header),
        html=html,
        text=bodies.get(PLAIN, ""),
        attachments=[each for each, _ in files if each not in embeds],
        embeds=embeds,
    )


def header_text(content: bytes) -> str:
    """All fields as they stand, folds included."""
    return _header(read_header(content))


def find(files: Sequence[File], wanted: str) -> File | None:
    """By rank from 0, by name, or by Content-ID. Digits are a rank first, and a name where there is no such rank."""
    if wanted.isascii() and wanted.isdigit() and int(wanted[:9]) < len(files) and len(wanted) < 9:
        return files[int(wanted)]
    for each in files:
        if each.name == wanted:
            return each
    return next((each for each in files if each.cid and each.cid == wanted.strip("<>")), None)


def _header(header: Header) -> str:
    octets = header.content[header.start : header.body]
    text = octets.removesuffix(b"\r\n") if octets.endswith(b"\r\n\r\n") else octets
    return text.decode("utf-8", "replace")


def _file(content: bytes, part: Part, name: str) -> File:
    kind = part.type.decode("ascii", "replace").lower()
    return File(
        name=_CONTROL.sub(" ", name).strip()[:NAME],
        type=kind if _TYPE.fullmatch(kind) else OCTETS,
        cid=_CONTROL.sub("", part.value(content, b"content-id").decode("utf-8", "replace")).strip().strip("<>"),
        start=part.body,
        end=part.end,
        encoding=part.value(content, b"content-transfer-encoding") or b"7bit",
    )


def _text(content: bytes, part: Part, charset: str) -> str:
    octets = _octets(content[part.body : part.end], part.value(content, b"content-transfer-encoding") or b"7bit")
    for each in (charset or "utf-8", "utf-8"):
        try:
            return _decoded(octets, each)
        except (LookupError, UnicodeError):
            continue
    return octets.decode("latin-1" if not charset else "utf-8", "replace")


def _octets(body: bytes, encoding: bytes) -> bytes:
    found = decode(body, encoding)
    if found is not None:
        return found.octets
    if b"base64" not in encoding.lower():
        return body
    try:  # with something else in it: what there is of it
        letters = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
        return binascii.a2b_base64(letters[: len(letters) // 4 * 4] + _tail(letters))
    except binascii.Error:
        return body


def _tail(letters: bytes) -> bytes:
    left = letters[len(letters) // 4 * 4 :]
    return left + b"=" * (-len(left) % 4) if len(left) > 1 else b""


def _parameters(content: bytes, part: Part) -> dict[str, str]:
    """Of Content-Type and Content-Disposition: charset, name, filename."""
    found: dict[str, str] = {}
    for field in (b"content-type", b"content-disposition"):
        found |= {name: text for name, text in _each(unfold(part.value(content, field))) if text}
    return found


def _each(value: bytes) -> Iterator[tuple[str, str]]:
    """Parameters with their pieces put together (RFC 2231) and encoded words read, which many write there."""
    pieces: dict[str, list[tuple[int, bool, bytes]]] = {}
    for name, number, star, quoted, bare in _PARAMETER.findall(value):
        octets = re.sub(rb"\\(.)", rb"\1", quoted) if quoted else bare
        pieces.setdefault(name.decode().lower(), []).append((int(number[1:]) if number else -1, bool(star), octets))
    for name, told in pieces.items():
        extended = sorted((each for each in told if each[0] >= 0 or each[1]), key=lambda each: each[0])
        yield name, _extended(extended) if extended else _plain(told[0][2])


def _extended(pieces: Sequence[tuple[int, bool, bytes]]) -> str:
    charset, octets = "utf-8", b""
    for place, (_, encoded, piece) in enumerate(pieces):
        if encoded and place == 0 and piece.count(b"'") >= 2:
            named, _, piece = piece.split(b"'", 2)
            charset = named.decode("ascii", "replace") or charset
        octets += unquote_to_bytes(piece) if encoded else piece
    try:
        return _decoded(octets, charset)
    except (LookupError, UnicodeError):
        return octets.decode("utf-8", "replace")


def _decoded(octets: bytes, charset: str) -> str:
    """Raises LookupError, UnicodeError: also where it would hold half characters, as UTF-7 can say them."""
    text = octets.decode(codec(charset))
    text.encode()
    return text


def _plain(octets: bytes) -> str:
    try:
        return words.decode(octets).text
    except ValueError:
        return octets.decode("utf-8", "replace")
