"""A browser (Debian's Chromium) that knows two servers: the relay's tracking side, and one with pages."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Browser, FloatRect, Page, Request, sync_playwright

from tests.conformance.origin import Origin
from tests.conformance.stage import Stage
from tests.tools import tool

SENDER, HOST = "news@letters.test", "go.letters.test"
BASE = f"http://{HOST}/"
TALLEST = 5000  # pixels; a picture of more takes seconds, and what is below tells nothing new

READY = "() => document.fonts.ready.then(() => [...document.images].every(each => each.complete))"
DIFFERENT = """async ([one, other]) => {
  const pixels = async shot => {
    const bitmap = await createImageBitmap(await (await fetch("data:image/png;base64," + shot)).blob());
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    canvas.drawImage(bitmap, 0, 0);
    return [bitmap.width, bitmap.height, canvas.getImageData(0, 0, bitmap.width, bitmap.height).data];
  };
  const [[w, h, a], [v, g, b]] = [await pixels(one), await pixels(other)];
  if (w != v || h != g) return `${w} x ${h} and ${v} x ${g}`;
  let count = 0, first = "";
  for (let i = 0; i < a.length; i += 4)
    if (a[i] != b[i] || a[i + 1] != b[i + 1] || a[i + 2] != b[i + 2])
      count++ || (first = `(${i / 4 % w}, ${Math.floor(i / 4 / w)})`);
  return count ? `${count} pixels of ${w} x ${h}, the first at ${first}` : "";
}"""


@dataclass(frozen=True, slots=True)
class Look:
    height: int  # of the page
    shot: bytes  # a PNG of it, or of its first `TALLEST` pixels


@dataclass(slots=True)
class Desk:
    """A browser that knows two servers, the relay's tracking side and the one with the pages, and no other."""

    it: Stage
    origin: Origin
    browser: Browser
    page: Page

    def look(self, url: str, width: int) -> Look:
        """At a whole page, once all of it is there."""
        self.page.set_viewport_size({"width": width, "height": 800})
        self.page.goto(url, wait_until="load")
        self.page.wait_for_function(READY)
        height = int(self.page.evaluate("() => document.documentElement.scrollHeight"))
        clip: FloatRect = {"x": 0, "y": 0, "width": width, "height": min(height, TALLEST)}
        shot = self.page.screenshot(full_page=True, clip=clip, animations="disabled", caret="hide")
        return Look(height, shot)

    def same(self, name: str, one: Look, other: Look) -> None:
        """Raises AssertionError: one pixel differs, or the height."""
        assert one.height == other.height, f"{name}: {one.height} and {other.height} pixels high"
        if one.shot != other.shot:
            shots = [base64.b64encode(each.shot).decode() for each in (one, other)]
            self.page.goto(self.origin.url("/blank"))
            found = self.page.evaluate(DIFFERENT, shots)
            assert not found, f"{name}: {found}"

    def follow(self, url: str, number: int) -> str:
        """Click on a link of a page; which address is asked for in the end, of a host that is not there."""
        page = self.browser.new_page()
        page.goto(url)
        with page.expect_event(
            "requestfailed", lambda one: one.is_navigation_request() and not one.url.startswith(BASE)
        ) as failed:
            page.evaluate(f"() => {{ const one = document.links[{number}]; one.target = ''; one.click() }}")
        asked: Request = failed.value
        page.close()
        return asked.url


@contextmanager
def desk(it: Stage) -> Iterator[Desk]:
    it.relay.cli("domain", "add", "letters.test", "--account", "demo")
    it.relay.cli("domain", "verify", "letters.test", "--force")
    it.relay.cli("domain", "tracking", "letters.test", HOST, "--http", "--force")
    rules = f"MAP {HOST} 127.0.0.1:{it.relay.port('http')}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with Origin() as origin, sync_playwright() as started:
        origin.says["/blank"] = ("text/html", b"<title>blank</title>")
        browser = started.chromium.launch(
            executable_path=tool("chromium"),
            args=["--no-sandbox", f"--host-resolver-rules={rules}", "--disable-features=HttpsUpgrades"],
        )
        yield Desk(it, origin, browser, browser.new_page())
        browser.close()
