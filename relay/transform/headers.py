"""The header of a message by offsets: found, read and spliced in octets, never parsed into objects and printed.

In:  a content with CRLF line ends.
Out: its fields as (lower-case name, value), their offsets for who asks, and contents made by cutting pieces out and
     putting lines on top. No other octet changes.

Standards: RFC 5322 sections 2.2 and 3.6, RFC 6532 (UTF-8 in values).

Why so: a line that is neither a field nor the continuation of one is read in three ways (the header ends
there, the line is skipped, the message is broken), so which From counts, whether a Bcc goes out and whether
a signature holds would depend on the reader. Such a message is refused with the line named. The one
exception is an mbox separator as the very first line, which everybody takes for the same thing: it is cut off.
An application writes the same fields in the same order again and again: what follows from their names alone is
found out once, and kept with their `Shape`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from relay.model.address import printable
from relay.model.light import light
from relay.model.reply import Refused

HEADER_OCTETS = 1 << 20  # of all fields together; far above what any reader takes
FIELDS = 5000
USUAL = 8 << 10  # octets of a header that is read in one go, and whose shape is remembered
SHAPES = 512  # remembered
LARGE = 2 << 20  # octets of a content that is copied
BLOCK = 256 << 10  # octets at a time

T = TypeVar("T")

# One field with its continuation lines. Its parts cannot match the same octets, so it runs in linear time; and it
# never goes back (`*+`), or it would remember every fold, which are millions in a message made for that.
_FIELD = re.compile(rb"([!-9;-~]+):[^\r\n\x00]*+(?:\r\n[ \t][^\r\n\x00]*+)*+(?:\r\n|\Z)")
_FIELDS = re.compile(rb"^([!-9;-~]++):([^\r\n\x00]*+(?:\r\n[ \t][^\r\n\x00]*+)*+)\r\n", re.MULTILINE)
_SEPARATOR = re.compile(rb">?From (?![ \t]*:)")  # `From : x` is meant as a field, and refused as one


class Field(NamedTuple):  # made twice as fast as a frozen dataclass, and a message has dozens
    name: bytes  # lower case
    start: int  # offset of the name
    value: int  # offset of what follows the colon
    end: int  # offset after its last CRLF


class Shape:
    """The names of a header's fields. Usual ones are one object for all headers that have them."""

    __slots__ = ("_known", "names", "places")

    def __init__(self, names: Iterable[bytes]) -> None:
        self.names = tuple(map(bytes.lower, names))
        places: dict[bytes, list[int]] = {}
        for place, name in enumerate(self.names):
            places.setdefault(name, []).append(place)
        self.places = places  # name -> numbers of its fields
        self._known: dict[object, Any] = {}

    def known(self, make: Callable[[Shape], T]) -> T:
        """What `make` makes of it, made once."""
        try:
            found: T = self._known[make]
        except KeyError:
            found = self._known[make] = make(self)
        return found


@light(frozen=True, slots=True)
class Header:
    """The header of `content`: its fields in order, and where the body begins."""

    content: bytes
    shape: Shape
    values: Sequence[bytes]  # what stands behind each colon, folds included, without the CRLF at its end
    start: int  # of the first field; above 0 only behind an mbox separator
    body: int  # offset of the first octet after the blank line; the content's length where there is none

    @property
    def fields(self) -> tuple[Field, ...]:
        """Where each stands. Costs as much as reading them; ask once."""
        fields: list[Field] = []
        at, size = self.start, len(self.content)
        for name, value in zip(self.shape.names, self.values, strict=True):
            behind = at + len(name) + 1
            end = min(behind + len(value) + 2, size)
            fields.append(Field(name, at, behind, end))
            at = end
        return tuple(fields)

    def named(self, name: bytes) -> list[bytes]:
        """The values of all fields of that name (lower case)."""
        return [self.values[place] for place in self.shape.places.get(name, ())]

    def has(self, name: bytes) -> bool:
        return name in self.shape.places

    def value(self, field: Field) -> bytes:
        """What stands behind the colon, folds included, without the CRLF at its end."""
        return self.content[field.value : field.end].removesuffix(b"\r\n")

    def at(self, places: Sequence[int]) -> tuple[Field, ...]:
        """Where the fields of these numbers stand."""
        if not places:
            return ()
        fields = self.fields
        return tuple([fields[place] for place in places])


