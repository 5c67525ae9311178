"""Templates in the fields of a header.

In:  the octets of a field's value, folds and encoded words included.
Out: a `FieldTemplate`, which gives the whole field anew for each recipient; None where nothing in it means anything.

Of fields that name people (From, Sender, Reply-To, To, Cc) the names in front of addresses are templates, and what
comes of one is quoted or encoded as a name, so that no data can bring an address of its own. An address may be one in
Reply-To, To and Cc; then it has to come out as an address. From and Sender are examined before data is looked at, so
that their addresses stand as they are.
Subject is a template as a whole; so are all other fields in which a `{$` stands, but for those that only programs
write. Braces alone make no template there: `X-Info: {"a": 1}` is somebody's data.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from relay.transform.headers import unfold
from relay.transform.longlines import long_line
from relay.transform.merge.compiler import Template, compile, header_text
from relay.transform.merge.error import TemplateError
from relay.transform.merge.state import Given, Limits
from relay.transform.words import decode, encode

WIDTH = 78  # characters of a line, if it can be folded there (RFC 5322 section 2.1.1)

_FIXED = frozenset({b"from", b"sender"})
_PEOPLE = frozenset({b"from", b"sender", b"reply-to", b"to", b"cc"})
_PROGRAMS = re.compile(
    rb"received|return-path|date|message-id|in-reply-to|references|mime-version|content-.*|dkim-signature|bcc|"
    rb"authentication-results|arc-.*|resent-.*|x-smtpeter-.*|feedback-id"
)
_MAILBOX = re.compile(r"(.*?)<([^<>]*)>\s*", re.DOTALL)
_ADDRESS = re.compile(r"[^\s<>()\[\]\\,;:\"@]{1,64}@[^\s<>()\[\]\\,;:\"@]{1,255}")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_LONG_GAP = re.compile(r" (?=\S)")

Piece = str | Callable[[Given], str]  # of a value; what is made comes out encoded


@dataclass(frozen=True, slots=True)
class FieldTemplate:
    name: bytes  # as it was written
    pieces: tuple[Piece, ...]
    variables: frozenset[str]

    def render(self, given: Given) -> bytes:
        """The field, with its CRLF. Raises TemplateError."""
        name = self.name.decode("ascii")
        with given.place(name):
            made = [each if isinstance(each, str) else each(given) for each in self.pieces]
            field = _folded(name + ": " + "".join(made).strip()).encode()
            if long_line(field, 0, len(field)) is not None:
                raise TemplateError("what comes of this is a line of over 998 octets that cannot be folded")
        return field + b"\r\n"


def field_template(name: bytes, value: bytes, limits: Limits) -> FieldTemplate | None:
    """Raises TemplateError: what stands there is no template, or stands where it cannot be one."""
    lower = name.lower()
    if (b"{" not in value and b"=?" not in value) or _PROGRAMS.fullmatch(lower):
        return None
    try:
        if lower in _PEOPLE:
            return _people(name, lower, value, limits)
        return _whole(name, value, limits, any_brace=lower == b"subject")
    except TemplateError as error:
        raise error.within(name.decode("ascii")) from None


def subject_template(source: str, limits: Limits) -> FieldTemplate:
    """The Subject of a stored template. Raises TemplateError."""
    try:
        return _of_text(b"Subject", compile(source, limits))
    except TemplateError as error:
        raise error.within("subject of the template") from None


def _whole(name: bytes, value: bytes, limits: Limits, *, any_brace: bool) -> FieldTemplate | None:
    try:
        text = decode(value).text
    except ValueError:  # an encoded word that nobody can read
        return None
    if "{" not in text or ("{$" not in text and not any_brace):
        return None
    template = compile(text, limits)
    return _of_text(name, template) if template.changes else None


def _of_text(name: bytes, template: Template) -> FieldTemplate:
    def text(given: Given) -> str:
        return encode(header_text(template, given))

    return FieldTemplate(name, (text,), template.variables)


def _people(name: bytes, lower: bytes, value: bytes, limits: Limits) -> FieldTemplate | None:
    pieces: list[Piece] = []
    variables: set[str] = set()
    text = unfold(value).decode("utf-8", "replace")
    for each in _listed(text):
        if pieces:
            pieces.append(", ")
        found = _MAILBOX.fullmatch(each)
        front, address = (found[1].strip(), found[2].strip()) if found else ("", each.strip())
        named, addressed = _name(front, limits), _template(address, limits)
        if named is None and addressed is None:
            pieces.append(each.strip())
            continue
        if addressed is not None and lower in _FIXED:
            raise TemplateError("an address there cannot be a template, only the name in front of it")
        for one in (named, addressed):
            variables |= one.variables if one is not None else frozenset()
        pieces.append(_spoken(named) if named is not None else front)
        pieces += [" <" if front else "<", address if addressed is None else _addressed(addressed), ">"]
    return FieldTemplate(name, tuple(pieces), frozenset(variables)) if variables or _made(pieces) else None


def _made(pieces: list[Piece]) -> bool:
    return any(not isinstance(each, str) for each in pieces)


def _template(text: str, limits: Limits) -> Template | None:
    if "{" not in text:
        return None
    template = compile(text, limits)
    return template if template.changes else None


def _name(front: str, limits: Limits) -> Template | None:
    """The template of a name, out of its quotes and encoded words."""
    quoted = _QUOTED.fullmatch(front)
    if quoted:
        front = re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL)
    try:
        return _template(decode(front.encode()).text, limits)
    except ValueError:
        return None


def _spoken(template: Template) -> Piece:
    def name(given: Given) -> str:
        text = header_text(template, given).strip()
        if not text or (_ATOMS.fullmatch(text) and "=?" not in text):
            return text
        if text.isascii() and "=?" not in text:
            return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
        return encode(text)

    return name


def _addressed(template: Template) -> Piece:
    def address(given: Given) -> str:
        text = header_text(template, given).strip()
        if not _ADDRESS.fullmatch(text):
            raise TemplateError("what comes of this is no address", construct=template.source)
        return text

    return address


def _listed(text: str) -> list[str]:
    """What commas separate, but for those in quotes, in braces and between `<` and `>`."""
    found: list[str] = []
    start = at = depth = 0
    quoted = angled = False
    while at < len(text):
        one = text[at]
        if one == "\\" and quoted:
            at += 1
        elif one == '"' and not depth:
            quoted = not quoted
        elif one == "{" and not text[at + 1 : at + 2].isspace():
            depth += 1
        elif one == "}" and depth:
            depth -= 1
        elif not quoted and not depth:
            if one == "," and not angled:
                found.append(text[start:at])
                start = at + 1
            angled = one == "<" or (angled and one != ">")
        at += 1
    return [*found, text[start:]]


def _folded(line: str) -> str:
    """Folded at single spaces where it is too long; a word too long for a line stays whole."""
    if len(line) <= WIDTH or "\r\n" in line:
        return line
    lines: list[str] = []
    words = _LONG_GAP.split(line)
    current = words[0] + " " + words[1] if len(words) > 1 else words[0]  # the name and the first word stay together
    for word in words[2:]:
        if len(current) + 1 + len(word) > WIDTH:
            lines.append(current)
            current = ""
        current += " " + word
    return "\r\n".join([*lines, current])
