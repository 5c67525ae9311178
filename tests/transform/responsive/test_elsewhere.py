"""What a document shows of elsewhere: what it needs, and what comes of what was fetched."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.transform.merge import compile
from relay.transform.responsive import DocumentError, Need, Rendered, needed, render
from relay.transform.responsive.sizes import size_of
from tests.transform.responsive.views import elsewhere, look_for_outlook

URL = "https://example.com/blocks.json"
Block = Mapping[str, object]


def document(*blocks: Block) -> Mapping[str, object]:
    return {"content": {"blocks": list(blocks)}}


def made(fetched: Mapping[str, object], *blocks: Block, web: bool = False) -> Rendered:
    octets = {url: each if isinstance(each, bytes) else json.dumps(each).encode() for url, each in fetched.items()}
    done = render(document(*blocks), fetched=octets, web=web)
    look_for_outlook(done.html)
    return done


def wrong(fetched: Mapping[str, object], *blocks: Block) -> str:
    with pytest.raises(DocumentError) as found:
        made(fetched, *blocks)
    return str(found.value)


def test_a_document_says_what_it_needs() -> None:
    found = needed(
        document(
            {"type": "import", "url": URL},
            {"type": "feed", "url": "https://example.com/feed.xml"},
            {"type": "html", "url": "https://example.com/a.html"},
            {"type": "text", "url": "https://example.com/a.txt"},
            {"type": "video", "url": "https://vimeo.com/12345678"},
            {"type": "image", "src": "https://example.com/a.png"},
            {"type": "image", "src": "https://example.com/b.png", "width": "50%"},
            {"type": "image", "src": "https://example.com/{$c}.png"},
            {"type": "import", "url": URL},
        )
    )
    assert found[0] == Need(URL, "json", "/content/blocks/0/url", required=True)
    assert [(each.kind, each.required) for each in found[1:]] == [
        ("feed", True),
        ("html", True),
        ("text", True),
        ("oembed", False),
        ("image", False),
    ]


def test_what_is_required_and_was_not_fetched_is_told() -> None:
    said = wrong({}, {"type": "import", "url": URL})
    assert said == f"/content/blocks/0/url: {URL} was not fetched"
    assert "expected a URL" in wrong({}, {"type": "import"})
    said = wrong({}, {"type": "feed", "url": "https://example.com/{$x}"})
    assert "what is fetched is fetched once for all recipients" in said


TEXT = {"type": "text", "content": "brought"}


@pytest.mark.parametrize("value", [TEXT, [TEXT], {"blocks": [TEXT]}, {"name": "x", "content": {"blocks": [TEXT]}}])
def test_blocks_are_imported_in_every_shape(value: object) -> None:
    assert made({URL: value}, {"type": "import", "url": URL}).text == "brought\n"


def test_what_is_imported_may_import() -> None:
    other = "https://example.com/other.json"
    first = json.dumps([{"type": "import", "url": other}]).encode()
    assert [each.url for each in needed(document({"type": "import", "url": URL}), {URL: first})] == [other]
    assert made({URL: first, other: TEXT}, {"type": "import", "url": URL}).text == "brought\n"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"{", "/content/blocks/0/url: no JSON"),
        ({"a": 1}, "/content/blocks/0/url#: expected a block, an array of blocks, or an object with blocks"),
        ([{"type": "texts"}], "/content/blocks/0/url#/0/type: there is no block 'texts'; did you mean 'text'?"),
        ({"type": "import", "url": URL}, "documents that import each other over 5 levels"),
        ([{"type": "import", "url": URL}] * 30, "over"),
        (b"[" * 100_000, "/content/blocks/0/url: no JSON"),
    ],
)
def test_imports_that_cannot_be_are_told(value: object, said: str) -> None:
    assert said in wrong({URL: value}, {"type": "import", "url": URL})


def test_texts_and_markup_may_lie_elsewhere() -> None:
    done = made({URL: b"\xef\xbb\xbfa < b {$c}"}, {"type": "text", "url": URL})
    assert "a &lt; b {$c}" in done.html
    assert "<b>x</b>" in made({URL: b"<b>x</b>"}, {"type": "html", "url": URL}).html
    assert "there is no construct" in wrong({URL: b"{x}"}, {"type": "text", "url": URL})


RSS = b"""<?xml version="1.0"?><rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"
 xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>News</title><link>https://example.com/</link>
