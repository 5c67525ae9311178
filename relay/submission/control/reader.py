"""Part the control fields from a header, and read what they ask for.

In:  a header, and what the credential says of control headers and of what is wrong in them.
Out: the options they ask for with their provenance, and the fields to take out; or Refused, naming header and limit.

Values are unfolded (the white space of a fold stays), their encoded words decoded (RFC 2047), raw octets taken
for UTF-8, else Latin-1 with a warning. An empty value sets nothing. What may be asked is `resolve`'s to say.

Why so: a misspelt option that went unnoticed would be worse than a refusal, which the sender hears at once.
Where a relay passes on others' mail, whose headers are not its credential's to honour, `strip` and `pass`
leave them unread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from relay.model.account import ControlHeaders, OnInvalid
from relay.model.address import printable
from relay.model.reply import Refused
from relay.submission.control.collector import Collector
from relay.submission.control.option import Door
from relay.submission.control.registry import PREFIX, find
from relay.transform.headers import Field, Header, Shape
from relay.transform.words import decode

VALUE_OCTETS = 64 << 10  # of one field
DATA_OCTETS = 1 << 20  # of one with data for templates
ALL_OCTETS = 2 << 20
FIELDS = 500

_DATA = frozenset({"merge", "merge_global"})

# In any spelling of `-`, as in the rest of the name: what is not known for a control field would leave.
_PREFIXES = tuple(f"x{one}smtpeter{other}".encode() for one in "-_" for other in "-_")


@dataclass(frozen=True, slots=True)
class Controls:
    """What the control fields ask for, before anybody said whether they may. Times may be counted from now."""

    fields: tuple[Field, ...] = ()  # to take out
    values: Mapping[str, Any] = field(default_factory=dict)  # by option
    sources: Mapping[str, str] = field(default_factory=dict)  # option -> "header X-SMTPeter-Tags"
    warnings: tuple[str, ...] = ()
    strict: bool = False  # the message itself asked for `on_invalid: reject`


NO_CONTROLS = Controls()


def read_controls(header: Header, rule: ControlHeaders, on_invalid: OnInvalid = OnInvalid.REJECT) -> Controls:
    """Read the control fields of a message.

    Raises:
        Refused: 554 5.6.0 an unknown header or a bad value; 552 5.3.4 too much of them.
    """
    if rule is ControlHeaders.PASS:
        return NO_CONTROLS
    places = header.shape.known(_controls)
    if not places:
        return NO_CONTROLS
    fields = header.at(places)
    if rule is ControlHeaders.STRIP:
        return Controls(fields)
    _check_sizes(header, fields)
    collector = Collector(Door.HEADER)
    for each in fields:
        _read(collector, header, each)
    given = collector.finish(on_invalid)
    return Controls(fields, given.values, given.sources, given.warnings, given.strict)


def _controls(shape: Shape) -> tuple[int, ...]:
    return tuple(place for place, name in enumerate(shape.names) if name.startswith(_PREFIXES))


def _read(collector: Collector, header: Header, each: Field) -> None:
    name = _name(header, each)
    shown = printable(name, 60)
    key = name[len(PREFIX) :]
    try:
        value = decode(header.value(each))
    except ValueError as error:
        option = find(key)
        collector.fault(f"{shown}: {error}", safety=option is None or option.safety)
        return
    if value.latin1:
        collector.warn(f"{shown}: not UTF-8, read as Latin-1")
    collector.add(shown, key, value.text)


def _name(header: Header, each: Field) -> str:
    return header.content[each.start : each.value - 1].decode("ascii")


def _check_sizes(header: Header, fields: tuple[Field, ...]) -> None:
    for each in fields:
        if each.end - each.value > VALUE_OCTETS:
            name = _name(header, each)
            option = find(name[len(PREFIX) :])
            most = DATA_OCTETS if option is not None and option.name in _DATA else VALUE_OCTETS
            if each.end - each.value > most:
                raise Refused(552, "5.3.4", f"{printable(name, 60)}: over the limit of {most >> 10} KiB")
    if len(fields) > FIELDS or sum(each.end - each.start for each in fields) > ALL_OCTETS:
        limit = f"{FIELDS} fields and {ALL_OCTETS >> 20} MiB"
        raise Refused(552, "5.3.4", f"the control headers are over the limit of {limit}")
