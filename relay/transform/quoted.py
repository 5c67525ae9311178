"""Quoted-printable (RFC 2045 section 6.7): what a body says, and edits of that as edits of the body.

In:  a body, and edits of the text it encodes; or pieces of a text.
Out: the text; edits of the body that leave all else as it was; pieces in quoted-printable.

Lines that we make have 76 characters at most, tokens in one piece, and never begin with two dashes, as delimiters of
parts do. Bodies that break the rules are read as most readers do: an `=` without two hexadecimal digits or a line end
behind it means itself.

Why so: splitting by one expression and looking the escapes up costs a fraction of what a step per character would.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

from relay.model.token import TOKEN_LENGTH
from relay.transform.edit import Edit, Hole, Piece

WIDTH = 76  # characters of an encoded line, RFC 2045 section 6.7 (5)
_SOFT = b"=\r\n"
_EVENT = re.compile(rb"(=(?:[0-9A-Fa-f]{2}|[ \t]*+(?:\r?+\n|\Z)))")  # what does not stand for itself
# What has to be written as =XX; white space where it would end a line or a piece.
_ESCAPED = re.compile(rb"[^\t -<>-~\r\n]|\r(?!\n)|(?<!\r)\n|[ \t](?=\r\n|\Z)")


class _Meanings(dict[bytes, bytes]):
    """What an event says: an octet, or nothing where it is a soft line break."""

    def __missing__(self, key: bytes) -> bytes:
        return b""


_HEX = b"0123456789ABCDEFabcdef"
_MEANINGS = _Meanings({b"=%c%c" % (one, two): bytes([int(bytes((one, two)), 16)]) for one in _HEX for two in _HEX})


def decode(body: bytes) -> bytes:
    parts = _EVENT.split(body)
    parts[1::2] = map(_MEANINGS.__getitem__, parts[1::2])
    return b"".join(parts)


class Places:
    """Places in a quoted-printable body by places in what it says."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        parts = _EVENT.split(body)  # text, event, text, event, ... text
        if len(parts) > 1 and not parts[-1] and not parts[-2].rstrip(b"= \t"):
            parts.pop()  # a soft break whose line end belongs to the delimiter: what is added comes before it
            parts.pop()
        said = [*parts]
        said[1::2] = map(_MEANINGS.__getitem__, parts[1::2])
        self._encoded = [0, *accumulate(map(len, parts))]
        self._decoded = [0, *accumulate(map(len, said))]

    def _before(self, place: int) -> int:
        """Where the octet at this place of the text begins in the body."""
        number = bisect_right(self._decoded, place) - 1
        if number >= len(self._encoded) - 1:
            return self._encoded[-1]
        return self._encoded[number] + place - self._decoded[number]

    def _behind(self, place: int) -> int:
        """Where the octet at this place of the text ends in the body."""
        number = bisect_right(self._decoded, place) - 1
        if number % 2:
            return self._encoded[number + 1]
        return self._encoded[number] + place - self._decoded[number] + 1

    def edits(self, edits: Sequence[Edit]) -> list[Edit]:
        """These edits of the text, none of which touch, as edits of the body."""
        body = self._body
        spans = [self._span(each) for each in edits]
        spans.append((len(body), len(body)))
        found: list[Edit] = []
        at, column = 0, 0
        for number, each in enumerate(edits):
            (start, end), follows = spans[number], spans[number + 1][0]
            lone = self._lone(each.start, start, at)
            dashes = 0  # a soft break before two of them could make a delimiter of the line
            while end + dashes < follows and body.startswith(b"-", end + dashes):
                dashes += 1
            pieces = (body[lone:start], *each.pieces, body[end : end + dashes])
            start, end = lone, end + dashes
            line = body.rfind(b"\n", at, start)
            column = start - line - 1 if line >= 0 else column + start - at
            written, column = self._write(pieces, column, start, end, None if number + 1 == len(edits) else follows)
            found.append(Edit(start, end, tuple(written)))
            at = end
        return found

    def _lone(self, place: int, start: int, least: int) -> int:
        """Where an `=` is that stands for itself, though it should not, right before `start`; else `start`.

        Before other octets it would mean something else, so it has to be written as it should be.
        """
        for back in (2, 1):
            at = start - back
            if at >= least and self._body[at] == 0x3D and place >= back and self._before(place - back) == at:
                return at
        return start

    def _span(self, edit: Edit) -> tuple[int, int]:
        start = self._before(edit.start)
        return start, start if edit.end == edit.start else self._behind(edit.end - 1)

    def _write(
        self, pieces: Sequence[Piece], column: int, start: int, end: int, follows: int | None
    ) -> tuple[list[Piece], int]:
        """The pieces for `body[start:end]`, and the column behind them; `follows`: where the next edit begins."""
        body = self._body
        written, column = write(pieces, column)
        if (
            body[start - 1 : start] in (b" ", b"\t")
            and (written[:1] or [body[end : end + 2] or b"\r\n"])[0] == b"\r\n"
        ):
            written.insert(0, _SOFT)  # white space at the end of a line would be taken off
            column = 0 if len(written) == 1 else column
        stop = body.find(b"\r\n", end, follows)
        room = WIDTH
        if stop < 0:
            stop = len(body) if follows is None else follows
            room = WIDTH if follows is None else WIDTH - 1  # there may be a soft break before the next edit
        if column and column + stop - end > room:
            written.append(_SOFT)
            column = 0
        return written, column


def write(pieces: Iterable[Piece], column: int) -> tuple[list[Piece], int]:
    """The pieces in quoted-printable, for a line that has `column` characters; and the column behind them."""
    written: list[Piece] = []
    for each in pieces:
        if isinstance(each, Hole):
            if column + TOKEN_LENGTH > WIDTH - 1 and column:
                written.append(_SOFT)
                column = 0
            written.append(each)
            column += TOKEN_LENGTH
        elif each:
            lines = _ESCAPED.sub(_escaped, each).split(b"\r\n")
            for number, line in enumerate(lines):
                if number:
                    written.append(b"\r\n")
                    column = 0
                column = _broken(line, column, written)
    return written, column


def _escaped(match: re.Match[bytes]) -> bytes:
    return b"=%02X" % match[0][0]


def _broken(line: bytes, column: int, written: list[Piece]) -> int:
    """The encoded line, with soft breaks, behind what is written; the column behind it."""
    at, end = 0, len(line)
    while at < end:
        if not column and line.startswith(b"--", at):  # no line of ours looks like a delimiter
            written.append(b"=2D")
            at, column = at + 1, 3
        cut = at + WIDTH - 1 - column
        if cut >= end:
            written.append(line[at:])
            return column + end - at
        escape = line.find(b"=", max(cut - 2, at), max(cut, at))
        if escape >= 0:
            cut = escape
        if cut > at:
            written.append(line[at:cut])
            at = cut
        written.append(_SOFT)
        column = 0
    return column
