"""The API's own document and the page to try it out on."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

import jsonschema
import pytest
from playwright.async_api import async_playwright

from relay.web.api.openapi import document
from relay.web.api.table import CALLS
from tests.tools import tool
from tests.web.api.stage import Stage


async def test_the_document_is_served_without_a_token_and_names_every_call(api: Stage) -> None:
    answer = await api.as_token("").get("/v1/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert told["openapi"].startswith("3.1")
    operations = {each["operationId"] for path in told["paths"].values() for each in path.values()}
    assert operations == {call.name for call in CALLS}
    assert (await api.as_token("").get("/v2/openapi.json")).json() == told


def test_every_schema_of_the_document_is_one() -> None:
    told = document(CALLS)
    for schema in told["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    text = str(told)
    for reference in set(re.findall(r"#/components/schemas/([\w.-]+)", text)):
        assert reference in told["components"]["schemas"]


async def test_the_page_loads_nothing_from_elsewhere_and_a_call_can_be_tried_there(
    api: Stage, tmp_path: Path
) -> None:
    browser_path = shutil.which("chromium") or tool("chromium")
    asked: list[str] = []
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = await browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        async with asyncio.timeout(60):
            await page.goto(f"{api.url}/v1/docs")
            await page.locator("#operations-Sending-send").wait_for()
            await page.locator("button.authorize").first.click()
            field = page.locator(".auth-container input").first
            await field.fill(api.make_token())
            await page.locator("button.modal-btn.authorize").first.click()
            await page.locator("button.btn-done").first.click()
            await page.locator("#operations-Options-options_get .opblock-summary-control").click()
            await page.locator("#operations-Options-options_get button.execute").click()
            status = page.locator("#operations-Options-options_get .live-responses-table .response-col_status").last
            await status.wait_for()
            assert "200" in await status.inner_text()
        await browser.close()
    assert faults == []
    assert asked and all(each.startswith((api.url, "data:")) for each in asked)


async def test_the_page_allows_no_script_but_its_own(api: Stage) -> None:
    answer = await api.get("/v1/docs")
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy and "unsafe-eval" not in policy
    assert (await api.get("/v1/docs/nothing.js")).status_code == 404
    assert (await api.get("/v1/docs/swagger-ui-bundle.js")).is_success


async def test_the_root_of_the_api_and_a_slash_behind_docs_lead_to_the_page(api: Stage) -> None:
    for path in ("/v1/", "/v2/", "/v1/docs/"):
        answer = await api.get(path)
        assert answer.status_code == 302 and "content-type" not in answer.headers
        page = await api.get(str(answer.url.join(answer.headers["location"])))
        assert page.is_success and b"swagger-ui" in page.content


@pytest.mark.parametrize("path", ["/v1/docs/../tokens.py", "/v1/docs/%2e%2e/door.py", "/v1/docs/MANIFEST.txt"])
async def test_the_page_serves_no_other_files(api: Stage, path: str) -> None:
    assert (await api.get(path)).status_code == 404
