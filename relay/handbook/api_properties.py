"""The properties of a body as rows of a table.

In:  the shape of a call's body: a Struct or a JSON Schema.
Out: lines of Markdown; none where the shape names no property.

    {"type": "array", "items": {"properties": {"url": ...}}}   ->   `attachments`, and `attachments[].url`
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

_HEAD: Final = ("| property | | |", "| --- | --- | --- |")
_WORDS: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "object",
    "null": "null",
}
_NOTHING: Final[tuple[object, ...]] = (None, "", [], {})


def properties(shape: Any) -> Iterator[str]:
    """`shape`: of a Body."""
    schema, named = _schema(shape)
    rows = [*_rows(schema, named, "")]
    if rows:
        yield from ("", *_HEAD, *rows)
        further = schema.get("additionalProperties")
        if isinstance(further, Mapping) and "description" in further:
            yield f"| ... | | {_cell(further['description'])} |"


def _schema(shape: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    if shape is None or isinstance(shape, Mapping):
        return shape or {}, {}
    (made,), named = msgspec.json.schema_components([shape])
    return _plain(made, named), named


def _plain(schema: Mapping[str, Any], named: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference stands for."""
    reference = schema.get("$ref")
    return schema if reference is None else named[reference.rpartition("/")[2]]


def _rows(schema: Mapping[str, Any], named: Mapping[str, Any], before: str) -> Iterator[str]:
    for name, each in schema.get("properties", {}).items():
        inside = _plain(each, named)
        said = [_cell(each["description"])] if "description" in each else []
        if each.get("default") not in _NOTHING:
            said.append(f"default `{_json(each['default'])}`")
        if name in schema.get("required", ()):
            said.append("needed")
        yield f"| `{before}{name}` | {_kind(each, named)} | {'; '.join(said)} |"
        if inside.get("type") == "object":
            yield from _rows(inside, named, f"{before}{name}.")
        elif inside.get("type") == "array":
            yield from _rows(_plain(inside.get("items", {}), named), named, f"{before}{name}[].")


def _kind(schema: Mapping[str, Any], named: Mapping[str, Any]) -> str:
    schema = _plain(schema, named)
    if "anyOf" in schema:
        return _or(_kind(each, named) for each in schema["anyOf"])
    if "enum" in schema:
        return _or(f"`{each}`" if isinstance(each, str) else f"`{_json(each)}`" for each in schema["enum"])
    kinds = schema.get("type", ())
    words = _or(_WORDS[each] for each in ([kinds] if isinstance(kinds, str) else kinds))
    if kinds == "object" and isinstance(schema.get("properties"), Mapping) and len(schema["properties"]) < 3:
        return "`{" + ", ".join(schema["properties"]) + "}`"
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None or most is not None:
        words += f" {least if least is not None else 'up'} to {most if most is not None else 'any'}"
    return words


def _or(words: Iterator[str]) -> str:
    *most, last = dict.fromkeys(words) or ("",)
    return f"{', '.join(most)} or {last}" if most else last


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _cell(text: str) -> str:
    return text.replace("|", "\\|").rstrip(".")
