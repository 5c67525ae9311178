"""Everything the API's document allows, and more, is asked: no fault of ours, nothing that is not documented."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from relay.web.api.openapi import document
from relay.web.api.table import CALLS
from tests.web.api.stage import Stage, staged

EXAMPLES = 8  # of each call
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)

schemathesis.serializer.alias(["message/rfc822", "application/x-ndjson"], "text/plain")
OCTETS = ("application/x-ndjson", "text/csv", "text/plain", "message/rfc822")


@schemathesis.serializer(*OCTETS)
def octets(_context: Any, value: Any) -> bytes:
    """Bodies that are no JSON: what the example says, or nothing that could be one."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


SCHEMA = schemathesis.openapi.from_dict(document(CALLS))


class _Running:
    """A stage whose server runs in a thread of its own, since what asks it waits."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.stage: Stage

    def start(self) -> None:
        self._thread.start()
        self.stage = self._await(self._stack.enter_async_context(staged(self._data)))

    def stop(self) -> None:
        self._await(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)

    def _await(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Running]:
    found = _Running(tmp_path_factory.mktemp("api"))
    found.start()
    yield found
    found.stop()


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)
def test_no_answer_is_a_fault_of_ours_or_undocumented(case: schemathesis.Case[Any], running: _Running) -> None:
    token = running.stage.make_token()  # what one request changes must not shut out the next
    response = case.call(base_url=f"{running.stage.url}/v1", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    case.validate_response(response, checks=list(CHECKS))
