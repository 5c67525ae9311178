"""Links of a page: which are tracked, what stands in their place, and what is left alone."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from relay.transform.html.rewrite import rewrite_html
from relay.transform.plain import rewrite_text
from relay.transform.rules import Rewritten
from tests.transform.rewriting import CLICKS, OFF, html, targets

LINK = '<a href="https://shop.example/p">x</a>'


def test_with_all_off_nothing_changes() -> None:
    assert rewrite_html(LINK.encode(), OFF) == Rewritten()


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ('<a href="http://a.example/x">l</a>', '<a href="CLICK:0/x">l</a>'),
        ("<A HREF='HTTPS://A.example/x/y.html?q=1#f'>l</A>", "<A HREF='CLICK:0/x/y.html'>l</A>"),
        ("<a href=http://a.example/x>l</a>", "<a href=CLICK:0/x>l</a>"),
        ("<a href=http://a.example>l</a>", "<a href=CLICK:0/>l</a>"),
        ('<a title=">" href = "http://a.example/">l</a>', '<a title=">" href = "CLICK:0/">l</a>'),
        ('<map><area shape=rect href="http://a.example/m"></map>', '<map><area shape=rect href="CLICK:0/m"></map>'),
        (
            '<!--[if mso]><v:roundrect href="http://a.example/b"><center>x</center></v:roundrect><![endif]-->',
            '<!--[if mso]><v:roundrect href="CLICK:0/b"><center>x</center></v:roundrect><![endif]-->',
        ),
        (
            '<!--[if !mso]><!--><a href="http://a.example/b">x</a><!--<![endif]-->',
            '<!--[if !mso]><!--><a href="CLICK:0/b">x</a><!--<![endif]-->',
        ),
        ('<a href=" \n http://a.example/x\t ">l</a>', '<a href="CLICK:0/x">l</a>'),
        (
            '<a href="http://a.example/x" href="http://b.example/">l</a>',
            '<a href="CLICK:0/x" href="http://b.example/">l</a>',
        ),
    ],
)
def test_a_web_link_leads_through_us(page: str, expected: str) -> None:
    assert html(page).replace("CLICK:0/-", "CLICK:0/") == expected


@pytest.mark.parametrize(
    "page",
    [
        '<a href="mailto:a@b.example">x</a>',
        '<a href="tel:+31201234567">x</a>',
        '<a href="sms:+31201234567">x</a>',
        '<a href="cid:a@b">x</a>',
        '<a href="data:text/html,x">x</a>',
        '<a href="javascript:void(0)">x</a>',
        '<a href="ftp://a.example/">x</a>',
        '<a href="myapp://open/1">x</a>',
        '<a href="#top">x</a>',
        '<a href="page.html">x</a>',
        '<a href="/page.html">x</a>',
        '<a href="//a.example/x">x</a>',
        '<a href="">x</a>',
        "<a href>x</a>",
        '<a name="x">x</a>',
        '<a href="http:a.example">x</a>',
        '<a href="http:///x">x</a>',
        '<a href="http://a b.example/x">x</a>',
        '<a href="{{url}}">x</a>',
        '<a href="https://a.example/{{ id }}">x</a>',
        '<a href="https://a.example/?u=<%id%>">x</a>',
        '<a href="https://a.example/*|ID|*">x</a>',
        '<a href="https://a.example/{$id}">x</a>',
        '<a href="https://a.example/[[var:id]]">x</a>',
        '<a href="https://a.example/?u=%recipient.id%">x</a>',
        '<a href="http://%unsubscribe_url%">x</a>',
        '<a href="https://clicks.example.com/already/ours">x</a>',
        '<a href="https://CLICKS.example.com:443/already/ours">x</a>',
        '<!-- <a href="http://a.example/">x</a> -->',
        '<textarea><a href="http://a.example/">x</a></textarea>',
        '<script>document.write("<a href=http://a.example/>x</a>")</script>',
        '<link rel="stylesheet" href="https://a.example/s.css">',
        '<form action="https://a.example/f"></form>',
    ],
)
def test_everything_else_is_left_alone(page: str) -> None:
    assert html(page) == page


def test_another_port_of_our_host_is_not_ours() -> None:
    page = '<a href="http://127.0.0.1:8025/x">x</a><a href="http://127.0.0.1:9000/">x</a><a href="http://127.0.0.1">x</a>'
    assert targets(page, replace(CLICKS, base=b"http://127.0.0.1:8025")) == (
        "http://127.0.0.1:9000/",
        "http://127.0.0.1",
    )


def test_the_urls_of_list_unsubscribe_are_never_tracked() -> None:
    page = '<a href="https://A.example/u?id=1&amp;x=2">x</a><a href="https://a.example/u?id=2">x</a>'
    rules = replace(CLICKS, skip=frozenset({"https://a.example/u?id=1&x=2"}))
    assert targets(page, rules) == ("https://a.example/u?id=2",)


@pytest.mark.parametrize(
    ("written", "requested"),
    [
        ("http://a.example/?a=1&amp;b=2", "http://a.example/?a=1&b=2"),
        ("http://a.example/?a=1&b=2&copy=3", "http://a.example/?a=1&b=2&copy=3"),
        ("http://a.example/&#x3c;", "http://a.example/%3C"),
        ("http://a.example/a b", "http://a.example/a%20b"),
        ("http://a.example/a\r\n  b", "http://a.example/a%20%20b"),
        ("http://a.example/%7Eann/%e9?%zz", "http://a.example/%7Eann/%e9?%zz"),
        ("http://bücher.example/ü?ü#ü", "http://xn--bcher-kva.example/%C3%BC?%C3%BC#%C3%BC"),
        ("http://user:pw@a.example:8080/", "http://user:pw@a.example:8080/"),
        ("http://[2001:db8::1]/x", "http://[2001:db8::1]/x"),
        ("http://192.0.2.1/x", "http://192.0.2.1/x"),
    ],
)
def test_the_target_is_what_a_browser_would_request(written: str, requested: str) -> None:
    assert targets(f'<a href="{written}">x</a>') == (requested,)


def test_a_query_is_in_the_charset_of_the_page_as_browsers_have_it() -> None:
    page = '<a href="http://a.example/é?é">x</a>'.encode("iso-8859-1")
    assert rewrite_html(page, CLICKS, charset="iso-8859-1").targets == ("http://a.example/%C3%A9?%E9",)


def test_octets_that_are_no_text_make_no_link() -> None:
    assert targets(b'<a href="http://a.example/\xe9">x</a>') == ()


def test_relative_links_lead_through_us_where_a_base_says_what_they_mean() -> None:
    links = "".join(
        f'<a href="{each}">x</a>' for each in ("1.html", "/2", "#f", "//b.example/", "mailto:a@b.example")
    )
    page = f'<base href="https://a.example/news/">{links}'
    assert targets(page) == ("https://a.example/news/1.html", "https://a.example/2", "https://b.example/")


def test_the_same_link_twice_is_two_targets_in_the_order_of_the_page() -> None:
    page = '<a href="http://a.example/">1</a><a href="http://b.example/">2</a><a href="http://a.example/">3</a>'
    assert targets(page) == ("http://a.example/", "http://b.example/", "http://a.example/")
    assert html(page) == '<a href="CLICK:0/">1</a><a href="CLICK:1/">2</a><a href="CLICK:2/">3</a>'


def test_numbers_go_on_where_another_text_stopped() -> None:
    result = rewrite_html(LINK.encode(), CLICKS, first=7)
    assert [piece.number for edit in result.edits for piece in edit.pieces if not isinstance(piece, bytes)] == [7]


def test_a_link_too_many_is_left_alone_with_a_warning() -> None:
    result = rewrite_html((LINK * 2).encode(), CLICKS, first=65_535)
    assert len(result.targets) == 1
    assert result.warnings == ("a message has more than 65536 links and pictures: those after that are not tracked",)


MARKS = [
    'clicktracking="off"',
    "clicktracking=off",
    "CLICKTRACKING='OFF'",
    'disable-tracking="true"',
    "data-pm-no-track",
    'data-pm-no-track="true"',
    "mc:disable-tracking",
    'mc:disable-tracking="true"',
    'data-msys-clicktrack="0"',
    "ses:no-track",
    'ses:no-track=""',
    "data-mt-no-track",
    'data-smtpeter-track="off"',
]


@pytest.mark.parametrize("mark", MARKS)
def test_a_marked_link_is_left_alone_and_its_mark_taken_out(mark: str) -> None:
    left = '<a href="https://shop.example/p" class="b">x</a>'
    assert html(f'<a {mark} href="https://shop.example/p" class="b">x</a>') == left
    assert html(f'<a href="https://shop.example/p" {mark} class="b">x</a>') == left
    assert html(f'<a href="https://shop.example/p" class="b"\r\n   {mark}>x</a>') == left


@pytest.mark.parametrize("mark", MARKS)
def test_marks_count_in_areas_and_outlooks_buttons_too(mark: str) -> None:
    assert html(f'<area href="https://shop.example/" {mark}>') == '<area href="https://shop.example/">'
    page = f'<!--[if mso]><v:rect {mark} href="https://shop.example/"></v:rect><![endif]-->'
    assert html(page) == page.replace(f" {mark}", "")


@pytest.mark.parametrize("mark", MARKS)
def test_marks_stay_where_no_clicks_are_tracked(mark: str) -> None:
    page = f'<a {mark} href="https://shop.example/p">x</a>'
    assert html(page, OFF, opens=True).startswith(page)
    assert html(page, OFF, utm=(("source", "s"),)) == page


@pytest.mark.parametrize(
    "mark", ['clicktracking="on"', 'disable-tracking="false"', 'data-msys-clicktrack="1"', 'ses:tags="a:b;c:d"']
)
def test_a_mark_that_says_the_contrary_goes_and_the_link_is_tracked(mark: str) -> None:
    assert html(f'<a {mark} href="https://shop.example/p">x</a>') == '<a href="CLICK:0/p">x</a>'


def test_a_mark_without_white_space_around_it_leaves_what_is_next_to_it_apart() -> None:
    assert html('<a clicktracking="off"href="https://a.example/">x</a>') == '<a href="https://a.example/">x</a>'
    assert html("<a href=https://a.example/ data-pm-no-track/>x</a>") == "<a href=https://a.example/ />x</a>"


@pytest.mark.parametrize("scheme", ["http", "https", "HTTPS"])
def test_a_scheme_that_says_not_to_track_becomes_the_one_that_was_meant(scheme: str) -> None:
    assert html(f'<a href="{scheme}+notrack://a.example/x">x</a>') == f'<a href="{scheme}://a.example/x">x</a>'
    page = f'<a href="{scheme}+notrack://a.example/x">x</a>'
    assert html(page, OFF, opens=True).startswith(page)
    assert html(f'<a href="{scheme}&#43;notrack://a.example/x">x</a>') == f'<a href="{scheme}://a.example/x">x</a>'


def test_postmarks_and_mailtraps_marks_go_for_the_same_url_in_the_text() -> None:
    page = (
        b'<a data-pm-no-track href="https://a.example/1">x</a><a data-mt-no-track href="https://a.example/2">x</a>'
        b'<a clicktracking=off href="https://a.example/3">x</a>'
    )
    untracked = rewrite_html(page, CLICKS).untracked
    assert untracked == {"https://a.example/1", "https://a.example/2"}
    text = b"https://a.example/1 https://A.example/2 https://a.example/3"
    assert rewrite_text(text, CLICKS, untracked=untracked).targets == ("https://a.example/3",)


@pytest.mark.parametrize(
    "label",
    [
        "www.example.com",
        "http://www.example.com",
        "https://WWW.Example.com/",
        " \r\n www.example.com\t",
        "<b>www.</b><i>example</i>.com",
        "<!-- x -->www.example.com",
        "www&#46;example.com&nbsp;",
        "www.example&shy;.com",
        "Booking.com",
        "http://other.example/elsewhere",
        "other.example:8080/path?x=y",
        "bücher.example",
    ],
)
def test_a_label_that_is_an_address_keeps_its_link_from_being_tracked(label: str) -> None:
    page = f'<a href="http://www.example.com">{label}</a>'
    assert html(page, prevent_scam=True) == page
    assert len(targets(page)) == 1


@pytest.mark.parametrize(
    "label",
    [
        "Visit www.example.com now",
        "example",
        "report.pdf",
        "Hello.",
        "",
        '<img src="x.png">',
        "info@example.com",
        "3.14",
    ],
)
def test_other_labels_do_not(label: str) -> None:
    assert html(f'<a href="http://www.example.com">{label}</a>', prevent_scam=True).startswith('<a href="CLICK:0/"')


def test_a_label_ends_with_its_link() -> None:
    page = '<a href="http://a.example/">shop<a href="http://b.example/">b.example</a>'
    assert targets(page, replace(CLICKS, prevent_scam=True)) == ("http://a.example/",)


UTM = (("source", "news"), ("utm_medium", "e mail"))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("http://a.example/", "http://a.example/?utm_source=news&amp;utm_medium=e%20mail"),
        ("http://a.example/#f", "http://a.example/?utm_source=news&amp;utm_medium=e%20mail#f"),
        (
            "http://a.example/?a=1&amp;b=2#f",
            "http://a.example/?a=1&amp;b=2&amp;utm_source=news&amp;utm_medium=e%20mail#f",
        ),
        ("http://a.example/?utm_source=own", "http://a.example/?utm_source=own&amp;utm_medium=e%20mail"),
        ("http://a.example/&#35;f", "http://a.example/?utm_source=news&amp;utm_medium=e%20mail#f"),
        ("mailto:a@b.example", "mailto:a@b.example"),
        ("https://clicks.example.com/x", "https://clicks.example.com/x"),
    ],
)
def test_parameters_are_put_before_the_fragment_of_untracked_links(written: str, expected: str) -> None:
    assert html(f'<a href="{written}">x</a>', OFF, utm=UTM) == f'<a href="{expected}">x</a>'


def test_parameters_are_in_the_target_of_tracked_links() -> None:
    page = '<a href="http://a.example/?x=1#f">x</a><a href="http://b.example/">x</a>'
    rules = replace(CLICKS, utm=(("source", "n"),), utm_domains=("a.example",))
    assert targets(page, rules) == ("http://a.example/?x=1&utm_source=n#f", "http://b.example/")


def test_parameters_go_to_subdomains_of_the_domains_given_and_not_to_their_namesakes() -> None:
    page = '<a href="http://www.a.example/">x</a><a href="http://bada.example/">x</a>'
    done = html(page, OFF, utm=(("source", "n"),), utm_domains=("A.example",))
    assert done == '<a href="http://www.a.example/?utm_source=n">x</a><a href="http://bada.example/">x</a>'


def test_a_path_that_could_eat_the_token_is_not_shown() -> None:
    for path in ("../x", "a/../../x", "./x", "a/%2e%2E/x", "..", "a\\..\\..\\x"):
        assert html(f'<a href="http://a.example/{path}">x</a>') == '<a href="CLICK:0/">x</a>', path


def test_a_path_that_is_shown_is_short_and_needs_no_escapes() -> None:
    shown = html(f'<a href="http://a.example/{"é" * 60}/&quot;&#39;()">x</a>')
    path = shown.removeprefix('<a href="CLICK:0/').removesuffix('">x</a>')
    assert re.fullmatch("(?:%C3%A9){16}%C3", path)
    assert html("""<a href='http://a.example/a"(b)'>x</a>""") == "<a href='CLICK:0/a%22%28b%29'>x</a>"
