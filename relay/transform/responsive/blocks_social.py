"""Blocks of icons: `follow` leads to a sender's pages, `share` lets readers share an address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from relay.transform.responsive.block import Content, Reading
from relay.transform.responsive.layout import Place, Scope, row
from relay.transform.responsive.link import Link, link
from relay.transform.responsive.markup import TABLE, beside, element, opening
from relay.transform.responsive.node import Node, near, text_of
from relay.transform.responsive.placeholders import check, to_html
from relay.transform.responsive.platforms import CLOSED, PLATFORMS, SHARING, Shared, profile
from relay.transform.responsive.text import labelled
from relay.transform.responsive.values import LINK, WEB, attributes, fetched_url, url, url_of

SIZE, LEAST, MOST = 32, 12, 128  # pixels of an icon
GAP = 6  # pixels between icons
_CORNERS = {  # how round a badge of each type is
    "rounded": "50%",
    "roundedcorners": "20%",
    "rectangular": "0",
    "glossy": "20%",
    "grey": "50%",
    "flower": "40%",
    "leaf": "0 50% 0 50%",
    "polygon": "30%",
    "waterdrop": "0 50% 50% 50%",
}
_GREY = "#777777"


@dataclass(frozen=True, slots=True, kw_only=True)
class Icon:
    platform: str
    link: Link

    @property
    def label(self) -> str:
        return PLATFORMS[self.platform].label


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The property `icon`."""

    type: str = "rounded"
    size: int = SIZE
    folder: str = ""  # where the sender's own pictures lie, as `facebook.png`


@dataclass(frozen=True, slots=True, kw_only=True)
class Icons(Content):
    label: str
    icons: tuple[Icon, ...]
    look: Look

    def html(self, scope: Scope, place: Place) -> str:
        last = len(self.icons) - 1
        cells = "".join(self._cell(each, scope, GAP * (number < last)) for number, each in enumerate(self.icons))
        made = element("table", f"<tr>{cells}</tr>", {**TABLE, "align": beside(place.align)}) if cells else ""
        if not self.label:
            return made
        given = {"align": place.align}
        css = {**scope.font.css, "text-align": place.align, "padding": f"0 0 {GAP}px 0"}
        return row(to_html(self.label), given, css) + made

    def _cell(self, icon: Icon, scope: Scope, gap: int) -> str:
        made = self._picture(icon, scope) if self.look.folder else self._badge(icon, scope)
        return element("td", made, {"align": "left", "valign": "top"}, {"padding": f"0 {gap}px 0 0" if gap else "0"})

    def _picture(self, icon: Icon, scope: Scope) -> str:
        size = str(self.look.size)
        given = {"src": f"{self.look.folder}/{icon.platform}.png", "alt": icon.label, "width": size, "height": size}
        made = opening("img", {**given, "border": "0"}, {"display": "block", "border": "0"})
        return icon.link.around(made, scope, {"text-decoration": "none"})

    def _badge(self, icon: Icon, scope: Scope) -> str:
        """A coloured cell with a sign."""
        platform, size = PLATFORMS[icon.platform], self.look.size
        color = _GREY if self.look.type == "grey" else platform.color
        corners = _CORNERS[self.look.type]
        css = {
            "display": "block",
            "width": f"{size}px",
            "height": f"{size}px",
            "line-height": f"{size}px",
            "mso-line-height-rule": "exactly",
            "font-family": "Arial, Helvetica, sans-serif",
            "font-size": f"{max(8, round(size * (0.5 if len(platform.sign) == 1 else 0.36)))}px",
            "font-weight": "bold",
            "color": "#ffffff",
            "text-align": "center",
            "text-decoration": "none",
            "border-radius": corners,
        }
        made = icon.link.around(platform.sign, scope, css)
        given = {"width": str(size), "height": str(size), "align": "center", "valign": "middle", "bgcolor": color}
        own = {"width": f"{size}px", "height": f"{size}px", "background-color": color, "border-radius": corners}
        cell = element("td", made, given, own)
        return element("table", f"<tr>{cell}</tr>", {**TABLE, "width": str(size)}, {"border-collapse": "separate"})

    def text(self, scope: Scope) -> str:
        led = [(each.label, each.link.address(scope)) for each in self.icons]
        lines = [labelled(label, url) for label, url in led if not url.startswith("mailto:?")]
        return "\n".join([*([self.label] if self.label else []), *lines])


def read_follow(node: Node, reading: Reading) -> Content:
    child = node.child("platforms") or node.node_of({}, node.at("platforms"))
    icons = []
    for name in child.names():
        platform = _known(child, name, name, PLATFORMS)
        value = child.raw(name)
        given: dict[str, str] = {}
        if isinstance(value, Mapping):
            inner = child.node_of(value, child.at(name))
            who, path = inner.line("identifier", "url").strip(), inner.at("identifier")
            given = attributes(inner)
            inner.finish()
        else:
            path = child.at(name)
            who = check(text_of(value, path).strip(), path)
        found = profile(platform, who)
        if not found:
            raise child.error(name, "expected the whole address, as no name is enough here")
        icons.append(_icon(node, platform, url_of(found, path, LINK), given))
    return Icons(label=node.text("label"), icons=tuple(icons), look=_look(node))


def read_share(node: Node, reading: Reading) -> Content:
    target = link(node, "link")
    shared = _shared(node, target)
    icons = []
    for value, path in node.entries("platforms"):
        name = text_of(value, path).strip().lower()
        if name in CLOSED:
            node.remarks.add(path, f"{name} is closed, and is left out")
            continue
        own = node.child(name) if isinstance(node.raw(name), Mapping) else None
        platform = _known(node, "platforms", name, SHARING)
        given = attributes(own)
        icons.append(_icon(node, platform, SHARING[platform](shared), given))
    if icons and not target.url:
        raise node.error("link", "expected the address that is shared")
    return Icons(label=node.text("label"), icons=tuple(icons), look=_look(node))


def _shared(node: Node, target: Link) -> Shared:
    facebook, twitter = node.child("facebook"), node.child("twitter")
    tags: tuple[str, ...] = ()
    if twitter is not None and isinstance(twitter.raw("hashtags"), str):
        tags = tuple(filter(None, (each.strip(" #") for each in twitter.line("hashtags").split(","))))
    elif twitter is not None:
        tags = tuple(text_of(value, path).strip(" #") for value, path in twitter.entries("hashtags"))
    made = Shared(
        url=target.url,
        title=target.title,
        description=node.text("description"),
        app=facebook.line("appid") if facebook else "",
        back=url(facebook, "redirect_uri", WEB) if facebook else "",
        hashtags=tags,
        via=twitter.line("via") if twitter else "",
    )
    for each in (facebook, twitter):
        if each is not None:
            attributes(each)
            each.finish()
    return made


def _icon(node: Node, platform: str, address: str, given: Mapping[str, str]) -> Icon:
    return Icon(platform=platform, link=Link(url=address, title=PLATFORMS[platform].label, attributes=given))


def _known(node: Node, at: str, name: str, known: Mapping[str, object]) -> str:
    folded = name.strip().lower()
    if folded not in known:
        hint = near(folded, sorted(known)) or f"; there is {', '.join(sorted(known))}"
        raise node.error(at, f"there is no platform {name[:40]!r}{hint}")
    return folded


def _look(node: Node) -> Look:
    child = node.child("icon")
    if child is None:
        return Look()
    found = Look(
        type=child.choice("type", sorted(_CORNERS), "rounded"),
        size=round(child.number("size", SIZE, LEAST, MOST)),
        folder=fetched_url(child, "folder").rstrip("/"),
    )
    child.finish()
    return found
