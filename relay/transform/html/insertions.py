"""What a page is given: a footer, a line to see it online, a way to unsubscribe, a picture of one pixel.

In:  a page, rules, and whether a picture of the page tells of an opening.
Out: edits: insertions behind `<body>` and before `</body>`, and URLs in the place of the sender's marks.

A mark (`unsubscribe_marker`, `view_marker`, `pixel_tag`) is found as it is, and as html or a URL writes it. Where it
stands in the address of a link, the whole address becomes ours, since editors put `http://` before what they do not
know. `unsubscribe_html` (for plain text `unsubscribe_text`) is the line at the end: `%unsubscribe_url%` or the
sender's own mark or `<% %>` in it becomes the URL, `<% words %>` a link with these words; where it has none of these,
it is the label of the link itself. It stands there only where the page has no mark.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from urllib.parse import quote

from relay.model.token import Purpose
from relay.transform.edit import Edit, Hole, Piece
from relay.transform.html.spans import Page
from relay.transform.rules import Pixel, Rules, own_page

URL_MARK = "%unsubscribe_url%"  # in the sender's line
UNSUBSCRIBE = "Unsubscribe"
VIEW = "View this message in your browser"
MARKS = 1000  # of a text that become links; a mark may be as short as a letter
MANY = f"marks for links stand in a text over {MARKS} times: those after that stay as they are"
NO_PIXEL_TAG = "the html has no pixel tag: the pixel stands at its end"
_HERE = re.compile(r"<%\s*%>")
_LINK = re.compile(r"<%(.*?)%>", re.DOTALL)
_MORE = re.compile(rb"[.,:!'()]*[A-Za-z0-9_~/?#&=%@+*$;-]")  # what makes a URL another one, behind it
_STYLE = b'style="font-size:12px;line-height:18px;text-align:center;padding:8px"'
_PIXEL = b' width="1" height="1" alt="" border="0" style="width:1px;height:1px;border:0;margin:0;padding:0">'


class Marks:
    """The places where the sender's marks stand in a text."""

    def __init__(self, text: bytes, rules: Rules, charset: str) -> None:
        spans: list[tuple[int, int, Purpose]] = []
        given = ((rules.unsubscribe_marker, Purpose.UNSUBSCRIBE), (rules.view_marker, Purpose.VIEW))
        for mark, purpose in given:
            if mark:
                found = islice(spellings(text, mark, charset), MARKS + 1)
                spans += [(start, end, purpose) for start, end in found]
        self.warnings = (MANY,) if len(spans) > MARKS else ()
        self.spans = list(_disjoint(sorted(spans)))[:MARKS]
        self.purposes = frozenset(purpose for _, _, purpose in self.spans)

    def within(self, start: int, end: int) -> Purpose | None:
        """What a mark in this place leads to."""
        if not self.spans:
            return None
        place = bisect_left(self.spans, start, key=_start)
        return self.spans[place][2] if place < len(self.spans) and self.spans[place][1] <= end else None

    def edits(self, url: Callable[[Purpose], tuple[Piece, ...]]) -> list[Edit]:
        return [Edit(start, end, url(purpose)) for start, end, purpose in self.spans]


def _start(span: tuple[int, int, Purpose]) -> int:
    return span[0]


def _disjoint(spans: Iterable[tuple[int, int, Purpose]]) -> Iterator[tuple[int, int, Purpose]]:
    at = 0
    for each in spans:
        if each[0] >= at:
            yield each
            at = each[1]


def spellings(text: bytes, mark: str, charset: str) -> Iterator[tuple[int, int]]:
    """Where a mark stands: as it is, as html writes it, as a URL writes it."""
    forms = {mark, html.escape(mark), html.escape(mark, quote=False), quote(mark), quote(mark, safe="")}
    for form in forms:
        octets = form.encode(charset, "replace")
        at = text.find(octets)
        while at >= 0:
            yield at, at + len(octets)
            at = text.find(octets, at + len(octets))


