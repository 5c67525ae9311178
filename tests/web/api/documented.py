"""Whether an answer is one that the API's document shows: what every test asks is held to it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import httpx
import jsonschema

from relay.web.api.call import Call
from relay.web.api.openapi import document
from relay.web.api.problem import Problem
from relay.web.api.routes import Routes
from relay.web.api.table import CALLS

DOCUMENT = document(CALLS)
_ROUTES = Routes(CALLS)


def operation(call: Call) -> Mapping[str, Any]:
    found: Mapping[str, Any] = DOCUMENT["paths"][call.path.replace("*}", "}")][call.method.lower()]
    return found


async def held(response: httpx.Response) -> None:
    """A hook of the client's. Raises AssertionError: the document does not show this."""
    call = _call(response.request)
    if call is None:
        return
    shown = operation(call)["responses"]
    status = str(response.status_code)
    assert status in shown, f"{call.name} answers {status}, which its row does not show"
    media = response.headers.get("content-type", "")
    content = shown[status].get("content", {})
    if media and "*/*" not in content:
        assert media in content, f"{call.name} answers {status} as {media}, which its row does not show"
    if media == "application/json" and media in content and response.request.method != "HEAD":
        await response.aread()
        _validator(call.name, status).validate(response.json())


def _call(request: httpx.Request) -> Call | None:
    path = request.url.raw_path.decode("ascii").partition("?")[0]
    if path[:4] not in ("/v1/", "/v2/"):
        return None
    try:
        found = _ROUTES.find(path[3:])
    except Problem:
        return None
    return found.calls.get("GET" if request.method == "HEAD" else request.method) if found is not None else None


@lru_cache(maxsize=512)
def _validator(name: str, status: str) -> jsonschema.Draft202012Validator:
    call = next(each for each in CALLS if each.name == name)
    schema = operation(call)["responses"][status]["content"]["application/json"].get("schema", {})
    return jsonschema.Draft202012Validator({**_closed(schema), "components": _closed(DOCUMENT["components"])})


def _closed(schema: Any) -> Any:
    """A schema that allows no property beside those it names, unless it says that there are others."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    inside = {name: _closed(each) for name, each in schema.items()}
    if schema.get("type") == "object" and isinstance(schema.get("properties"), Mapping):
        inside.setdefault("additionalProperties", False)
    return inside
