"""Blocks to click on: `button`, `link`.

A button is a coloured cell with a link in it; Outlook, which knows neither round corners nor room around a link, gets
a shape of its own (VML), whose size has to be said: it is reckoned from the label.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from relay.transform.responsive.block import Content, Reading
from relay.transform.responsive.font import Font, font
from relay.transform.responsive.layout import Place, Scope
from relay.transform.responsive.link import Link, link
from relay.transform.responsive.markup import TABLE, beside, element, mso, not_mso
from relay.transform.responsive.node import Node
from relay.transform.responsive.placeholders import pieces, to_html
from relay.transform.responsive.text import labelled
from relay.transform.responsive.values import Box, attributes, box, colour, css, plain_colour

COLOR = "#2a6ebb"
LABEL_COLOR = "#ffffff"
SIZE = Box(12, 24, 12, 24)  # pixels around the label
CORNERS = {"default": 0, "radius": 5, "round": 100}  # pixels
_WIDE = 0.62  # of its height, that a letter of a bold label takes at most, about
_FILLED_IN = 10  # letters, that a placeholder is taken for


@dataclass(frozen=True, slots=True, kw_only=True)
class Button(Content):
    label: str
    link: Link
    color: str
    size: Box
    corners: str
    font: Font  # of the block itself
    css: Mapping[str, str]
    attributes: Mapping[str, str]

    def html(self, scope: Scope, place: Place) -> str:
        font = self.font.within(Font(weight="bold", color=LABEL_COLOR, line_height="1.2")).within(scope.font)
        made = self._table(scope, place, font)
        return f"{mso(self._shape(scope, font))}{not_mso(made)}" if scope.outlook else made

    def _table(self, scope: Scope, place: Place, font: Font) -> str:
        radius = CORNERS[self.corners]
        corners = {"border-radius": f"{radius}px"} if radius else {}
        own = {
            "display": "inline-block",
            "padding": self.size.css,
            "background-color": self.color,
            **corners,
            **font.css,
            "text-align": "center",
            "text-decoration": "none",
            **self.css,
        }
        words = to_html(self.label)
        if self.link.url:
            given = Link(
                url=self.link.url,
                title=self.link.title,
                params=self.link.params,
                attributes={**self.attributes, **self.link.attributes},
                css=self.link.css,
            )
            words = given.around(words, scope, own)
        else:
            words = element("span", words, self.attributes, own)
        cell = {"align": "center", "bgcolor": plain_colour(self.color)}
        inside = element("td", words, cell, {"background-color": self.color, **corners})
        return element(
            "table", f"<tr>{inside}</tr>", {**TABLE, "align": beside(place.align)}, {"border-collapse": "separate"}
        )

    def _shape(self, scope: Scope, font: Font) -> str:
        """Its width follows its label, as far as that is known."""
        high = math.ceil(font.pixels * 1.2) + self.size.top + self.size.bottom
        letters = sum(_FILLED_IN if construct else len(text) for text, construct in pieces(self.label))
        wide = min(scope.width, math.ceil(letters * font.pixels * _WIDE) + self.size.across)
        arc = 50 if self.corners == "round" else math.ceil(100 * CORNERS[self.corners] / min(high, wide))
        given = {
            "xmlns:v": "urn:schemas-microsoft-com:vml",
            "xmlns:w": "urn:schemas-microsoft-com:office:word",
            "href": self.link.address(scope),
            "arcsize": f"{min(arc, 50)}%",
            "stroke": "f",
            "fillcolor": plain_colour(self.color) or COLOR,
        }
        shape = {"height": f"{high}px", "v-text-anchor": "middle", "width": f"{wide}px"}
        label = element("center", to_html(self.label), {}, font.css)
        return element("v:roundrect", f"<w:anchorlock/>{label}", given, shape)

    def text(self, scope: Scope) -> str:
        return labelled(self.label, self.link.address(scope))


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor(Content):
    """The block `link`."""

    label: str
    link: Link
    css: Mapping[str, str]
    attributes: Mapping[str, str]

    def html(self, scope: Scope, place: Place) -> str:
        words = to_html(self.label)
        if not self.link.url:
            return words
        made = Link(
            url=self.link.url,
            title=self.link.title,
            params=self.link.params,
            attributes={**self.attributes, **self.link.attributes},
            css={**self.css, **self.link.css},
        )
        return made.around(words, scope, {**scope.font.css, "text-decoration": "underline"})

    def text(self, scope: Scope) -> str:
        return labelled(self.label, self.link.address(scope))

    def cell(self, scope: Scope) -> Mapping[str, str]:
        return scope.font.css


def read_button(node: Node, reading: Reading) -> Content:
    target = link(node, "link", "url")
    return Button(
        label=node.text("label", "content") or target.label,
        link=target,
        color=colour(node, "color", COLOR),
        size=box(node, "size", SIZE),
        corners=node.choice("corners", list(CORNERS), "default"),
        font=font(node),
        css=css(node),
        attributes=attributes(node),
    )


def read_link(node: Node, reading: Reading) -> Content:
    target = link(node, "link", "url")
    return Anchor(
        label=node.text("label", "content") or target.label or target.url,
        link=target,
        css=css(node),
        attributes=attributes(node),
    )
