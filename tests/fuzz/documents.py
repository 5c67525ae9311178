"""Documents of strangers: ResponsiveEmail, patches of it, feeds that are shown in it.

Properties: a page that is balanced and compiles, or one clear line with a path that is a JSON pointer; a patch
changes nothing that came in, and its pointers lead to what they name; of a feed come as many articles as were
asked for, no longer than they may be, and their markup is harmless.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import suppress
from html.parser import HTMLParser
from typing import Any

import msgspec

from relay.transform import jsonpatch
from relay.transform.jsonpatch import PatchError, PointerError, found, patched, pointer, tokens
from relay.transform.merge import compile
from relay.transform.responsive import DocumentError, fields, needed, render
from relay.transform.responsive.feed import CONTENT, SHORT, FeedError, articles
from relay.transform.responsive.foreign import ADDRESS, harmless, web_address
from relay.transform.responsive.kinds import KINDS
from tests.fuzz.target import Source, Target
from tests.fuzz.values import value

ARTICLES = 5
GROWN = 100  # times as large a page may be as its document
PAGE = 60_000  # characters that any page may have
_VOID = frozenset({"br", "hr"})


# --- patches ----------------------------------------------------------------------------------------------


def check_patch(octets: bytes) -> None:
    source = Source(octets)
    document, operations = value(source), value(source)
    before = copy.deepcopy((document, operations))
    try:
        made = patched(document, operations)
    except PatchError as error:
        assert str(error).isprintable() and len(str(error)) < 500
        assert tokens(error.pointer) is not None
    else:
        _same(made)
        assert patched(made, [{"op": "test", "path": "", "value": made}]) == made
        for path, each in _places(made):
            assert tokens(pointer(path)) == tuple(map(str, path))
            assert found(made, pointer(path)) is each
    assert (document, operations) == before
    with suppress(PointerError):
        text = octets.decode("utf-8", "replace")
        assert pointer(tokens(text)) == text


def _same(made: Any) -> None:
    """It is JSON, and shares nothing that a change could be seen through."""
    assert jsonpatch.equal(msgspec.json.decode(msgspec.json.encode(made)), made) or "Infinity" in str(made)
    boxes = [id(each) for _, each in _places(made) if isinstance(each, dict | list)]
    assert len(boxes) == len(set(boxes))


def _places(given: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    yield path, given
    if isinstance(given, dict | list):
        for key, each in given.items() if isinstance(given, dict) else enumerate(given):
            yield from _places(each, (*path, key))


# --- documents --------------------------------------------------------------------------------------------


def check_document(octets: bytes) -> None:
    document = value(Source(octets))
    document = document if isinstance(document, dict) else {"content": document}
    if "blocks" in document:  # where most of them are
        document = {**document, "content": {"blocks": document.pop("blocks")}}
    for web in (False, True):
        try:
            needed(document)
            said = fields(document)
            made = render(document, web=web)
        except DocumentError as error:
            assert str(error).startswith("/") or not error.path, error
            assert "\n" not in str(error) and len(str(error)) < 1000
            assert tokens(error.path) is not None
            continue
        compile(made.html)
        compile(made.text)
        assert len(made.html) + len(made.text) <= GROWN * len(octets) + PAGE
        for each in (said.from_, said.reply_to, said.subject, *said.to, *said.cc, *(one for _, one in said.headers)):
            assert "\r" not in each and "\n" not in each
        if not isinstance(document.get("content"), str):
            page = compile(made.html).render({}) if "{" in made.html else made.html
            _Balanced(page, strict=False)


# --- feeds ------------------------------------------------------------------------------------------------


def check_feed(octets: bytes) -> None:
    try:
        made = articles(octets, ARTICLES)
    except FeedError as error:
        assert str(error) and len(str(error)) < 300
        return
    assert len(made) <= ARTICLES
    for each in made:
        assert max(len(each.title), len(each.url)) <= SHORT
        assert len(each.content) <= CONTENT + 1
        _Balanced(harmless(each.content, "https://example.com/"))
        assert len(web_address(each.url)) <= 3 * ADDRESS
        assert not set(web_address(each.picture)) & set('<>"{} \n')


def check_harmless(octets: bytes) -> None:
    _Balanced(harmless(octets.decode("utf-8", "replace"), "https://example.com/a"))


class _Balanced(HTMLParser):
    """Reads a page, and fails where an element is closed that is not open, or left open; `strict`: a stranger's."""

    def __init__(self, page: str, *, strict: bool = True) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.strict = strict
        self.feed(page)
        self.close()
        if strict:
            assert not self.opened

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self.strict:
            assert tag != "script"
            return
        assert [name for name, _ in attrs] in ([], ["href"] if tag == "a" else [])
        assert all(str(each).startswith(("http:", "https:", "mailto:")) for _, each in attrs), attrs
        if tag not in _VOID:
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.strict:
            assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        assert not self.strict or "{" not in self.rawdata

    def handle_comment(self, data: str) -> None:
        assert not self.strict

    def handle_decl(self, decl: str) -> None:
        assert not self.strict

    def handle_pi(self, data: str) -> None:
        assert not self.strict

    def unknown_decl(self, data: str) -> None:
        assert not self.strict


