"""Where the tags of an HTML text stand, octet by octet, without a tree.

In:  the octets of an HTML text (transfer encoding undone, in a charset whose ASCII octets mean ASCII).
Out: its start tags with the spans of their attributes, and where body and head end.

Tags are found as the tokenizer of the HTML standard finds them (section 13.2.5), with one addition: what stands in a
conditional comment (`<!--[if mso]> ... <![endif]-->`) is read, too, as Outlook reads it. Whatever stands in an
ordinary comment, in a raw-text element or after the place where a tag or comment never ends is no tag. Not followed:
foreign content (a `<title>` in SVG is raw text here) and the escapes in a `<script>`; neither shows in a mail.

Why so: a parser that writes its tree again changes three lines of four of a newsletter and loses Outlook's buttons.
The time is linear in the octets: every expression is possessive and matches at the first `<` it comes to; where a
tag turns out to have no end, the rest is not looked at again.
"""

from __future__ import annotations

import html.entities
import re
from bisect import bisect_right
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import NamedTuple

_SPACE = rb"\t\n\f\r "
_NAME = rb"[^" + _SPACE + rb"/>][^" + _SPACE + rb"/>=]*+"
_VALUE = rb"""(?:"[^"]*+"|'[^']*+'|["'](?s:.*+)|[^""" + _SPACE + rb""">]*+)"""  # a quote without end takes all
_BEFORE_VALUE = rb"[" + _SPACE + rb"]*+=[" + _SPACE + rb"]*+"
_ATTRIBUTES = rb"(?>[" + _SPACE + rb"/]++|" + _NAME + rb"(?:" + _BEFORE_VALUE + _VALUE + rb")?+)*+"
_MARKUP = re.compile(rb"<(?:(/?)([A-Za-z][^" + _SPACE + rb"/>]*+)" + _ATTRIBUTES + rb"(>)?+|(!--)|[!?/])")
_ATTRIBUTE = re.compile(rb"(" + _NAME + rb")(" + _BEFORE_VALUE + rb"(" + _VALUE + rb"))?+")
_COMMENT_AT_ONCE = re.compile(rb"-?>")
_COMMENT_END = re.compile(rb"--!?+>")
_CONDITION = re.compile(rb"\[if[^>]*+>", re.IGNORECASE)
_ENDIF = b"<![endif]"
_RAW = {
    name: re.compile(rb"</(?i:" + name + rb")(?=[" + _SPACE + rb"/>])")
    for name in (b"script", b"style", b"textarea", b"title", b"xmp", b"iframe", b"noembed", b"noframes")
}
_REFERENCE = re.compile(rb"&(?:#[xX]([0-9a-fA-F]++);?+|#([0-9]++);?+|([A-Za-z][A-Za-z0-9]*+)(;|(?!=)))")
_AMPERSAND = re.compile(rb"&(?=[#A-Za-z0-9])")
_UNQUOTED = re.compile(rb"[" + _SPACE + rb"\"'`=<>]")
_DIGITS = 7  # of a code point; more name none


class Attribute(NamedTuple):
    """`text[start:end]` is the whole of it, its value `text[value_start:value_end]` (empty, at `end`, if none)."""

    name: bytes  # lower case
    start: int
    end: int
    quote: bytes  # `"`, `'` or nothing
    value_start: int
    value_end: int


class Tag(NamedTuple):
    """The start tag `text[start:end]`, from its `<` to its `>`."""

    text: bytes  # of the whole page
    name: bytes  # lower case, such as b"a" or b"v:roundrect"
    start: int
    end: int
    conditional: bool  # it stands in a conditional comment

    @property
    def name_end(self) -> int:
        """Where a new attribute can be put in any case, with a space before it."""
        return self.start + 1 + len(self.name)

    @property
    def attributes(self) -> Sequence[Attribute]:
        """In the order they stand there; read anew each time, as few tags are of interest to anybody."""
        return [self._attribute(each) for each in _ATTRIBUTE.finditer(self.text, self.name_end, self.end - 1)]

    def attribute(self, name: bytes) -> Attribute | None:
        """The one of this name (lower case) that counts: the first."""
        for each in _ATTRIBUTE.finditer(self.text, self.name_end, self.end - 1):
            if each[1].lower() == name:
                return self._attribute(each)
        return None

    def _attribute(self, match: re.Match[bytes]) -> Attribute:
        name, start, end, value = match[1].lower(), match.start(), match.end(), match[3]
        if not value:
            return Attribute(name, start, end, b"", end, end)
        if value[:1] in (b'"', b"'"):
            return Attribute(name, start, end, value[:1], end - len(value) + 1, end - 1)
        return Attribute(name, start, end, b"", end - len(value), end)

    def value(self, name: bytes) -> bytes | None:
        """What the attribute of this name says, character references undone; None where it is missing."""
        found = self.attribute(name)
        return None if found is None else unescape(self.text[found.value_start : found.value_end])

    def __repr__(self) -> str:
        return f"Tag({self.text[self.start : self.end]!r} at {self.start})"


