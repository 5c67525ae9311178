"""Real newsletters: what is not asked for stays, all links are found, and undoing them gives the original back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import lolhtml
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.transform.autotext import html_to_text
from relay.transform.html.links import plain as value_of
from relay.transform.html.rewrite import rewrite_html
from relay.transform.html.spans import scan
from relay.transform.rules import Rewritten
from relay.transform.urls import web_url
from tests.transform.newsletters import ABSENT, OWN, SHARED, pages
from tests.transform.rewriting import BASE, CLICKS, OFF, OPENS, filled, ordered, originals, undone, without_links

PAGES = {**pages(OWN), **pages(SHARED)}
BOTH = replace(CLICKS, opens=True)
ALL = replace(
    BOTH, prevent_scam=True, footer_html="<p>é</p>", view_online=True, unsubscribe=True, utm=(("source", "s"),)
)


@pytest.mark.skipif(not SHARED.is_dir(), reason=ABSENT)
def test_the_larger_collection_is_tried() -> None:
    assert len(pages(SHARED)) >= 50


@pytest.mark.parametrize("name", PAGES)
def test_with_all_off_a_newsletter_stays(name: str) -> None:
    text, charset = PAGES[name]
    assert rewrite_html(text, OFF, charset=charset) == Rewritten()


@pytest.mark.parametrize("name", PAGES)
def test_undoing_links_and_pictures_gives_the_newsletter_back(name: str) -> None:
    text, charset = PAGES[name]
    for rules in (CLICKS, OPENS, BOTH):
        result = rewrite_html(text, rules, charset=charset)
        assert ordered(result.edits)
        assert undone(text, result) == text
        for original, target in zip(originals(text, result), result.targets, strict=False):
            value = value_of(original, charset)
            assert value is not None and web_url(value, charset=charset) == target
    result = rewrite_html(text, CLICKS, charset=charset)
    if b"track" not in text.lower():  # marks are taken out with their links
        assert without_links(filled(text, result), originals(text, result)) == text


@pytest.mark.parametrize("name", PAGES)
def test_every_link_that_another_reader_finds_leads_through_us_and_no_other(name: str) -> None:
    text, charset = PAGES[name]
    result = rewrite_html(text, CLICKS, charset=charset)
    try:
        before, after = hrefs(text), hrefs(filled(text, result))
    except (UnicodeDecodeError, RuntimeError) as error:
        pytest.skip(f"the other reader does not read it: {error}")
    asks = any(each in text.lower() for each in (b"track", b"<base"))  # some links are to be left alone, or relative
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        tracked = new.startswith(BASE.decode() + "/")
        assert tracked or new == old.replace("+notrack", "")
        assert tracked == (web_url(value_of(old.encode(), "utf-8") or "") is not None) or asks


def hrefs(text: bytes) -> list[str]:
    found: list[str] = []

    class Handler:
        def element(self, element: Any) -> None:
            found.extend([value for name, value in element.attributes if name == "href"][:1])

    rewriter = lolhtml.HTMLRewriter(lambda octets: None)
    for each in ("a", "area"):
        rewriter.on(each, Handler())
    rewriter.write(text)
    rewriter.end()
    return found


@pytest.mark.parametrize("name", PAGES)
def test_all_at_once_keeps_the_tags_of_a_newsletter(name: str) -> None:
    text, charset = PAGES[name]
    result = rewrite_html(text, ALL, charset=charset)
    assert ordered(result.edits) and undone(text, result) == text
    new = [each.name for each in scan(filled(text, result)).tags]
    left = iter(new)
    assert all(each.name in left for each in scan(text).tags)
    assert len(new) <= len(scan(text).tags) + 7


@pytest.mark.parametrize("name", PAGES)
def test_a_newsletters_text_is_for_people(name: str) -> None:
    text, charset = PAGES[name]
    words = html_to_text(text, charset) or ""
    assert words or name == "mjml-carousel", "only that one has pictures alone"
    for rest in ("<td", "<br", "&nbsp;", "[if mso", "{color", "\n\n\n", "endif"):
        assert rest not in words


PIECES = [
    *("<a ", "<area ", "<img ", "<v:rect ", "<td ", "<p>", "</a>", "<style>", "</style>", "<body>", "</body>"),
    *('href="', "href='", "href=", 'src="', 'style="', "srcset=", '"', "'", ">", "/", " ", "\r\n", "="),
    *(
        "http://a.example/",
        "https://b.example/x?y=1&amp;z#f",
        "url(",
        ")",
        "background:",
        "<!--[if mso]>",
        "<![endif]-->",
    ),
    *(
        "clicktracking=off",
        " data-pm-no-track",
        "https+notrack://c.example/",
        "<!--",
        "-->",
        "www.d.example",
        "é",
        "[u]",
    ),
]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_edits_of_any_soup_never_overlap_and_can_be_undone(soup: str) -> None:
    text = soup.encode()
    for rules in (BOTH, replace(ALL, unsubscribe_marker="[u]", utm_domains=("a.example",))):
        result = rewrite_html(text, rules)
        assert ordered(result.edits)
        assert undone(text, result) == text


def test_all_marked_links_of_a_newsletter_are_left_alone_and_all_marks_gone() -> None:
    text, charset = PAGES["marked-links"]
    result = rewrite_html(text, CLICKS, charset=charset)
    done = filled(text, result).lower()
    marks = [
        b"clicktracking=",
        b"disable-tracking",
        b"no-track",
        b"data-msys-clicktrack",
        b"ses:",
        b"+notrack",
        b"data-smtpeter",
    ]
    assert [each for each in marks if each in done] == []
    left = ("8", "12", "13", "unsubscribe?id=4")
    assert result.targets == tuple(f"https://bank.example/{each}" for each in left)
    assert {each[-1] for each in result.untracked} == {"4", "9"}
