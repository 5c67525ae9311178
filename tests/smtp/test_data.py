"""The end of data, dots, line ends and limits, octet by octet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.model.reply import Refused
from relay.smtp.budget import Budget
from relay.smtp.data import Collector, Rule
from relay.smtp.door import Arrived

END = b"\r\n.\r\n"
ROOMY = Rule(size=1 << 20, line=1 << 16, mend_lf=False)
MENDING = Rule(size=1 << 20, line=1 << 16, mend_lf=True)

lines = st.lists(st.binary(max_size=12).map(lambda each: each.translate(None, b"\r\n\0")), max_size=8)
soup = st.lists(st.sampled_from([b"\r", b"\n", b".", b"a", b"\r\n", b"\r\n.", b".\r\n"]), max_size=12).map(b"".join)


def collect(*pieces: bytes, rule: Rule = ROOMY, memory: int = 1 << 30) -> Collector:
    collector = Collector(rule, Budget(memory, 1))
    for piece in pieces:
        collector.feed(piece)
    return collector


def stuffed(content: bytes) -> bytes:
    """As a client sends it (RFC 5321 section 4.5.2): content of CRLF lines, and the end."""
    sent = content.replace(b"\r\n.", b"\r\n..")
    return (b"." + sent if sent.startswith(b".") else sent) + b".\r\n"


@given(lines)
def test_any_content_survives_stuffing_and_unstuffing(given_lines: list[bytes]) -> None:
    content = b"".join(line + b"\r\n" for line in given_lines)
    collector = collect(stuffed(content))
    assert collector.ended
    assert collector.finish() == Arrived(content)


@given(lines, st.data())
def test_it_does_not_matter_where_the_octets_are_split(given_lines: list[bytes], data: st.DataObject) -> None:
    content = b"".join(line + b"\r\n" for line in given_lines)
    sent = stuffed(content) + b"QUIT\r\n"
    cuts = sorted(data.draw(st.sets(st.integers(0, len(sent)), max_size=6)))
    collector, rest = collect(), b""
    for start, stop in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        piece = sent[start:stop]
        if collector.ended:
            rest += piece
        else:
            rest += piece[collector.feed(piece) :]
    assert collector.ended
    assert collector.finish().octets == content
    assert rest == b"QUIT\r\n"


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 66, 200])
@pytest.mark.parametrize("step", [1, 2, 3, 5, 7, 1000])
def test_few_dots_and_many_are_taken_out_alike(count: int, step: int) -> None:
    """Few are taken out one by one, many all at once; the end's own dot is none of them, wherever it is cut."""
    content = b".first\r\n" + b"text\r\n.\r\n..x\r\n" * (count // 2) + b".\r\n" * (count % 2)
    sent = stuffed(content)
    collector = collect(*(sent[at : at + step] for at in range(0, len(sent), step)))
    assert collector.ended
    assert collector.finish().octets == content


@pytest.mark.parametrize("cuts", [(a, b) for a in range(6) for b in range(a, 6)])
def test_the_end_is_found_at_every_split(cuts: tuple[int, int]) -> None:
    a, b = cuts
    collector = collect(b"text" + END[:a], END[a:b], END[b:])
    assert collector.ended
    assert collector.finish().octets == b"text\r\n"


@given(soup, soup)
def test_nothing_but_crlf_dot_crlf_is_an_end(before: bytes, after: bytes) -> None:
    sent = b"x" + before + b"y" + after
    assert collect(sent).ended == (END in sent)
    one_by_one = collect()
    for octet in sent:
        if not one_by_one.ended:
            one_by_one.feed(bytes([octet]))
    assert one_by_one.ended == (END in sent)


@given(soup)
def test_what_is_taken_has_crlf_alone(middle: bytes) -> None:
    collector = Collector(MENDING, Budget(1 << 30, 1))
    collector.feed(b"x" + middle + END)
    try:
        octets = collector.finish().octets
    except Refused as refused:
        assert refused.reply.code == 550
        assert "bare CR" in refused.reply.text
    else:
        assert octets.replace(b"\r\n", b"").translate(None, b"\r\n") == octets.replace(b"\r\n", b"")
        assert octets.endswith(b"\r\n")


def test_an_empty_message_and_one_of_an_empty_line() -> None:
    assert collect(b".\r\n").finish() == Arrived(b"")
    assert collect(b"\r\n.\r\n").finish() == Arrived(b"\r\n")


def test_a_bare_lf_is_mended_with_a_note_where_the_rule_says_so() -> None:
    assert collect(b"a\nb\r\n\n.c\r\n.\r\n", rule=MENDING).finish() == Arrived(b"a\r\nb\r\n\r\n.c\r\n", bare_lf=True)


def test_a_dot_after_a_bare_lf_is_content() -> None:
    """Only the start of a CRLF line unstuffs; the sending side doubles the dot again."""
    assert collect(b"a\n..\r\nb\n.\r\nc\r\n.\r\n", rule=MENDING).finish().octets == b"a\r\n..\r\nb\r\n.\r\nc\r\n"


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (b"a\nb", "The message has a bare LF"),
        (b"a\rb", "The message has a bare CR"),
        (b"a\r\r\nb", "The message has a bare CR"),
        (b"a\n\rb", "The message has a bare CR"),
        (b"a\0b", "The message has a NUL octet"),
    ],
)
def test_what_no_message_has_is_refused(sent: bytes, text: str) -> None:
    with pytest.raises(Refused) as refused:
        collect(sent + END).finish()
    assert (refused.value.reply.code, refused.value.reply.status) == (550, "5.6.0")
    assert refused.value.reply.text.startswith(text)


