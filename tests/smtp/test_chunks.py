"""Chunks without a socket: the same content comes to the same, however it was cut up and whichever way it came."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.model.reply import Refused
from relay.smtp.budget import Budget
from relay.smtp.chunks import Chunks, parse_bdat
from relay.smtp.data import Collector, Rule
from relay.smtp.door import Arrived

CONTENTS = st.lists(
    st.sampled_from([b"\r\n", b".", b"..", b"\n", b"\r", b"\0", b"text", b"x" * 40, b"\r\n.\r\n", b"\xff"]),
    max_size=12,
).map(b"".join)


def rule(mend_lf: bool) -> Rule:
    return Rule(size=300, line=100, mend_lf=mend_lf)


def outcome(collector: Collector | Chunks) -> Arrived | str:
    try:
        return collector.finish()
    except Refused as refused:
        return str(refused.reply)
    finally:
        collector.release()


def by_chunks(content: bytes, cuts: list[int], pieces: int, mend_lf: bool) -> Arrived | str:
    """In chunks that end at `cuts`, each of them arriving in pieces of so many octets, with a command behind."""
    budget = Budget(1000, 1)
    chunks = Chunks(rule(mend_lf), budget)
    at = 0
    for end in [*sorted(min(each, len(content)) for each in cuts), len(content)]:
        chunks.expect(end - at, last=False)
        wire = content[at:end] + b"NOOP"
        seen = 0
        while not chunks.ended:
            seen = chunks.feed(wire[: seen + pieces], seen)
        assert seen == end - at
        at = end
    found = outcome(chunks)
    assert (chunks.held, budget.held) == (0, 0)
    return found


@given(CONTENTS, st.lists(st.integers(0, 60), max_size=4), st.integers(1, 30), st.booleans())
def test_a_content_is_the_same_however_it_is_cut(content: bytes, cuts: list[int], pieces: int, mend: bool) -> None:
    assert by_chunks(content, cuts, pieces, mend) == by_chunks(content, [], 1000, mend)


@given(CONTENTS, st.booleans())
def test_a_content_comes_to_the_same_by_bdat_and_by_data(content: bytes, mend: bool) -> None:
    if content and not content.endswith(b"\r\n"):
        content += b"\r\n"
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    stuffed = b"." + stuffed if stuffed.startswith(b".") else stuffed
    collector = Collector(rule(mend), Budget(1000, 1))
    collector.feed(stuffed + b".\r\n")
    assert collector.ended
    assert by_chunks(content, [], 1000, mend) == outcome(collector)


@given(st.text(max_size=30))
def test_what_follows_bdat_is_read_or_not_understood(text: str) -> None:
    try:
        size, _ = parse_bdat(text)
    except ValueError:
        return
    assert 0 <= size < 10**19
    assert text.split()[0].isascii()


def test_a_refused_message_holds_no_memory() -> None:
    budget = Budget(1000, 1)
    chunks = Chunks(rule(mend_lf=False), budget)
    chunks.expect(200, last=False)
    chunks.feed(b"x" * 200)
    assert budget.held == 200
    chunks.expect(200, last=False)
    chunks.feed(b"x" * 200)
    assert budget.held == 0
    assert chunks.refusal is not None
    with pytest.raises(Refused, match="larger than 300 octets"):
        chunks.finish()
