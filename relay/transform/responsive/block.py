"""Blocks: what every one of them has, and how they are read.

In:  the objects in `blocks`.
Out: `Block`s, which write themselves as html and as text.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from relay.transform.responsive.error import DocumentError
from relay.transform.responsive.font import Font, font
from relay.transform.responsive.layout import DEVICES, Place, Scope, placed
from relay.transform.responsive.node import Node, Remarks, near
from relay.transform.responsive.rewriting import Rule, rules
from relay.transform.responsive.values import NONE, Box, attributes, box, colour, css

BLOCKS = 1000  # of a document, with what was imported and what feeds gave
ALIGN = ("left", "center", "right")
ELSEWHERE = 50  # documents, feeds and texts that one shows; pictures do not count
OUTPUTS = ("always", "mailonly", "webonly")


class Content(ABC):
    """What a kind of block puts into its cell."""

    @abstractmethod
    def html(self, scope: Scope, place: Place) -> str: ...

    @abstractmethod
    def text(self, scope: Scope) -> str: ...

    def cell(self, scope: Scope) -> Mapping[str, str]:
        """CSS of the cell."""
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    content: Content
    place: Place = field(default_factory=Place)
    font: Font = field(default_factory=Font)
    output: str = "always"
    rules: tuple[Rule, ...] = ()

    def html(self, scope: Scope) -> str:
        if not self._shown(scope):
            return ""
        inner = self._inner(scope)
        content = self.content.html(inner, self.place)
        return placed(content, self.place, scope.width, self.content.cell(inner), outlook=scope.outlook)

    def text(self, scope: Scope) -> str:
        """What is for telephones alone mostly says again what others see elsewhere: a text is for those."""
        if not self._shown(scope) or self.place.device == "mobile":
            return ""
        return self.content.text(self._inner(scope))

    def _shown(self, scope: Scope) -> bool:
        return self.output != ("mailonly" if scope.web else "webonly")

    def _inner(self, scope: Scope) -> Scope:
        return replace(
            scope,
            width=self.place.inner_width(scope.width),
            font=self.font.within(scope.font),
            rewriting=scope.rewriting.then(self.rules),
            outlook=scope.outlook and self.place.device != "mobile",
        )


def html_of(blocks: Sequence[Block], scope: Scope) -> str:
    return "\n".join(filter(None, (each.html(scope) for each in blocks)))


def text_of(blocks: Sequence[Block], scope: Scope) -> str:
    return "\n\n".join(filter(None, (each.text(scope).strip("\n") for each in blocks)))


@dataclass(frozen=True, slots=True)
class Need:
    """Something elsewhere that a document shows."""

    url: str
    kind: str  # "json", "feed", "html", "text", "oembed" (JSON about a video), "image"
    path: str  # of the property that names it
    required: bool  # False: the page is made without it, too, if not as well


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A type of block; `expand` is that of one that stands for others."""

    read: Callable[[Node, Reading], Content] | None = None
    expand: Callable[[Node, Reading], list[Block]] | None = None
    padding: Box = NONE
    font: Mapping[str, str] = field(default_factory=dict)


class Reading:
    """One reading of a document."""

    def __init__(self, kinds: Mapping[str, Kind], fetched: Mapping[str, bytes], remarks: Remarks) -> None:
        self.needs: list[Need] = []
        self.remarks = remarks
        self.imports = 0  # how deep we are in documents that were imported
        self._kinds = kinds
        self._fetched = fetched
        self._count = 0
        self._elsewhere = 0

    def fetched(self, url: str, kind: str, path: str, *, required: bool = True) -> bytes | None:
        """What lies there; None, and a need, if it was not brought. Raises DocumentError: that is too much."""
        self._elsewhere += kind != "image"
        if self._elsewhere > ELSEWHERE:
            raise DocumentError(path, f"a document that shows over {ELSEWHERE} things from elsewhere")
        found = self._fetched.get(url)
        if found is None and not any(each.url == url and each.kind == kind for each in self.needs):
            self.needs.append(Need(url, kind, path, required))
        return found

    def blocks(self, entries: Sequence[tuple[object, str]], remarks_of: Node) -> tuple[Block, ...]:
        """Objects with their paths."""
        found: list[Block] = []
        for value, path in entries:
            found += self.block(remarks_of.node_of(value, path))
        return tuple(found)

    def block(self, node: Node) -> list[Block]:
        self._count += 1
        if self._count > BLOCKS:
            raise DocumentError(node.path, f"a document of over {BLOCKS} blocks")
        if not node.has("type"):
            raise DocumentError(node.path, "a block without a type")
        name = str(node.raw("type"))
        kind = self._kinds.get(name.lower())
        if kind is None:
            known = sorted(self._kinds)
            hint = near(name, known) or f"; there is {', '.join(known)}"
            raise node.error("type", f"there is no block {name[:40]!r}{hint}")
        if kind.expand is not None:
            found = kind.expand(node, self)
        elif kind.read is not None:
            found = [framed(kind.read(node, self), node, kind)]
        node.finish()
        return found


def framed(content: Content, node: Node, kind: Kind) -> Block:
    """The content with all that every block may have."""
    container = node.child("container")
    place = Place(
        background=background(node),
        margin=box(node, "margin", NONE),
        padding=box(node, "padding", kind.padding),
        align=node.choice("align", ALIGN, "left"),
        css=css(container),
        attributes=attributes(container),
    )
    if container is not None:
        container.finish()
    output, device = visibility(node)
    return Block(
        content=content,
        place=replace(place, device=device),
        font=font(node, **kind.font),
        output=output,
        rules=rules(node),
    )


def visibility(node: Node) -> tuple[str, str]:
    """For which output and for which devices."""
    child = node.child("visibility")
    if child is None:
        return "always", "always"
    found = child.choice("output", OUTPUTS, "always"), child.choice("device", DEVICES, "always")
    child.finish()
    return found


def background(node: Node) -> str:
    """The colour in the property `background`, which may be the colour itself."""
    if isinstance(node.raw("background"), str):
        return colour(node, "background")
    child = node.child("background")
    if child is None:
        return ""
    found = colour(child, "color")
    child.finish()
    return found