class End(NamedTuple):
    """An end tag, which begins at `start`."""

    name: bytes
    start: int
    conditional: bool


class Page:
    """What `scan` found in a text."""

    __slots__ = ("_contents", "_doctype", "_ends", "_regions", "_stop", "tags", "text")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.tags: list[Tag] = []  # in the order of the text
        self._ends: list[End] = []
        self._regions: list[tuple[int, int]] = []  # the insides of conditional comments
        self._contents: dict[int, int] = {}  # made when it is asked for
        self._doctype = 0  # where it ends
        self._stop = self._read(0, len(text), conditional=False)

    @property
    def body_start(self) -> int:
        """Behind `<body ...>`; where there is none: behind what would stand before it."""
        body = self._first(b"body")
        if body is not None:
            return body.end
        head = self._end(b"head")
        if head is not None:
            return self._behind(head)
        whole = self._first(b"html")
        return self._doctype if whole is None else whole.end

    @property
    def body_end(self) -> int:
        """Before the last `</body`, or else the last `</html`, or else at the end of what can be read."""
        for name in (b"body", b"html"):
            for each in reversed(self._ends):
                if each.name == name and not each.conditional:
                    return max(each.start, self.body_start)
        return max(self._stop, self.body_start)

    @property
    def head_end(self) -> int:
        """Before `</head`; where there is none: before `<body`, or else where a body would start."""
        head = self._end(b"head")
        if head is not None:
            return head.start
        body = self._first(b"body")
        return self.body_start if body is None else body.start

    @property
    def before_html(self) -> int:
        """Behind the document type, or 0."""
        return self._doctype

    def depth(self, uncounted: Collection[bytes]) -> int:
        """How deep elements can stand in each other at most; those of some names do not count."""
        opened: dict[bytes, int] = {}
        deepest = depth = 0
        marks: list[Tag | End] = [*self.tags, *self._ends]
        for each in sorted(marks, key=_start):
            if each.conditional or each.name in uncounted:
                continue
            count = opened.get(each.name, 0)
            if isinstance(each, Tag):
                opened[each.name] = count + 1
                depth += 1
                deepest = max(deepest, depth)
            elif count:
                opened[each.name] = count - 1
                depth -= 1
        return deepest

    def end_of(self, tag: Tag) -> int:
        """Where the content of a tag ends: at its end tag, or where that is missing, where its surroundings end.

        Links hold no links: `<a>` ends at the next one at the latest. Other elements may hold their like.
        """
        if not self._contents and self.tags:
            self._contents = self._match()
        return self._contents[tag.start]

    def _match(self) -> dict[int, int]:
        """Where the content of each tag ends, by where the tag begins."""
        contents: dict[int, int] = {}
        opened: dict[tuple[bytes, int], list[Tag]] = {}
        whole = self.body_end
        marks: list[Tag | End] = [*self.tags, *self._ends]
        for each in sorted(marks, key=_start):
            region = bisect_right(self._regions, each.start, key=_first) - 1 if each.conditional else -1
            stack = opened.setdefault((each.name, region), [])
            if isinstance(each, Tag):
                if each.name == b"a" and stack:
                    contents[stack.pop().start] = each.start
                stack.append(each)
            elif stack:
                contents[stack.pop().start] = each.start
        for (_, region), stack in opened.items():
            limit = whole if region < 0 else self._regions[region][1]
            contents |= {each.start: max(limit, each.end) for each in stack}
        return contents

    def _first(self, name: bytes) -> Tag | None:
        return next((each for each in self.tags if each.name == name and not each.conditional), None)

    def _end(self, name: bytes) -> End | None:
        return next((each for each in self._ends if each.name == name and not each.conditional), None)

    def _behind(self, end: End) -> int:
        found = _MARKUP.match(self.text, end.start)
        assert found is not None  # it was found there before
        return found.end()

    def _read(self, at: int, end: int, *, conditional: bool) -> int:
        """Read on from `at`; tells where a construct begins that does not end before `end`, or `end`."""
        text, search, tags, ends = self.text, _MARKUP.search, self.tags, self._ends
        while (found := search(text, at, end)) is not None:
            slash, name, closed, comment = found.groups()
            start, at = found.span()
            if name is None:
                at = self._comment(at, end, conditional) if comment else self._bogus(start, at, end)
                if at < 0:
                    return start
            elif closed is None:
                return start
            elif slash:
                ends.append(End(name.lower(), start, conditional))
            else:
                name = name.lower()
                tags.append(Tag(text, name, start, at, conditional))
                if name in _RAW:
                    closing = _RAW[name].search(text, at, end)
                    if closing is None:
                        return start
                    at = closing.start()
                elif name == b"plaintext":
                    return start
        return end

    def _comment(self, at: int, end: int, conditional: bool) -> int:
        """What follows the comment whose content begins at `at`; -1 if it has no end."""
        at_once = _COMMENT_AT_ONCE.match(self.text, at, end)
        if at_once is not None:
            return at_once.end()
        closing = _COMMENT_END.search(self.text, at, end)
        if closing is None:
            return -1
        condition = None if conditional else _CONDITION.match(self.text, at, closing.start())
        if condition is not None:
            inside = self.text[condition.end() : closing.start()]
            end = closing.start() - (len(_ENDIF) if inside[-len(_ENDIF) :].lower() == _ENDIF else 0)
            self._regions.append((condition.end(), end))
            self._read(condition.end(), end, conditional=True)
        return closing.end()

    def _bogus(self, start: int, at: int, end: int) -> int:
        """What follows a `<!...>`, `<?...>` or `</...>` that is no tag; -1 if it has no end."""
        closing = self.text.find(b">", at, end)
        if closing < 0:
            return -1
        if not self._doctype and self.text[start : start + 9].lower() == b"<!doctype":
            self._doctype = closing + 1
        return closing + 1


