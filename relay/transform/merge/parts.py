"""Templates in the bodies of a message: the text of a part, rendered and put back in its charset and encoding.

In:  a body (`relay.transform.bodies`) and the header of its message.
Out: a `PartTemplate`, which gives edits of the message for each recipient; None where nothing in it means anything.

A text keeps its charset and its transfer encoding where they can hold what came out. Characters the charset lacks are
written as references in html; a plain text that has some becomes utf-8. All other octets of the part's header stay.
A line that would be taken for the end of the part makes its body base64, so that no data can add a part of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from relay.transform.bodies import Body
from relay.transform.edit import Edit
from relay.transform.encoded import BASE64, Text, decode, encode, encode_whole
from relay.transform.headers import Header
from relay.transform.merge.compiler import Template, compile
from relay.transform.merge.error import TemplateError
from relay.transform.merge.state import Given, Limits

_BOUNDARY = re.compile(rb"""boundary[ \t]*=[ \t]*(?:"((?:[^"\\\r\n]|\\.)*+)"|([^\s;"]++))""", re.IGNORECASE)
_CHARSET = re.compile(rb"""(;\s*charset\s*=\s*)("[^"]*"|[^\s";]+)""", re.IGNORECASE)


def place_of(body: Body) -> str:
    return "html part" if body.html else "text part"


def text_of_body(header: Header, body: Body) -> str | None:
    """What a body says; None where it cannot be read."""
    part = body.part
    text = decode(header.content[part.body : part.end], body.encoding)
    if text is None:
        return None
    for charset in (body.charset, "utf-8"):  # what claims to be ASCII, and is not, is mostly that
        try:
            return text.octets.decode(charset)
        except (LookupError, UnicodeError):
            continue
    return None


def delimiters(header: Header) -> tuple[bytes, ...]:
    """What the delimiters of the parts of a message begin with; perhaps some more, none less."""
    found = (quoted or bare for quoted, bare in _BOUNDARY.findall(header.content, header.start))
    return tuple({b"\n--" + re.sub(rb"\\(.)", rb"\1", each).rstrip(b" \t") for each in found})


@dataclass(frozen=True, slots=True)
class PartTemplate:
    template: Template
    body: Body
    header: Header
    delimiters: tuple[bytes, ...]

    def render(self, given: Given) -> str:
        """Raises TemplateError."""
        with given.place(place_of(self.body)):
            return self.template.fill(given)

    def edits(self, rendered: str) -> list[Edit]:
        """The changes to the message: of the body, and of what its header says of it."""
        body, part, content = self.body, self.body.part, self.header.content
        if body.html:
            rendered = _referring(rendered, body.charset)
        text, charset = encode_whole(rendered, body.charset, _name(body.encoding))
        text = guarded(text, self.delimiters)
        found: list[Edit] = []
        told: list[bytes] = []
        if charset != body.charset:
            found += self._charset(charset, told)
        if text.encoding != _name(body.encoding):
            line = b"Content-Transfer-Encoding: " + text.encoding + b"\r\n"
            fields = part.named(b"content-transfer-encoding")
            if fields:
                found.append(Edit(fields[0].start, fields[0].end, (line,)))
            else:
                told.append(line)
        if told:
            if part.start == self.header.start and not self.header.has(b"mime-version"):
                told.insert(0, b"MIME-Version: 1.0\r\n")
            found.append(Edit(self._behind, self._behind, tuple(told)))
        blank = b"" if content[self._behind : part.body] else b"\r\n"  # a message that was nothing but its header
        # Of a part with nothing in it, the blank line was the line end that belongs to the delimiter.
        ended = b"\r\n" if text.body and content.startswith(b"--", part.end) else b""
        return [*found, Edit(part.body, part.end, (blank, text.body, ended))]

    @property
    def _behind(self) -> int:
        """Where the fields of the part end."""
        part = self.body.part
        return part.fields[-1].end if part.fields else part.start

    def _charset(self, charset: str, told: list[bytes]) -> list[Edit]:
        fields = self.body.part.named(b"content-type")
        name = charset.encode("ascii")
        if not fields:
            told.append(b"Content-Type: text/plain; charset=" + name + b"\r\n")
            return []
        start, end = fields[0].start, fields[0].end
        value = self.header.content[start:end]
        found = _CHARSET.search(value)
        if found is not None:
            return [Edit(start + found.start(2), start + found.end(2), (name,))]
        at = start + len(value.rstrip(b"\r\n"))
        return [Edit(at, at, (b"; charset=" + name,))]


def part_template(header: Header, body: Body, lines: tuple[bytes, ...], limits: Limits) -> PartTemplate | None:
    """None: nothing in it means anything. Raises TemplateError: what stands there is no template."""
    source = text_of_body(header, body)
    if source is None:
        text = decode(header.content[body.part.body : body.part.end], body.encoding)
        if text is not None and b"{$" in text.octets:
            raise TemplateError(f"the text cannot be read as {body.charset}", place=place_of(body))
        return None
    if "{" not in source:
        return None
    made = _compiled(source, header, body, lines, limits)
    return made if made.template.changes else None


def whole_part(header: Header, body: Body, lines: tuple[bytes, ...], limits: Limits) -> PartTemplate:
    """Also where nothing in it means anything. Raises TemplateError."""
    source = text_of_body(header, body)
    if source is None:
        raise TemplateError(f"the text cannot be read as {body.charset}", place=place_of(body))
    return _compiled(source, header, body, lines, limits)


def _compiled(source: str, header: Header, body: Body, lines: tuple[bytes, ...], limits: Limits) -> PartTemplate:
    try:
        return PartTemplate(compile(source, limits), body, header, lines)
    except TemplateError as error:
        raise error.within(place_of(body)) from None


def guarded(text: Text, lines: tuple[bytes, ...]) -> Text:
    """The text, as base64 if one of its lines would be taken for one that ends the part."""
    if not lines or text.encoding == BASE64 or b"--" not in text.body:
        return text
    body = b"\n" + text.body
    return encode(text.octets, BASE64) if any(each in body for each in lines) else text


def _name(encoding: bytes) -> bytes:
    """The word of a Content-Transfer-Encoding."""
    text = decode(b"", encoding)
    return text.encoding if text is not None else encoding


def _referring(text: str, charset: str) -> str:
    """The text with references for what the charset lacks."""
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        return text.encode(charset, "xmlcharrefreplace").decode(charset)
    except (LookupError, ValueError):  # no charset at all: utf-8 is used in its place
        return text
    return text
