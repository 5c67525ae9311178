"""The multiparts of a message with what is in them, by offsets, for whoever has to put a part in or take one out.

In:  a header and its content.
Out: a tree of its parts; None where the message is not what it should be.

Why so: `mime.py` reads any message in one pass and knows leaves alone. To cut at a multipart's delimiters, one must
be sure of them: the tree is read anew, from the outside in, and only believed if its leaves are those of `mime.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from relay.model.reply import Refused
from relay.transform.headers import Field, Header, read_header
from relay.transform.mime import entity, leaves

DEPTH = 12  # of multiparts in multiparts; a usual message has three
NODES = 1000


@dataclass(frozen=True, slots=True)
class Node:
    """A part `content[start:end]` with its header; its body begins at `body`."""

    fields: tuple[Field, ...]
    start: int
    body: int
    end: int  # before the CRLF that belongs to the delimiter behind it
    type: bytes
    sealed: bool
    delimiter: int = 0  # where the line before it begins; of no meaning for the whole message
    behind: int = 0  # where the delimiter line behind it begins, or `end`
    multipart: bool = False
    children: tuple[Node, ...] = ()

    def leaves(self) -> Iterator[Node]:
        if not self.multipart:
            yield self
        for each in self.children:
            yield from each.leaves()

    def path(self, start: int) -> tuple[Node, ...]:
        """From this node down to the leaf that begins at `start`; empty if there is none."""
        if not self.multipart:
            return (self,) if self.start == start else ()
        for each in self.children:
            found = each.path(start)
            if found:
                return (self, *found)
        return ()


def read_tree(header: Header) -> Node | None:
    """The tree of a message; None if it is broken, too deep or has too many parts."""
    content = header.content
    parts = leaves(header)
    if len(parts) > NODES:
        return None
    try:
        root = _node(content, header, header.start, len(content), sealed=False, outer=())
    except (Refused, ValueError):
        return None
    expected = [(each.start, each.body, each.end) for each in parts]
    return root if [(each.start, each.body, each.end) for each in root.leaves()] == expected else None


def _node(
    content: bytes,
    header: Header,
    start: int,
    end: int,
    *,
    sealed: bool,
    outer: tuple[bytes, ...],
    lines: tuple[int, int] = (0, 0),
) -> Node:
    """The part at `start`; the offsets of `header` are those of its own octets, unless it is the message's.

    Raises:
        ValueError: it is too deep, or has the boundary of one around it.
    """
    shift = start - header.start
    fields = tuple(
        Field(each.name, each.start + shift, each.value + shift, each.end + shift) for each in header.fields
    )
    body = header.body + shift
    found = entity(fields, start, body, content, sealed=sealed)
    children: tuple[Node, ...] = ()
    if found.boundary is not None:
        if len(outer) == DEPTH or found.boundary in outer:
            raise ValueError("nobody can be sure of its delimiters")
        children = tuple(_children(content, (*outer, found.boundary), body, end, sealed=found.sealed))
    return Node(
        fields=fields,
        start=start,
        body=body,
        end=end,
        type=found.type,
        sealed=found.sealed,
        delimiter=lines[0],
        behind=lines[1],
        multipart=found.boundary is not None,
        children=children,
    )


def _children(content: bytes, boundaries: tuple[bytes, ...], body: int, end: int, *, sealed: bool) -> Iterator[Node]:
    """The parts of a multipart; the last boundary is its own."""
    line = re.compile(rb"(?m:^)--" + re.escape(boundaries[-1]) + rb"(--)?[ \t]*(?:\r\n|\Z)")
    marks = list(line.finditer(content, body, end))
    for number, mark in enumerate(marks):
        if mark[1]:
            return
        last = number + 1 == len(marks)
        start, behind = mark.end(), end if last else marks[number + 1].start()
        stop = max(start, behind if last else behind - 2)
        header = read_header(content[start:stop])
        if header.start:
            raise ValueError("an mbox separator in a part")
        yield _node(content, header, start, stop, sealed=sealed, outer=boundaries, lines=(mark.start(), behind))
