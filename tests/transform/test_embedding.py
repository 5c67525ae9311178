"""Pictures of a page that are to be carried along with it."""

from __future__ import annotations

import pytest

from relay.transform.html.embedding import embedding

PAGE = """<html><head><style>p { background: url(https://x.example/bg.png) } @import url("https://x.example/s.css");
</style></head><body>\N{GRINNING FACE}
<img src="https://x.example/a.png?x=1&amp;y=2"><img src='https://x.example/a.png?x=1&y=2'>
<table background=https://x.example/t.png><tr><td style="background-image:url('https://x.example/q.gif')">
<!--[if mso]><v:fill src="https://x.example/a.png?x=1&amp;y=2"/><![endif]-->
<img srcset="https://x.example/1.png 1x, https://x.example/2.png 2x">
<a href="https://x.example/page">https://x.example/a.png</a></td></tr></table></body></html>"""
URLS = (
    "https://x.example/bg.png",
    "https://x.example/a.png?x=1&y=2",
    "https://x.example/t.png",
    "https://x.example/q.gif",
    "https://x.example/1.png",
    "https://x.example/2.png",
)


def test_every_picture_of_a_page_is_found_once_and_shown_from_the_message() -> None:
    found = embedding(PAGE)
    assert found.urls == URLS
    page = found.page({url: f"p{number}@example.com" for number, url in enumerate(URLS)})
    assert page.count("cid:p1@example.com") == 3
    assert all(f"cid:p{number}@example.com" in page for number in range(len(URLS)))
    assert "background=cid:p2@example.com>" in page and "url('cid:p3@example.com')" in page
    assert page.endswith(
        '<a href="https://x.example/page">https://x.example/a.png</a></td></tr></table></body></html>'
    )
    assert "\N{GRINNING FACE}" in page and 'url("https://x.example/s.css")' in page


def test_what_did_not_come_stays_on_the_web() -> None:
    page = embedding(PAGE).page({URLS[2]: "t@example.com"})
    assert page == PAGE.replace("https://x.example/t.png", "cid:t@example.com")
    assert embedding(PAGE).page({}) == PAGE


@pytest.mark.parametrize(
    "source", ["https://x.example/{$id}.png", "{$picture}", "cid:logo", "data:image/png;base64,AA"]
)
def test_a_picture_that_nobody_can_fetch_now_is_left_alone(source: str) -> None:
    page = f'<p><img src="{source}"></p>'
    assert embedding(page).urls == ()
    assert embedding(page).page({source: "x@example.com"}) == page


def test_a_page_without_pictures_stays_as_it_is() -> None:
    assert embedding("<p>words</p>").urls == ()
    assert embedding("").page({}) == ""
