"""Who a message goes to: `recipient` and `recipients` in every form SMTPeter knows, and each recipient's data.

In:  the two properties. Out: addresses in order, each once, and data by address; or a Problem that names the one.

    "ann@example.net"
    ["ann@example.net", {"bob@example.net": {"name": "Bob"}}]
    {"ann@example.net": {"name": "Ann"}, "bob@example.net": {}}

Why so: one bad address refuses the whole call, since an application that goes on hears of nobody left out. Lists
with commas are refused: the sources contradict each other there, and a comma may stand in a quoted local part. Keys
that are numbers make a list of an object, as PHP writes a list from which something was taken out. Empty data (`[]`,
`{}`, null, "") are none, since PHP cannot tell an empty list from an empty map.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from relay.model.address import parse_path, printable
from relay.web.api.problem import Problem

NAMES = ("recipient", "recipients")
_PARTS = frozenset(("email", "address", "name", "to"))
EXPECTED = "one address without a display name, such as ann@example.net"


@dataclass(frozen=True, slots=True)
class People:
    addresses: tuple[str, ...]
    data: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # by address; those without are not in it


def read_people(properties: Mapping[str, Any], limit: int) -> People:
    """Raises Problem: missing, bad_value, too_many_recipients."""
    given = [name for name in NAMES if _some(properties.get(name))]
    found: dict[str, None] = {}
    data: dict[str, Mapping[str, Any]] = {}
    for name in given:
        for where, written, more in _each(name, properties[name]):
            address = read_address(written, where)
            found[address] = None
            if _some(more):
                data[address] = {**data.get(address, {}), **_object(more, where)}
        if len(found) > limit:
            text = f"{name}: {len(found):,} recipients, over the limit of {limit:,} a message; send several"
            raise Problem("too_many_recipients", text, field=name)
    if not found:
        text = "recipients: there is no recipient; to, cc and bcc are header fields, and bring nobody a message"
        raise Problem("missing", text, field="recipients")
    return People(tuple(found), data)


def read_address(value: Any, where: str) -> str:
    """A pure address. Raises Problem."""
    if not isinstance(value, str):
        raise Problem("bad_value", f"{where}: expected {EXPECTED}, not {_shown(value)}", field=where)
    text = value.strip()
    try:
        if "<" in text or text.startswith("@"):
            raise ValueError(f"expected {EXPECTED}, not {printable(text)}")
        return parse_path(text, smtputf8=True)
    except ValueError as error:
        several = text.count("@") > 1 and ("," in text or ";" in text)
        why = f"expected {EXPECTED}; several stand in a list of their own" if several else str(error)
        raise Problem("bad_value", f"{where}: {why}", field=where) from None


def _each(name: str, value: Any) -> Iterator[tuple[str, Any, Any]]:
    """Where it stands, the address, and its data."""
    if isinstance(value, str):
        yield name, value, None
    elif isinstance(value, Mapping):
        yield from _members(name, value)
    elif isinstance(value, list | tuple):
        for place, each in enumerate(value):
            where = f"{name}[{place}]"
            if isinstance(each, Mapping):
                yield from _members(where, each)
            else:
                yield where, each, None
    else:
        raise Problem("bad_value", f"{name}: expected an address or a list of them, not {_shown(value)}", field=name)


def _members(where: str, value: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for key, each in value.items():
        if key.lower() in _PARTS:  # as others write it; an address is the name of its data here
            text = f"{where}: expected an address, or {{address: data}}, not an object with {key.lower()!r}"
            raise Problem("bad_value", text, field=where)
        if not key.isdigit():
            yield f"{where}[{printable(key, 80)}]" if len(value) > 1 else where, key, each
        elif isinstance(each, Mapping):
            yield from _members(f"{where}[{key}]", each)
        else:
            yield f"{where}[{key}]", each, None


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Problem("bad_value", f"{where}: data are an object of values by name, not {_shown(value)}", field=where)
    return value


def _some(value: Any) -> bool:
    return not (value is None or value in ("", [], {}) or (isinstance(value, str) and not value.strip()))


def _shown(value: Any) -> str:
    return printable(repr(value), 60)
