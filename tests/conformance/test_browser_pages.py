"""Newsletters in a real browser (Chromium), as they were sent and as they arrived: they look the same, their links
lead where they led, their pictures show, and their pages online are the same again.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from tests.conformance.desk import BASE, SENDER, Desk
from tests.conformance.pages import OWN_NAMES, SHARED_NAMES, Newsletter, newsletter, page_of
from tests.transform.newsletters import ABSENT

WIDTHS = (1000, 380)  # of a screen, and of a telephone
ENCODINGS = ("quoted-printable", "base64", "8bit")
ALL = ("TrackClicks: true", "TrackOpens: true", "InlineCSS: true")

LINKS = "() => [...document.links].map(each => each.href)"
PICTURES = (
    "() => [...document.images].map(each => [each.currentSrc || each.src, each.naturalWidth, each.naturalHeight])"
)


def arrived(desk: Desk, sent: Newsletter, encoding: str, *control: str) -> str:
    """Send it, and serve what arrived; where that lies."""
    content = desk.it.delivered(sent.message(SENDER, encoding, control), sender=SENDER)
    path = f"/{sent.name}/{len(control)}.html"
    desk.origin.says[path] = (sent.kind, page_of(content))
    return desk.origin.url(path)


@pytest.mark.parametrize("name", [*OWN_NAMES, *SHARED_NAMES])
def test_rows_45_to_48_a_newsletter_looks_and_leads_as_it_did(desk: Desk, name: str) -> None:
    sent = newsletter(name, desk.origin)
    if sent is None:
        pytest.skip(ABSENT)
    encoding = ENCODINGS[[*OWN_NAMES, *SHARED_NAMES].index(name) % len(ENCODINGS)]
    before = desk.origin.url(f"/{name}/before.html")
    desk.origin.says[f"/{name}/before.html"] = (sent.kind, sent.page)
    after = arrived(desk, sent, encoding, *ALL)
    for width in WIDTHS:
        shot = desk.look(before, width)
        links, pictures = desk.page.evaluate(LINKS), desk.page.evaluate(PICTURES)
        again = desk.look(after, width)
        ours, shown = desk.page.evaluate(LINKS), desk.page.evaluate(PICTURES)
        desk.same(f"{name} at {width}", shot, again)
        look_at_pictures(desk, pictures, shown)
    look_at_links(desk, after, links, ours)


def look_at_pictures(desk: Desk, before: list[list[object]], after: list[list[object]]) -> None:
    """All that were there show, with the size they have, and by way of us."""
    if not any(str(url).startswith("http") for url, _, _ in before) and len(after) == len(before) + 1:
        assert after.pop()[1:] == [1, 1]  # the pixel
    assert [each[1:] for each in after] == [each[1:] for each in before]
    for (url, width, _), (ours, _, _) in zip(before, after, strict=True):
        if urlsplit(str(url)).path in desk.origin.says:
            assert str(ours).startswith(BASE) and isinstance(width, int) and width > 0, url


def look_at_links(desk: Desk, page: str, before: list[str], after: list[str]) -> None:
    """Each leads where it led: the browser makes of where we send it what it had made of the link."""
    assert len(before) == len(after)
    tracked = [number for number, each in enumerate(after) if each.startswith(BASE)]
    for number, (link, ours) in enumerate(zip(before, after, strict=True)):
        if number not in tracked:
            assert ours.replace("/3.html", "/before.html") == link
            continue
        got = desk.it.http(ours)
        assert got.status == 302
        assert desk.page.evaluate("url => new URL(url).href", got.location) == link
    if tracked:
        number = tracked[len(tracked) // 2]
        assert desk.follow(page, number).partition("#")[0] == before[number].partition("#")[0]


@pytest.mark.parametrize("name", ["garden-buttons", "styled", "cinema-1252", "cerberus-hybrid", "mjml-social"])
def test_row_44_the_page_online_looks_as_the_mail_does(desk: Desk, name: str) -> None:
    sent = newsletter(name, desk.origin)
    if sent is None:
        pytest.skip(ABSENT)
    mail = arrived(desk, sent, "quoted-printable", *ALL, "ViewOnline: yes")
    for width in WIDTHS:
        shot = desk.look(mail, width)
        (link,) = [each for each in desk.page.evaluate(LINKS) if re.fullmatch(rf"{BASE}[\w-]{{36}}-view", each)]
        desk.same(f"{name} online at {width}", shot, desk.look(link, width))


def test_what_looks_different_is_seen(desk: Desk) -> None:
    sent = newsletter("fragment", desk.origin)
    assert sent is not None
    one = desk.look(arrived(desk, sent, "8bit", "InlineCSS: true"), 600)
    other = desk.look(arrived(desk, sent, "8bit", "InlineCSS: true", "FooterHtml: <p>The end</p>"), 600)
    with pytest.raises(AssertionError, match=r"\d+ pixels of 600 x"):
        desk.same("with a footer", one, other)
