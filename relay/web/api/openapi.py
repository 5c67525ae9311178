"""The API as an OpenAPI 3.1 document, made of the rows of the table. Pure.

In:  the calls. Out: the document, in JSON's types.

Standards: OpenAPI 3.1.0, JSON Schema draft 2020-12.

Why so: nothing in it is written by hand twice, so the document cannot say what the door does not do; a test asks the
API all that the document allows, and nothing may come back that it does not show.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from relay import __version__
from relay.model.account import Scope
from relay.web.api.call import Body, Call, Kind, Param, Shown
from relay.web.api.once import HEADER
from relay.web.api.problem import CODES
from relay.web.api.routes import names

_REFERENCE = "#/components/schemas/{name}"
_ALWAYS = ("bad_parameter", "bad_request", "plain_http", "no_token", "bad_token", "scope", "too_many_requests")
_FAULTS = ("internal", "unavailable")
_WITH_BODY = (
    "bad_json",
    "bad_form",
    "bad_encoding",
    "too_large",
    "bad_type",
    "bad_value",
    "missing",
    "unknown_property",
)
_OCTETS_BODY = ("bad_encoding", "too_large", "bad_type", "missing")
_ONCE = ("in_progress", "idempotency_key_reused")
_TYPES = {Kind.STRING: "string", Kind.INTEGER: "integer", Kind.BOOLEAN: "boolean", Kind.DATE: "string"}
_SCOPES = {
    Scope.SEND: "sends mail",
    Scope.READ: "reads what there is",
    Scope.MANAGE: "changes what there is",
}
KEY = Param(
    name=HEADER,
    help="Up to 256 printable characters. The same request with the same key is carried out once, and answered alike",
    example="order-4711",
)
INTRODUCTION = """\
SMTPeter's REST API, complete, and what it lacks. The same calls are under `/v1` and `/v2`; under `/v2` a message has
at most 100 recipients.

A token goes with every request: `Authorization: Bearer TOKEN`, `Authorization: Basic` with the token as the password,
or `access_token` in the query. What a request sets for a message is also set by control headers of the message
itself, which go first.

