"""Rows 45 to 48: style sheets, links, and pictures, from the message to the event."""

from __future__ import annotations

import re

import pytest

from tests.conformance.origin import Origin, picture
from tests.conformance.stage import CLICKS, PERSON, SENDER, Stage, links, message, part

TOKEN = re.compile(rf"https://{re.escape(CLICKS)}/([A-Za-z0-9_-]{{36}})(?:-(.*))?")


def test_row_45_rules_of_style_sheets_stand_at_each_element_and_the_sheet_stays(it: Stage) -> None:
    sheet = (
        "<style>p { color: red; margin: 0 } .big { font-size: 20px } a:hover { color: blue }\r\n"
        "@media (max-width: 480px) { p { color: green !important } }</style>"
    )
    page = f'<html><head>{sheet}</head><body><p class="big" style="margin: 1px">A</p><div>B</div></body></html>'
    html = part(it.delivered(message("inlinecss: true", html=page)))
    assert sheet in html
    (styled,) = re.findall(r'<p class="big" style="([^"]*)">', html)
    rules = dict(each.replace(" ", "").split(":") for each in styled.strip("; ").split(";"))
    assert rules == {"color": "red", "margin": "1px", "font-size": "20px"}
    assert "<div>B</div>" in html


def test_row_45_no_style_sheet_is_fetched(it: Stage) -> None:
    with Origin() as origin:
        origin.says["/x.css"] = ("text/css", b"p { color: red }")
        sheet = origin.url("/x.css")
        page = f'<link rel="stylesheet" href="{sheet}"><style>@import "{sheet}";</style><p>A'
        html = part(it.delivered(message("InlineCSS: true", html=page)))
        assert "<p>A" in html and origin.asked == []


def test_row_46_click_tracking_keeps_the_path_and_adds_an_identifier_at_the_domains_own_host(it: Stage) -> None:
    target = "https://www.shop.example/path/of/the-uri?a=1&b=%20#part"
    page = f'<p><a href="{target.replace("&", "&amp;")}">A</a> <a href="https://www.shop.example">home</a></p>'
    first, second = links(part(it.delivered(message("TrackClicks: true", html=page))))
    found = TOKEN.fullmatch(first)
    assert found is not None and found[2] == "path/of/the-uri"
    assert TOKEN.fullmatch(second)
    got = it.http(first)
    assert (got.status, got.location) == (302, target)
    assert "set-cookie" not in got.headers
    assert it.http(second).location in ("https://www.shop.example", "https://www.shop.example/")


def test_row_46_the_same_link_twice_is_told_apart_by_position(it: Stage) -> None:
    sent = it.send(
        message("TrackClicks: true", html='<a href="https://a.example/x">1</a><a href="https://a.example/x">2</a>')
    )
    one, two = links(part(it.arrived(sent).content))
    assert one != two
    for link in (two, one):
        assert it.http(link).location == "https://a.example/x"
    events = it.events(sent, "clicked", many=2)
    assert [each["link"] for each in events] == [1, 0]
    for each in events:
        assert (each["url"], each["client"], each["user_agent"]) == ("https://a.example/x", "127.0.0.1", PERSON)


@pytest.mark.parametrize(
    "left",
    ["mailto:ann@shop.example", "tel:+31201234567", "#top", "page.html", "data:text/plain,x", "{{later}}", "sms:1"],
)
def test_row_46_what_is_no_link_to_the_web_is_left_alone(it: Stage, left: str) -> None:
    page = f'<a href="{left}">A</a><map name="m"><area href="https://a.example/" shape="default"></map>'
    html = part(it.delivered(message("TrackClicks: true", html=page)))
    alone, area = links(html)
    assert alone == left
    assert it.http(area).location == "https://a.example/"


