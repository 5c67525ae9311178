"""Part the control fields from a header, and read what they ask for.

In:  a header, and what the credential says of control headers.
Out: the options with their provenance, and the fields to take out; or Refused, naming header and limit.

Values are unfolded (the white space of a fold stays), their encoded words decoded (RFC 2047), raw octets taken
for UTF-8, else Latin-1 with a warning. An empty value sets nothing.

Why so: a misspelt option that went unnoticed would be worse than a refusal, which the sender hears at once.
Where a relay passes on others' mail, whose headers are not its credential's to honour, `strip` and `pass`
leave them unread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from relay.model.account import ControlHeaders
from relay.model.address import printable
from relay.model.options import NOTHING_ASKED, Options, Resolved
from relay.model.reply import Refused
from relay.submission.control.registry import OPTIONS, PREFIX, Option, find, header_of, nearest
from relay.transform.headers import Field, Header
from relay.transform.words import decode

VALUE_OCTETS = 64 << 10  # of one field
ALL_OCTETS = 2 << 20
FIELDS = 500
LISTED = 8  # options a reply may name, since it is one line

_PREFIX = PREFIX.lower().encode()


@dataclass(frozen=True, slots=True)
class Controls:
    resolved: Resolved
    fields: tuple[Field, ...] = ()  # to take out


NO_CONTROLS = Controls(NOTHING_ASKED)


def read_controls(header: Header, rule: ControlHeaders) -> Controls:
    """Read the control fields of a message.

    Raises:
        Refused: 554 5.6.0 an unknown header or a bad value; 552 5.3.4 too much of them.
    """
    if rule is ControlHeaders.PASS:
        return NO_CONTROLS
    fields = tuple(each for each in header.fields if each.name.startswith(_PREFIX))
    if not fields:
        return NO_CONTROLS
    if rule is ControlHeaders.STRIP:
        return Controls(NOTHING_ASKED, fields)
    _check_sizes(header, fields)
    return Controls(_resolved(header, fields), fields)


def _resolved(header: Header, fields: tuple[Field, ...]) -> Resolved:
    values: dict[str, list[str]] = {}
    written: dict[str, str] = {}
    options: dict[str, Option] = {}
    warnings: list[str] = []
    for field in fields:
        name = header.content[field.start : field.value - 1].decode("ascii")
        option = find(name[len(PREFIX) :])
        if option is None:
            raise Refused(554, "5.6.0", f"{printable(name, 60)}: no such control header{_hint(name)}")
        try:
            value = decode(header.value(field))
        except ValueError as error:
            raise Refused(554, "5.6.0", f"{name}: {error}") from error
        if value.latin1:
            warnings.append(f"{name}: not UTF-8, read as Latin-1")
        if value.text:
            options[option.name] = option
            values.setdefault(option.name, []).append(value.text)
            written.setdefault(option.name, name)
    found: dict[str, Any] = {}
    for key, option in options.items():
        try:
            found[key] = option.grammar(values[key])
        except ValueError as error:
            raise Refused(554, "5.6.0", f"{written[key]}: {error}") from error
    sources = {key: f"header {name}" for key, name in written.items()}
    return Resolved(options=Options(**found), sources=sources, warnings=tuple(warnings))


def _hint(name: str) -> str:
    near = nearest(name[len(PREFIX) :])
    if near is not None:
        return f"; the nearest is {header_of(near)}"
    if len(OPTIONS) <= LISTED:
        return f"; known here: {', '.join(map(header_of, OPTIONS))}"
    return ""


def _check_sizes(header: Header, fields: tuple[Field, ...]) -> None:
    for field in fields:
        if field.end - field.value > VALUE_OCTETS:
            name = printable(header.content[field.start : field.value - 1].decode("ascii"), 60)
            raise Refused(552, "5.3.4", f"{name}: over the limit of {VALUE_OCTETS >> 10} KiB")
    if len(fields) > FIELDS or sum(each.end - each.start for each in fields) > ALL_OCTETS:
        limit = f"{FIELDS} fields and {ALL_OCTETS >> 20} MiB"
        raise Refused(552, "5.3.4", f"the control headers are over the limit of {limit}")