def lacks_unsubscribing(text: bytes, rules: Rules, marks: Marks, charset: str) -> bool:
    """Whether a way to unsubscribe is wanted, and neither the sender's mark nor the URL they have for it is there."""
    if not rules.unsubscribe or Purpose.UNSUBSCRIBE in marks.purposes:
        return False
    own = (each for each in rules.skip if each.lower().startswith(("http://", "https://")))
    return not any(_MORE.match(text, end) is None for url in own for _, end in spellings(text, url, charset))


def insertions(page: Page, rules: Rules, marks: Marks, charset: str, *, shown: bool) -> tuple[list[Edit], list[str]]:
    """`shown`: a picture of the page tells of an opening."""
    edits, warnings = [], list[str]()
    pixel, told = _pixel(page, rules, charset)
    top: list[Piece] = []
    if rules.view_online and Purpose.VIEW not in marks.purposes:
        top += [b"<div ", _STYLE, b'><a href="', *page_in_html(rules, Purpose.VIEW), f'">{VIEW}</a></div>'.encode()]
    bottom: list[Piece] = []
    if rules.footer_html:
        bottom.append(ascii_html(rules.footer_html))
    if lacks_unsubscribing(page.text, rules, marks, charset):
        bottom += [b"<div ", _STYLE, b">", *_unsubscribe(rules), b"</div>"]
    if rules.opens and pixel is not None:
        edits.append(pixel)
    elif rules.opens and (rules.pixel is not Pixel.NEEDED or not shown):
        (top if rules.pixel is Pixel.TOP else bottom).extend(_picture(rules))
    warnings += told
    if top:
        edits.append(Edit(page.body_start, page.body_start, tuple(top)))
    if bottom:
        edits.append(Edit(page.body_end, page.body_end, tuple(bottom)))
    return edits, warnings


def page_in_html(rules: Rules, purpose: Purpose) -> tuple[Piece, ...]:
    """The URL of a page of ours, as html writes it."""
    return tuple(
        html.escape(each.decode()).encode() if isinstance(each, bytes) else each for each in own_page(rules, purpose)
    )


def ascii_html(markup: str) -> bytes:
    """Markup for a page in any charset that writes ASCII as ASCII."""
    return markup.encode("ascii", "xmlcharrefreplace")


def with_url(line: str, rules: Rules) -> list[str] | None:
    """The pieces of the sender's line between which the URL stands; None where it has no place for one."""
    for mark in (URL_MARK, rules.unsubscribe_marker):
        if mark and mark in line:
            return line.split(mark)
    return _HERE.split(line) if _HERE.search(line) else None


def _unsubscribe(rules: Rules) -> Iterable[Piece]:
    """The line at the end of a page."""
    url = page_in_html(rules, Purpose.UNSUBSCRIBE)
    line = rules.unsubscribe_html or UNSUBSCRIBE
    split = with_url(line, rules)
    if split is not None:
        return _joined([ascii_html(each) for each in split], url)
    if (found := _LINK.search(line)) is not None:
        before, words, behind = line[: found.start()], found[1].strip() or UNSUBSCRIBE, line[found.end() :]
    else:
        before, words, behind = "", line, ""
    return (ascii_html(before), b'<a href="', *url, b'">', ascii_html(words), b"</a>", ascii_html(behind))


def _joined(texts: Sequence[bytes], url: Sequence[Piece]) -> Iterator[Piece]:
    for number, each in enumerate(texts):
        if number:
            yield from url
        yield each


def _pixel(page: Page, rules: Rules, charset: str) -> tuple[Edit | None, list[str]]:
    """The pixel in the place of its tag."""
    if not rules.opens or rules.pixel is not Pixel.TAG or not rules.pixel_tag:
        return None, []
    starts = sorted(tag.start for tag in page.tags)
    ends = {tag.start: tag.end for tag in page.tags}
    for start, end in sorted(spellings(page.text, rules.pixel_tag, charset)):
        place = bisect_right(starts, start) - 1
        inside = place >= 0 and start < ends[starts[place]]
        if page.body_start <= start and end <= page.body_end and not inside:
            return Edit(start, end, tuple(_picture(rules))), []
    return None, [NO_PIXEL_TAG]


def _picture(rules: Rules) -> Iterator[Piece]:
    yield b'<img src="' + rules.base + b"/"
    yield Hole(Purpose.PIXEL)
    yield b'.gif"' + _PIXEL
