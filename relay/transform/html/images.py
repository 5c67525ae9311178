"""The pictures of a page: fetched through us, so that showing them tells of an opening; or from where we host them.

In:  a tag, and rules.
Out: edits of the addresses of its pictures alone.

What counts as a picture: `src` of `<img>`, `<input type=image>` and Outlook's `v:fill`, `v:image` and `v:imagedata`;
each candidate of a `srcset`; `poster`; `background`; `url(...)` in a `style` attribute, and in a `<style>` block as
the value of a property that shows a picture (never of `@import` or a font). Addresses with CSS escapes stay.

Why so: a page that shows any of these has been opened, and mail programs show some where they do not show others. To
look for `url(` costs one search of the page where there is none.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from urllib.parse import unquote

from relay.transform.edit import Edit, Piece
from relay.transform.html.links import base_of, plain
from relay.transform.html.spans import Attribute, Page, Tag, escape
from relay.transform.rules import Rules
from relay.transform.targets import Targets
from relay.transform.urls import web_url

_SOURCES: dict[bytes, frozenset[bytes]] = {
    b"img": frozenset({b"src"}),
    b"input": frozenset({b"src"}),
    b"video": frozenset({b"poster"}),
    b"v:fill": frozenset({b"src"}),
    b"v:image": frozenset({b"src"}),
    b"v:imagedata": frozenset({b"src"}),
}
_SETS = frozenset({b"img", b"source"})
_ELSEWHERE = (re.compile(rb"background\s*="), re.compile(rb"url\("))  # what any tag may have, in lower case
_CANDIDATE = re.compile(rb"[\s,]*+([^\s,]\S*+)([^,]*+)")
_URL = re.compile(
    rb"""(?i)url\(\s*+(?:&quot;|&#39;|&#34;|&apos;|["'])?((?:https?:|cid:)"""
    rb"""(?:(?!&quot;|&#39;|&#34;|&apos;)[^"'()\s\\<>])++)(?:&quot;|&#39;|&#34;|&apos;|["'])?\s*+\)"""
)
_BEHIND_COMMENT = re.compile(rb".*\*/", re.DOTALL)
_LOOKED_BACK = 512  # octets to the name of a property; with several pictures in one value there are some
_SHOWING = frozenset(
    b"background background-image list-style list-style-image content border-image border-image-source".split()
)


class Images:
    """Goes through the pictures of a page, in their order."""

    def __init__(self, page: Page, rules: Rules, targets: Targets, charset: str) -> None:
        self._text = page.text
        self._opens = rules.opens
        self._hosted = dict(rules.hosted)
        self._targets = targets
        self._charset = charset
        self._base = base_of(page, charset)
        lower = page.text.lower()
        self._elsewhere = sorted(found.start() for each in _ELSEWHERE for found in each.finditer(lower))

    def wants(self, tag: Tag) -> bool:
        """Whether the tag may show a picture."""
        if tag.name in _SOURCES or tag.name in _SETS:
            return True
        if not self._elsewhere:
            return False
        place = bisect_left(self._elsewhere, tag.start)
        return tag.name == b"style" or (place < len(self._elsewhere) and self._elsewhere[place] < tag.end)

    def edits(self, tag: Tag, attributes: Sequence[Attribute]) -> list[Edit]:
        """What changes in a tag."""
        edits: list[Edit] = []
        seen: set[bytes] = set()  # of two attributes of one name the first counts
        for each in attributes:
            if each.name in seen:
                continue
            seen.add(each.name)
            if each.name in _SOURCES.get(tag.name, ()):
                if tag.name != b"input" or (tag.value(b"type") or b"").strip().lower() == b"image":
                    edits += self._address(each.value_start, each.value_end, each.quote)
            elif each.name == b"srcset" and tag.name in _SETS:
                edits += self._candidates(each)
            elif each.name == b"background":
                edits += self._address(each.value_start, each.value_end, each.quote)
            elif each.name == b"style" and self._elsewhere:
                for found in _URL.finditer(self._text, each.value_start, each.value_end):
                    edits += self._address(found.start(1), found.end(1), each.quote or b'"')
        return edits

    def block(self, start: int, end: int) -> list[Edit]:
        """What changes in the content of a `<style>`, which knows no character references."""
        edits: list[Edit] = []
        for found in _URL.finditer(self._text, start, end):
            if self._shows(start, found.start()):
                edits += self._address(found.start(1), found.end(1), None)
        return edits

    def _shows(self, start: int, at: int) -> bool:
        """Whether the value at this place belongs to a property that shows a picture."""
        before = self._text[max(start, at - _LOOKED_BACK) : at]
        place = max(before.rfind(b";"), before.rfind(b"{"), before.rfind(b"}"))
        name, colon, _ = before[place + 1 :].partition(b":")
        return colon == b":" and _BEHIND_COMMENT.sub(b"", name).strip().lower() in _SHOWING

    def _candidates(self, attribute: Attribute) -> list[Edit]:
        edits: list[Edit] = []
        at, end = attribute.value_start, attribute.value_end
        while (found := _CANDIDATE.match(self._text, at, end)) is not None:
            address = found[1].rstrip(b",")  # a comma at its end ends the candidate
            stop = found.start(1) + len(address)
            edits += self._address(found.start(1), stop, attribute.quote)
            at = found.end() if address == found[1] else found.end(1)
        return edits

    def _address(self, start: int, end: int, quote: bytes | None) -> list[Edit]:
        """What stands for the address there; `quote`: None where nothing is escaped."""
        raw = self._text[start:end]
        value = plain(raw, self._charset) if quote is not None else raw.decode(self._charset, "replace")
        if value is None:
            return []
        hosted = self._hosted_at(value) if self._hosted else None
        url = hosted or web_url(value, base=self._base, charset=self._charset)
        if url is None or (hosted is None and (not self._opens or self._targets.ours(url))):
            return []
        pieces: tuple[Piece, ...] | None = self._targets.picture(url) if self._opens else None
        if pieces is None:
            if hosted is None:
                return []
            pieces = (hosted.encode() if quote is None else escape(hosted.encode(), quote),)
        return [Edit(start, end, pieces)]

    def _hosted_at(self, value: str) -> str | None:
        value = value.strip()
        if value[:4].lower() != "cid:":
            return None
        return self._hosted.get(value[4:]) or self._hosted.get(unquote(value[4:]))