Every fault is answered by `{"error": {"message", "code", "field", "reply"}}`."""


def codes_of(call: Call) -> list[str]:
    """Every code a fault of the call can have, each once, by status."""
    found = [*_ALWAYS, *_FAULTS, *call.codes]
    if call.body is not None:
        found += _OCTETS_BODY if call.body.shape is None else _WITH_BODY
    if call.once:
        found += _ONCE
    if names(call):
        found.append("not_found")
    return sorted(dict.fromkeys(found), key=lambda code: (CODES[code][0], list(CODES).index(code)))


def document(calls: Iterable[Call]) -> dict[str, Any]:
    """The whole of it."""
    calls = list(calls)
    described = _Schemas(calls)
    paths: dict[str, dict[str, Any]] = {}
    for call in calls:
        paths.setdefault(_path(call), {})[call.method.lower()] = _operation(call, described)
    return {
        "openapi": "3.1.0",
        "info": {"title": "relay", "version": __version__, "description": INTRODUCTION},
        "servers": [{"url": "/v1"}, {"url": "/v2", "description": "the same, with 100 recipients a message at most"}],
        "tags": [{"name": each} for each in dict.fromkeys(call.family for call in calls)],
        "security": [{"bearer": []}, {"basic": []}, {"access_token": []}],
        "paths": paths,
        "components": {
            "schemas": {**described.components, "Error": _error()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "the token is the password"},
                "access_token": {"type": "apiKey", "in": "query", "name": "access_token"},
            },
        },
    }


class _Schemas:
    """The schemas of all shapes that are types, with names of their own."""

    def __init__(self, calls: Iterable[Call]) -> None:
        shapes: list[Any] = []
        for call in calls:
            shapes += [each.shape for each in call.answers]
            shapes += [call.body.shape] if call.body is not None else []
        typed = [each for each in shapes if each is not None and not isinstance(each, Mapping)]
        made, self.components = msgspec.json.schema_components(typed, ref_template=_REFERENCE)
        self._made = {id(shape): schema for shape, schema in zip(typed, made, strict=True)}

    def of(self, shape: Any) -> Mapping[str, Any]:
        if shape is None:
            return {}
        return shape if isinstance(shape, Mapping) else self._made[id(shape)]


def _operation(call: Call, described: _Schemas) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": call.name,
        "tags": [call.family],
        "summary": call.summary,
        "description": f"{call.help}\n\nNeeds the scope `{call.scope.value}`, which {_SCOPES[call.scope]}.",
        "responses": _responses(call, described),
    }
    if parameters := _parameters(call):
        told["parameters"] = parameters
    if call.body is not None:
        told["requestBody"] = _body(call.body, described)
    if call.deprecated:
        told["deprecated"] = True
    return told


def _path(call: Call) -> str:
    return re.sub(r"\*\}", "}", call.path)


def _parameters(call: Call) -> list[dict[str, Any]]:
    known = {each.name: each for each in call.params}
    found = [_parameter(known[name], "path", required=True) for name in names(call)]
    found += [_parameter(each, "query") for each in call.query]
    found += [_parameter(each, "header") for each in (*call.headers, *((KEY,) if call.once else ()))]
    return found


def _parameter(param: Param, place: str, *, required: bool = False) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": _TYPES[param.kind]}
    if param.kind is Kind.DATE:
        schema["format"] = "date"
    if param.choices:
        schema["enum"] = list(param.choices)
    bounds = {"minimum": param.least, "maximum": param.most}
    schema.update({word: bound for word, bound in bounds.items() if bound is not None})
    if param.default is not None:
        schema["default"] = param.default
    if place == "path":
        schema["minLength"] = 1
    example: Any = param.example
    if param.kind is Kind.INTEGER:
        example = int(param.example)
    elif param.kind is Kind.BOOLEAN:
        example = param.example in ("true", "1")
    if param.many:
        schema, example = {"type": "array", "items": schema}, [example]
    told = {"name": param.name, "in": place, "description": param.help, "schema": schema, "example": example}
    return {**told, "required": True} if required or param.required else told


def _body(body: Body, described: _Schemas) -> dict[str, Any]:
    schema = dict(described.of(body.shape))
    media: dict[str, Any] = {"schema": schema} if schema else {}
    content = {}
    for each in body.types:
        shown = dict(media)
        if body.example is not None and (each == "application/json" or body.shape is None):
            shown["example"] = body.example
        content[each] = shown
    return {"description": body.help, "required": body.required, "content": content}


def _responses(call: Call, described: _Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for shown in call.answers:
        told = found.setdefault(str(shown.status), {"description": shown.help})
        if shown.help not in told["description"]:
            told["description"] += f" {shown.help}"
        if shown.headers:
            fields = {
                name: {"description": said, "schema": {"type": "string"}} for name, said in shown.headers.items()
            }
            told["headers"] = {**told.get("headers", {}), **fields}
        if shown.media:
            content = told.setdefault("content", {})
            content[shown.media] = _either(content.get(shown.media), _content(shown, described))
    by_status: dict[int, list[str]] = {}
    for code in codes_of(call):
        by_status.setdefault(CODES[code][0], []).append(code)
    for status, codes in by_status.items():
        said = "; ".join(f"`{code}`: {CODES[code][1]}" for code in codes)
        reference = {"$ref": _REFERENCE.format(name="Error")}
        content = {"application/json": {"schema": reference, "example": _example(codes[0])}}
        if str(status) in found:  # an answer of the call's own has this status, too
            found[str(status)].setdefault("content", {}).setdefault("application/json", content["application/json"])
        else:
            found[str(status)] = {"description": said, "content": content}
    return dict(sorted(found.items()))


def _content(shown: Shown, described: _Schemas) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if schema := described.of(shown.shape):
        told["schema"] = dict(schema)
    if shown.example is not None:
        told["example"] = shown.example
    return told


def _either(one: dict[str, Any] | None, other: dict[str, Any]) -> dict[str, Any]:
    """Two answers with one status and kind: the schema of either, the example of the first."""
    if one is None or not one.get("schema") or not other.get("schema"):
        return one or other
    known = one["schema"]["anyOf"] if list(one["schema"]) == ["anyOf"] else [one["schema"]]
    if other["schema"] in known:
        return one
    return {**one, "schema": {"anyOf": [*known, other["schema"]]}}


def _error() -> dict[str, Any]:
    words = {
        "message": "for people",
        "code": f"for programs: {', '.join(CODES)}",
        "field": "the property or parameter at fault; empty: none in particular",
        "reply": "what an SMTP client would have heard; empty: nothing like it",
    }
    told = {name: {"type": "string", "description": said} for name, said in words.items()}
    told["code"]["enum"] = list(CODES)  # type: ignore[assignment]
    inside = {"type": "object", "properties": told, "required": list(words), "additionalProperties": False}
    return {"type": "object", "properties": {"error": inside}, "required": ["error"], "additionalProperties": False}


def _example(code: str) -> dict[str, Any]:
    return {"error": {"message": CODES[code][1], "code": code, "field": "", "reply": ""}}
