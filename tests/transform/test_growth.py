"""Little octets that would become many: marks of one letter, and parameters on every link."""

from __future__ import annotations

from relay.transform.html.insertions import MANY, MARKS
from relay.transform.html.rewrite import rewrite_html
from relay.transform.plain import rewrite_text
from relay.transform.rules import Rules
from relay.transform.targets import CROWDED, PARAMETERS

LETTER = Rules(base=b"https://clicks.example.com", unsubscribe=True, unsubscribe_marker="a")
PARAMETER = Rules(utm=tuple((name, "x" * 255) for name in ("source", "medium", "campaign", "term", "content")))


def test_a_mark_of_one_letter_becomes_a_link_a_thousand_times_at_most() -> None:
    for done in (rewrite_html(b"a" * 100_000, LETTER), rewrite_text(b"a" * 100_000, LETTER)):
        assert len(done.edits) == MARKS
        assert done.warnings == (MANY,)


def test_parameters_of_all_links_together_are_bounded() -> None:
    links = PARAMETERS // 1200
    for done in (
        rewrite_html(b"<a href=http://a.example>" * links, PARAMETER),
        rewrite_text(b"http://a.example " * links, PARAMETER),
    ):
        added = sum(len(piece) for each in done.edits for piece in each.pieces if isinstance(piece, bytes))
        assert PARAMETERS * 0.9 < added < PARAMETERS * 1.1
        assert done.warnings == (CROWDED,)
