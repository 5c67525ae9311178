"""Rules for links: which they are for, what they do, and which come after which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from relay.transform.merge import compile
from relay.transform.responsive import DocumentError, render
from tests.transform.responsive.views import elsewhere

Rule = Mapping[str, object]
PAGE = "https://www.example.com/shoes/red?size=40#top"


def led(url: str, *rules: Rule, link: Mapping[str, object] | None = None, block: Sequence[Rule] = ()) -> str:
    """Where a button leads."""
    button = {"type": "button", "label": "x", "link": {"url": url, **(link or {})}, "rewrite": {"links": list(block)}}
    made = render({"content": {"blocks": [button]}, "rewrite": {"links": list(rules)}})
    return elsewhere(made.html).all("a")[0].attributes["href"]


def hit(condition: Rule, url: str = PAGE) -> bool:
    return "hit=1" in led(url, {**condition, "params": {"hit": 1}})


def test_a_rule_without_conditions_is_for_every_link() -> None:
    assert led(PAGE, {"params": {"a": "b c", "d": True}}) == (
        "https://www.example.com/shoes/red?size=40&a=b%20c&d=true#top"
    )
    assert led("https://example.com", {"params": {"a": 1}}) == "https://example.com?a=1"


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ({"domain": {"equals": "WWW.example.com"}}, True),
        ({"domain": {"equals": "example.com"}}, False),
        ({"domain": {"contains": "example"}}, True),
        ({"domain": {"match": "*.example.com"}}, True),
        ({"domain": {"match": "*.example"}}, False),
        ({"domain": {"regex": r"^www\.[a-z]+\.com$"}}, True),
        ({"path": {"equals": "/shoes/red"}}, True),
        ({"path": {"match": "*/red"}}, True),
        ({"path": {"match": "/shoes/???"}}, True),
        ({"path": {"contains": "size"}}, False),
        ({"url": {"contains": "size=40"}}, True),
        ({"url": {"regex": "^https://www.example.com."}}, True),
        ({"url": {"contains": "shoes", "equals": "shoes"}}, False),
        ({"domain": {"contains": "example"}, "path": {"contains": "hats"}}, False),
        ({"regex": ".*"}, True),
        ({"contains": "nothing"}, False),
    ],
)
def test_conditions_are_on_parts_of_the_address_and_all_must_hold(condition: Rule, found: bool) -> None:
    assert hit(condition) is found


def test_the_protocol_is_changed() -> None:
    assert led("http://example.com/?a", {"protocol": "https"}) == "https://example.com/?a"


def test_rules_come_in_their_order_until_the_last() -> None:
    first = {"domain": {"contains": "example"}, "params": {"a": 1, "b": 1}}
    second = {"params": {"b": 2}, "last": True}
    third = {"params": {"c": 3}}
    assert led("https://example.com/", first, second, third) == "https://example.com/?a=1&b=2"
    assert led("https://other.test/", first, third) == "https://other.test/?c=3"
    missed = {"domain": {"equals": "nowhere.example"}, "params": {"b": 2}, "last": True}
    assert led("https://example.com/", first, missed, third) == "https://example.com/?a=1&b=1&c=3"


def test_a_unique_rule_is_for_links_that_no_rule_was_for() -> None:
    first, unique = {"domain": {"equals": "example.com"}, "params": {"a": 1}}, {"params": {"u": 1}, "unique": True}
    assert led("https://example.com/", first, unique) == "https://example.com/?a=1"
    assert led("https://example.net/", first, unique) == "https://example.net/?u=1"


def test_what_is_nearer_to_the_link_takes_the_place_of_what_is_further() -> None:
    far, near = {"params": {"a": "document", "b": "document"}}, {"params": {"b": "block", "c": "block"}}
    url = led("https://example.com/?a=own&z=1", far, block=[near], link={"params": {"c": "link"}})
    assert url == "https://example.com/?z=1&a=document&b=block&c=link"


def test_rules_of_a_block_are_for_that_block() -> None:
    blocks = [
        {
            "type": "link",
            "label": "one",
            "link": "https://example.com/1",
            "rewrite": {"links": [{"params": {"a": 1}}]},
        },
        {"type": "link", "label": "two", "link": "https://example.com/2"},
    ]
    found = elsewhere(render({"content": {"blocks": blocks}}).html).all("a")
    assert [each.attributes["href"] for each in found] == ["https://example.com/1?a=1", "https://example.com/2"]


def test_other_links_than_those_to_pages_are_left_alone() -> None:
    for url in ("mailto:a@example.com", "tel:123", "#top", "{$webversion}"):
        assert led(url, {"params": {"a": 1}}) == url
    assert (
        led("mailto:a@example.com", link={"params": {"subject": "Hi you"}}) == "mailto:a@example.com?subject=Hi%20you"
    )


@pytest.mark.parametrize(
    ("key", "host", "found"),
    [
        ("*.json.com", "json.com", True),
        ("*.json.com", "www.json.com", True),
        ("*.json.com", "xjson.com", False),
        ("*.altavista", "www.altavista.com", True),
        (".*", "google.com", True),
        ("^example.org", "example.org", True),
        ("^example.org", "www.example.org", False),
    ],
)
def test_the_older_shape_has_patterns_of_hosts(key: str, host: str, found: bool) -> None:
    rules = {"rewrite": {"links": {key: {"params": {"hit": "1"}}}}}
    blocks = [{"type": "link", "label": "x", "link": f"http://{host}/"}]
    assert ("?hit=1" in render({"content": {"blocks": blocks}, **rules}).html) is found


def test_links_in_markup_are_rewritten_and_nothing_else_is_touched() -> None:
    markup = (
        '<p id=a>See <a class=x href="https://example.com/?a=1&amp;b={$b|default:"x"}">this</a>,'
        " <A HREF='http://example.com/it&apos;s'>that</A> <a href=https://example.com/plain>plain</a>"
        ' <a href="mailto:a@example.com">mail</a> <img src="https://example.com/a.png"> {$text}</p>'
    )
    rules = {"rewrite": {"links": [{"params": {"u": "{$who}"}, "protocol": "https"}]}}
    expected = (
        "<p id=a>See <a class=x href=\"https://example.com/?a=1&amp;b={$b|default:'x'}&amp;u={$who}\">this</a>,"
        " <A HREF='https://example.com/it&#x27;s?u={$who}'>that</A> "
        '<a href="https://example.com/plain?u={$who}">plain</a>'
        ' <a href="mailto:a@example.com">mail</a> <img src="https://example.com/a.png"> {$text}</p>'
    )
    assert render({"content": markup, **rules}).html == expected
    assert expected in render({"content": {"blocks": [{"type": "html", "content": markup}]}, **rules}).html


def test_a_placeholder_in_an_address_is_kept_and_filled_in() -> None:
    url = led("https://example.com/{$page}?a={$a}#{$place}", {"params": {"n": "{$name} x"}})
    assert url == "https://example.com/{$page}?a={$a}&n={$name}%20x#{$place}"
    filled = compile(url).render({"page": "p", "a": 1, "name": "Ann", "place": "top"})
    assert filled == "https://example.com/p?a=1&n=Ann%20x#top"


@pytest.mark.parametrize(
    ("links", "said"),
    [
        ([{"url": {"regex": "(a"}}], "/rewrite/links/0/url/regex: no regular expression"),
        ([{"url": {"regex": "(?=a)"}}], "/rewrite/links/0/url/regex: no regular expression"),
        ([{"protocol": "ftp"}], "/rewrite/links/0/protocol: expected one of http, https"),
        ([{"params": []}], "/rewrite/links/0/params: expected an object"),
        (["x"], "/rewrite/links/0: expected an object"),
        ("x", "/rewrite/links: expected an array"),
        ([{}] * 201, "/rewrite/links: over 200 rules"),
    ],
)
def test_rules_that_cannot_be_are_told(links: object, said: str) -> None:
    with pytest.raises(DocumentError) as found:
        render({"rewrite": {"links": links}})
    assert said in str(found.value)


def test_an_expression_that_would_run_for_years_is_answered_at_once() -> None:
    assert not hit({"url": {"regex": "(a+)+$"}}, "https://example.com/" + "a" * 1500 + "!")


def test_the_work_on_all_links_of_a_document_is_bounded() -> None:
    links = [{"url": {"regex": "(a|b)*c"}, "params": {"a": 1}}] * 200
    page = '<a href="https://example.com/abababababab">x</a>' * 5000
    with pytest.raises(DocumentError) as found:
        render({"content": page, "rewrite": {"links": links}})
    assert str(found.value) == "/rewrite: the rules take too long for all the links of this document"
