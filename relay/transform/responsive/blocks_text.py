"""Blocks of words: `text`, `html`, `heading`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from relay.transform.responsive.block import Content, Reading
from relay.transform.responsive.font import Font, font
from relay.transform.responsive.layout import Place, Scope
from relay.transform.responsive.link import Link, link
from relay.transform.responsive.markup import element
from relay.transform.responsive.node import Node
from relay.transform.responsive.placeholders import around, check, closed, to_html
from relay.transform.responsive.text import labelled, page_text
from relay.transform.responsive.values import attributes, css, fetched_url

LARGEST = 6
_SIZES = ("32px", "26px", "22px", "18px", "16px", "14px")  # of headings

_BROKEN = {"word-break": "break-word"}  # a word that is wider than a telephone must not widen the page


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Content):
    """Plain text; its line ends are line ends."""

    content: str
    css: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)

    def html(self, scope: Scope, place: Place) -> str:
        made = with_breaks(self.content)
        return element("div", made, self.attributes, self.css) if self.css or self.attributes else made

    def text(self, scope: Scope) -> str:
        return self.content.replace("\r\n", "\n")

    def cell(self, scope: Scope) -> Mapping[str, str]:
        return {**scope.font.css, **_BROKEN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Html(Content):
    """Somebody's markup, as it is but for links that are rewritten."""

    content: str
    css: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)

    def html(self, scope: Scope, place: Place) -> str:
        made = scope.rewriting.page(self.content)
        return element("div", made, self.attributes, self.css) if self.css or self.attributes else made

    def text(self, scope: Scope) -> str:
        return page_text(scope.rewriting.page(self.content))

    def cell(self, scope: Scope) -> Mapping[str, str]:
        return {**scope.font.css, **_BROKEN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading(Content):
    content: str
    size: int
    link: Link
    font: Font  # of the block itself: what is set for the whole document is for texts, not for the size of headings
    css: Mapping[str, str]
    attributes: Mapping[str, str]

    def html(self, scope: Scope, place: Place) -> str:
        look = self._look(scope).css
        words = self.link.around(with_breaks(self.content), scope, {**look, "text-decoration": "none"})
        own = {"margin": "0", "padding": "0", **look, "text-align": place.align}
        return element(f"h{self.size}", words, {"align": place.align, **self.attributes}, {**own, **self.css})

    def text(self, scope: Scope) -> str:
        return labelled(self.content.replace("\r\n", "\n"), self.link.address(scope))

    def cell(self, scope: Scope) -> Mapping[str, str]:
        return _BROKEN

    def _look(self, scope: Scope) -> Font:
        sized = Font(size=_SIZES[self.size - 1], line_height="1.3", weight="bold")
        return self.font.within(sized).within(scope.font)


def with_breaks(source: str) -> str:
    made = to_html(source)
    return around(made, lambda text: text.replace("\r\n", "\n").replace("\n", "<br>\n")) if "\n" in made else made


def read_text(node: Node, reading: Reading) -> Content:
    return Text(content=_content(node, reading, "text"), css=css(node), attributes=attributes(node))


def read_html(node: Node, reading: Reading) -> Content:
    return Html(content=closed(_content(node, reading, "html")), css=css(node), attributes=attributes(node))


def read_heading(node: Node, reading: Reading) -> Content:
    return Heading(
        content=node.text("content", "source"),
        size=int(node.number("size", 1, 1, LARGEST)),
        link=link(node, "link"),
        font=font(node),
        css=css(node),
        attributes=attributes(node),
    )


def _content(node: Node, reading: Reading, kind: str) -> str:
    """What the block says itself, or else what lies at its URL."""
    own = node.text("content", "source")
    url = fetched_url(node, "url")
    if own or not url:
        return own
    octets = reading.fetched(url, kind, node.at("url"))
    return "" if octets is None else check(octets.decode("utf-8", "replace").removeprefix("\ufeff"), node.at("url"))
