"""Blocks of blocks: `columns` beside each other, `container` below each other.

Columns share twelve parts of the width. Those that say no size share what the others leave.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from relay.transform.responsive.block import Block, Content, Kind, Reading, framed, html_of, text_of
from relay.transform.responsive.layout import Place, Scope, columns
from relay.transform.responsive.markup import element
from relay.transform.responsive.node import Node
from relay.transform.responsive.values import attributes, css

PARTS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Container(Content):
    blocks: tuple[Block, ...]
    css: Mapping[str, str]
    attributes: Mapping[str, str]

    def html(self, scope: Scope, place: Place) -> str:
        made = html_of(self.blocks, scope)
        return element("div", made, self.attributes, self.css) if self.css or self.attributes else made

    def text(self, scope: Scope) -> str:
        return text_of(self.blocks, scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns(Content):
    columns: tuple[tuple[Block, float], ...]  # with the part of the width that each has

    def html(self, scope: Scope, place: Place) -> str:
        cells, share = [], 0.0
        for block, part in self.columns:
            start = int(scope.width * share + 0.5)
            share += part
            wide = max(1, int(scope.width * share + 0.5) - start)
            cells.append((block.html(replace(scope, width=wide)), wide))
        return columns(cells, scope.width, outlook=scope.outlook)

    def text(self, scope: Scope) -> str:
        return text_of([block for block, _ in self.columns], scope)


def read_container(node: Node, reading: Reading) -> Content:
    blocks = reading.blocks(node.entries("blocks"), node)
    return Container(blocks=blocks, css=css(node), attributes=attributes(node))


def read_columns(node: Node, reading: Reading) -> Content:
    given = [node.node_of(value, path) for value, path in node.entries("columns")]
    if not 1 <= len(given) <= PARTS:
        raise node.error("columns", f"expected an array of 1 to {PARTS} columns")
    found = []
    for each, part in zip(given, _parts(node, given), strict=True):
        found.append((framed(read_container(each, reading), each, Kind()), part))
        each.finish()
    return Columns(columns=tuple(found))


def _parts(node: Node, given: list[Node]) -> list[float]:
    """Of the width, of each column."""
    sizes = [each.number("size", 0, 1, PARTS) for each in given]
    total = sum(sizes)
    open_ones = sizes.count(0)
    if total > PARTS + 1e-6 or (open_ones and total >= PARTS):
        raise node.error("columns", f"sizes of {total:g} in all, where {PARTS} is the whole width")
    rest = (PARTS - total) / open_ones if open_ones else 0.0
    return [(each or rest) / PARTS for each in sizes]
