"""What HTTP shows beside links in mail: `/` for people, `/health` for monitoring, the API under `/v1` and `/v2`.

In:  ASGI requests that are not for a link of ours.
Out: answers. On the listener for https only the API is shown: the rest is for who runs the relay.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from relay.config import Config
from relay.model.clock import Clock
from relay.web.health import Seen, faults, health
from relay.web.page import HEADERS, page
from relay.web.tracking import answers
from relay.web.tracking.answers import Answer

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
_READ = ("GET", "HEAD")
_JSON = b"application/json"
_HTML = b"text/html; charset=utf-8"
NO_SUCH_PAGE = answers.text(404, "There is no such page.\n")


class State:
    """What the pages look at; the process replaces its parts as a whole."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.seen = Seen(at=clock())


def application(state: State, api: Application | None = None, *, pages: bool = True) -> Application:
    """`api`: what answers `/v1` and `/v2`; `pages`: also show those of the relay itself."""

    def shown(path: str) -> Answer:
        if path == "/health":
            status, body = health(state.seen, state.clock())
            return _answer(status, json.dumps(body).encode(), _JSON, {"Cache-Control": "no-store"})
        config = state.config
        ports = [(each.name, each.port) for each in config.listeners]
        found, has_api = faults(state.seen, state.clock()), api is not None and config.http.api.enabled
        text = page(config.hostname, ports, config.sandbox.enabled, found, has_api=has_api)
        return _answer(200, text.encode(), _HTML, HEADERS)

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        path: str = scope["path"]
        if api is not None and state.config.http.api.enabled and _is_api(path):
            await api(scope, receive, send)
            return
        head = scope["method"] == "HEAD"
        if not pages or path not in ("/", "/health"):
            await NO_SUCH_PAGE.send(send, head=head)
        elif scope["method"] not in _READ:
            await answers.text(405, "Only to be read.\n", (b"allow", b"GET, HEAD")).send(send)
        else:
            await shown(path).send(send, head=head)

    return app


def _is_api(path: str) -> bool:
    return path.startswith(("/v1/", "/v2/")) or path in ("/v1", "/v2")


def _answer(status: int, body: bytes, kind: bytes, headers: dict[str, str]) -> Answer:
    own = ((b"content-type", kind), (b"content-length", b"%d" % len(body)))
    more = ((name.lower().encode(), value.encode()) for name, value in headers.items())
    return Answer(status, (*own, *more), body)