@pytest.mark.parametrize(("octets", "fits"), [(100, True), (101, False)])
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_line_has_a_longest_length(octets: int, fits: bool, place: str) -> None:
    line, filler = b"x" * octets + b"\r\n", b"short\r\n" * 50
    content = {"first": line + filler, "middle": filler + line + filler, "last": filler + line}[place]
    collector = collect(stuffed(content), rule=Rule(size=10_000, line=100, mend_lf=False))
    if fits:
        assert collector.finish().octets == content
    else:
        with pytest.raises(Refused) as refused:
            collector.finish()
        assert str(refused.value.reply) == "500 5.6.0 The message has a line longer than 100 octets"


@given(lines, st.integers(1, 12))
def test_the_search_for_long_lines_agrees_with_a_plain_one(given_lines: list[bytes], limit: int) -> None:
    content = b"".join(line + b"\r\n" for line in given_lines)
    collector = collect(stuffed(content), rule=Rule(size=10_000, line=limit, mend_lf=False))
    if any(len(line) > limit for line in given_lines):
        with pytest.raises(Refused):
            collector.finish()
    else:
        assert collector.finish().octets == content


@pytest.mark.parametrize("content", [b"x" * 98 + b"\r\n", b".\r\n" * 33, b"....\r\n" * 16])
def test_size_counts_the_message_without_its_stuffing(content: bytes) -> None:
    sent = stuffed(content)
    for size, fits in ((len(content), True), (len(content) - 1, False)):
        collector = collect(*(sent[at : at + 7] for at in range(0, len(sent), 7)))
        collector = collect(sent, rule=Rule(size=size, line=1000, mend_lf=False))
        if fits:
            assert collector.finish().octets == content
        else:
            with pytest.raises(Refused) as refused:
                collector.finish()
            assert str(refused.value.reply) == f"552 5.3.4 The message is larger than {size} octets"


def test_nothing_is_kept_of_a_message_that_is_too_large() -> None:
    budget = Budget(1 << 30, 1)
    collector = Collector(Rule(size=1000, line=1000, mend_lf=False), budget)
    for _ in range(100):
        collector.feed(b"x" * 78 + b"\r\n")
    assert budget.held == 0
    assert not collector.endless
    collector.feed(b".\r\n")
    assert collector.ended
    with pytest.raises(Refused):
        collector.finish()


def test_a_client_that_never_ends_is_noticed() -> None:
    collector = Collector(Rule(size=1000, line=1000, mend_lf=False), Budget(1 << 30, 1))
    fed = 0
    while not collector.endless:
        fed += len(b"x" * 65536)
        collector.feed(b"x" * 65536)
    assert fed < 2_000_000


def test_contents_share_a_budget_and_give_it_back() -> None:
    budget = Budget(100, 2)
    first, second = (Collector(ROOMY, budget) for _ in range(2))
    first.feed(b"x" * 60)
    second.feed(b"y" * 60)
    assert budget.held == 60
    second.feed(END)
    with pytest.raises(Refused) as refused:
        second.finish()
    assert (refused.value.reply.code, refused.value.reply.status) == (452, "4.3.1")
    first.feed(END)
    assert len(first.finish().octets) == 62
    assert budget.held == 65
    first.release()
    first.release()
    assert budget.held == 0


@pytest.mark.parametrize(
    "tail", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r.\n", b"\n.\r", b"\n\n.\n", b"x\r\r\n.\n"]
)
def test_what_only_looks_like_an_end_is_noticed(tail: bytes) -> None:
    collector = collect(b"text" + tail)
    assert not collector.ended
    assert collector.false_end
    collector.feed(b"more")
    assert not collector.false_end


@pytest.mark.parametrize("tail", [b"", b"\r\n", b"\r\n.", b".", b"x.\r\n", b"\r\n..\r\n"])
def test_what_does_not_look_like_an_end_is_left_alone(tail: bytes) -> None:
    assert not collect(b"text" + tail).false_end


def test_an_end_without_its_last_octet_is_half_of_one() -> None:
    collector = collect(b"text\r\n.\r")
    assert collector.false_end
    assert collector.half_end
    collector.feed(b"\n")
    assert collector.ended
    assert not collector.half_end
