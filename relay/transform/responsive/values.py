"""What properties say of looks and of where things lie: colours, lengths, addresses, css, attributes.

In:  a node and the name of a property.
Out: checked texts; DocumentError where they are not what they have to be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from relay.transform.responsive.error import DocumentError
from relay.transform.responsive.node import Node, number_of, text_of
from relay.transform.responsive.placeholders import around, check, has_placeholders, masked

LINK = ("http", "https", "mailto", "tel", "sms")
PICTURE = ("http", "https", "cid")
WEB = ("http", "https")
URL = 2000  # characters
CENTRE = 580  # pixels: the width of the column that all content stands in
MOST = 2000  # pixels of a margin, a height
SIDES = ("top", "right", "bottom", "left")

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_HEX = re.compile(r"#(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
_NAME = re.compile(r"[A-Za-z]{3,30}")
_FUNCTION = re.compile(r"(?i)(rgb|hsl)a?\(\s*[0-9.%\s,/deg-]{1,60}\)")
_RGB = re.compile(r"(?i)rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)")
_TRIPLET = re.compile(r"(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})")
_LENGTH = re.compile(r"(?i)\d{1,4}(?:\.\d{1,4})?(?:px|em|rem|pt|%|vw|ex|ch)?")
_PROPERTY = re.compile(r"-{0,2}[A-Za-z][A-Za-z0-9-]{0,60}")
_ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_:.-]{0,60}")
_LINKING = ("href", "src", "background", "action", "formaction", "poster", "cite", "xlink:href")
_RUNS = re.compile(r"(?i)javascript\s*:|vbscript\s*:|expression\s*\(|-moz-binding|behavior\s*:")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f<>{}]")


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels at the four sides."""

    top: int = 0
    right: int = 0
    bottom: int = 0
    left: int = 0

    @property
    def css(self) -> str:
        """A shorthand, as short as it goes."""
        sides = [f"{each}px" if each else "0" for each in (self.top, self.right, self.bottom, self.left)]
        if len(set(sides)) == 1:
            return sides[0]
        if sides[0] == sides[2] and sides[1] == sides[3]:
            return " ".join(sides[:2])
        return " ".join(sides)

    @property
    def across(self) -> int:
        return self.left + self.right


NONE = Box()


def box(node: Node, name: str, default: Box) -> Box:
    """One number for all sides, or an object; a side it does not name is 0, and so is what is below."""
    value = node.raw(name)
    if value is None:
        return default
    if not isinstance(value, Mapping):
        side = _side(value, node.at(name))
        return Box(side, side, side, side)
    inner = node.node_of(value, node.at(name))
    made = Box(*(_side(inner.raw(each), inner.at(each)) for each in SIDES))
    inner.finish()
    return made


def _side(value: object, path: str) -> int:
    return 0 if value is None else max(0, round(number_of(value, path, -MOST, MOST)))


def colour(node: Node, name: str, default: str = "") -> str:
    """As CSS has it: `#f60`, a name, `rgb(...)`; three numbers are made one; or a placeholder."""
    value = node.raw(name)
    if value is None:
        return default
    text = check(text_of(value, node.at(name)).strip(), node.at(name))
    triplet = _TRIPLET.fullmatch(text)
    if triplet:
        text = f"rgb({triplet[1]}, {triplet[2]}, {triplet[3]})"
    if not text:
        return default
    if not (_HEX.fullmatch(text) or _NAME.fullmatch(text) or _FUNCTION.fullmatch(text) or has_placeholders(text)):
        raise node.error(name, "expected a colour: #rrggbb, rgb(r, g, b) or a name")
    return text


def plain_colour(text: str) -> str:
    """The colour as an attribute can say it (`bgcolor`), which Outlook believes; "" where none can."""
    found = _RGB.fullmatch(text)
    if found:
        return "#" + "".join(f"{min(255, int(each)):02x}" for each in found.groups())
    if _HEX.fullmatch(text) and len(text) == 4:
        return "#" + "".join(each * 2 for each in text[1:])
    if text.lower() in ("transparent", "inherit", "initial", "currentcolor"):
        return ""
    return text if (_HEX.fullmatch(text) and len(text) == 7) or _NAME.fullmatch(text) or "{" in text else ""


