"""Markup of strangers, made harmless."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.transform.merge import compile
from relay.transform.responsive.foreign import harmless, web_address
from tests.transform.responsive.views import tree


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<p>A <b>word</b></p>", "<p>A <b>word</b></p>"),
        ("a & b &lt;i&gt; &amp;", "a &amp; b &lt;i&gt; &amp;"),
        ("<p onclick='x'>one<p>two", "<p>one</p><p>two</p>"),
        ("<script>alert('<p>')</script>x<style>p{}</style >y", "xy"),
        ("x<script>never ends", "x"),
        ("<iframe src=x>y</iframe><img src=x onerror=y>z", "z"),
        ('<a href="/a?b=1&amp;c" target=x>go</a>', '<a href="https://example.com/a?b=1&amp;c">go</a>'),
        ("<a href=javascript:x>go</a>", "go"),
        ("<a href='java\nscript:x'>go</a> <a href=' data:x'>go</a>", "go go"),
        ("<a href='mailto:a@example.com'>mail</a>", '<a href="mailto:a@example.com">mail</a>'),
        ("<a data-href='https://evil.example'>x</a>", "x"),
        ("<b><i>x</b>y</i>", "<b><i>x</i></b>y"),
        ("<table><tr><td>1</td><td>2</td></tr></table>", "<p>12</p>"),
        ("<!-- <p>no</p> -->yes<!doctype x>", "yes"),
        ("{$secret} {if}", "&#123;$secret} &#123;if}"),
        ("<a href='https://example.com/{$secret}'>x</a>", '<a href="https://example.com/%7B$secret%7D">x</a>'),
        ("1 < 2 <p", "1 &lt; 2"),
        ("<p>a<br/>b<hr></p>", "<p>a<br>b<hr></p>"),
    ],
)
def test_simple_elements_stay_and_all_else_leaves_its_words(markup: str, expected: str) -> None:
    assert harmless(markup, "https://example.com/base") == expected


@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                ["<p>", "</p>", "<b>", "</b>", "<a href='x'>", "</a>", "<script>", "</script>", "<li>", "<"]
            ),
            st.sampled_from(["{", "{$a}", "<!--", "-->", "&", "&#123;", '"', "'", ">", "</", "<a ", "<br", "=", "/"]),
            st.text(max_size=5),
        ),
        max_size=30,
    ).map("".join)
)
def test_whatever_comes_is_balanced_and_no_template(markup: str) -> None:
    made = harmless(markup, "https://example.com/")
    names = {each.name for each in tree(made).walk()}
    assert names <= {"", "p", "b", "a", "li", "br"}
    assert not compile(made).variables


def test_addresses_are_of_the_web_and_whole() -> None:
    assert web_address("/a b", "https://example.com/x") == "https://example.com/a%20b"
    assert web_address("a\x07b", "https://example.com/") == "" == web_address("//[", "https://example.com/")
    assert web_address("ftp://example.com/") == "" == web_address("a.png") == web_address("https:///a")
    assert web_address("https://example.com/" + "x" * 2000) == ""
