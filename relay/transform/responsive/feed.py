"""Articles of a feed: RSS 0.9 to 2.0, Atom.

In:  octets of somebody else's XML.
Out: at most so many articles with title, address, content and picture, as they are told; nothing of it is trusted.

Why so: expat is driven by hand: a document type, which is what entities that blow up come from, ends the reading, and
nothing is kept but the articles.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.parsers import expat

OCTETS = 4 << 20
DEPTH = 50  # elements within each other
CONTENT = 20_000  # characters of an article
SHORT = 2000  # characters of a title, an address
_ITEMS = ("item", "entry")
_CONTENT = ("encoded", "content", "description", "summary")  # the first that is there
_TAG = re.compile(r"<[^<>]*+>")
_PICTURE = re.compile(r"""(?i)<img\b[^<>]*?\ssrc\s*=\s*["']?([^"'\s>]+)""")


class FeedError(ValueError):
    """No feed, or one that is not read."""


class _Enough(Exception):
    """All articles that were asked for are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    title: str  # plain text
    url: str
    content: str  # html
    picture: str


def articles(octets: bytes, most: int) -> list[Article]:
    """Raises FeedError."""
    if len(octets) > OCTETS:
        raise FeedError(f"a feed of over {OCTETS} octets")
    reader = _Reader(most)
    try:
        reader.parser.Parse(octets, True)
    except _Enough:
        pass
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise FeedError(str(error) if isinstance(error, FeedError) else f"no feed: {error}") from None
    if not reader.found and not reader.known:
        raise FeedError("no feed: neither RSS nor Atom")
    return reader.found


class _Reader:
    def __init__(self, most: int) -> None:
        self.found: list[Article] = []
        self.known = False  # it is a feed
        self._most = most
        self._stack: list[str] = []
        self._item: dict[str, str] | None = None  # the article we are in
        self._text: list[str] = []
        self._size = 0
        self._markup = 0  # the depth at which content that is markup itself began
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._data

    def _doctype(self, *_: object) -> None:
        raise FeedError("a feed with a document type (DOCTYPE) is not read")

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        local = name.rpartition(" ")[2].lower()
        self._stack.append(local)
        if len(self._stack) > DEPTH:
            raise FeedError(f"elements within each other over {DEPTH} levels")
        self.known = self.known or local in ("rss", "feed", "rdf")
        if self._markup:
            self._write(
                f"<{local}" + "".join(f' {key}="{html.escape(each)}"' for key, each in attributes.items()) + ">"
            )
        elif self._item is None:
            self._item = {} if local in _ITEMS else None
        else:
            self._clear()
            self._told(self._item, local, attributes)
            if local in ("content", "summary") and attributes.get("type") == "xhtml":
                self._markup = len(self._stack)

    @staticmethod
    def _told(item: dict[str, str], local: str, given: Mapping[str, str]) -> None:
        """What attributes say."""
        address = (given.get("url") or given.get("href") or "")[:SHORT]
        if local == "link" and given.get("rel", "alternate") == "alternate" and address:
            item.setdefault("link", address)
        pictured = given.get("type", "").startswith("image/") or given.get("medium") == "image"
        if address and (
            local == "thumbnail"
            or (local == "image" and "href" in given)
            or (local in ("enclosure", "content", "link") and pictured)
        ):
            item.setdefault("picture", address)

    def _end(self, name: str) -> None:
        local = self._stack.pop()
        if self._markup and len(self._stack) >= self._markup:
            self._write(f"</{local}>")
            return
        self._markup = 0
        if self._item is None:
            return
        if local in _ITEMS:
            self._finish(self._item)
            self._item = None
            return
        text = "".join(self._text).strip()
        self._clear()
        if text and self._stack[-1] in _ITEMS and local in ("title", "link", *_CONTENT):
            self._item.setdefault(local, text)

    def _data(self, text: str) -> None:
        if self._item is not None:
            self._write(html.escape(text) if self._markup else text)

    def _write(self, text: str) -> None:
        if self._size <= CONTENT:
            self._text.append(text[: CONTENT - self._size + 1])
            self._size += len(text)

    def _clear(self) -> None:
        self._text, self._size = [], 0

    def _finish(self, item: Mapping[str, str]) -> None:
        content = next((item[each] for each in _CONTENT if each in item), "")
        inside = _PICTURE.search(content)
        picture = item.get("picture") or (html.unescape(inside[1]) if inside else "")
        title = " ".join(html.unescape(_TAG.sub("", item.get("title", "")[:SHORT])).split())
        self.found.append(Article(title=title, url=item.get("link", "")[:SHORT], content=content, picture=picture))
        if len(self.found) >= self._most:
            raise _Enough
