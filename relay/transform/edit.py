"""Changes to a text by position, with holes for what differs by recipient.

In:  a text and the spans of it that change.
Out: pieces: octets, and holes where each recipient gets a token of its own.

Why so: what a message of a mailing costs is found out once; each recipient's content is then put together from the
same pieces. All octets outside the edits are those of the original.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from relay.model.token import Purpose


@dataclass(frozen=True, slots=True)
class Hole:
    """Where the token for this purpose and number stands: TOKEN_LENGTH octets."""

    purpose: Purpose
    number: int = 0


Piece = bytes | Hole


@dataclass(frozen=True, slots=True)
class Edit:
    """`text[start:end]` becomes the pieces; an insertion where both are equal."""

    start: int
    end: int
    pieces: tuple[Piece, ...]


def splice(text: bytes, edits: Iterable[Edit]) -> list[Piece]:
    """The text with its edits, which must not overlap; those at one place stay in the order given."""
    pieces: list[Piece] = []
    at = 0
    for edit in sorted(edits, key=_place):
        if edit.start < at:
            raise ValueError(f"edits overlap at {edit.start}")
        if edit.start > at:
            pieces.append(text[at : edit.start])
        pieces += edit.pieces
        at = edit.end
    pieces.append(text[at:])
    return pieces


def fill(pieces: Sequence[Piece], token: Callable[[Hole], bytes]) -> bytes:
    """The pieces as one text, with a token in each hole."""
    return b"".join([each if isinstance(each, bytes) else token(each) for each in pieces])


def overlay(edited: bytes, former: Iterable[Edit], latter: Iterable[Edit]) -> list[Edit]:
    """Edits of a text that do at once what `former` and then `latter` do, none of which touch.

    Args:
        edited: the text after `former`, which have no holes; `latter` are edits of it, and may lie in what is new.
    """
    marks: list[tuple[int, int, int, Edit | None]] = []  # where in the edited text; by how much longer
    shift = 0
    for each in sorted(former, key=_place):
        length = sum([len(piece) for piece in each.pieces if isinstance(piece, bytes)])
        longer = length - (each.end - each.start)
        marks.append((each.start + shift, each.start + shift + length, longer, None))
        shift += longer
    marks += [(each.start, each.end, 0, each) for each in latter]
    found: list[Edit] = []
    shift = before = begin = at = 0  # `at`: how far `pieces` are written
    stop = -1  # where the present run of edits that touch ends
    pieces: list[Piece] = []
    for start, end, longer, edit in sorted(marks, key=lambda each: each[:2]):
        if start > stop:
            if stop >= 0:
                found.append(Edit(begin - before, stop - shift, (*pieces, edited[at:stop])))
            begin = at = stop = start
            before, pieces = shift, []
        if edit is not None:
            if edit.start < at:
                raise ValueError(f"edits overlap at {edit.start}")
            pieces += (edited[at : edit.start], *edit.pieces)
            at = edit.end
        stop = max(stop, end)
        shift += longer
    if stop >= 0:
        found.append(Edit(begin - before, stop - shift, (*pieces, edited[at:stop])))
    return found


def _place(edit: Edit) -> tuple[int, int]:
    return edit.start, edit.end
