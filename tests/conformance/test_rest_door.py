"""Rows 13 to 17: how the REST API is spoken."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from relay.config import Config
from tests.conformance.stage import SENDER, Stage
from tests.web.api.stage import staged

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def client(it: Stage) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{it.relay.port('http')}", timeout=30, trust_env=False) as made:
        yield made


@pytest.fixture(scope="module")
def token(it: Stage) -> str:
    return str(it.relay.ask("token", "add", "--account", "demo", "--credential", it.demo.username)["token"])


def small(it: Stage, **more: Any) -> dict[str, Any]:
    return {"recipient": it.somebody(), "from": SENDER, "subject": "Hello", "text": "Hello.", **more}


def test_row_13_the_token_stands_in_the_query_of_every_method(it: Stage, client: httpx.Client, token: str) -> None:
    query = {"access_token": token}
    assert client.post("/v1/send", params=query, json=small(it)).status_code == 200
    assert client.get("/v1/domains", params=query).status_code == 200
    document = {"name": "row-13", "subject": "Hello", "content": "<p>Hello.</p>"}
    made = client.post("/v1/template", params=query, json=document)
    assert made.status_code == 201
    assert client.put("/v1/template", params=query, json={**document, "id": made.json()["id"]}).status_code == 201
    assert client.delete(f"/v1/template/{made.json()['id']}", params=query).is_success
    assert client.get("/v1/domains").status_code == 401


def test_row_14_plain_http_from_elsewhere_is_a_bad_request(tmp_path: Path) -> None:
    def proxied(config: Config) -> Config:
        return config.model_copy(update={"http": config.http.model_copy(update={"proxies": ("127.0.0.1/32",)})})

    async def asked() -> tuple[int, int]:
        async with staged(tmp_path, proxied) as stage:
            elsewhere = {"X-Forwarded-For": "198.51.100.7"}
            secure = {**elsewhere, "X-Forwarded-Proto": "https"}
            plain, safe = [await stage.get("/v1/domains", headers=each) for each in (elsewhere, secure)]
            return plain.status_code, safe.status_code

    with ThreadPoolExecutor(1) as apart:  # where no event loop of a browser's runs
        assert apart.submit(asyncio.run, asked()).result(60) == (400, 200)


def test_row_15_json_and_forms_say_the_same(it: Stage, client: httpx.Client, token: str) -> None:
    wanted = small(it, subject="Grüße & more", tags=["a", "b"], trackclicks=False, dsn={"notify": "NEVER"})
    form = [(name, value) for name, value in wanted.items() if isinstance(value, str)]
    form += [("tags[]", "a"), ("tags[]", "b"), ("trackclicks", "0"), ("dsn[notify]", "NEVER")]
    told = []
    for content, headers in ((urlencode(form).encode(), FORM), (None, {})):
        more: dict[str, Any] = {"json": wanted} if content is None else {"content": content}
        answer = client.post("/v1/send", params={"access_token": token, "dry_run": "1"}, headers=headers, **more)
        assert answer.status_code == 200, answer.text
        told.append(answer.json()["options"])
    assert told[0] == told[1]


def test_row_16_json_answers_are_bare_application_json(it: Stage, client: httpx.Client, token: str) -> None:
    query = {"access_token": token}
    for answer in (
        client.post("/v1/send", params=query, json=small(it)),
        client.get("/v1/templates", params=query),
        client.get("/v1/logfiles", params=query),
        client.get("/v1/domains"),
        client.get("/v1/nothing"),
    ):
        assert answer.headers["content-type"] == "application/json"


def test_row_17_success_is_200_to_202_and_a_fault_has_its_words(it: Stage, client: httpx.Client, token: str) -> None:
    query = {"access_token": token}
    assert client.post("/v1/send", params=query, json=small(it)).status_code in (200, 201, 202)
    refused = client.post("/v1/send", params=query, json=small(it, **{"from": "me@stranger.example"}))
    assert refused.status_code == 403
    assert "stranger.example" in refused.json()["error"]["message"]


def test_reading_a_fault_is_json_also_of_calls_that_answer_with_text(client: httpx.Client, token: str) -> None:
    answer = client.get("/v1/html/0000000000000000-1", params={"access_token": token})
    assert answer.status_code == 404
    assert answer.json()["error"]["message"]
    assert client.get("/v1/html/x").json()["error"]["code"] == "no_token"