def work_feed(octets: bytes) -> None:
    with suppress(FeedError):
        articles(octets, 1000)


def work_harmless(octets: bytes) -> None:
    harmless(octets.decode("utf-8", "replace"), "https://example.com/")


_VALUES = (
    b"{", b"}", b"[", b"]", b"\0", b'"', b"#1\0", b"#-1\0", b"#300\0", b"#" + b"9" * 400 + b"\0", b"t", b"f", b"n",
)  # fmt: skip
_PATCH = (
    *_VALUES, b"{a\0", b"a\0", b'"a\0', b"op\0", b"path\0", b"from\0", b"value\0", b'"/a\0', b'"/a/0\0', b'"/a/-\0',
    b'"/\0', b'"~1\0', b'"/~0\0', b'"/00\0', b'"/a/a/a/a\0', b"{a\0{a\0[#1\0#2\0]}}[",
    *(b'{op\0"' + each + b"\0path\0" for each in (b"add", b"remove", b"replace", b"move", b"copy", b"test")),
)  # fmt: skip
_NAMES = """subject from to cc bcc replyTo headers attachments name address text data version font background color
css content blocks type link url src alt title width height size attributes container margin padding align visibility
device output columns rows params rewrite img source domain label icon platforms platform description style weight
family"""
_DOCUMENT = (
    *_VALUES, *(each.encode() + b"\0" for each in _NAMES.split()),
    *(b'{type\0"' + each.encode() + b"\0" for each in sorted(KINDS)), b"{blocks\0[",
    b'"https://example.com/a?b=c&d\0', b'"50%\0', b'"#fff\0', b'"rgba(0,0,0,0)\0', b'"14px\0', b'"{$a}\0',
    b"{$a|default:\"x&y\"}", b"{if $a}", b"{/if}", b"{literal}", b"{/literal}", b"{ldelim}", b"<b>", b"</td>", b"-->",
    b"<!--", b"<![endif]-->", b"&amp;", b"'", b"\n", b"\xc3\xbc", b"\xee\x80\x80", b"javascript:", b"url(",
    b"<script>", b'"ann@example.com\0', b'"left\0', b'"mobile\0', b'"webonly\0',
)  # fmt: skip
_FEED = (
    b"<?xml version='1.0'?>", b"<rss>", b"<channel>", b"<item>", b"</item>",
    b"<feed xmlns='http://www.w3.org/2005/Atom'>", b"<entry>", b"</entry>", b"<title>", b"</title>", b"<link>",
    b"</link>", b"<link href='https://e.example/'/>", b"<content type='xhtml'>", b"</content>", b"<description>",
    b"</description>", b"<![CDATA[", b"]]>", b"</rss>", b"</channel>", b"</feed>",
    b"<enclosure url='http://e.example/a.png' type='image/png'/>", b"&lt;", b"&amp;", b"&#123;", b"&x;",
    b"<!DOCTYPE x [<!ENTITY x 'y'>]>", b"<b>", b"</b>", b"<", b">", b"\xc3\xbc", b"\xff", b"<a:encoded xmlns:a='b'>",
    b"</a:encoded>", b"<!--", b"-->", b"<br/>", b"x" * 3000, b"<rss><channel><item>", b"</item></channel></rss>",
    b"<?xml version='1.0' encoding='utf-16'?>", b"<?xml version='1.0' encoding='rot13'?>",
)  # fmt: skip
_MARKUP = (
    b"<p>", b"</p>", b"<a href='https://e.example/'>", b'<a href="javascript:x">', b"<a href=x>", b"</a>", b"<b>",
    b"</b>", b"<ul><li>", b"</li>", b"<br>", b"<br/>", b"<script>", b"</script>", b"<style>", b"</style>", b"<svg",
    b"</svg>", b"<div>", b"</div>", b"<tr>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?", b"?>", b"<", b">", b"</",
    b"/", b"'", b'"', b"=", b" ", b"&lt;", b"&#123;", b"{$a}", b"{", b"&#60;script>", b"\xc3\xbc", b"\0", b"\n",
    b"<a href=\"mailto:a@b\">", b"<a href=\" h ttps://e.example\">", b"<A HREF=//e.example/{x}>", b"<title>", b"&",
    b"&#x0;", b"<pre>", b"<x y=\"",
)  # fmt: skip

TARGETS = (
    Target(examples=200, name="patch", check=check_patch, words=_PATCH, head=b"{a\0{a\0[#1\0#2\0]}}["),
    Target(examples=200, name="responsive", check=check_document, words=_DOCUMENT, head=b"{blocks\0["),
    Target(examples=200, name="feed", check=check_feed, words=_FEED, work=work_feed, head=b"<rss><channel>"),
    Target(examples=200, name="harmless", check=check_harmless, words=_MARKUP, work=work_harmless),
)