<item><title>First &amp;amp; {best}</title><link>https://example.com/1?a=b&amp;c=d</link>
<description>short</description><content:encoded><![CDATA[<p onclick="x()">Long <script>alert(1)</script>
<a href="/more">more</a> {$secret} <img src="/in.png"> <b>open</p>]]></content:encoded></item>
<item><title>Second</title><media:content url="https://example.com/2.png" medium="image"/>
<description>Two words</description></item></channel></rss>"""
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title><entry>
<title type="html">A &lt;b&gt;B&lt;/b&gt;</title>
<link rel="self" href="https://example.com/self"/><link href="https://example.com/a"/>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>In <em>Atom</em> &lt;x&gt;</p></div></content>
</entry></feed>"""


def test_articles_of_a_feed_become_blocks() -> None:
    done = made({URL: RSS}, {"type": "feed", "url": URL, "heading": {"size": 3}, "image": {"align": "center"}})
    root = elsewhere(done.html)
    assert [each.text for each in root.all("h3")] == ["First & {ldelim}best}", "Second"]
    assert root.all("h3")[0].all("a")[0].attributes["href"] == "https://example.com/1?a=b&c=d"
    assert [each.attributes["src"] for each in root.all("img")] == [
        "https://example.com/in.png",
        "https://example.com/2.png",
    ]
    assert "margin:0 auto" in root.all("img")[0].attributes["style"]
    assert "alert" not in done.html and "onclick" not in done.html
    assert '<a href="https://example.com/more">more</a>' in done.html and "<b>open</b></p>" in done.html


def test_a_feed_cannot_ask_for_the_data_of_recipients() -> None:
    done = made({URL: RSS}, {"type": "feed", "url": URL})
    for source in (done.html, done.text):
        filled = compile(source).render({"secret": "SECRET"})
        assert "SECRET" not in filled and "First" in filled
    assert "{$secret}" in compile(done.text).render({}) and "{best}" in compile(done.text).render({})


def test_an_atom_feed_is_read_too() -> None:
    done = made({URL: ATOM}, {"type": "feed", "url": URL})
    assert done.text == "A B <https://example.com/a>\n\nIn Atom <x>\n"
    assert "<p>In <em>Atom</em> &lt;x&gt;</p>" in done.html


def test_the_address_may_be_named_source_as_older_documents_have_it() -> None:
    assert made({URL: RSS}, {"type": "feed", "source": URL, "blocks": ["heading"], "limit": 1}).text.startswith(
        "First"
    )
    assert wrong({}, {"type": "import", "source": URL}) == f"/content/blocks/0/source: {URL} was not fetched"


def test_an_article_may_begin_with_its_address() -> None:
    feed = b"<feed><entry><link href='https://example.com/a'/><title>A</title></entry></feed>"
    assert made({URL: feed}, {"type": "feed", "url": URL}).text == "A <https://example.com/a>\n"
    pictured = b"<rss><item><enclosure url='/a.png' type='image/png'/><title>A</title></item></rss>"
    (picture,) = elsewhere(made({URL: pictured}, {"type": "feed", "url": URL}).html).all("img")
    assert picture.attributes["src"] == "https://example.com/a.png"


@given(
    st.lists(
        st.one_of(st.sampled_from([RSS, ATOM, b"<item>", b"</item>", b"<", b"&", b"]]>"]), st.binary(max_size=4))
    )
)
@settings(max_examples=100, deadline=None)
def test_whatever_is_fetched_is_read_or_told(parts: list[bytes]) -> None:
    octets = b"".join(each[len(each) // 3 :] if number % 3 == 2 else each for number, each in enumerate(parts))
    assert size_of(octets) is None or len(octets) > 8
    with suppress(DocumentError):
        made({URL: octets}, {"type": "feed", "url": URL})
    with suppress(DocumentError):
        made({URL: octets}, {"type": "import", "url": URL})


def test_the_blocks_of_a_feed_are_chosen_and_counted() -> None:
    done = made({URL: RSS}, {"type": "feed", "url": URL, "blocks": ["html"], "limit": 1})
    assert done.text == "Long more <https://example.com/more> {$secret} open\n".replace("{$", "{ldelim}$")
    mail = {"type": "feed", "url": URL, "visibility": {"output": "webonly"}}
    assert made({URL: RSS}, mail).text == ""


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"<html></html>", "no feed: neither RSS nor Atom"),
        (b"nonsense", "/content/blocks/0/url: no feed: syntax error"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><rss/>', "a feed with a document type (DOCTYPE) is not read"),
        (b"<rss>" + b"<a>" * 60, "elements within each other over 50 levels"),
        (b"<rss>" + b" " * (4 << 20), "a feed of over 4194304 octets"),
    ],
)
def test_what_is_no_feed_is_told(octets: bytes, said: str) -> None:
    assert said in wrong({URL: octets}, {"type": "feed", "url": URL})


