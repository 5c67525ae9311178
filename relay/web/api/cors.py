"""Whether pages from elsewhere may call the API from a browser: only those of the origins that are configured.

In:  the fields of a request. Out: fields of its answer; the answer to a preflight.

Standards: Fetch (CORS protocol). No credentials of the browser are ever allowed: a token is put into a field by the
page itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from relay.web.api.call import Answer
from relay.web.tracking.asked import Asked as Request

_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
_FIELDS = "Authorization, Content-Type, Content-Encoding, Idempotency-Key"
_SHOWN = b"Location, RateLimit, RateLimit-Policy, Retry-After, Idempotency-Replayed, Link"
_AGE = "600"


class Cors:
    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(each.encode() for each in origins)

    def fields(self, request: Request) -> list[tuple[bytes, bytes]]:
        """Of every answer to it."""
        if not self._origins:
            return []
        origin = request.headers.get(b"origin", b"")
        if origin not in self._origins:
            return [(b"vary", b"Origin")]
        return [
            (b"vary", b"Origin"),
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", _SHOWN),
        ]

    def preflight(self, request: Request) -> Answer:
        """To OPTIONS."""
        if request.headers.get(b"origin", b"") not in self._origins:
            return Answer(status=204, media="", headers={"Allow": _METHODS})
        return Answer(
            status=204,
            media="",
            headers={
                "Allow": _METHODS,
                "Access-Control-Allow-Methods": _METHODS,
                "Access-Control-Allow-Headers": _FIELDS,
                "Access-Control-Max-Age": _AGE,
            },
        )
