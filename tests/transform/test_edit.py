"""Edits of an edited text as edits of the first one."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.model.token import TOKEN_LENGTH, Purpose
from relay.transform.edit import Edit, Hole, fill, overlay, splice

SOME = st.binary(max_size=4)


@st.composite
def edits(draw: st.DrawFn, size: int, *, holes: bool) -> list[Edit]:
    """Edits of a text of that size that do not overlap."""
    places = sorted(draw(st.lists(st.integers(0, size), max_size=8).filter(lambda each: len(each) % 2 == 0)))
    piece = SOME | st.integers(0, 9).map(lambda each: Hole(Purpose.CLICK, each)) if holes else SOME
    pairs = zip(places[::2], places[1::2], strict=True)
    return [Edit(start, end, tuple(draw(st.lists(piece, max_size=2)))) for start, end in pairs]


def filled(text: bytes, changes: list[Edit]) -> bytes:
    return fill(splice(text, changes), lambda hole: b"%d" % hole.number * TOKEN_LENGTH)


@given(st.data(), st.binary(max_size=30))
def test_overlaid_edits_do_at_once_what_both_do_one_after_the_other(data: st.DataObject, text: bytes) -> None:
    former = data.draw(edits(len(text), holes=False))
    edited = filled(text, former)
    latter = data.draw(edits(len(edited), holes=True))
    both = overlay(edited, former, latter)
    assert filled(text, both) == filled(edited, latter)
    assert all(one.end < two.start for one, two in pairwise(both))


def test_an_edit_within_what_an_edit_has_put_in_becomes_one_with_it() -> None:
    hole = Hole(Purpose.CLICK, 3)
    former = [Edit(1, 2, (b"new words",))]
    assert overlay(b"anew wordsc", former, [Edit(5, 10, (hole,))]) == [Edit(1, 2, (b"new ", hole, b""))]


def test_edits_that_overlap_are_refused() -> None:
    with pytest.raises(ValueError, match="overlap at 2"):
        overlay(b"some text", [], [Edit(0, 3, ()), Edit(2, 4, ())])
