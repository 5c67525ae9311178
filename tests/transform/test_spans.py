"""Tags are found where the HTML standard has them, and in conditional comments, in linear time."""

from __future__ import annotations

from typing import Any

import lolhtml
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.transform.html.spans import Page, Tag, escape, scan, unescape

_PIECES = b"""<a|<A |<area|<p>|<td |<v:rect | href|href=|=|"|'|x|/|>|<| |\n|\t|</|</a>|</style>|<style>|<textarea>\
|</TEXTAREA >|<!--|-->|--!>|<!-->|-|!\
|<!doctype html>|<?x|<title|</title|&amp;|\xe9|\x00|<![if !mso]>|<![endif]>|</body>|<body>|\x0b|\x0c|<br/>"""
SOUP = st.lists(st.sampled_from(_PIECES.split(b"|")), max_size=40).map(b"".join)
_CONDITIONS = b"<!--[if mso]>|<![endif]-->|<!--[if !mso]><!-->|<!--<![endif]-->|<a href=x>|</a>".split(b"|")
CONDITIONAL = st.lists(st.sampled_from(_CONDITIONS) | SOUP, max_size=12).map(b"".join)


def names(page: Page) -> list[bytes]:
    return [each.name for each in page.tags]


def attributes(text: bytes, tag: Tag) -> list[tuple[bytes, bytes]]:
    return [(each.name, text[each.value_start : each.value_end]) for each in tag.attributes]


def as_lol_html_reads_it(text: bytes) -> list[tuple[str, list[tuple[str, str]]]]:
    found = []

    class Handler:
        def element(self, element: Any) -> None:
            found.append((element.tag_name, [(name, value) for name, value in element.attributes]))

    rewriter = lolhtml.HTMLRewriter(lambda octets: None)
    rewriter.on("*", Handler())
    rewriter.write(text)
    rewriter.end()
    return found


def as_we_read_it(text: bytes) -> list[tuple[str, list[tuple[str, str]]]]:
    found = []
    for tag in scan(text).tags:
        if not tag.conditional:
            given = [(name.decode(), value.decode()) for name, value in attributes(text, tag)]
            found.append((tag.name.decode(), given))
    return found


@given(SOUP)
def test_any_soup_of_tags_is_read_as_lol_html_reads_it(soup: bytes) -> None:
    text = soup.replace(b"\xe9", "é".encode())
    assert as_we_read_it(text) == as_lol_html_reads_it(text)


@given(CONDITIONAL | SOUP | st.binary(max_size=200))
def test_spans_are_in_order_and_in_range_and_say_what_stands_there(text: bytes) -> None:
    page = scan(text)
    at = 0
    for tag in page.tags:
        assert at <= tag.start < tag.end <= len(text)
        assert text[tag.start : tag.start + 1] == b"<" and text[tag.end - 1 : tag.end] == b">"
        assert text[tag.start + 1 : tag.name_end].lower() == tag.name
        within = tag.name_end
        for each in tag.attributes:
            assert within <= each.start < each.end < tag.end
            assert text[each.start : each.end].lower().startswith(each.name)
            assert each.start < each.value_start <= each.value_end <= each.end
            assert text[each.value_end : each.end] == each.quote
            within = each.end
        assert tag.end <= page.end_of(tag) <= len(text)
        at = tag.end
    assert 0 <= page.body_start <= page.body_end <= len(text)
    assert 0 <= page.head_end <= len(text)


def test_every_way_of_quoting_is_read() -> None:
    text = b"""<A HREF="a b" title='c"d' download rel=nofollow x = y/z data-e='' ="q r>"""
    page = scan(text)
    assert attributes(text, page.tags[0]) == [
        (b"href", b"a b"),
        (b"title", b'c"d'),
        (b"download", b""),
        (b"rel", b"nofollow"),
        (b"x", b"y/z"),
        (b"data-e", b""),
        (b'="q', b""),
        (b"r", b""),
    ]
    assert page.tags[0].value(b"title") == b'c"d' and page.tags[0].value(b"none") is None


def test_the_first_of_two_attributes_of_a_name_counts() -> None:
    assert scan(b"<a href=one href=two>").tags[0].value(b"href") == b"one"


def test_what_stands_in_a_conditional_comment_is_read_and_marked() -> None:
    text = b"""<!--[if mso]><v:roundrect href="one"><![endif]--><![if !mso]><a href="two">x</a><![endif]>
<!--[if !mso]><!--><a href="three">y</a><!--<![endif]--><!-- <a href="no"> -->
<!--[IF (gte mso 9)|(IE)]><br><![endif]-->"""
    found = [(each.name, each.value(b"href"), each.conditional) for each in scan(text).tags]
    assert found == [
        (b"v:roundrect", b"one", True),
        (b"a", b"two", False),
        (b"a", b"three", False),
        (b"br", None, True),
    ]


def test_a_conditional_comment_ends_where_a_browser_ends_it() -> None:
    text = b'<!--[if mso]><a href="x><style><![endif]--><p><!--[if mso]><style>a{}</style><td><![endif]--><b>'
    assert [(each.name, each.conditional) for each in scan(text).tags] == [
        (b"p", False),
        (b"style", True),
        (b"td", True),
        (b"b", False),
    ]


