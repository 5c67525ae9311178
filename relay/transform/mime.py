"""The parts of a MIME message by offsets, for whoever has to change one and leave the others alone.

In:  a content and its header.
Out: its leaves (parts that hold no parts) in order: where header and body lie, and whether they are sealed.

Standards: RFC 2045, RFC 2046 section 5.1 (multipart), RFC 1847 (signed and encrypted).

Reads in one pass, with a list in place of recursion, so neither depth nor number of parts costs more than
their octets. What it does not understand (no boundary, two Content-Type fields, a broken part header, parts
without measure) becomes one sealed leaf: better a part that is left alone than one that is cut at the wrong
place. Contained messages (message/rfc822 and its kin) are sealed, too: they are somebody else's, perhaps evidence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from relay.transform.headers import Field, Header, unfold

PARTS = 10_000  # of a message, multiparts among them; far more are made to be a burden
_FIELD = re.compile(rb"([!-9;-~]+):[^\r\n]*+(?:\r\n[ \t][^\r\n]*+)*+(?:\r\n|\Z)")  # `*+`: as in headers.py
_TYPE = re.compile(rb"[ \t]*([!#$%&'*+.^_`{|}~0-9A-Za-z-]+/[!#$%&'*+.^_`{|}~0-9A-Za-z-]+)[ \t]*(?:;|\Z|\()")
_BOUNDARY = re.compile(rb""";[ \t]*boundary[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))""", re.IGNORECASE)
_DELIMITER = re.compile(rb"--[^\r\n]*+")
# A digest's parts are messages unless they say otherwise (RFC 2046 section 5.1.5).
_SEALING = frozenset({b"multipart/signed", b"multipart/encrypted", b"multipart/digest"})


@dataclass(frozen=True, slots=True)
class Part:
    """A leaf. Its body is `content[body:end]`, without the CRLF that belongs to the delimiter after it."""

    fields: tuple[Field, ...]  # of its own header
    start: int  # where its header begins
    body: int
    end: int
    type: bytes  # lower case, "text/plain" where none is given
    sealed: bool  # inside something signed or encrypted, or not understood

    def named(self, name: bytes) -> list[Field]:
        return [each for each in self.fields if each.name == name]

    def value(self, content: bytes, name: bytes) -> bytes:
        """Of its first field of that name, unfolded; empty where there is none."""
        fields = self.named(name)
        return unfold(content[fields[0].value : fields[0].end]).strip() if fields else b""


@dataclass(frozen=True, slots=True)
class Entity:
    """A message or part by its header: a multipart if it has a boundary, else a leaf."""

    fields: tuple[Field, ...]
    start: int
    body: int
    type: bytes
    boundary: bytes | None
    sealed: bool


@dataclass(slots=True)
class _Open:
    """The multiparts we are in, outermost first, and for each boundary where its innermost one is."""

    boundaries: list[bytes]
    sealed: list[bool]
    index: dict[bytes, list[int]]

    def push(self, boundary: bytes, sealed: bool) -> None:
        self.index.setdefault(boundary, []).append(len(self.boundaries))
        self.boundaries.append(boundary)
        self.sealed.append(sealed)

    def shorten(self, length: int) -> None:
        while len(self.boundaries) > length:
            boundary = self.boundaries.pop()
            self.sealed.pop()
            self.index[boundary].pop()
            if not self.index[boundary]:
                del self.index[boundary]

    def find(self, line: bytes) -> tuple[int, bool] | None:
        """Which open multipart a line delimits, innermost first, and whether it closes it."""
        text = line[2:].rstrip(b" \t")
        if text in self.index:
            return self.index[text][-1], False
        if text.endswith(b"--") and text[:-2] in self.index:
            return self.index[text[:-2]][-1], True
        return None


def leaves(header: Header) -> list[Part]:
    """All leaves of a message, in order. A message that is no multipart is one leaf itself."""
    content = header.content
    whole = entity(header.fields, header.start, header.body, content, sealed=False)
    if whole.boundary is None:
        return [_leaf(whole, len(content))]
    found: list[Part] = []
    opened = _Open([], [], {})
    opened.push(whole.boundary, whole.sealed)
    current: Entity | None = None  # the leaf we are in; None in a preamble or an epilogue
    at, count = whole.body, 0
    while (line := _dashes(content, at)) is not None:
        start, at = line.span()
        hit = opened.find(line[0])
        if hit is None:
            continue
        if current is not None:
            found.append(_leaf(current, max(current.body, start - 2)))
            current = None
        level, closes = hit
        opened.shorten(level if closes else level + 1)
        if closes:
            if not opened.boundaries:
                break
            continue
        count += 1
        if count > PARTS:
            return [_leaf(replace(whole, sealed=True), len(content))]
        current, at = _part(content, at + 2, opened)
        if current.boundary is not None:
            opened.push(current.boundary, current.sealed)
            current = None
    if current is not None:
        found.append(_leaf(current, len(content)))
    return found


def _dashes(content: bytes, at: int) -> re.Match[bytes] | None:
    """The next line that begins with two hyphens, at `at` or behind it."""
    if at == 0 and content.startswith(b"--"):
        return _DELIMITER.match(content)
    start = content.find(b"\n--", max(at - 1, 0))  # a search for an expression is twenty times slower
    return None if start < 0 else _DELIMITER.match(content, start + 1)


def _part(content: bytes, start: int, opened: _Open) -> tuple[Entity, int]:
    """The entity whose header begins at `start`, and where to look for the next delimiter."""
    fields: list[Field] = []
    size, broken = len(content), False
    start = at = min(start, size)
    while at < size and not content.startswith(b"\r\n", at):
        if content.startswith(b"--", at) and (line := _DELIMITER.match(content, at)) and opened.find(line[0]):
            return entity(tuple(fields), start, at, content, sealed=True), at
        found = _FIELD.match(content, at)
        if found is None:
            broken = True
            break
        fields.append(Field(found[1].lower(), at, found.end(1) + 1, found.end()))
        at = found.end()
    body = at if broken else min(at + 2, size)
    part = entity(tuple(fields), start, body, content, sealed=broken or opened.sealed[-1])
    return part, max(start, body - 2)  # the blank line may be the one before a delimiter


def entity(fields: tuple[Field, ...], start: int, body: int, content: bytes, *, sealed: bool) -> Entity:
    """What the fields make of it; `sealed`: what it is in is."""
    given = [each for each in fields if each.name == b"content-type"]
    value = unfold(content[given[0].value : given[0].end]).strip() if given else b"text/plain"
    found = _TYPE.match(value)
    kind = found[1].lower() if found else b"text/plain"  # RFC 2045 section 5.2
    if len(given) > 1 or (found is None and b"multipart" in value.lower()):
        return Entity(fields, start, body, kind, None, True)
    boundary = None
    if kind.startswith(b"multipart/"):
        boundary = _boundary(value)
        sealed = sealed or kind in _SEALING or boundary is None
    return Entity(fields, start, body, kind, boundary, sealed or kind.startswith(b"message/"))


def _boundary(value: bytes) -> bytes | None:
    given: Sequence[tuple[bytes, bytes]] = _BOUNDARY.findall(value)
    if len(given) != 1:
        return None
    quoted, bare = given[0]
    return re.sub(rb"\\(.)", rb"\1", quoted).rstrip(b" \t") if quoted else bare or None


def _leaf(of: Entity, end: int) -> Part:
    return Part(of.fields, of.start, of.body, end, of.type, of.sealed)
