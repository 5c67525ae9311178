"""The API's own description and the page to try it out on, which loads nothing from anywhere else.

In:  a path behind `/v1` or `/v2`. Out: the OpenAPI document, the page, its parts; or None: it is no such path.

    openapi.json        made of the table of calls
    docs                the page: Swagger UI, which is kept here with its licence (`MANIFEST.txt`)
    docs/...            its parts
    docs/, /            lead to the page

No token is needed: what the API can do is no secret, and what it does needs one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

import msgspec

from relay.web.api.call import JSON, Answer, Call
from relay.web.api.openapi import document

_PARTS: Mapping[str, str] = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "start.js": "text/javascript; charset=utf-8",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_LEADING: Mapping[str, str] = {"/": "docs", "/docs/": "../docs"}  # relative: a proxy may have put a path before ours
_KEPT = {"Cache-Control": "public, max-age=86400"}
_PAGE = b"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>relay: the API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css"></head>
<body>
<div id="api"><p>The API is described in <a href="openapi.json">openapi.json</a>; to try it out here, this page needs
JavaScript.</p></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""


class Docs:
    def __init__(self, calls: Iterable[Call]) -> None:
        self._calls = tuple(calls)
        self._document: bytes | None = None

    def answer(self, path: str) -> Answer | None:
        if path == "/openapi.json":
            return Answer(body=self._described(), media=JSON)
        if path == "/docs":
            return Answer(body=_PAGE, media="text/html; charset=utf-8", headers={"Content-Security-Policy": _POLICY})
        if path in _LEADING:
            return Answer(status=302, media="", headers={"Location": _LEADING[path]})
        name = path.removeprefix("/docs/")
        if name != path and name in _PARTS:
            return Answer(body=_part(name), media=_PARTS[name], headers=_KEPT)
        return None

    def _described(self) -> bytes:
        if self._document is None:
            self._document = msgspec.json.encode(document(self._calls))
        return self._document


@cache
def _part(name: str) -> bytes:
    return files(__package__).joinpath(name).read_bytes()
