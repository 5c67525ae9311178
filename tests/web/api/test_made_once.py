"""What is made with an Idempotency-Key is made once, beside mail, too; and faults say which property they are of."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.api.stage import Stage
from tests.web.api.test_send import PROPERTIES, told

KEY = {"Idempotency-Key": "order-4711"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/template", {"content": "<p>Hi"}),  # it has no name, and so gets one
        ("/v1/template/mime", {"content": "<p>Hi"}),
        ("/v1/datarequest", {"email": "ann@example.net"}),
        ("/v1/datarequest/ann@example.net", {}),
        ("/v1/queue/orders", {"act": "hold", "campaign": "spring"}),
    ],
)
async def test_a_request_that_comes_again_makes_nothing_more(api: Stage, path: str, body: Any) -> None:
    first, again = [await api.post(path, json=body, headers=KEY) for _ in range(2)]
    other = await api.post(path, json=body)
    assert first.is_success and other.is_success, first.text
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"] != other.headers["location"]


async def test_an_import_that_comes_again_adds_nothing(api: Stage) -> None:
    lines = {"content": b"ann@example.net\n", "headers": {**KEY, "Content-Type": "text/csv"}}
    answers = [await api.post("/v1/suppressions/import", **lines) for _ in range(2)]
    assert [each.json()["new"] for each in answers] == [1, 1]
    assert answers[1].headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"maxdelivertime": "2020-01-01 00:00:00"}, "maxdelivertime"),
        ({"dsn": {"notify": "NEVER,FAILURE"}, "envelope": "me@example.com"}, "dsn.notify"),
        ({"dsn": {"notifi": "NEVER"}, "envelope": "me@example.com"}, "dsn.notifi"),
        ({"tags": ["a b"]}, "tags"),
        ({"extra": {"x-smtpeter-tags": "a b"}}, "x-smtpeter-tags"),
    ],
)
async def test_a_fault_of_a_property_names_it(api: Stage, given: dict[str, Any], field: str) -> None:
    body: dict[str, Any] = {**PROPERTIES, "recipient": "ann@example.net", **given}
    assert (await told(api, **body))["field"] == field


async def test_a_fault_of_the_envelopes_domain_names_envelope(api: Stage) -> None:
    given: dict[str, Any] = {**PROPERTIES, "recipient": "ann@example.net", "envelope": "me@stranger.example"}
    assert (await told(api, status=403, **given))["field"] == "envelope"
