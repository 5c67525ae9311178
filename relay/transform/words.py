"""Encoded words (RFC 2047) in the values of header fields: read them, and write them where we write fields.

In:  the octets of a value. Out: text; or the reverse.

Reads what real clients write: words longer than 75 characters, raw UTF-8, raw Latin-1. White space between
two adjacent encoded words is dropped, as section 6.2 demands; all other white space stays.

Why so: octets that a character set reads as lone surrogates are no text, and do not get through.
"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from dataclasses import dataclass

from relay.model.address import printable
from relay.transform.charsets import codec
from relay.transform.headers import unfold

_WORD = re.compile(r"=\?([!-)+->@-~]+)(?:\*[^?\s]*)?\?([bBqQ])\?([^?\s]*)\?=")
_BETWEEN = re.compile(r"(\?=)[ \t]+(?==\?[!->@-~]+\?[bBqQ]\?[^?\s]*\?=)")


@dataclass(frozen=True, slots=True)
class Decoded:
    text: str
    latin1: bool = False  # raw octets were no UTF-8 and were taken for Latin-1


def decode(value: bytes) -> Decoded:
    """The text of a value, unfolded and without white space around it.

    Raises:
        ValueError: an encoded word has an unknown character set, or octets that are no text in it.
    """
    octets = unfold(value)
    try:
        text, latin1 = octets.decode("utf-8"), False
    except UnicodeDecodeError:
        text, latin1 = octets.decode("latin-1"), True
    if "=?" in text:
        text = _WORD.sub(_plain, _BETWEEN.sub(r"\1", text))
    return Decoded(text.strip(" \t"), latin1)


def encode(text: str) -> str:
    """Text for a header value we write: as it is when it is ASCII, else as encoded words folded after each."""
    if text.isascii() and text.isprintable() and "=?" not in text:
        return text
    words, octets = [], b""
    for each in text:
        more = each.encode()
        if len(octets) + len(more) > 42:  # base64 of 42 octets and the frame are 68 characters; section 2 allows 75
            words.append(octets)
            octets = b""
        octets += more
    words.append(octets)
    return "\r\n ".join(f"=?utf-8?B?{base64.b64encode(each).decode('ascii')}?=" for each in words)


def _plain(found: re.Match[str]) -> str:
    charset, encoding, text = found[1], found[2].upper(), found[3]
    try:
        if encoding == "B":
            octets = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        else:
            octets = quopri.decodestring(text.replace("_", "=20").encode("utf-8"))
        decoded = octets.decode(codec(charset))
        decoded.encode()  # fails for lone surrogates
        return decoded
    except (LookupError, UnicodeError, binascii.Error, ValueError) as error:
        raise ValueError(f"an encoded word that cannot be read: {printable(found[0], 60)}") from error
