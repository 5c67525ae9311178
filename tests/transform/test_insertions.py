"""What a page is given: a footer, a way to see it online, a way to unsubscribe."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.transform.rewriting import CLICKS, OFF, OPENS, html

STYLE = 'style="font-size:12px;line-height:18px;text-align:center;padding:8px"'
PAGE = "<!DOCTYPE html><html><head><title>t</title></head><body class=b><p>x</p></body></html>"


def test_a_footer_stands_before_the_end_of_the_body_in_any_charset() -> None:
    done = html(PAGE, OFF, footer_html="<p>© Müller</p>")
    assert done == PAGE.replace("</body>", "<p>&#169; M&#252;ller</p></body>")


def test_a_footers_links_are_the_senders_and_stay() -> None:
    done = html(PAGE, CLICKS, footer_html='<a href="https://a.example/">x</a>')
    assert '<a href="https://a.example/">x</a></body>' in done


def test_a_line_to_see_the_page_online_stands_on_top() -> None:
    line = f'<div {STYLE}><a href="VIEW:0/view">View this message in your browser</a></div>'
    assert html(PAGE, OFF, view_online=True) == PAGE.replace("<body class=b>", f"<body class=b>{line}")
    assert html("<!DOCTYPE html><p>x</p>", OFF, view_online=True) == f"<!DOCTYPE html>{line}<p>x</p>"


def test_where_the_sender_has_a_place_for_it_no_line_is_added() -> None:
    page = '<a href="[[web]]">online</a>'
    assert html(page, OFF, view_online=True, view_marker="[[web]]") == '<a href="VIEW:0/view">online</a>'


@pytest.mark.parametrize(
    "address", ["[unsub]", "http://[unsub]", "https://a.example/?u=[unsub]", "%5Bunsub%5D", " [unsub] "]
)
def test_an_address_with_the_mark_in_it_becomes_ours_and_is_never_tracked(address: str) -> None:
    page = f'<a href="{address}">off</a>'
    rules = replace(CLICKS, unsubscribe=True, unsubscribe_marker="[unsub]")
    assert html(page, rules) == '<a href="UNSUBSCRIBE:0/unsubscribe">off</a>'


def test_a_mark_among_words_becomes_the_url() -> None:
    rules = replace(OFF, unsubscribe=True, unsubscribe_marker="<%u%>")
    assert html("<p>Off: &lt;%u%&gt; or <%u%></p>", rules) == (
        "<p>Off: UNSUBSCRIBE:0/unsubscribe or UNSUBSCRIBE:0/unsubscribe</p>"
    )


def test_marks_of_others_stay() -> None:
    page = '<a href="%unsubscribe_url%">x</a> *|UNSUB|*'
    assert html(page, CLICKS, unsubscribe_marker="[u]") == page


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", '<a href="UNSUBSCRIBE:0/unsubscribe">Unsubscribe</a>'),
        ("No <b>more</b>é", '<a href="UNSUBSCRIBE:0/unsubscribe">No <b>more</b>&#233;</a>'),
        ("Too many? <% Leave %>.", 'Too many? <a href="UNSUBSCRIBE:0/unsubscribe">Leave</a>.'),
        ('<a href="%unsubscribe_url%">go</a>', '<a href="UNSUBSCRIBE:0/unsubscribe">go</a>'),
        ('<a href="<% %>">go</a>', '<a href="UNSUBSCRIBE:0/unsubscribe">go</a>'),
        ('<a href="[u]">go</a>', '<a href="UNSUBSCRIBE:0/unsubscribe">go</a>'),
    ],
)
def test_the_line_to_unsubscribe_is_the_senders(line: str, expected: str) -> None:
    rules = replace(CLICKS, unsubscribe=True, unsubscribe_marker="[u]", unsubscribe_html=line)
    assert html(PAGE, rules) == PAGE.replace("</body>", f"<div {STYLE}>{expected}</div></body>")


def test_no_line_is_added_to_what_leads_to_the_address_in_list_unsubscribe() -> None:
    rules = replace(CLICKS, unsubscribe=True, skip=frozenset({"https://a.example/u?id=1&x=2", "mailto:u@a.example"}))
    for page in ('<a href="https://a.example/u?id=1&amp;x=2">off</a>', "<p>https://a.example/u?id=1&x=2.</p>"):
        assert html(page, rules) == page
    for page in ("<p>https://a.example/u?id=1&amp;x=23</p>", '<a href="mailto:u@a.example">off</a>', "<p>x</p>"):
        assert html(page, rules).endswith('"UNSUBSCRIBE:0/unsubscribe">Unsubscribe</a></div>')


def test_the_senders_own_page_to_unsubscribe_is_led_to_directly() -> None:
    rules = replace(CLICKS, unsubscribe=True, unsubscribe_url="https://a.example/u?a=1&b=2", unsubscribe_marker="[u]")
    assert html('<a href="[u]">x</a>', rules) == '<a href="https://a.example/u?a=1&amp;b=2">x</a>'
    assert '<a href="https://a.example/u?a=1&amp;b=2">Unsubscribe</a>' in html(PAGE, rules)


def test_all_at_once_stand_in_order() -> None:
    rules = replace(OPENS, unsubscribe=True, footer_html="FOOT", view_online=True)
    done = html("<body></body>", rules)
    places = [done.index(each) for each in ("<body>", "VIEW:0", "FOOT", "UNSUBSCRIBE:0", "PIXEL:0", "</body>")]
    assert places == sorted(places)


def test_parameters_are_put_on_none_of_our_links() -> None:
    rules = replace(OFF, utm=(("source", "s"),), unsubscribe=True, view_online=True, unsubscribe_marker="[u]")
    done = html('<a href="[u]">x</a><a href="http://a.example/">y</a>', rules)
    assert done.count("utm_source") == 1
