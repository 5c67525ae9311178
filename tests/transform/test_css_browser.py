"""What a browser makes of newsletters whose style sheets were inlined is what it made of them before.

The computed style of every element is compared, in a wide and in a narrow window, at rest and under the pointer.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from playwright.sync_api import CDPSession, Page, Route, sync_playwright

from relay.transform.css import inline
from tests.tools import tool
from tests.transform.newsletters import ABSENT, OWN, SHARED, pages

OURS = {name: text for name, (text, _) in pages(OWN).items() if inline(text).edits}
# Of the larger collection, those whose sheets differ most from each other.
OTHERS = ["salted-responsive", "leemunroe-simple", "konsav-explorational"]
STILL = "*,*::before,*::after{transition:none!important;animation:none!important}"
STYLES = """[...document.querySelectorAll('*')].map(each => {
    const style = getComputedStyle(each)
    return each.tagName + ' ' + each.className + '|' + [...style].map(name => style.getPropertyValue(name)).join('|')
})"""
DOT = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


class Window:
    """A browser that loads nothing; each picture is a dot."""

    def __init__(self, page: Page, session: CDPSession) -> None:
        self._page = page
        self._session = session
        page.route("**/*", self._answer)

    def styles(self, html: bytes, width: int, *, hover: bool) -> list[str]:
        self._page.set_viewport_size({"width": width, "height": 800})
        self._page.set_content(html.decode("latin-1"))
        self._page.add_style_tag(content=STILL)
        if hover:
            self._point()
        found: list[str] = self._page.evaluate(STYLES)
        if hover:
            self._session.send("CSS.disable")
            self._session.send("DOM.disable")
        return found

    def _point(self) -> None:
        """The pointer is on everything."""
        self._session.send("DOM.enable")
        self._session.send("CSS.enable")
        root = self._session.send("DOM.getDocument", {"depth": 0})["root"]["nodeId"]
        for each in self._session.send("DOM.querySelectorAll", {"nodeId": root, "selector": "*"})["nodeIds"]:
            self._session.send("CSS.forcePseudoState", {"nodeId": each, "forcedPseudoClasses": ["hover"]})

    @staticmethod
    def _answer(route: Route) -> None:
        if route.request.resource_type == "image":
            route.fulfill(body=DOT, content_type="image/gif")
        else:
            route.abort()


@pytest.fixture(scope="module")
def window() -> Iterator[Window]:
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=tool("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        yield Window(page, page.context.new_cdp_session(page))
        browser.close()


def check(window: Window, html: bytes) -> None:
    done = inline(html)
    assert done.edits
    for width in (1000, 360):
        for hover in (False, True):
            before = window.styles(html, width, hover=hover)
            assert before == window.styles(done.text, width, hover=hover)


@pytest.mark.parametrize("name", OURS)
def test_a_newsletter_of_ours_looks_as_before(name: str, window: Window) -> None:
    check(window, OURS[name])


@pytest.mark.parametrize("name", OTHERS)
def test_a_newsletter_of_the_larger_collection_looks_as_before(name: str, window: Window) -> None:
    if not SHARED.exists():
        pytest.skip(ABSENT)
    check(window, pages(SHARED)[name][0])


def test_the_comparison_sees_what_goes_wrong(window: Window) -> None:
    """A declaration above a state, as plain inlining would put it, is found."""
    html = b"<style>a{color:blue} a:hover{color:red}</style><a>x</a>"
    plain = html.replace(b"<a>", b'<a style="color:blue">')
    assert window.styles(html, 1000, hover=True) != window.styles(plain, 1000, hover=True)
    assert window.styles(html, 1000, hover=False) == window.styles(plain, 1000, hover=False)
    check(window, html)
