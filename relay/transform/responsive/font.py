"""How text looks: the property `font`, which what is inside inherits, value by value."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from relay.transform.responsive.node import Node, text_of
from relay.transform.responsive.placeholders import check
from relay.transform.responsive.values import colour, length

_FAMILY = re.compile(r"[\w\s,'\"-]{1,300}")
_WEIGHTS = ("normal", "bold", "bolder", "lighter", *(str(each) for each in range(100, 1000, 100)))
_PIXELS = re.compile(r"(\d+(?:\.\d+)?)(px|pt|em|rem|%)", re.IGNORECASE)
_EACH = {"px": 1.0, "pt": 96 / 72, "em": 16.0, "rem": 16.0, "%": 0.16}


@dataclass(frozen=True, slots=True, kw_only=True)
class Font:
    """Values of CSS. Of what a block gives itself, empty ones are not given."""

    family: str = ""
    size: str = ""
    line_height: str = ""
    color: str = ""
    weight: str = ""

    def within(self, outer: Font) -> Font:
        """This one, with what it lacks from the one around it."""
        return Font(
            family=self.family or outer.family,
            size=self.size or outer.size,
            line_height=self.line_height or outer.line_height,
            color=self.color or outer.color,
            weight=self.weight or outer.weight,
        )

    @property
    def css(self) -> dict[str, str]:
        found = {
            "font-family": self.family,
            "font-size": self.size,
            "font-weight": self.weight,
            "line-height": self.line_height,
            "color": self.color,
        }
        if self.line_height:  # else Word takes it for the least, not for what it is
            found["mso-line-height-rule"] = "exactly"
        return found

    @property
    def pixels(self) -> float:
        """About the size."""
        found = _PIXELS.fullmatch(self.size)
        return float(found[1]) * _EACH[found[2].lower()] if found else 16.0


USUAL = Font(family="Arial, Helvetica, sans-serif", size="16px", line_height="1.4", color="#222222")


def font(node: Node, **defaults: str) -> Font:
    """What the block says itself; `defaults` of its kind stand for what it does not say."""
    child = node.child("font")
    made = Font() if child is None else _font(child)
    return made.within(replace(Font(), **defaults)) if defaults else made


def _font(child: Node) -> Font:
    family = check(" ".join(child.line("family").split()), child.at("family")).strip(" ,;")
    if family and not _FAMILY.fullmatch(family):
        raise child.error("family", "expected names of fonts, with commas between them")
    weight = child.raw("weight")
    shown = "" if weight is None else text_of(weight, child.at("weight")).strip().lower()
    if shown and shown not in _WEIGHTS:
        raise child.error("weight", "expected normal, bold, bolder, lighter or 100 to 900")
    made = Font(
        family=family,
        size=length(child, "size"),
        line_height=length(child, "lineHeight", bare=""),
        color=colour(child, "color"),
        weight=shown,
    )
    child.finish()
    return made
