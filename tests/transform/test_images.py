"""Pictures of a page: which come through us, which from where they are hosted, and where the pixel goes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from relay.transform.html.rewrite import rewrite_html
from relay.transform.rules import Pixel
from tests.transform.rewriting import CLICKS, OFF, OPENS, html, targets

PIXEL = (
    '<img src="PIXEL:0/.gif" width="1" height="1" alt="" border="0" '
    'style="width:1px;height:1px;border:0;margin:0;padding:0">'
)


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ('<img src="http://i.example/a/logo.png?x=1">', '<img src="IMAGE:0/logo.png">'),
        ("<IMG SRC=http://i.example/logo.png>", "<IMG SRC=IMAGE:0/logo.png>"),
        ('<img width=1 src="https://i.example/own-pixel">', '<img width=1 src="IMAGE:0/own-pixel">'),
        ('<input type="image" src="http://i.example/b.png">', '<input type="image" src="IMAGE:0/b.png">'),
        ('<video poster="http://i.example/p.jpg">', '<video poster="IMAGE:0/p.jpg">'),
        ('<body background="http://i.example/p.jpg">', '<body background="IMAGE:0/p.jpg">'),
        ("<table><td background='http://i.example/p.jpg'>", "<table><td background='IMAGE:0/p.jpg'>"),
        (
            '<!--[if mso]><v:fill src="http://i.example/f.png" /><![endif]-->',
            '<!--[if mso]><v:fill src="IMAGE:0/f.png" /><![endif]-->',
        ),
        ("<v:image src='http://i.example/f.png' />", "<v:image src='IMAGE:0/f.png' />"),
        ('<p style="background:url(http://i.example/f.png) 0">', '<p style="background:url(IMAGE:0/f.png) 0">'),
        ("<p style='background:url(\"http://i.example/f.png\")'>", "<p style='background:url(\"IMAGE:0/f.png\")'>"),
        (
            '<p style="background-image:URL( &quot;http://i.example/f.png?a=1&amp;b=2&quot; )">',
            '<p style="background-image:URL( &quot;IMAGE:0/f.png&quot; )">',
        ),
        (
            "<style>a{background: url('http://i.example/1.png'), URL(http://i.example/2.png)}</style>",
            "<style>a{background: url('IMAGE:0/1.png'), URL(IMAGE:1/2.png)}</style>",
        ),
        (
            '<img srcset="http://i.example/1.png 1x, http://i.example/a,b.png 2x,http://i.example/3.png">',
            '<img srcset="IMAGE:0/1.png 1x, IMAGE:1/a%2Cb.png 2x,IMAGE:2/3.png">',
        ),
        ('<source srcset="http://i.example/1.webp, b.png 2x">', '<source srcset="IMAGE:0/1.webp, b.png 2x">'),
    ],
)
def test_a_picture_comes_through_us(page: str, expected: str) -> None:
    assert html(page, OPENS) == expected


@pytest.mark.parametrize(
    "page",
    [
        '<img src="cid:logo@a.example">',
        '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">',
        '<img src="logo.png">',
        '<img src="//i.example/logo.png">',
        '<img src="https://i.example/{{ id }}.png">',
        '<img src="https://clicks.example.com/tok-logo.png">',
        '<img alt="http://i.example/logo.png">',
        '<script src="https://i.example/s.js"></script>',
        '<iframe src="https://i.example/"></iframe>',
        '<input type="text" src="http://i.example/b.png">',
        '<video src="https://i.example/v.mp4"></video>',
        "<style>@import url(http://i.example/s.css); @font-face { src: url(http://i.example/f) }</style>",
        "<style>a { behavior: url(http://i.example/x.htc) }</style>",
        r"<style>a { background: url(http://i.example/\66.png) }</style>",
        '<!-- <img src="http://i.example/logo.png"> -->',
    ],
)
def test_everything_else_stays_and_a_pixel_is_there_for_it(page: str) -> None:
    assert html(f"<body>{page}</body>", OPENS) == f"<body>{page}{PIXEL}</body>"


def test_the_target_is_the_exact_address_of_the_picture() -> None:
    page = '<img src="http://i.example/a?b=1&amp;c=2"><p style="background:url(&quot;http://i.example/d?e=1&amp;f=2&quot;)">'
    assert targets(page, OPENS) == ("http://i.example/a?b=1&c=2", "http://i.example/d?e=1&f=2")


def test_links_and_pictures_are_numbered_together() -> None:
    page = '<a href="http://a.example/1"><img src="http://i.example/2"></a><a href="http://a.example/3">x</a>'
    done = html(page, replace(CLICKS, opens=True))
    assert done == '<a href="CLICK:0/1"><img src="IMAGE:1/2"></a><a href="CLICK:2/3">x</a>'


def test_relative_pictures_are_found_where_a_base_says_so() -> None:
    assert targets('<base href="https://a.example/n/"><img src="i.png">', OPENS) == ("https://a.example/n/i.png",)


HOSTED = replace(OFF, hosted=(("logo@a", "https://clicks.example.com/h/abc?x=1&y=2"),))


def test_embedded_pictures_are_shown_from_where_they_are_hosted() -> None:
    page = '<img src="cid:logo@a"><td background=CID:logo%40a>'
    page += '<p style="background:url(cid:logo@a)"><img src="cid:other">'
    shown = "https://clicks.example.com/h/abc?x=1&amp;y=2"
    expected = f'<img src="{shown}"><td background={shown.replace("=", "&#61;")}>'
    expected += f'<p style="background:url({shown})"><img src="cid:other">'
    assert html(page, HOSTED) == expected


def test_hosted_pictures_tell_of_openings_too() -> None:
    page = '<img src="cid:logo@a">'
    assert html(page, HOSTED, opens=True) == '<img src="IMAGE:0/abc">'
    assert targets(page, replace(HOSTED, opens=True)) == ("https://clicks.example.com/h/abc?x=1&y=2",)


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<html><body><p>x</p></body></html>", f"<html><body><p>x</p>{PIXEL}</body></html>"),
        ("<p>x</p></html>\r\n", f"<p>x</p>{PIXEL}</html>\r\n"),
        ("x", f"x{PIXEL}"),
        ("", PIXEL),
        ("<body>a</body><body>b</BODY>", f"<body>a</body><body>b{PIXEL}</BODY>"),
    ],
)
def test_a_page_without_pictures_gets_a_pixel_at_its_end(page: str, expected: str) -> None:
    assert html(page, OPENS) == expected


def test_a_page_with_a_picture_gets_a_pixel_only_where_one_is_asked_for() -> None:
    page = '<body><img src="http://i.example/1.png"></body>'
    done = '<body><img src="IMAGE:0/1.png">'
    assert html(page, OPENS) == done + "</body>"
    assert html(page, OPENS, pixel=Pixel.BOTTOM) == done + PIXEL + "</body>"
    assert html(page, OPENS, pixel=Pixel.TOP) == f'<body>{PIXEL}<img src="IMAGE:0/1.png"></body>'


def test_a_pixel_stands_in_the_place_of_its_tag() -> None:
    page = '<title>%open%</title><body><p title="%open%">a %open% b</p></body>'
    rules = replace(OPENS, pixel=Pixel.TAG, pixel_tag="%open%")
    assert html(page, rules) == f'<title>%open%</title><body><p title="%open%">a {PIXEL} b</p></body>'
    assert html("<p>a &lt;o&gt;</p>", rules, pixel_tag="<o>") == f"<p>a {PIXEL}</p>"


def test_a_pixel_without_its_tag_stands_at_the_end_with_a_warning() -> None:
    result = rewrite_html(b"<p>a</p>", replace(OPENS, pixel=Pixel.TAG, pixel_tag="%open%"))
    assert result.warnings == ("the html has no pixel tag: the pixel stands at its end",)
    assert html("<p>a</p>", OPENS, pixel=Pixel.TAG, pixel_tag="%open%") == f"<p>a</p>{PIXEL}"


def test_no_pixel_without_open_tracking() -> None:
    assert html("<p>a</p>", CLICKS, pixel=Pixel.BOTTOM) == "<p>a</p>"
