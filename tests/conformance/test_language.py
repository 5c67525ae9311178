"""Rows 42 to 44: stored templates, the language, and a message's own page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.stage import CLICKS, Stage, links, message, part

DATA = {
    "foo": "bar",
    "list": ["a", "b", "c"],
    "nested": {"list": [{"baz": "deep"}], "bar": "member"},
    "five": 5,
    "empty": "",
    "zero": 0,
    "words": "hello big world",
    "html": "<b>&</b>",
    "lines": "one\ntwo",
    "dash-key": "dashed",
    "under_key": "underscored",
}
# What is written, and what comes of it; by construct.
SYNTAX = {
    "variable": ("{$foo}", "bar"),
    "element": ("{$list[1]}", "b"),
    "member": ("{$nested.bar}", "member"),
    "mixture": ("{$nested.list[0].baz}", "deep"),
    "nothing": ("[{$absent}]", "[]"),
    "case counts": ("[{$Foo}]", "[]"),
    "arithmetic": ("{$five + 1} {$five * 2} {$five - 3} {$five / 2} {$five % 3}", "6 10 2 2.5 2"),
    "missing is 0": ("{$absent + 3} {$foo + 1}", "3 1"),
    "if": ("{if $five > 4}y{elseif $five}e{else}n{/if}", "y"),
    "elseif": ("{if $zero}y{elseif $five == 5}e{else}n{/if}", "e"),
    "else": ("{if $empty OR $zero}y{else}n{/if}", "n"),
    "not, AND": ("{if not $empty AND $foo}y{/if}", "y"),
    "words for signs": ("{if $five eq 5 && $five ne 4}y{endif}", "y"),
    "pattern": ('{if $words =~ "big"}y{/if}', "y"),
    "foreach in": ("{foreach $x in $list}<{$x}>{/foreach}", "<a><b><c>"),
    "foreach as": ("{foreach $list as $k => $v}{$k}{$v} {/foreach}", "0a 1b 2c "),
    "foreachelse": ("{foreach $x in $absent}x{foreachelse}none{/foreach}", "none"),
    "assign": ("{assign $five + 1 to $six}{$six}", "6"),
    "assign by sign": ("{$seven = 7}{$seven}", "7"),
    "delimiters": ("{ldelim}x{rdelim}", "{x}"),
    "literal": ("{literal}{$foo}{/literal}", "{$foo}"),
    "brace before a blank": ("a { color: red }", "a { color: red }"),
    "hash": ("{hash($foo, 'sha256')}", "fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9"),
    "unknown modifier": ("{$foo|nosuch}", "bar"),
    "not escaped by itself": ("{$html}", "<b>&</b>"),
    "escaped by itself": ("{$html|escape}", "&lt;b&gt;&amp;&lt;/b&gt;"),
    "white space stays": ("a\n{if $foo}\nb\n{/if}\nc", "a\n\nb\n\nc"),
}
MODIFIERS = {
    "base64_encode": ("{$foo|base64_encode}", "YmFy"),
    "base64_decode": ('{"YmFy"|base64_decode}', "bar"),
    "cat": ('{$foo|cat:"!"}', "bar!"),
    "count": ("{$list|count} {$foo|count}", "3 0"),
    "count_characters": ("{$foo|count_characters} {$list|strlen}", "3 0"),
    "count_paragraphs": ("{$lines|count_paragraphs}", "1"),
    "count_words": ("{$words|count_words}", "3"),
    "default": ('{$absent|default:"d"} {$foo|default:"d"}', "d bar"),
    "empty": ("{if $empty|empty}y{/if}", "y"),
    "escape": ('{$html|escape:"url"} {$foo|escape:"base64"}', "%3Cb%3E%26%3C%2Fb%3E YmFy"),
    "indent": ('{$foo|indent}|{$foo|indent:2:"-"}', " bar|--bar"),
    "md5": ("{$foo|md5}", "37b51d194a7513e45b56f6524f2d51f2"),
    "sha1": ("{$foo|sha1}", "62cdb7020ff920e5aa642c3d4066950dd1f01f4d"),
    "nl2br": ("{$lines|nl2br}", "one<br />\ntwo"),
    "range": ("{foreach $x in $list|range:1:3}{$x}{/foreach}", "bc"),
    "regex_replace": ('{$words|regex_replace:"o.":"0"}', "hell0big w0ld"),
    "replace": ('{$words|replace:"o":"0"}', "hell0 big w0rld"),
    "spacify": ('{$foo|spacify} {$foo|spacify:"-"}', "b a r b-a-r"),
    "strstr": ('{$words|strstr:"big"}|{$words|strstr:"big":true}', "big world|hello "),
    "substr": ("{$words|substr:6:3} {$words|substr:10}", "big world"),
    "lower, upper": ('{"aB"|tolower}{"aB"|lower}{"aB"|toupper}{"aB"|upper}', "ababABAB"),
    "trim": ('[{" x "|trim}]', "[x]"),
    "truncate": ('{$words|truncate:8}|{$words|truncate:8:"...":true}|{$foo|truncate}', "hello...|hello...|bar"),
    "ucfirst": ("{$foo|ucfirst}", "Bar"),
    "urlencode": ('{"a b&"|urlencode} {"a%20b"|urldecode}', "a+b%26 a b"),
    "chained": ('{$foo|upper|cat:"x"|replace:"R":"z"}', "BAzx"),
}


def rendered(it: Stage, written: dict[str, tuple[str, str]], kind: str) -> dict[str, str]:
    """What comes of all of them in one message, each between marks of its own."""
    body = "".join(f"\n@@{number}@@{source}@@" for number, (source, _) in enumerate(written.values()))
    more: dict[str, str] = {"html": body} if kind == "html" else {"text": body}
    arrived = it.delivered(message(f"MergeGlobal: {json.dumps(DATA)}", **more))
    text = part(arrived, f"text/{kind}").replace("\r\n", "\n")
    return {name: text.partition(f"@@{number}@@")[2].partition("@@")[0] for number, name in enumerate(written)}


@pytest.mark.parametrize("kind", ["html", "plain"])
def test_row_43_constructs_are_as_documented(it: Stage, kind: str) -> None:
    assert rendered(it, SYNTAX, kind) == {name: wanted for name, (_, wanted) in SYNTAX.items()}


def test_row_43_modifiers_are_as_documented(it: Stage) -> None:
    assert rendered(it, MODIFIERS, "plain") == {name: wanted for name, (_, wanted) in MODIFIERS.items()}


def test_reading_dashes_and_underscores_are_both_tried(it: Stage) -> None:
    both = {
        "as written": ("{$dash-key} {$under_key}", "dashed underscored"),
        "the other way": ("{$dash_key} {$under-key}", "dashed underscored"),
        "a minus": ("{$five-1}", "4"),
    }
    assert rendered(it, both, "plain") == {name: wanted for name, (_, wanted) in both.items()}


@pytest.mark.parametrize(
    ("source", "said"),
    [("line\n{if $foo}x", "line 2, column 1"), ("{nosuch}", "line 1, column 1"), ("{$foo|replace:}", "line 1")],
)
def test_row_43_what_cannot_be_compiled_is_refused_with_its_place(it: Stage, source: str, said: str) -> None:
    code, reply = it.say(message('MergeGlobal: {"foo": 1}', text=source), it.somebody())
    assert code == 554 and said in reply.replace("\r\n", " "), reply


def test_row_43_it_applies_to_header_fields_subject_and_both_texts(it: Stage) -> None:
    content = (
        message(
            'MergeGlobal: {"name": "Ann", "n": 7}',
            html="<p>{$name} {$recipient} {$envelope}</p>",
            text="{$name} {$recipient} {$envelope}\n",
            subject="For {$name}",
        )
        .replace(b"From: me@", b'X-Order: {$n}\r\nFrom: "{$name}\'s shop" <me@')
        .replace(b"example.com\r\nTo", b"example.com>\r\nTo", 1)
    )
    to = it.somebody()
    arrived = it.delivered(content, to)
    assert b"Subject: For Ann\r\n" in arrived and b"X-Order: 7\r\n" in arrived
    assert b"Ann's shop" in arrived
    assert part(arrived, "text/plain").strip() == f"Ann {to} me@example.com"
    assert f"<p>Ann {to} me@example.com</p>" in part(arrived)


def test_row_42_a_stored_template_is_put_shown_rendered_listed_and_removed(it: Stage) -> None:
    def put(*words: str, stdin: str = "") -> Any:
        return it.relay.cli("template", "put", "welcome", *words, stdin=stdin.encode())

    put("--subject", "Hello {$name}", "--html", "-", stdin="<p>{$name|escape}</p>")
    put("--text", "-", stdin="Hi {$name}")
    shown = it.relay.ask("template", "show", "welcome")
    assert (shown["subject"], shown["html"], shown["text"]) == (
        "Hello {$name}",
        "<p>{$name|escape}</p>",
        "Hi {$name}",
    )
    assert shown["version"] == 2
    data = it.relay.home / "ann.json"
    data.write_text('{"name": "<Ann>"}')
    made = it.relay.ask("template", "render", "welcome", "--data", str(data))
    assert (made["subject"], made["html"], made["text"]) == ("Hello <Ann>", "<p>&lt;Ann&gt;</p>", "Hi <Ann>")
    it.relay.cli("template", "put", "broken", "--text", "-", stdin=b"{if $x}", code=1)
    assert [each["template"] for each in it.relay.ask("template", "list")].count("welcome") == 1
    it.relay.cli("template", "remove", "welcome")
    it.relay.cli("template", "show", "welcome", code=3)


def test_row_44_each_recipient_has_a_page_of_his_own_that_is_the_html_as_sent(it: Stage) -> None:
    ann, bob = it.somebody(), it.somebody()
    merge = json.dumps({ann: {"name": "Ann"}, bob: {"name": "Bob"}})
    sent = it.send(message(f"Merge: {merge}", html='<p>{$name}, <a href="{$webversion}">look here</a></p>'), ann, bob)
    pages = {}
    for to, name in ((ann, "Ann"), (bob, "Bob")):
        html = part(it.arrived(sent, to).content)
        (link,) = links(html)
        assert link.startswith(f"https://{CLICKS}/")
        got = it.http(link)
        assert got.status == 200 and got.headers["content-type"].startswith("text/html")
        assert f"<p>{name}, <a href=" in got.body.decode() and link in got.body.decode()
        pages[to] = link
    assert pages[ann] != pages[bob]


def test_row_44_the_page_can_be_named_on_top_of_the_message(it: Stage) -> None:
    html = part(it.delivered(message("ViewOnline: yes", "TrackClicks: yes", html="<p>Hello</p>")))
    (link,) = links(html)
    assert html.index(link) < html.index("<p>Hello</p>")
    assert it.http(link).status == 200  # it is not tracked itself