def test_an_empty_feed_is_nothing() -> None:
    assert made({URL: b"<rss><channel/></rss>"}, {"type": "feed", "url": URL}).text == ""
    bad = {"type": "feed", "url": URL, "blocks": ["video"]}
    assert "/content/blocks/0/blocks/0: expected one of heading, image, html" in wrong({URL: RSS}, bad)


@pytest.mark.parametrize(
    "url",
    [
        "https://www.youtube.com/watch?v=zSQCH1qyIDo",
        "https://www.youtube.com/watch?t=5&v=zSQCH1qyIDo&x=1",
        "http://youtu.be/zSQCH1qyIDo?t=3",
        "https://www.youtube.com/embed/zSQCH1qyIDo",
        "https://m.youtube.com/shorts/zSQCH1qyIDo",
    ],
)
def test_a_video_is_a_still_that_leads_to_it(url: str) -> None:
    root = elsewhere(made({}, {"type": "video", "url": url, "embed": True}).html)
    assert root.all("img")[0].attributes["src"] == "https://img.youtube.com/vi/zSQCH1qyIDo/hqdefault.jpg"
    assert root.all("a")[0].attributes["href"] == url and not root.all("iframe")
    (player,) = elsewhere(made({}, {"type": "video", "url": url, "embed": True}, web=True).html).all("iframe")
    assert player.attributes["src"] == "https://www.youtube-nocookie.com/embed/zSQCH1qyIDo"
    assert not elsewhere(made({}, {"type": "video", "url": url}, web=True).html).all("iframe")


def test_a_video_may_lead_elsewhere() -> None:
    block = {"type": "video", "source": "https://youtu.be/zSQCH1qyIDo", "link": {"url": "https://example.com/v"}}
    assert elsewhere(made({}, block).html).all("a")[0].attributes["href"] == "https://example.com/v"
    assert "expected the address of a video" in wrong({}, {"type": "video", "url": "https://example.com/v"})


def test_vimeo_says_where_its_still_is() -> None:
    block = {"type": "video", "url": "https://vimeo.com/12345678"}
    (need,) = needed(document(block))
    told = {"thumbnail_url": "https://i.vimeocdn.com/1.jpg", "title": "A film"}
    done = made({need.url: told}, block)
    assert elsewhere(done.html).all("img")[0].attributes["src"] == "https://i.vimeocdn.com/1.jpg"
    assert done.text == "A film <https://vimeo.com/12345678>\n"
    without = made({}, block)
    assert "Watch the video" in without.html and "a link takes its place" in without.warnings[0]
    assert "Watch the video" in made({need.url: {**told, "title": "\ud800"}}, block).html  # no text at all


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", width, height) + b"\x08\x02\x00\x00\x00"


@pytest.mark.parametrize(
    ("octets", "more", "expected"),
    [
        (png(290, 100), {}, ("290", "", "50%")),
        (png(1000, 600), {}, ("580", "", "100%")),
        (png(1000, 600), {"height": 60}, ("100", "", "17.24%")),
        (b"GIF89a" + struct.pack("<HH", 58, 20), {}, ("58", "", "10%")),
        (b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08" + struct.pack(">HH", 20, 116), {}, ("116", "", "20%")),
        (b"RIFF0000WEBPVP8 0000000\x9d\x01\x2a" + struct.pack("<HH", 145, 9), {}, ("145", "", "25%")),
        (b"RIFF0000WEBPVP8L0000\x2f" + struct.pack("<I", 144 | 8 << 14) + b"00000", {}, ("145", "", "25%")),
        (b"RIFF0000WEBPVP8X00000000" + struct.pack("<I", 144)[:3] + b"\x08\0\0", {}, ("145", "", "25%")),
        (b"no picture", {}, ("580", "", "100%")),
    ],
)
def test_a_picture_that_was_fetched_has_its_own_width(
    octets: bytes, more: Block, expected: tuple[str, str, str]
) -> None:
    url = "https://example.com/a"
    (picture,) = elsewhere(made({url: octets}, {"type": "image", "src": url, **more}).html).all("img")
    found = picture.attributes["width"], picture.attributes.get("height", ""), picture.style["width"]
    assert found == expected
