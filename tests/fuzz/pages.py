"""What is done to the text of a part: tags found, places mapped through an encoding, style sheets inlined.

Properties: spans are in order and in range, and lol-html, which shares no code with us, finds the same tags; an
edited body says what the edited text says, and lines of ours are short; inlining adds `style` and `!important` alone.
"""

from __future__ import annotations

import re
from typing import Any

import lolhtml

from relay.model.token import TOKEN_LENGTH, Purpose
from relay.transform import css
from relay.transform.edit import Edit, Hole, fill, splice
from relay.transform.encoded import QUOTED, SEVEN, decode
from relay.transform.html.spans import escape, scan, unescape
from tests.fuzz.target import Source, Target

CLICK = Hole(Purpose.CLICK, 1)
TOKEN = b"-_Az" * (TOKEN_LENGTH // 4)
ENCODINGS = (QUOTED, SEVEN, b"8bit", b"base64", b"binary")
# Foreign content, and what a browser reads in a way of its own in places: neither is read by us.
_OTHERWISE = re.compile(rb"<(?:svg|math|script|noscript|select|frameset|template|plaintext)", re.IGNORECASE)


def token(hole: Hole) -> bytes:
    return TOKEN


def check_spans(octets: bytes) -> None:
    page = scan(octets)
    at = 0
    for tag in page.tags:
        assert at <= tag.start < tag.end <= len(octets)
        within = tag.name_end
        for each in tag.attributes:
            assert within <= each.start < each.value_start <= each.value_end <= each.end < tag.end
            within = each.end
            value = octets[each.value_start : each.value_end]
            for quote in (b'"', b"'", b""):
                assert unescape(escape(value, quote)) == value
            unescape(value, "windows-1252")
        assert tag.end <= page.end_of(tag) <= len(octets)
        at = tag.end
    assert 0 <= page.body_start <= page.body_end <= len(octets)
    assert 0 <= page.head_end <= len(octets)
    if _OTHERWISE.search(octets) is None and octets.isascii() and b"\0" not in octets:
        ours = [each.name for each in page.tags if not each.conditional]
        assert ours == _names(octets)


def _names(octets: bytes) -> list[bytes]:
    found: list[bytes] = []

    class Handler:
        def element(self, element: Any) -> None:
            found.append(element.tag_name.encode())

    rewriter = lolhtml.HTMLRewriter(lambda output: None)
    rewriter.on("*", Handler())
    rewriter.write(octets)
    rewriter.end()
    return found


def check_encoded(octets: bytes) -> None:
    source = Source(octets)
    encoding = source.of(ENCODINGS)
    places = sorted(source.byte() for _ in range(4))
    added = (source.line(), CLICK, source.line())
    text = decode(source.rest, encoding)
    if text is None:
        return
    assert text.compile(()).fill(token) == text.body
    edits = [Edit(places[0], places[1], added), Edit(places[2], places[3], added[:2])]
    try:
        compiled = text.compile(edits)
    except ValueError:
        assert places[3] > len(text.octets) or b"\r\n" in text.octets
        return
    body = compiled.fill(token)
    again = decode(body, compiled.encoding)
    assert again is not None
    said = fill(splice(text.octets, edits), token)
    if encoding in (SEVEN, b"8bit", b"binary"):  # line ends that are alone may not be sent
        whole = [Edit(each.start, each.end, tuple(map(_whole, each.pieces))) for each in edits]
        said = fill(splice(text.octets, whole), token)
    assert again.octets == said
    if compiled.encoding == QUOTED and not re.search(rb"(?<!\r)\n", body):
        longest = max(map(len, text.body.split(b"\r\n"))) if encoding == QUOTED else 0
        assert max(map(len, body.split(b"\r\n"))) <= max(longest, 76)
    if text.body.isascii() and encoding == SEVEN:
        assert body.isascii()


def _whole(piece: bytes | Hole) -> bytes | Hole:
    return re.sub(rb"\r\n?|\n", b"\r\n", piece) if isinstance(piece, bytes) else piece


def check_css(octets: bytes) -> None:
    done = css.inline(octets)
    assert done.text == fill(splice(octets, done.edits), token)
    before, after = scan(octets).tags, scan(done.text).tags
    assert [each.name for each in before] == [each.name for each in after]
    for one, two in zip(before, after, strict=True):
        said = (one.value(b"style") or b"").strip()
        assert (two.value(b"style") or b"").strip().endswith(said)
        assert one.conditional == two.conditional and (
            not one.conditional or one.end - one.start == two.end - two.start
        )
    assert css.inline(octets) == done


def work_spans(octets: bytes) -> None:
    page = scan(octets)
    for each in page.tags:
        page.end_of(each)
    unescape(octets)


def work_encoded(octets: bytes) -> None:
    text = decode(octets, QUOTED)
    assert text is not None
    size = len(text.octets)
    edits = [Edit(at, at, (CLICK,)) for at in range(0, size, 64) if text.octets[max(at - 1, 0) : at + 1] != b"\r\n"]
    text.compile(edits).fill(token)


def work_css(octets: bytes) -> None:
    css.inline(b"<style>" + octets)


_TAGS = b"""<a |<p x=|href=|"|'|>|/|</a>|<!--|<!--[if mso]>|<![endif]-->|-->|--!>|<!|<?|</|<style>|</style>\
|<textarea>|<title|&amp;|&#x"""
_ENCODED = (b"=3D", b"=3d", b"=", b"=\r\n", b"= \r\n", b"\r\n", b"--", b" ", b"\t", b"=X", b"\0", b"word", b"QUJD")
_SHEETS = b"""p{top:0}|<p>|<p class=x>|</style>|<style>|.x:hover{top:1px}|@media x{|}|{|!important|/*|*/|:not(|)\
|[style]|,|;|"|\\|<a style="top:2px">|url("""
TARGETS = (
    Target(name="spans", check=check_spans, work=work_spans, words=_TAGS.split(b"|")),
    Target(name="encoded", check=check_encoded, work=work_encoded, words=_ENCODED, head=b"\0\0\4\4\10x\0y\0"),
    Target(name="css", check=check_css, work=work_css, words=_SHEETS.split(b"|"), head=b"<style>"),
)
