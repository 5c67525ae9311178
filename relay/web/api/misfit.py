"""What does not fit the shape of a body, told so that it can be mended.

In:  msgspec's words about it, and the shape.
Out: a Problem in ours: with the properties or the values that there are.

    Object contains unknown field `scope`   ->   scope: there is no such property; the nearest is scopes
    Invalid enum value 'x' - at `$.policy`  ->   policy: expected none, quarantine or reject, not 'x'
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from relay.model.address import printable
from relay.web.api.problem import Problem

SHOWN = 120  # characters of a property that is named
LONGEST = 500  # of what is said about it
_AT = re.compile(r"(?s)(?P<said>.*?)(?: - at `\$?\.?(?P<path>[^`]*)`)?\Z")
_FIELD = re.compile(r"field `([^`]*)`")
_TYPE = re.compile(r"Expected `([^`]*)`(?:, got `([^`]*)`)?")
_STEP = re.compile(r"\[[^\]]*\]|[^.\[]+")
_CHOICE = "Invalid enum value "
_KINDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


def misfit(said: str, shape: Any) -> Problem:
    """`shape`: a type that msgspec decoded into, or `Any`."""
    found = _AT.fullmatch(said)
    assert found is not None
    path, text = found["path"] or "", found["said"]
    named = _FIELD.search(text)
    field = printable(".".join(filter(None, (path, named[1] if named else ""))), SHOWN)
    if "missing required" in text:
        return Problem("missing", f"{field}: it is needed", field=field)
    if "unknown field" in text and named:
        hint = _nearest(named[1], _names(shape, path))
        return Problem("unknown_property", f"{field}: there is no such property{hint}", field=field)
    kinds = _TYPE.match(text)
    if kinds is not None and kinds[2]:
        text = f"expected {_kind(kinds[1])}, not {_kind(kinds[2])}"
    elif text.startswith(_CHOICE) and (choices := _choices(shape, path)):
        text = f"expected {' or '.join(filter(None, (', '.join(choices[:-1]), choices[-1])))}, not "
        text += found["said"].removeprefix(_CHOICE)
    elif text:
        text = text[0].lower() + text[1:].replace("`", "")
    text = printable(text, LONGEST)
    return Problem("bad_value", f"{field}: {text}" if field else text, field=field)


def _kind(word: str) -> str:
    return " or ".join(_KINDS.get(each.strip(), each.strip()) for each in word.split("|"))


def _nearest(name: str, names: list[str]) -> str:
    if not names:
        return ""
    near = difflib.get_close_matches(name[:80].lower(), names, n=1)
    if near:
        return f"; the nearest is {near[0]}"
    return f"; there are {', '.join(names)}" if len(names) > 1 else f"; there is {names[0]} alone"


def _names(shape: Any, path: str) -> list[str]:
    return [name for schema in _below(shape, path) for name in schema.get("properties", ())]


def _choices(shape: Any, path: str) -> list[str]:
    return [str(each) for schema in _below(shape, path) for each in schema.get("enum", ())]


def _below(shape: Any, path: str) -> list[Mapping[str, Any]]:
    """The schemas of what stands at a path as msgspec writes it: `a.b[0]`, `a[...]`."""
    named, found = _schemas(shape)
    for step in _STEP.findall(path):
        found = [*_plain(_inside(step, found), named)]
    return found


def _inside(step: str, schemas: Iterable[Mapping[str, Any]]) -> Iterator[Any]:
    for schema in schemas:
        if not step.startswith("["):
            yield schema.get("properties", {}).get(step)
        yield schema.get("items")
        yield schema.get("additionalProperties")


def _plain(schemas: Iterable[Any], named: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Without references and alternatives."""
    for schema in schemas:
        if not isinstance(schema, Mapping):
            continue
        if "$ref" in schema:
            yield from _plain([named[schema["$ref"].rpartition("/")[2]]], named)
        elif "anyOf" in schema:
            yield from _plain(schema["anyOf"], named)
        else:
            yield schema


@lru_cache(maxsize=256)
def _schemas(shape: Any) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    (made,), named = msgspec.json.schema_components([shape])
    return named, [*_plain([made], named)]