def test_row_46_links_of_the_text_lead_through_us_where_all_is_asked_for(it: Stage) -> None:
    both = {"html": '<a href="https://a.example/x">x</a>', "text": "See https://a.example/x now.\n"}
    html_only = it.delivered(message("TrackClicks: true", **both))
    assert "https://a.example/x" in part(html_only, "text/plain")
    everything = it.delivered(message("TrackClicks: all", **both))
    (link,) = re.findall(r"https://\S+", part(everything, "text/plain"))
    assert it.http(link).location == "https://a.example/x"
    assert it.http(links(part(everything))[0]).location == "https://a.example/x"


def test_row_46_https_is_a_setting_of_the_domain(it: Stage) -> None:
    it.relay.cli("domain", "add", "plain.test", "--account", "demo")
    it.relay.cli("domain", "verify", "plain.test", "--force")
    it.relay.cli("domain", "tracking", "plain.test", "go.plain.test", "--http", "--force")
    content = message("TrackClicks: true", html='<a href="https://a.example/">x</a>', sender="me@plain.test")

    def link() -> str:
        return links(part(it.delivered(content, sender="me@plain.test")))[0]

    plain = it.wait(lambda: found if (found := link()).startswith("http://go.plain.test/") else "", "the host")
    it.relay.cli("domain", "tracking", "plain.test", "go.plain.test", "--https", "--force")
    it.wait(lambda: link().startswith("https://go.plain.test/"), "https")
    assert it.http(plain).location == "https://a.example/"
    assert it.http(plain, host="some.other.host").location == "https://a.example/"  # the signature decides


def test_row_46_nobody_can_make_a_link_of_ours_that_leads_elsewhere(it: Stage) -> None:
    (link,) = links(part(it.delivered(message("TrackClicks: true", html='<a href="https://a.example/x">x</a>'))))
    assert it.http(link + "/../../evil?url=https://evil.example").location == "https://a.example/x"
    found = TOKEN.fullmatch(link)
    assert found is not None
    token = found[1]
    changed = token[:-1] + ("A" if token[-1] != "A" else "B")
    for other in (changed, "x" * 36, token[1:]):
        assert it.http(link.replace(token, other)).status == 404
    head = it.http(link, "HEAD")
    assert (head.status, head.location) == (302, "https://a.example/x")
    assert it.http(f"https://{CLICKS}/robots.txt").body == b"User-agent: *\nDisallow: /\n"


@pytest.mark.parametrize(
    "mark",
    [
        'data-smtpeter-track="off"',
        'clicktracking="off"',
        "clicktracking=off",
        'disable-tracking="true"',
        "data-pm-no-track",
        "mc:disable-tracking",
        'data-msys-clicktrack="0"',
        "ses:no-track",
        "data-mt-no-track",
    ],
)
def test_row_46_a_link_says_that_it_is_not_to_be_tracked_in_any_words_of_the_trade(it: Stage, mark: str) -> None:
    page = f'<a {mark} class="k" href="https://a.example/x?y=1">x</a><a href="https://b.example/">y</a>'
    html = part(it.delivered(message("TrackClicks: true", html=page)))
    left, tracked = links(html)
    assert left == "https://a.example/x?y=1" and TOKEN.fullmatch(tracked)
    assert mark not in html and 'class="k"' in html


def test_row_46_the_mark_may_stand_in_the_scheme(it: Stage) -> None:
    html = part(it.delivered(message("TrackClicks: true", html='<a href="https+notrack://a.example/x">x</a>')))
    assert links(html) == ["https://a.example/x"]


@pytest.mark.parametrize(
    ("label", "left"),
    [
        ("www.example.com", True),
        ("http://www.example.com", True),
        ("https://www.example.com", True),
        (" WWW.Example.com/ ", True),
        ("Example", False),
        ("read www.example.com today", False),
    ],
)
def test_row_47_a_link_whose_label_is_its_address_is_left_alone_whatever_the_scheme(
    it: Stage, label: str, left: bool
) -> None:
    page = f'<a href="http://www.example.com">{label}</a>'
    (link,) = links(part(it.delivered(message("TrackClicks: true", "PreventScam: true", html=page))))
    assert (link == "http://www.example.com") is left


