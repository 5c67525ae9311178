"""Data requests of tests: a desk that works, requests that are made and waited for."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.web.api.stage import Stage

ANN = "ann@example.net"
NOT_YET = "Data not available (yet)."
PATIENCE = 20.0  # seconds


@asynccontextmanager
async def working(api: Stage) -> AsyncIterator[None]:
    """The desk carries requests out."""
    task = asyncio.create_task(api.services.requests.run())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def asked(api: Stage, address: str = ANN, **more: str) -> str:
    answer = await api.post("/v1/datarequest", json={"email": address, **more})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def ended(api: Stage, id: str, word: str = "status", *, but: str = "pending") -> dict[str, Any]:
    """The state of a request, once it is another one."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found: dict[str, Any] = (await api.get(f"/v1/datarequest/{id}/status")).json()
        if found[word] != but:
            return found
        await asyncio.sleep(0.02)
    raise TimeoutError(found)


async def data(api: Stage, id: str) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """What was found, by kind."""
    assert (await ended(api, id))["status"] == "done"
    found: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for kind, at, told in (await api.get(f"/v1/datarequest/{id}")).json()["data"]:
        found.setdefault(kind, []).append((at, told))
    return found
