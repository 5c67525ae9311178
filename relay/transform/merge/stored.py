"""A stored template on a message: its html and text take the place of the message's own bodies.

In:  the header of a content, a stored template, the name of the variable for the message's own body.
Out: a `Frame`: the header of a content that has a body for each text of the template, and its edits for a recipient.

The message's html body is that variable in the template's html, its text body in the template's text; where the
message has only one of the two, the other one is made of it in the plainest way. Bodies are templates themselves, and
rendered first. A text the template does not have stays the message's own.

    message has html and text     each is replaced where it stands
    message has one of them       a multipart/alternative of both takes its place, if the template has the other one

All other parts, attachments and pictures, stay where they are, octet for octet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from html import escape

from relay.model.template import Template as Stored
from relay.transform.autotext import html_to_text
from relay.transform.bodies import HTML, bodies
from relay.transform.edit import Edit
from relay.transform.headers import Header, read_header
from relay.transform.merge.compiler import Template, compile
from relay.transform.merge.error import TemplateError
from relay.transform.merge.parts import PartTemplate, delimiters, whole_part
from relay.transform.merge.state import Given, Limits
from relay.transform.structure import add_alternative, lacking

USUAL = 64 << 10  # characters of a source that is remembered compiled
SOURCES = 16  # remembered: one template is mostly put on many messages

_HTML, _TEXT = "html", "text"
_remembered = lru_cache(maxsize=SOURCES)(compile)
_NO_PLACE = "the message has no html or text that a template could take the place of"


@dataclass(frozen=True, slots=True)
class Frame:
    header: Header
    block: str
    own: Mapping[str, PartTemplate]  # the message's bodies by kind
    made: str  # the kind that the message did not have: there is nothing in it
    templates: Mapping[str, Template]  # the stored ones by kind
    variables: frozenset[str]

    def edits(self, given: Given) -> list[Edit]:
        """Raises TemplateError."""
        said = {kind: part.render(given) for kind, part in self.own.items() if kind != self.made}
        blocks = dict(said)
        if self.made == _HTML:
            blocks[_HTML] = escape(said[_TEXT].strip()).replace("\r\n", "<br>\r\n")
        elif self.made == _TEXT:
            blocks[_TEXT] = html_to_text(said[_HTML].encode()) or ""
        for kind, template in self.templates.items():
            with given.place(f"{kind} of the template"):
                said[kind] = template.fill(replace(given, data={**given.data, self.block: blocks[kind]}))
        return [edit for kind, part in self.own.items() for edit in part.edits(said[kind])]


def frame(header: Header, stored: Stored, block: str, limits: Limits) -> Frame:
    """Raises TemplateError: it cannot be compiled, or the message has no body it could take the place of."""
    templates: dict[str, Template] = {}
    for kind, source in ((_HTML, stored.html), (_TEXT, stored.text)):
        if source:
            try:
                templates[kind] = _remembered(source, limits) if len(source) <= USUAL else compile(source, limits)
            except TemplateError as error:
                raise error.within(f"{kind} of the template") from None
    missing = lacking(bodies(header))
    made = ""
    if missing and (_HTML if missing == HTML else _TEXT) in templates:
        made = _HTML if missing == HTML else _TEXT
        changed = add_alternative(header.content, "-")
        if changed.warnings:
            raise TemplateError(f"{_NO_PLACE}: {', '.join(changed.warnings)}")
        header = read_header(changed.content)
    own: dict[str, PartTemplate] = {}
    lines = delimiters(header)
    for body in bodies(header):
        own.setdefault(_HTML if body.html else _TEXT, whole_part(header, body, lines, limits))
    if not own or (made and len(own) < 2):
        raise TemplateError(_NO_PLACE)
    templates = {kind: each for kind, each in templates.items() if kind in own}
    asked = frozenset[str]().union(
        *(each.variables for each in templates.values()), *(each.template.variables for each in own.values())
    )
    return Frame(header, block, own, made, templates, asked - {block})