def length(node: Node, name: str, *, bare: str = "px") -> str:
    """A length of CSS; a number gets `bare` behind it."""
    value = node.raw(name)
    if value is None:
        return ""
    text = text_of(value, node.at(name)).strip().replace(" ", "")
    if not _LENGTH.fullmatch(text):
        if text == "normal":
            return text
        raise node.error(name, "expected a length, as 14px, 1.2em or 120%")
    return text + bare if text[-1].isdigit() else text


def url(node: Node, name: str, schemes: tuple[str, ...]) -> str:
    """ "" where it is missing or empty."""
    value = node.raw(name)
    return "" if value is None else url_of(value, node.at(name), schemes)


def url_of(value: object, path: str, schemes: tuple[str, ...]) -> str:
    """A URL of one of these schemes, or one that a placeholder begins. In links `#place` is one, too."""
    text = check(text_of(value, path).strip(), path)
    if not text:
        return ""
    if len(text) > URL:
        raise DocumentError(path, f"a URL of over {URL} characters")
    shown = masked(text, "\x1a")
    if any(each <= " " and each != "\x1a" for each in shown.replace(" ", "")) or set('<>"\\') & set(shown):
        raise DocumentError(path, "expected a URL, which has no control characters, quotes or angle brackets")
    found = _SCHEME.match(shown)
    linked = schemes is LINK and text.startswith("#")
    if not (linked or shown.startswith("\x1a") or (found and found[1].lower() in schemes)):
        raise DocumentError(path, f"expected a URL that begins with {', '.join(schemes)} or a placeholder")
    return around(text, lambda piece: piece.replace(" ", "%20")) if " " in shown else text


def fetched_url(node: Node, name: str) -> str:
    """A URL that is fetched when the document is rendered, before there is any recipient."""
    text = url(node, name, WEB)
    if text and has_placeholders(text):
        raise node.error(name, "what is fetched is fetched once for all recipients, and has no placeholders")
    return text


def css(node: Node | None) -> dict[str, str]:
    """The property `css`: declarations by name."""
    child = node.child("css") if node is not None else None
    if child is None:
        return {}
    found: dict[str, str] = {}
    for name in child.names():
        value = check(text_of(child.raw(name), child.at(name)).strip(), child.at(name))
        if not _PROPERTY.fullmatch(name):
            raise child.error(name, "expected the name of a CSS property")
        if _FORBIDDEN.search(masked(value)) or _RUNS.search(f"{name}:{value}"):
            raise child.error(
                name, "expected a value of CSS, which has no brackets of these kinds: <>{}, and runs nothing"
            )
        found[name.lower()] = value.rstrip("; ")
    return found


def attributes(node: Node | None) -> dict[str, str]:
    """The property `attributes`: of an element, by name."""
    child = node.child("attributes") if node is not None else None
    if child is None:
        return {}
    found: dict[str, str] = {}
    for name in child.names():
        folded = name.lower()
        raw = child.raw(name)
        value = folded if raw is True else "" if raw is False else text_of(raw, child.at(name))
        if not _ATTRIBUTE.fullmatch(name):
            raise child.error(name, "expected the name of an attribute")
        if folded.startswith("on") or folded == "srcdoc" or (folded == "style" and _RUNS.search(value)):
            raise child.error(name, "an attribute that runs a script does nothing in a mail, and is not written")
        if folded == "background" and (_HEX.fullmatch(value) or _NAME.fullmatch(value)):
            folded = "bgcolor"  # meant so, and no picture's address
        elif folded in _LINKING:
            value = url_of(value, child.at(name), LINK if folded == "href" else PICTURE)
        found[folded] = check(value, child.at(name))
    return found
