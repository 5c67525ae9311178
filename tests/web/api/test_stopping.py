"""Requests that are under way when the process ends."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

from relay.model.clock import system_clock
from relay.web.api.call import Answer, Asked
from relay.web.api.door import Door
from relay.web.api.once import Once
from relay.web.api.services import Services
from relay.web.api.table import CALLS
from tests.web.api.stage import Stage


async def test_a_request_that_the_end_of_the_process_cuts_off_is_answered_all_the_same(api: Stage) -> None:
    begun, sent = asyncio.Event(), list[dict[str, Any]]()

    async def handler(_services: Services, _asked: Asked) -> Answer:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    call = replace(next(each for each in CALLS if each.name == "logfiles"), path="/endless", handler=handler)
    door = Door(api.services, [call], Once(api.services.idempotency, lambda: 60.0), system_clock)
    scope = {
        "type": "http",
        "scheme": "http",
        "method": "GET",
        "path": "/v1/endless",
        "query_string": b"",
        "headers": [(b"authorization", api.client.headers["Authorization"].encode())],
        "client": ("127.0.0.1", 5),
    }
    async with asyncio.timeout(10):
        request = asyncio.create_task(door(scope, receive, send))
        await begun.wait()
        request.cancel()
        await request  # an answer, and no fault for whoever runs it to report
    start, body = sent[0], sent[1]
    assert (start["status"], dict(start["headers"])[b"retry-after"]) == (503, b"5")
    assert json.loads(body["body"])["error"]["code"] == "unavailable"
