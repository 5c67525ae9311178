"""The options as a JSON Schema (draft 2020-12): what `X-SMTPeter-Options: {...}` may hold, and what a REST request
may have as properties.

In:  the registry. Out: a schema, in JSON's types.

Why so: every value may also come as the text a header would have, so the schema says which types there are and
shows how values look. The grammar stays the one judge of them: a schema as strict would be a second grammar.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from enum import Flag, StrEnum
from typing import Any

from relay.model.options import Options
from relay.submission.control.option import Door, Option
from relay.submission.control.registry import BY_NAME, GROUPS, OPTIONS

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def options_schema() -> dict[str, Any]:
    """An object whose properties are the options of a message."""
    properties = {each.name: option_schema(each) for each in OPTIONS if Door.PROPERTY in each.doors}
    for group, members in GROUPS.items():
        inside = {short: option_schema(BY_NAME[name]) for short, name in members.items()}
        object_of = {"type": "object", "properties": inside, "additionalProperties": False}
        properties[group] = {"anyOf": [properties[group], object_of]} if group in properties else object_of
    return {
        "$schema": DIALECT,
        "title": "Options of a message",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def option_schema(option: Option) -> dict[str, Any]:
    """One option: the JSON types of its value, what it means, and an example."""
    said = [option.help, f"Value: {option.type}."]
    if option.limits:
        said.append(f"Limits: {option.limits}.")
    schema: dict[str, Any] = {"description": " ".join(said), "type": sorted(set(_types(option)))}
    schema["examples"] = [option.example]
    return schema


def _types(option: Option) -> Iterator[str]:
    """Of the field of `Options`; text always, since that is what the grammars read."""
    yield "string"
    hint = _HINTS.get(option.name, str)
    members = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    for member in members:
        kind = typing.get_origin(member) or member
        if kind in (int, float, str):
            yield "number"
        elif kind is bool or issubclass(kind, StrEnum):  # `true` is the stronger value of an enumeration
            yield "boolean"
        elif issubclass(kind, Mapping):
            yield "object"
        elif kind is tuple:
            yield from ("array", "object") if member is _WINDOWS else ("array",)
        elif issubclass(kind, Flag):
            yield "array"


_HINTS = typing.get_type_hints(Options)
_WINDOWS = _HINTS["send_window"]  # one of them may stand for the list