def test_row_48_all_pictures_come_through_us_and_each_that_is_fetched_is_an_open(it: Stage) -> None:
    with Origin() as origin:
        logo, back = origin.url("/pics/logo.png"), origin.url("/back.png")
        origin.says["/pics/logo.png"] = ("image/png", picture(20, 10, 1))
        origin.says["/back.png"] = ("image/png", picture(4, 4, 2))
        cell = f'<td style="background: url({back})"><img src="{logo}" width="20">'
        page = f'<table background="{back}"><tr>{cell}</table>'
        sent = it.send(message("TrackOpens: true", html=page))
        html = part(it.arrived(sent).content)
        assert logo not in html and back not in html
        ours = [*links(html, "src"), *links(html, "background"), *re.findall(r"url\(([^)]*)\)", html)]
        assert len(ours) == 3 and all(TOKEN.fullmatch(each) for each in ours)
        assert ours[0].endswith("-logo.png")
        for link, path in zip(ours, ("/pics/logo.png", "/back.png", "/back.png"), strict=True):
            got = it.http(link)
            assert (got.status, got.headers["content-type"], got.body) == (200, *origin.says[path])
            assert "set-cookie" not in got.headers
        assert sorted(origin.asked) == ["/back.png", "/pics/logo.png"]  # fetched once for all
    opened = it.events(sent, "opened", many=3)
    assert {each["url"] for each in opened} == {logo, back}
    assert it.http(ours[0]).body == picture(20, 10, 1)  # shown although it lies there no longer


def test_row_48_a_pixel_is_added_only_where_there_is_no_picture_or_it_is_asked_for(it: Stage) -> None:
    without = it.send(message("TrackOpens: true", html="<p>Hello</p>"))
    (pixel,) = links(part(it.arrived(without).content), "src")
    assert pixel.endswith(".gif")
    got = it.http(pixel)
    assert (got.status, got.headers["content-type"]) == (200, "image/gif")
    assert it.events(without, "opened")
    page = '<p>Hello</p><img src="https://shop.example/a.png">'
    assert len(links(part(it.delivered(message("TrackOpens: true", html=page))), "src")) == 1
    forced = part(it.delivered(message("TrackOpens: true", "OpenPixel: bottom", html=page)))
    assert [each.endswith(".gif") for each in links(forced, "src")] == [False, True]


def test_row_48_a_picture_that_cannot_be_had_is_asked_for_where_it_lies(it: Stage) -> None:
    with Origin() as origin:
        gone = origin.url("/gone.png")
        (link,) = links(part(it.delivered(message("TrackOpens: true", html=f'<img src="{gone}">'))), "src")
        got = it.http(link)
    assert (got.status, got.location) == (302, gone)


def test_row_48_machines_are_told_apart_and_not_dropped(it: Stage) -> None:
    sent = it.send(message("TrackClicks: true", html='<a href="https://a.example/">x</a>'))
    (link,) = links(part(it.arrived(sent).content))
    assert it.http(link, **{"User-Agent": "Slackbot-LinkExpanding 1.0"}).location == "https://a.example/"
    (event,) = it.events(sent, "clicked")
    assert event["machine"] is True and event["machine_reason"]


def test_row_46_what_is_signed_or_attached_is_never_touched(it: Stage) -> None:
    page = '<a href="https://a.example/">x</a>'
    sealed = (
        f"From: {SENDER}\r\nSubject: sealed\r\nDate: Thu, 01 Jan 2026 12:00:00 +0000\r\n"
        "Message-ID: <s@example.com>\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary=s\r\n'
        f"\r\n--s\r\nContent-Type: text/html\r\n\r\n{page}\r\n"
        "--s\r\nContent-Type: application/pkcs7-signature\r\n\r\nMIIB\r\n--s--\r\n"
    ).encode()
    arrived = it.delivered(b"X-SMTPeter-TrackClicks: all\r\nX-SMTPeter-InlineCSS: yes\r\n" + sealed)
    assert arrived.endswith(sealed)
