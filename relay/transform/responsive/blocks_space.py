"""Blocks without words: `separator`, `spacer`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from relay.transform.responsive.block import Content, Reading
from relay.transform.responsive.layout import Place, Scope, row
from relay.transform.responsive.node import Node
from relay.transform.responsive.values import MOST, attributes, colour, css

COLOR, HEIGHT, SPACE = "#cccccc", 4, 50  # heights in pixels
STYLES = ("solid", "dashed", "dotted", "double", "groove", "ridge", "inset", "outset")


@dataclass(frozen=True, slots=True, kw_only=True)
class Separator(Content):
    color: str = COLOR
    style: str = "solid"
    height: int = HEIGHT
    css: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)

    def html(self, scope: Scope, place: Place) -> str:
        own = {
            "border-top": f"{self.height}px {self.style} {self.color}",
            "font-size": "0",
            "line-height": "0",
            "height": "0",
            "mso-line-height-rule": "exactly",
        }
        return row("&nbsp;", {"width": str(scope.width), **self.attributes}, {**own, **self.css})

    def text(self, scope: Scope) -> str:
        return "-" * 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Spacer(Content):
    height: int = SPACE
    css: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)

    def html(self, scope: Scope, place: Place) -> str:
        if not self.height:
            return ""
        own = {
            "height": f"{self.height}px",
            "font-size": "0",
            "line-height": f"{self.height}px",
            "mso-line-height-rule": "exactly",
        }
        given = {"width": str(scope.width), "height": str(self.height), **self.attributes}
        return row("&nbsp;", given, {**own, **self.css})

    def text(self, scope: Scope) -> str:
        return ""


def read_separator(node: Node, reading: Reading) -> Content:
    return Separator(
        color=colour(node, "color", COLOR),
        style=node.choice("style", STYLES, "solid"),
        height=round(node.number("height", HEIGHT, 0, MOST)),
        css=css(node),
        attributes=attributes(node),
    )


def read_spacer(node: Node, reading: Reading) -> Content:
    return Spacer(
        height=round(node.number("height", SPACE, 0, MOST)),
        css=css(node),
        attributes=attributes(node),
    )
