"""A message with templates in it: prepared once, rendered for each recipient.

In:  the header of a content, perhaps with a stored template; later the data of a recipient.
Out: a `Prepared`; the recipient's content.

    prepared = prepare(header)                  # compiles: Subject, names, other fields, html and text
    content = prepared.render(data)             # once for each recipient

Data is what the caller gives: also `recipient`, `envelope`, `webversion` and `unsubscribe`, which are variables like
any other. A message in which nothing means anything comes back as it is, octet for octet; of any other, what is no
template stays so. What is attached, signed, encrypted or contained is never looked into.
A stored template takes the place of the message's bodies (`stored`), which it gets as a variable.
Header fields of the control kind have to be taken out before: the positions of fields in the original say nothing
about what comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from relay.model.clock import system_clock
from relay.model.template import Template as Stored
from relay.transform.bodies import bodies
from relay.transform.edit import Edit, Piece, splice
from relay.transform.headers import Field, Header
from relay.transform.merge.error import TemplateError
from relay.transform.merge.fields import FieldTemplate, field_template, subject_template
from relay.transform.merge.parts import PartTemplate, delimiters, part_template
from relay.transform.merge.state import LIMITS, Given, Limits, Value
from relay.transform.merge.stored import Frame, frame

BLOCK = "content"


@dataclass(frozen=True, slots=True)
class Prepared:
    header: Header
    limits: Limits
    clock: Callable[[], float]
    fields: tuple[tuple[Field, FieldTemplate], ...] = ()  # and where each stands
    parts: tuple[PartTemplate, ...] = ()
    frame: Frame | None = None  # of a stored template; then `parts` are not used
    variables: frozenset[str] = field(default=frozenset())  # all that are asked for

    @property
    def changes(self) -> bool:
        """Whether anything comes out in another way than it went in."""
        return bool(self.fields or self.parts or self.frame)

    def render(self, data: Mapping[str, Value], complaints: list[TemplateError] | None = None) -> bytes:
        """The content of the recipient whose data this is. May be called from several threads at once.

        With a list of `complaints`, what fails is put there (the first 20 of a text) and leaves an empty place.

        Raises:
            TemplateError: a division by zero, a line end in a header field; over a limit, or something that is no
                address, also where there is a list.
        """
        if not self.changes:
            return self.header.content
        given = Given(data, self.limits, self.clock, complaints)
        edits = [Edit(place.start, place.end, (each.render(given),)) for place, each in self.fields]
        if self.frame is not None:
            edits += self.frame.edits(given)
        for part in self.parts:
            edits += part.edits(part.render(given))
        pieces: list[Piece] = splice(self.header.content, edits)
        made = [each for each in pieces if isinstance(each, bytes)]
        if any(made) and not next(each for each in reversed(made) if each).endswith(b"\n"):
            made.append(b"\r\n")  # what is sent ends with the end of a line
        return b"".join(made)


def prepare(
    header: Header,
    stored: Stored | None = None,
    block: str = BLOCK,
    limits: Limits = LIMITS,
    clock: Callable[[], float] = system_clock,
) -> Prepared:
    """Compile what there is to compile; `block`: the variable by which a stored template has the message's own body.

    Raises:
        TemplateError: a construct that is none, a part that cannot be read, a message a template cannot be put on.
    """
    made = None
    if stored is not None and (stored.html or stored.text):
        made = frame(header, stored, block, limits)
        header = made.header
    fields: list[tuple[Field, FieldTemplate]] = []
    content = header.content
    for each in header.fields:
        if each.name == b"subject" and stored is not None and stored.subject:
            continue
        found = field_template(content[each.start : each.value - 1], header.value(each), limits)
        if found is not None:
            fields.append((each, found))
    if stored is not None and stored.subject:
        fields.append((_subject(header), subject_template(stored.subject, limits)))
    parts: list[PartTemplate] = []
    if made is None:
        lines = delimiters(header)
        for body in bodies(header):
            part = part_template(header, body, lines, limits)
            if part is not None:
                parts.append(part)
    variables = frozenset[str]().union(*(each.variables for _, each in fields))
    variables = variables.union(*(each.template.variables for each in parts), made.variables if made else ())
    return Prepared(header, limits, clock, tuple(fields), tuple(parts), made, variables)


def apply(stored: Stored, header: Header, block: str = BLOCK, data: Mapping[str, Value] | None = None) -> bytes:
    """The content of a message with a stored template on it, for one recipient. Raises TemplateError."""
    return prepare(header, stored, block).render(data or {})


def _subject(header: Header) -> Field:
    """The field that goes; where there is none, the place of a new one: on top."""
    places = header.shape.places.get(b"subject", ())
    if places:
        return header.at(places)[0]
    return Field(b"subject", header.start, header.start, header.start)
