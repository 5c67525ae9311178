"""What is done to the texts of a message: links and pictures led through us, twins made, parts put in and taken out.

Properties: edits are in order, do not overlap and take no line end apart; with links or pictures alone, what stood in
the place of ours gives the original back; what is left of a rewritten page is what was there; a target is a web page;
a text made from html has no tag that was not written as text, and html made from a text holds its words and no
script; a message with a part put in or taken out says the same in all other parts.
"""

from __future__ import annotations

import email
import html
import re
from email.message import Message

from relay.transform.autohtml import text_to_html
from relay.transform.autotext import html_to_text
from relay.transform.edit import Hole
from relay.transform.headers import read_header
from relay.transform.html.rewrite import rewrite_html
from relay.transform.html.spans import scan
from relay.transform.mime import leaves
from relay.transform.plain import rewrite_text
from relay.transform.rules import Pixel, Rewritten, Rules
from relay.transform.structure import add_alternative, take_pictures
from relay.transform.urls import web_url
from tests.fuzz.content import _HEADER, _MIME, arrived, header_of
from tests.fuzz.target import Target
from tests.transform.rewriting import BASE, filled, ordered, originals, undone, without_links

_LINKS = Rules(base=BASE, clicks_html=True, clicks_text=True, opens=True)
_ALL = Rules(
    base=BASE,
    clicks_html=True,
    clicks_text=True,
    prevent_scam=True,
    opens=True,
    pixel=Pixel.TAG,
    pixel_tag="[p]",
    utm=(("source", "s"), ("medium", "a b&c")),
    utm_domains=("a.example",),
    footer_html="<p>é</p>",
    footer_text="é\nf",
    view_online=True,
    view_marker="[v]",
    unsubscribe=True,
    unsubscribe_marker="<u>",
    unsubscribe_html="<% x %>",
    skip=frozenset({"http://a.example/skip"}),
    hosted=(("c@d", "https://clicks.example.com/h/x?a=1&b=2"),),
)


def _check(text: bytes, result: Rewritten) -> None:
    assert ordered(result.edits)
    for edit in result.edits:
        assert 0 <= edit.start <= edit.end <= len(text)
        for at in (edit.start, edit.end):
            assert not at or text[at - 1 : at + 1] != b"\r\n", "a line end is taken apart"
    assert undone(text, result) == text
    numbers = [each.number for edit in result.edits for each in edit.pieces if isinstance(each, Hole)]
    assert {each for each in numbers if each} <= set(range(len(result.targets)))
    for each in result.targets:
        assert each.isascii() and web_url(each) == each, each


def check_html(octets: bytes) -> None:
    text = octets.replace(BASE, b"")
    for charset in ("utf-8", "iso-8859-1"):
        _check(text, rewrite_html(text, _ALL, charset=charset))
    if b"track" in text.lower() or b"ses:tags" in text.lower():
        return
    result = rewrite_html(text, Rules(base=BASE, clicks_html=True))
    _check(text, result)
    done = filled(text, result)
    assert without_links(done, originals(text, result)) == text
    assert [each.name for each in scan(done).tags] == [each.name for each in scan(text).tags]
    again = rewrite_html(done, Rules(base=BASE, clicks_html=True))
    assert not again.edits, "ours is tracked again"


def check_plain(octets: bytes) -> None:
    text = octets.replace(BASE, b"")
    for delsp in (False, True):
        _check(text, rewrite_text(text, _ALL, delsp=delsp))
    result = rewrite_text(text, Rules(base=BASE, clicks_text=True))
    _check(text, result)
    done = filled(text, result)
    if b"track" not in text.lower():
        assert not rewrite_text(done, Rules(base=BASE, clicks_text=True)).edits, "ours is tracked again"


def check_twins(octets: bytes) -> None:
    text = html_to_text(octets)
    assert text is None or (text.endswith("\n") and not text.startswith("\n") and "\n\n\n" not in text)
    words = octets.decode("utf-8", "replace")
    page = text_to_html(words)
    if page is None:
        return
    names = {each.name for each in scan(page.encode("utf-8", "replace")).tags}
    assert names <= {b"html", b"head", b"meta", b"title", b"body", b"p", b"br", b"a", b"blockquote", b"pre"}
    said = html.unescape(re.sub(r"<[^>]*>", "", page.partition("<body>")[2]))
    assert [*re.sub(r"[\s>]", "", words)] == [*re.sub(r"[\s>]", "", said)]


