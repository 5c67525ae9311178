"""The text of a part beneath its Content-Transfer-Encoding (RFC 2045 section 6), and changes to it.

In:  the body of a part and its encoding; later, edits by position in the decoded text.
Out: the decoded octets; then the body with the edits in it, in pieces, to be filled for each recipient.

    text = decode(content[part.body : part.end], value_of_its_field)      # None: leave this part alone
    compiled = text.compile(edits)                                        # once for all recipients
    body = compiled.fill(token)                                           # once for each
    compiled.encoding                                                     # goes into the part's header if it differs

7bit and 8bit are spliced in place. In quoted-printable only the octets of what is replaced change, soft line breaks
in it included; what stands around it stays as it was, broken as it may be. Base64 knows no places: it is encoded anew
when it is filled, in lines as long as before. A body of 7bit that gets a piece with other octets than ASCII, and one
of 7bit or 8bit in which an edit makes a line over 998 octets, becomes quoted-printable as a whole. A text that is
written anew altogether (templates) is given to `encode` or `encode_whole` first, and edited after that.

Why so: signatures of others and comparisons by eye live off octets that stay. Tokens all have one length and need no
escapes, so that where lines break is decided once.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from relay.model.token import TOKEN_LENGTH
from relay.transform import quoted
from relay.transform.charsets import codec
from relay.transform.edit import Edit, Hole, Piece, fill, splice
from relay.transform.longlines import long_line

SEVEN, EIGHT, BINARY, QUOTED, BASE64 = b"7bit", b"8bit", b"binary", b"quoted-printable", b"base64"
_TOKEN = re.compile(rb"[ \t\r\n]*+([^\s;()]++)")
_FIRST_LINE = re.compile(rb"[ \t\r\n]*+([A-Za-z0-9+/]{4,996})\r?+\n[A-Za-z0-9+/]")  # and there is another one
_LONE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_MARKUP = bytes(range(0x20, 0x5C)) + bytes(range(0x61, 0x7B)) + b"\t\r\n"  # what tags and references are made of
_NO_SUPERSET = re.compile(r"utf-?(?:7|16|32)|ucs|iso-?10646|csiso2022|iso-?2022|hz|ebcdic|cp\d*037|unicode-1-1-utf-7")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A body with its edits, but for the tokens."""

    encoding: bytes  # the value of Content-Transfer-Encoding that tells the truth
    pieces: Sequence[Piece]  # of the body; of the decoded text if `line` is given
    line: int = 0  # characters of a line of base64
    tail: bytes = b""  # what follows the last line of base64

    def fill(self, token: Callable[[Hole], bytes]) -> bytes:
        """The body for one recipient, whose tokens these are, each TOKEN_LENGTH characters of A-Z a-z 0-9 - _."""
        octets = fill(self.pieces, token)
        return _lines(octets, self.line) + self.tail if self.line else octets


@dataclass(frozen=True, slots=True)
class Text:
    """A body, and what it says."""

    body: bytes
    encoding: bytes  # lower case
    octets: bytes  # decoded

    def compile(self, edits: Iterable[Edit]) -> Compiled:
        """The body with these edits of `octets`.

        In 7bit, 8bit and binary, single CR and LF in the pieces become line ends, as no other ones may be sent.

        Raises:
            ValueError: edits overlap, are out of range, or take a line end apart (but in base64).
        """
        ordered = _merged(edits, len(self.octets))
        if not ordered:
            return Compiled(self.encoding, (self.body,))
        if self.encoding == BASE64:
            tail = b"\r\n" if self.body.endswith(b"\n") else b""
            return Compiled(BASE64, tuple(splice(self.octets, ordered)), _line_length(self.body), tail)
        if any(self.octets[at - 1 : at + 1] == b"\r\n" for each in ordered for at in (each.start, each.end) if at):
            raise ValueError("an edit takes CR and LF of a line end apart")
        if self.encoding == QUOTED:
            return Compiled(QUOTED, tuple(splice(self.body, quoted.Places(self.body).edits(ordered))))
        ordered = [Edit(each.start, each.end, _whole_line_ends(each.pieces)) for each in ordered]
        pieces = splice(self.body, ordered)
        if self._fits(ordered, pieces):
            return Compiled(self.encoding, tuple(pieces))
        return Compiled(QUOTED, tuple(quoted.write(pieces, 0)[0]))

    def edit(self, edits: Iterable[Edit]) -> Text:
        """The text with edits that have no holes."""
        compiled = self.compile(edits)
        body = compiled.fill(_no_token)
        return Text(body, compiled.encoding, _decoded(body, compiled.encoding))

    def _fits(self, edits: Sequence[Edit], pieces: Sequence[Piece]) -> bool:
        """Whether the body keeps its encoding with these edits."""
        if self.encoding == BINARY:
            return True
        added = b"".join([each for edit in edits for each in edit.pieces if isinstance(each, bytes)])
        if b"\0" in added or (self.encoding == SEVEN and not added.isascii() and self.body.isascii()):
            return False
        # A body with longer lines than may be is left to what deals with those.
        filled = fill(pieces, lambda hole: bytes(TOKEN_LENGTH))
        return long_line(filled, 0, len(filled)) is None or long_line(self.body, 0, len(self.body)) is not None