def shape_of(names: tuple[bytes, ...]) -> Shape:
    """The shape of a header with these names, in any case."""
    return _remembered(names) if sum(map(len, names)) <= USUAL else Shape(names)


def read_header(content: bytes) -> Header:
    """Find the fields of a content.

    Raises:
        Refused: 554 5.6.0 a line that is no field; 552 5.3.4 a header without measure.
    """
    start = _after_separator(content)
    blank = content.find(b"\r\n\r\n", start, start + USUAL)
    if blank > 0:
        found = _FIELDS.findall(content, start, blank + 2)
        if found:
            names, values = zip(*found, strict=True)
            if sum(map(len, names)) + sum(map(len, values)) + 3 * len(names) == blank + 2 - start:  # nothing between
                return Header(content, _remembered(names), values, start, blank + 4)
    return _by_fields(content, start)


def _by_fields(content: bytes, start: int) -> Header:
    """One after the other: what is long, has no body, or is to be refused."""
    names: list[bytes] = []
    values: list[bytes] = []
    at, size = start, len(content)
    while at < size and not content.startswith(b"\r\n", at):
        found = _FIELD.match(content, at)
        if found is None:
            raise Refused(554, "5.6.0", _complaint(content, at, first=not names))
        end = found.end()
        if end - start > HEADER_OCTETS or len(names) == FIELDS:
            limit = f"{FIELDS} fields and {HEADER_OCTETS >> 20} MiB"
            raise Refused(552, "5.3.4", f"the header of the message is over the limit of {limit}")
        names.append(found[1])
        values.append(content[found.end(1) + 1 : end].removesuffix(b"\r\n"))
        at = end
    return Header(content, Shape(names), values, start, min(at + 2, size))


@lru_cache(maxsize=SHAPES)
def _remembered(names: tuple[bytes, ...]) -> Shape:
    return Shape(names)


def splice(header: Header, remove: Iterable[Field], put_on_top: Sequence[bytes]) -> bytes:
    """The content without some fields, and with whole lines (each with its CRLF) on top."""
    content = header.content
    pieces: list[bytes | memoryview] = list(put_on_top)
    at = header.start
    for field in sorted(remove, key=lambda each: each.start):
        pieces.append(content[at : field.start])
        at = field.end
    pieces += _rest(content, at)
    return b"".join(pieces)


def _rest(content: bytes, at: int) -> Sequence[bytes | memoryview]:
    """Of a large content as `bytes` alone: while it copies such, `join` lets other threads go on."""
    if not at:
        return (content,)
    if len(content) <= LARGE:
        return (memoryview(content)[at:],)
    return [content[each : each + BLOCK] for each in range(at, len(content), BLOCK)]


def unfold(value: bytes) -> bytes:
    """A value on one line: the CRLFs go, all white space stays (RFC 5322 section 2.2.3)."""
    return value.replace(b"\r\n", b"")


def _after_separator(content: bytes) -> int:
    if content.startswith((b"F", b">")) and _SEPARATOR.match(content):
        end = content.find(b"\r\n", 0, 1000)
        if end > 0:
            return end + 2
    return 0


def _complaint(content: bytes, at: int, *, first: bool) -> str:
    """What to tell about the line at `at`, or the line of its continuation that is amiss."""
    end = content.find(b"\r\n", at, at + HEADER_OCTETS)
    line = content[at : end if end >= 0 else at + HEADER_OCTETS]
    number = content.count(b"\r\n", 0, at) + 1
    shown = printable(line[:200].decode("utf-8", "replace"), 60)
    if line[:1] in b" \t" and first:
        why = "begins with white space, but continues no field"
    elif re.match(rb"[!-9;-~]+[ \t]+:", line):
        why = "has white space before its colon"
    elif re.match(rb"[!-9;-~]+:", line):
        why = "has a NUL, or a CR or LF that ends no line, in its field"
    else:
        why = "is no header field (name: value), and no blank line stands before it"
    return f"line {number} of the message {why}: {shown}"