def check_structure(octets: bytes) -> None:
    content = arrived(octets)
    header = header_of(content)
    if header is None:
        return
    content = content[header.start :]
    before = _said(content)
    added = add_alternative(content, "Wörter\n--b\n--c d\n")
    if added.content is not content:
        assert not added.warnings
        after = _said(added.content)
        assert len(after) == len(before) + 1
        [new] = [number for number, each in enumerate(after) if "Wörter\r\n".encode() in _decoded(each)]
        assert [*after[:new], *after[new + 1 :]] == before
    taken = take_pictures(content)
    if taken.content is not content:
        kept = _said(taken.content)
        assert len(kept) + len(taken.pictures) == len(before)
        left = iter(before)
        assert all(each in left for each in kept), "in their order"


def _said(content: bytes) -> list[tuple[bytes, bytes]]:
    """Type and octets of each leaf, without line ends at the end."""
    return [(each.type, content[each.body : each.end].rstrip(b"\r\n")) for each in leaves(read_header(content))]


def _decoded(leaf: tuple[bytes, bytes]) -> bytes:
    message: Message = email.message_from_bytes(
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + leaf[1] + b"\r\n"
    )
    octets = message.get_payload(decode=True)
    assert isinstance(octets, bytes)
    return octets


def work_html(octets: bytes) -> None:
    rewrite_html(octets, _ALL)


def work_plain(octets: bytes) -> None:
    rewrite_text(octets, _ALL)


def work_twins(octets: bytes) -> None:
    html_to_text(octets)
    text_to_html(octets.decode("utf-8", "replace"))


def work_structure(octets: bytes) -> None:
    content = arrived(octets)
    if header_of(content) is not None:
        add_alternative(content, "x\n")
        take_pictures(content)


_HTML = (
    b"<a ", b"<area ", b"<v:rect ", b"<img ", b"<td ", b"<style>", b"</style>", b"<base ", b"<source ", b"<body>",
    b"</body>", b'href="http://a.example/x?y=1&amp;z=2#f"', b"href=", b"src=", b"srcset=", b"background=",
    b'style="', b"'", b'"', b">", b"/>", b"</a>", b"http://a.example/", b"https://B.example/../x", b"http://",
    b"cid:c@d", b"url(", b")", b"background:", b"<!--[if mso]>", b"<![endif]-->", b"<!--", b"-->", b"[p]", b"[v]",
    b"<u>", b"&lt;u&gt;", b"{{x}}", b"+notrack://", b"clicktracking=off", b" data-pm-no-track", b' ses:tags="a:b;"',
    b"http://a.example/skip", b"\r\n", b" ", b"www.a.example", b"http://a.example/1.png 1x, ", b"\xc3\xa9", b"\xe9",
    b"&#35;", b"#", b"<textarea>", b"<script>", b"{", b"}", b";",
)  # fmt: skip
_TEXT = (
    b"http://a.example/x", b"HTTPS://b.example", b"http://", b"<", b">", b"<URL:", b"\r\n", b"\n", b" ", b"> ",
    b"(", b")", b"[", b"]", b".", b",", b"_", b"*", b"'", b'"', b"\xc3\xa9", b"\xe2\x80\x9d", b"\xe9",
    b'[[data-msys-clicktrack="0"]]', b"+notrack://", b"http+notrack://a.example/", b"[v]", b"<u>", b"<%", b"{{",
    b"-----BEGIN PGP MESSAGE-----", b"#f?", b"a@b.example", b"www.a.example", b"http://a.example/skip", b"\t",
)  # fmt: skip
_PAGE = (
    b"<p>", b"</p>", b"<br>", b"<ul>", b"<ol start=3>", b"<li>", b"</ul>", b"</ol>", b"<table>", b"<tr>", b"<td>",
    b"</table>", b"<pre>", b"</pre>", b"<div hidden>", b'<div style="display:none">', b"</div>", b"<img alt=x>",
    b"<h1>", b"<hr>", b"<style>", b"</style>", b"<title>", b"&nbsp;", b"&lt;b&gt;", b"&#x200c;",
    b"<a href=mailto:a@b>", b"<blockquote>",
)  # fmt: skip
_PARTS = (
    b"Content-Type: text/html\r\n\r\n", b"Content-Type: multipart/related; boundary=b\r\n\r\n", b"<img src=cid:x>",
    b"Content-Type: image/png\r\nContent-ID: <x>\r\n\r\n", b"Content-Disposition: attachment\r\n",
    b"Content-Type: multipart/alternative; boundary=b\r\n\r\n",
    b"Content-Type: multipart/mixed; boundary=d\r\n\r\n", b"--d\r\n", b"--d--\r\n",
)  # fmt: skip

TARGETS = (
    Target(name="html", check=check_html, words=_HTML, work=work_html),
    Target(name="plain", check=check_plain, words=_TEXT, work=work_plain),
    Target(name="twins", check=check_twins, words=(*_HTML, *_TEXT, *_PAGE), work=work_twins),
    Target(name="structure", check=check_structure, words=(*_HEADER, *_MIME, *_PARTS), work=work_structure),
)