def _start(each: Tag | End) -> int:
    return each.start


def _first(region: tuple[int, int]) -> int:
    return region[0]


def scan(text: bytes) -> Page:
    """The tags of an HTML text; any octets are a text. Takes 1 to 2 ms for a newsletter of 50 KB."""
    return Page(text)


def unescape(value: bytes, charset: str = "utf-8") -> bytes:
    """The value of an attribute in UTF-8, its character references undone by the rules for attributes.

    (`?a=1&copy=2` keeps its `&copy`, since `=` follows.) With another charset its octets are read in that; where
    they cannot be, they stay as they are.
    """
    if charset.lower() not in ("utf-8", "us-ascii") and not value.isascii():
        with suppress(LookupError, UnicodeError):  # better the octets that are there than none
            value = value.decode(charset).encode()
    if b"&" not in value:
        return value
    return _REFERENCE.sub(_referred, value)


def _referred(match: re.Match[bytes]) -> bytes:
    hexadecimal, decimal, name, semicolon = match.groups()
    if name is not None:
        character = html.entities.html5.get((name + semicolon).decode())
        if character is None:
            return match[0]
        return character.encode()
    digits = (hexadecimal or decimal).lstrip(b"0")[: _DIGITS + 1] or b"0"
    return html.unescape(f"&#{'x' if hexadecimal else ''}{digits.decode()};").encode()


def escape(value: bytes, quote: bytes) -> bytes:
    """A value as it can stand between such quotes (`"`, `'` or none): what would be read otherwise is escaped."""
    value = _AMPERSAND.sub(b"&amp;", value)
    if quote == b'"':
        return value.replace(b'"', b"&quot;")
    if quote == b"'":
        return value.replace(b"'", b"&#39;")
    return _UNQUOTED.sub(lambda match: b"&#%d;" % match[0][0], value)
