"""Parts of a message: a text, or a file in base64, as it leaves.

In:  a text; base64 as a client sent it; octets.
Out: a `Part`: its Content-* fields, and its body in pieces.

A text in ASCII goes as it is; any other as quoted-printable, or as base64 where that is shorter (less than five in
six octets are ASCII). Line ends become CRLF, whatever they were, and the last line has one.

Why so: base64 is checked and cut into lines as it stands, block by block, and never decoded: an attachment of 25 MB
costs its own size once, and no more. What was sent in other lines, or in one, means the same.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from relay.transform.longlines import long_line

LINE = 76  # characters of base64, RFC 2045 section 6.8
_BLOCK = LINE << 10
_OCTETS = LINE // 4 * 3 << 10  # what a block stands for
_SPACE = b" \t\r\n"
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_ASCII = bytes(range(128))
_LONE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")


@dataclass(frozen=True, slots=True)
class Part:
    head: bytes  # its fields, each with its CRLF
    body: Sequence[bytes]  # in pieces
    open: bool = False  # a line of it may be anything, so a boundary has to be looked for in it


def text_part(text: str, kind: str) -> Part:
    """`kind`: text/plain or text/html. Raises ValueError: it cannot be sent as UTF-8."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\n", "\r\n")
    try:
        octets = text.encode()
    except UnicodeEncodeError:
        raise ValueError("half a character (a lone surrogate)") from None
    if not octets.endswith(b"\r\n"):
        octets += b"\r\n"
    if octets.isascii() and b"\0" not in octets and long_line(octets, 0, len(octets)) is None:
        return Part(_head(kind, "7bit"), (octets,), open=True)
    beyond = len(octets.translate(None, _ASCII))
    if beyond * 6 > len(octets):
        return Part(_head(kind, "base64"), encoded(octets))
    return Part(_head(kind, "quoted-printable"), (binascii.b2a_qp(octets),))


def _head(kind: str, encoding: str) -> bytes:
    return f"Content-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n".encode()


def encoded(octets: bytes) -> Sequence[bytes]:
    """Octets in base64, in lines, in pieces."""
    return [
        _lines(binascii.b2a_base64(octets[at : at + _OCTETS], newline=False)) for at in range(0, len(octets), _OCTETS)
    ]


def rewrapped(text: str) -> tuple[Sequence[bytes], int]:
    """Base64 in lines, in pieces; and how many octets it stands for.

    Raises:
        ValueError: it is no base64.
    """
    pieces: list[bytes] = []
    characters = padding = 0
    for block in _blocks(text):
        if padding:
            raise ValueError("no base64: something follows its padding (=)")
        strange = block.translate(None, _ALPHABET)
        if strange:
            padding = len(strange)
            if strange.strip(b"=") or not block.endswith(strange) or padding > 2:
                raise ValueError(f"no base64: {_strange(block)!a} in it")
        characters += len(block)
        pieces.append(_lines(block))
    if characters % 4:
        raise ValueError(f"no base64: {characters:,} characters, which is no multiple of 4")
    return pieces, characters // 4 * 3 - padding


def _strange(block: bytes) -> str:
    for each in block.decode("latin-1"):
        if each.encode("latin-1") not in _ALPHABET:
            return each
    return "="


def _blocks(text: str) -> Iterator[bytes]:
    """Without its white space, in blocks of whole lines; the last one may be shorter."""
    left = b""
    for at in range(0, len(text), _BLOCK):
        try:
            piece = text[at : at + _BLOCK].encode("ascii")
        except UnicodeEncodeError:
            raise ValueError("no base64: characters outside ASCII in it") from None
        left += piece.translate(None, _SPACE)
        if len(left) >= _BLOCK:
            yield left[:_BLOCK]
            left = left[_BLOCK:]
    if left:
        yield left


def _lines(block: bytes) -> bytes:
    return b"\r\n".join([block[at : at + LINE] for at in range(0, len(block), LINE)]) + b"\r\n"


def seven_bit(octets: bytes) -> bytes | None:
    """The octets with CRLF line ends where a message can hold them as they are; else None."""
    if _LONE.search(octets):
        octets = re.sub(rb"\r\n?|\n", b"\r\n", octets)
    if not octets.isascii() or b"\0" in octets or long_line(octets, 0, len(octets)) is not None:
        return None
    return octets if octets.endswith(b"\r\n") else octets + b"\r\n"
