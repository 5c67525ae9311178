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
    for edit in sorted(edits, key=lambda each: (each.start, each.end)):
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