def decode(body: bytes, encoding: bytes = SEVEN) -> Text | None:
    """The text of a body whose Content-Transfer-Encoding field has this value (7bit if there is none).

    None where it is better left alone: the encoding is unknown, or the base64 is not only base64.
    """
    found = _TOKEN.match(encoding)
    name = found[1].lower() if found else SEVEN
    if name not in (SEVEN, EIGHT, BINARY, QUOTED, BASE64):
        return None
    try:
        return Text(body, name, _decoded(body, name))
    except binascii.Error:
        return None


def encode(octets: bytes, encoding: bytes) -> Text:
    """A text that was written anew, in this encoding if that can hold it, in quoted-printable otherwise."""
    if encoding == BASE64:
        return Text(_lines(octets, quoted.WIDTH) + b"\r\n", BASE64, octets)
    plain = b"\0" not in octets and not _LONE.search(octets) and long_line(octets, 0, len(octets)) is None
    if encoding in (EIGHT, BINARY) and plain:
        return Text(octets, EIGHT, octets)
    if encoding == SEVEN and plain and octets.isascii():
        return Text(octets, SEVEN, octets)
    return Text(fill(quoted.write([octets], 0)[0], _no_token), QUOTED, octets)


def encode_whole(text: str, charset: str, encoding: bytes) -> tuple[Text, str]:
    """A text that was written anew, and its charset: the one given if it has all characters, or else utf-8.

    Line ends are made CRLF.
    """
    text = re.sub(r"\r\n?|\n", "\r\n", text)
    try:
        return encode(text.encode(charset), encoding), charset
    except (LookupError, UnicodeError):
        return encode(text.encode("utf-8", "replace"), encoding), "utf-8"


def ascii_based(charset: str) -> bool:
    """Whether octets below 128 always mean ASCII, so that tags can be found by octet (also in an unknown charset)."""
    name = charset.strip().strip('"').lower().replace("_", "-")
    if _NO_SUPERSET.match(name):
        return False
    try:
        return _MARKUP.decode(codec(name)) == _MARKUP.decode("ascii")
    except (LookupError, UnicodeError):
        return "ebcdic" not in name


def _merged(edits: Iterable[Edit], size: int) -> list[Edit]:
    """The edits in order, those that touch each other as one."""
    found: list[Edit] = []
    for each in sorted(edits, key=lambda each: (each.start, each.end)):
        at = found[-1].end if found else 0
        if not at <= each.start <= each.end <= size:
            raise ValueError(f"an edit of {each.start} to {each.end} overlaps another one or is out of range")
        if found and each.start == at:
            each = Edit(found[-1].start, each.end, (*found.pop().pieces, *each.pieces))
        found.append(each)
    return found


def _whole_line_ends(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    return tuple([_LONE.sub(b"\r\n", each) if isinstance(each, bytes) else each for each in pieces])


def _decoded(body: bytes, encoding: bytes) -> bytes:
    if encoding == BASE64:
        text = b"".join(body.split())
        return binascii.a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)
    return quoted.decode(body) if encoding == QUOTED else body


def _line_length(body: bytes) -> int:
    """Characters of a line of base64, as the first one has them if they are as they should be."""
    found = _FIRST_LINE.match(body)
    return len(found[1]) if found and not len(found[1]) % 4 else quoted.WIDTH


def _lines(octets: bytes, length: int) -> bytes:
    text = binascii.b2a_base64(octets, newline=False)
    return b"\r\n".join([text[at : at + length] for at in range(0, len(text), length)])


def _no_token(hole: Hole) -> bytes:
    raise ValueError(f"{hole} in a text that is the same for all")
