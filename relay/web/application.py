"""The HTTP application: `/` for people, `/health` for monitoring.

Only the web worker imports this module: FastAPI takes half a second to load, and no other process needs it.
"""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from relay import __version__
from relay.config import Config
from relay.model.clock import Clock
from relay.web.health import Seen, faults, health
from relay.web.page import HEADERS, page


class State:
    """What the handlers look at; the process replaces its parts as a whole."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.seen = Seen(at=clock())


def application(state: State) -> FastAPI:
    app = FastAPI(
        title="relay",
        version=__version__,
        docs_url=None,  # FastAPI's own page would load its parts from elsewhere
        redoc_url=None,
        openapi_url=None,
    )

    async def front(_request: Request) -> Response:
        config = state.config
        ports = [(each.name, each.port) for each in config.listeners]
        text = page(config.hostname, ports, config.sandbox.enabled, faults(state.seen, state.clock()))
        return HTMLResponse(text, headers=HEADERS)

    async def check(_request: Request) -> Response:
        status, body = health(state.seen, state.clock())
        return JSONResponse(body, status_code=status, headers={"Cache-Control": "no-store"})

    app.add_route("/", front, methods=["GET"])
    app.add_route("/health", check, methods=["GET"])
    return app
