"""A page as two kinds of programs see it, each as a tree; what is not balanced is found at once.

In:  html as `render` writes it.
Out: `Element`s: of what Outlook on Windows reads (conditions undone), and of what all others read (comments gone).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {
    "area",
    "base",
    "br",
    "col",
    "hr",
    "img",
    "input",
    "link",
    "meta",
    "source",
    "wbr",
    "o:allowpng",
    "w:anchorlock",
}
_NOT_MSO = re.compile(r"<!--\[if !mso\]><!-->.*?<!--<!\[endif\]-->", re.DOTALL)
_MSO = re.compile(r"<!--\[if mso\]>(.*?)<!\[endif\]-->", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
PIXELS = re.compile(r"(\d+)px")


@dataclass
class Element:
    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    parent: Element | None = None
    children: list[Element] = field(default_factory=list)
    words: str = ""

    def walk(self) -> Iterator[Element]:
        yield self
        for each in self.children:
            yield from each.walk()

    def all(self, name: str) -> list[Element]:
        return [each for each in self.walk() if each.name == name]

    def above(self) -> Iterator[Element]:
        if self.parent is not None:
            yield self.parent
            yield from self.parent.above()

    @property
    def style(self) -> dict[str, str]:
        pairs = (each.partition(":") for each in self.attributes.get("style", "").split(";") if each)
        return {name: value for name, _, value in pairs}

    @property
    def text(self) -> str:
        return self.words + "".join(each.text for each in self.children)


class _Tree(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = self._at = Element("")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Element(tag, {name: value or "" for name, value in attrs}, self._at)
        self._at.children.append(made)
        if tag not in VOID:
            self._at = made

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._at.children.append(Element(tag, {name: value or "" for name, value in attrs}, self._at))

    def handle_endtag(self, tag: str) -> None:
        assert self._at.name == tag, f"</{tag}> ends <{self._at.name}> at {self.getpos()}"
        assert self._at.parent is not None
        self._at = self._at.parent

    def handle_data(self, data: str) -> None:
        self._at.words += data

    def done(self) -> Element:
        assert self._at is self.root, f"<{self._at.name}> has no end"
        return self.root


def tree(page: str) -> Element:
    """Raises AssertionError: not balanced."""
    reader = _Tree()
    reader.feed(page)
    reader.close()
    return reader.done()


def to_outlook(page: str) -> str:
    made = _MSO.sub(r"\1", _NOT_MSO.sub("", page))
    assert "<!--[if" not in made and "<![endif]" not in made, "a condition within a condition"
    return made


def in_outlook(page: str) -> Element:
    return tree(to_outlook(page))


def elsewhere(page: str) -> Element:
    return tree(_COMMENT.sub("", page))


def look_for_outlook(page: str) -> None:
    """What Word needs to lay a page out: widths of cells and pictures, tables wherever things are placed."""
    seen = in_outlook(page)
    for table in seen.all("table"):
        assert table.attributes.get("role") == "presentation", table
        assert {"border", "cellpadding", "cellspacing"} <= table.attributes.keys()
        for row in table.children:
            assert row.name == "tr" and row.children and all(each.name == "td" for each in row.children)
            widths = [each.attributes.get("width", "") for each in row.children]
            if len(widths) > 1 and table.attributes.get("width"):
                assert sum(map(int, widths)) <= int(table.attributes["width"]), widths
    for div in seen.all("div"):  # columns for all others: in Outlook each stands alone in a cell with its width
        if div.attributes.get("class") == "re-column":
            cell = div.parent
            assert cell is not None and cell.name == "td" and cell.children == [div]
            assert cell.attributes["width"] == PIXELS.fullmatch(div.style["max-width"])[1]  # type: ignore[index]
    for picture in seen.all("img"):
        around = [each.attributes.get("width", "") for each in picture.above()]
        room = next((int(each) for each in around if each.isdigit()), 580)
        assert 0 < int(picture.attributes["width"]) <= room
    for shape in seen.all("v:roundrect"):
        assert {"width", "height", "v-text-anchor"} <= shape.style.keys() and shape.attributes["fillcolor"]
    assert not [each for each in seen.all("a") if "inline-block" in each.attributes.get("style", "")]
    elsewhere(page)