@pytest.mark.parametrize("name", ["script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"])
def test_raw_text_holds_no_tags(name: str) -> None:
    text = f"<{name.upper()}><a><!-- </{name}x> </{name} ><b></b>".encode()
    assert names(scan(text)) == [name.encode(), b"b"]


@pytest.mark.parametrize("text", [b"<p><a href='x", b"<p><a <b", b"<p><!-- <b>", b"<p><style><b>", b"<p><? <b"])
def test_what_is_put_at_the_end_stands_before_what_never_ends(text: bytes) -> None:
    assert scan(text).body_end == 3


def test_head_and_body_end_before_their_last_end_tags() -> None:
    text = b"<!doctype html><html><head><title>x</title></head><body class=x>one</body>two</body></html>"
    page = scan(text)
    assert text[: page.head_end].endswith(b"</title>")
    assert text[: page.body_start].endswith(b"<body class=x>")
    assert text[: page.body_end].endswith(b"two")


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        (b"text", b"", b""),
        (b"<!DOCTYPE html>text", b"<!DOCTYPE html>", b""),
        (b"<!doctype html><html><p>text</html>\n", b"<!doctype html><html>", b"</html>\n"),
        (b"<head></head ><p>text", b"<head></head >", b""),
        (b"<!--[if mso]><body class=mso><![endif]--><body>x</body>", b"", b"</body>"),
    ],
)
def test_a_page_without_a_body_has_places_for_things_all_the_same(text: bytes, start: bytes, end: bytes) -> None:
    page = scan(text)
    assert text[page.body_end :] == end
    assert text[: page.body_start].endswith(start)
    assert text[page.body_start : page.body_start + 1] in (b"t", b"<", b"x")


def test_the_content_of_an_element_ends_at_its_own_end_tag() -> None:
    text = b"""<div><a>1<div>2</div></div><a>3<!--[if mso]></a><a>4<![endif]-->5</a><p>6</body>"""
    page = scan(text)
    contents = [text[each.end : page.end_of(each)] for each in page.tags]
    assert contents == [
        b"<a>1<div>2</div>",
        b"1<div>2</div></div>",
        b"2",
        b"3<!--[if mso]></a><a>4<![endif]-->5",
        b"4",
        b"6",
    ]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (b"http://x.example/?a=1&amp;b=2", b"http://x.example/?a=1&b=2"),
        (b"?a=1&copy=2&copy;&copy", b"?a=1&copy=2\xc2\xa9\xc2\xa9"),
        (b"&quot;=&quot=", b'"=&quot='),
        (b"&ampx&notit;&amp", b"&ampx&notit;&"),
        (b"&#38;&#x26;&#X26&#0;&#99999999999999999999;&#xD800;", b"&&&\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"),
        (b"&unknown;&;&#;& x", b"&unknown;&;&#;& x"),
    ],
)
def test_character_references_are_read_as_in_attributes(value: bytes, read: bytes) -> None:
    assert unescape(value) == read


def test_a_value_is_read_in_its_charset() -> None:
    assert unescape(b"/caf\xe9?&eacute;", "iso-8859-1") == "/café?é".encode()
    assert unescape(b"/caf\xe9", "nothing-like-this") == unescape(b"/caf\xe9", "utf-8") == b"/caf\xe9"


@given(st.text(max_size=40).map(str.encode), st.sampled_from([b'"', b"'", b""]))
def test_what_was_escaped_reads_as_it_was(value: bytes, quote: bytes) -> None:
    escaped = escape(value, quote)
    text = b"<a href=" + quote + escaped + quote + b">"
    if value or quote:
        assert scan(text).tags[0].value(b"href") == value
    assert len(scan(text).tags) == 1


def test_only_what_must_be_is_escaped() -> None:
    assert escape(b"?a=1&b & c", b'"') == b"?a=1&amp;b & c"
    assert escape(b"'\"", b'"') == b"'&quot;" and escape(b"'\"", b"'") == b'&#39;"'


@pytest.mark.parametrize(
    "piece",
    [
        b"<a ",
        b"<p x=",
        b"<a <a <a",
        b"<p x=<p x=",
        b"<!--",
        b"<!--[if x]>",
        b"<!--[if x]><style>",
        b"<!--[if x]><style>-->",
        b"<a x='",
        b"<a x=\"'",
        b"<",
        b"</",
        b"<!",
        b"<style>",
        b"<style>-->",
        b"</style ",
        b"<a>",
        b"</a>",
        b"<!--[if x]><a>-->",
        b"a = ",
        b"<a  \n",
        b"&#1",
        b"<a =",
        b"--!",
    ],
)
def test_hostile_repetitions_cost_no_more_than_their_length(piece: bytes) -> None:
    """Of such texts, work that grows faster than they do takes minutes; this is a matter of milliseconds."""
    text = (piece * (400_000 // len(piece) + 1))[:400_000]
    page = scan(text)
    assert all(tag.end <= page.end_of(tag) <= len(text) for tag in page.tags)
    assert sum(len(tag.attributes) for tag in page.tags) <= len(text)
    assert len(unescape(text)) <= len(text)
