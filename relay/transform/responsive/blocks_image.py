"""The block `image`.

A picture takes a part of the width it has: what it is told, in percent or pixels, or its own width as far as that is
known, or all of it. Programs that know CSS get percents, so that it shrinks with the window; Outlook gets pixels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from relay.transform.responsive.block import Content, Reading
from relay.transform.responsive.layout import Place, Scope
from relay.transform.responsive.link import Link, link
from relay.transform.responsive.markup import opening
from relay.transform.responsive.node import Node, text_of
from relay.transform.responsive.placeholders import has_placeholders
from relay.transform.responsive.sizes import size_of
from relay.transform.responsive.text import labelled
from relay.transform.responsive.values import MOST, PICTURE, attributes, css, url

_WIDTH = re.compile(r"(\d{1,5}(?:\.\d{1,4})?)\s*(%|px)?", re.IGNORECASE)
_MARGINS = {"left": "0", "center": "0 auto", "right": "0 0 0 auto"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """How large one is to be: 0 is what nobody said."""

    percent: float = 0
    width: float = 0
    height: float = 0
    natural: tuple[int, int] | None = None

    def wide(self, room: int) -> float:
        """Pixels, at most as many as there are; 0: as its height makes it."""
        if self.percent:
            return room * min(self.percent, 100) / 100
        if self.width:
            return min(self.width, room)
        if self.height:
            return min(self.height * self.natural[0] / self.natural[1], room) if self.natural else 0
        return min(self.natural[0], room) if self.natural else room

    def tall(self) -> float:
        """0: as its width makes it."""
        return self.height if self.percent or self.width or not self.natural else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Image(Content):
    src: str
    alt: str
    picture: Picture
    link: Link
    css: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)

    def html(self, scope: Scope, place: Place) -> str:
        if not self.src:
            return ""
        wide, tall = self.picture.wide(scope.width), self.picture.tall()
        given = {
            "src": self.src,
            "alt": self.alt,
            "width": str(round(wide)) if wide else "",
            "height": str(round(tall)) if tall else "",
            "border": "0",
        }
        own = {
            "display": "block",
            "width": f"{round(100 * wide / scope.width, 2):g}%" if wide else "auto",
            "max-width": "100%",
            "height": f"{round(tall)}px" if tall else "auto",
            "margin": _MARGINS[place.align],
            "border": "0",
            "outline": "none",
            "text-decoration": "none",
            # Of the words that stand in its place.
            "font-family": scope.font.family,
            "font-size": scope.font.size,
            "color": scope.font.color,
        }
        made = opening("img", {**given, **self.attributes}, {**own, **self.css})
        return self.link.around(made, scope, {"text-decoration": "none", "border": "0"})

    def text(self, scope: Scope) -> str:
        return labelled(self.alt, self.link.address(scope)) if self.src else ""


def read_image(node: Node, reading: Reading) -> Content:
    src = url(node, "src", PICTURE)
    if not src:
        node.warn("src", "an image without an address is left out")
    tag = node.child("img")
    made = Image(
        src=src,
        alt=node.text("alt"),
        picture=_picture(node, reading, src),
        link=link(node, "link"),
        css={**css(node), **css(tag)},
        attributes={**attributes(node), **attributes(tag)},
    )
    if tag is not None:
        tag.finish()
    return made


def _picture(node: Node, reading: Reading, src: str) -> Picture:
    percent = width = 0.0
    if node.has("width"):
        found = _WIDTH.fullmatch(text_of(node.raw("width"), node.at("width")).strip())
        if found is None or not 0 < float(found[1]) <= MOST * 5:
            raise node.error("width", "expected a width, as 50%, 290px or 290")
        percent, width = (float(found[1]), 0.0) if found[2] == "%" else (0.0, float(found[1]))
    height = node.number("height", 0, 0, MOST * 5)
    natural = None
    if not (percent or width) and src.lower().startswith("http") and not has_placeholders(src):
        octets = reading.fetched(src, "image", node.at("src"), required=False)
        natural = size_of(octets) if octets else None
    return Picture(percent=percent, width=width, height=height, natural=natural)
