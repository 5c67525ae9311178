"""The pages in a real browser (Chromium): with and without JavaScript, and nothing of a mail's own runs."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from relay.model.options import Options
from relay.model.token import Purpose
from tests.tools import tool
from tests.web.tracking.world import world

GROUPS = Options(suppression_group="news", suppression_groups_shown=("offers",))
DOT = (  # one red pixel
    b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
NEWSLETTER = (
    b"""Subject: x\r
Content-Type: multipart/related; boundary=b\r
\r
--b\r
Content-Type: text/html\r
\r
<html><head><title>Mail</title><style>p { color: rgb(1, 2, 3) }</style></head><body onload="document.title='ran'">\r
<p>Hello</p><img id="dot" src="cid:dot" width="10"><script>document.title = 'ran'</script>\r
<form action="https://evil.example/"><button>Go</button></form></body></html>\r
--b\r
Content-Type: image/png\r
Content-Transfer-Encoding: base64\r
Content-ID: <dot>\r
\r
%s\r
--b--\r
"""
    % DOT
)


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
async def page(request: pytest.FixtureRequest) -> AsyncIterator[Page]:
    async with async_playwright() as started:
        browser = await started.chromium.launch(executable_path=tool("chromium"), args=["--no-sandbox"])
        yield await browser.new_page(java_script_enabled=request.param)
        await browser.close()


async def test_somebody_chooses_leaves_and_comes_back(tmp_path: Path, page: Page) -> None:
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    async with world(tmp_path) as it:
        link = it.link(await it.sent(options=GROUPS), Purpose.UNSUBSCRIBE)
        await page.goto(f"http://127.0.0.1:{it.port}{link}-unsubscribe")
        await page.get_by_label("offers").uncheck()
        await page.get_by_role("button", name="Save").click()
        await page.get_by_role("status").wait_for()
        assert await page.get_by_label("news").is_checked()
        assert not await page.get_by_label("offers").is_checked()
        await page.get_by_role("button", name="Unsubscribe from all mail of example.com").click()
        await page.get_by_role("button", name="Get mail from example.com again").click()
        await page.get_by_text("You get mail from example.com again.").wait_for()
        assert await page.context.cookies() == []
    told = [(each.data.get("group", ""), each.data.get("resubscribed", False)) for each in it.recorded.events]
    assert told == [("offers", False), ("", False), ("", True)]
    assert [each for each in faults if "favicon" not in each and "404" not in each] == []


async def test_mail_as_a_page_looks_as_it_was_sent_and_nothing_in_it_runs(tmp_path: Path, page: Page) -> None:
    async with world(tmp_path) as it:
        link = it.link(await it.sent(content=NEWSLETTER), Purpose.VIEW)
        await page.goto(f"http://127.0.0.1:{it.port}{link}-view", wait_until="load")
        assert await page.title() == "Mail"
        shot = await page.get_by_text("Hello").screenshot()
        assert len(shot) > 100
        dot = await page.locator("#dot").bounding_box()
        assert dot is not None
        assert (dot["width"], dot["height"]) == (10, 10)  # it has its shape: the picture came
        await page.get_by_role("button", name="Go").click()
        assert page.url.endswith(f"{link}-view")
    assert base64.b64decode(DOT).startswith(b"\x89PNG")
