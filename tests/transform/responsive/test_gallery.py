"""The example of the handbook: what is made of it, and how it looks in a browser and to Outlook."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, sync_playwright

from relay.transform.html.spans import scan
from relay.transform.merge import compile
from relay.transform.responsive import needed, render
from relay.transform.responsive.kinds import KINDS
from tests.tools import tool
from tests.transform.responsive.gallery import FETCHED, GOLDEN, examples, files, gallery
from tests.transform.responsive.views import look_for_outlook, to_outlook

DATA = {"name": "Ann", "city": "Utrecht", "webversion": "https://view.example.com/1"}
WIDE, NARROW = 1000, 380  # pixels of a screen and of a telephone
_BOXES = "all => all.map(e => e.getBoundingClientRect()).filter(b => b.width).map(b => [b.x, b.y, b.width, b.height])"
_CSS = re.compile(r'(?<=style=")[^"]*')
_UNKNOWN_TO_WORD = ("max-width", "display", "border-radius", "overflow", "max-height")


@pytest.mark.parametrize("name", ["mail.html", "web.html", "mail.txt"])
def test_the_example_is_written_as_it_was(name: str) -> None:
    assert files()[name] == (GOLDEN / name).read_text()


def test_the_examples_of_the_handbook_are_documents_without_remarks() -> None:
    assert gallery().warnings == () and len(examples()) == 2
    for each in examples():
        assert render(each, fetched=FETCHED).warnings == ()
    assert {each.url for each in needed(examples()[0])} == {*FETCHED}
    source = str(examples()[0])
    assert [each for each in KINDS if f"'{each}'" not in source] == []


def test_outlook_finds_what_it_needs() -> None:
    look_for_outlook(gallery().html)
    look_for_outlook(gallery(web=True).html)


def test_it_is_filled_in_for_a_recipient() -> None:
    made = gallery()
    page, text = compile(made.html).render(DATA), compile(made.text).render(DATA)
    for each in (page, text):
        assert "Dear Ann" in each and "https://view.example.com/1" in each and "The Shop, Utrecht" in each
        assert "{" not in each.partition("</head>")[2]
    assert compile(made.subject).render({}) == "Autumn at the shop, friend"


class Browser:
    """Shows pages whose pictures are all alike."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.asked: list[str] = []
        page.route("**/*", self._answer)

    def show(self, html: str, width: int) -> None:
        self._page.set_viewport_size({"width": width, "height": 800})
        self._page.set_content(html)

    def boxes(self, selector: str) -> list[tuple[float, float, float, float]]:
        """Left, top, width and height of what is seen."""
        found = self._page.eval_on_selector_all(
            selector,
            _BOXES,
        )
        return [(x, y, wide, high) for x, y, wide, high in found]

    def words(self) -> str:
        return str(self._page.evaluate("document.body.innerText"))

    def names(self) -> list[str]:
        return [
            str(each) for each in self._page.evaluate("[...document.querySelectorAll('*')].map(e => e.localName)")
        ]

    def width(self) -> int:
        return int(self._page.evaluate("document.documentElement.scrollWidth"))

    def _answer(self, route: Route) -> None:
        self.asked.append(route.request.url)
        if route.request.resource_type == "image":
            route.fulfill(body=picture(600, 240), content_type="image/png")
        else:
            route.abort()


def picture(width: int, height: int) -> bytes:
    def part(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x66" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", rows) + part(b"IEND", b"")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=tool("chromium"), args=["--no-sandbox"])
        yield Browser(chromium.new_page())
        chromium.close()


def filled(*, web: bool = False) -> str:
    return compile(gallery(web=web).html).render(DATA)


def test_on_a_screen_columns_stand_beside_each_other_in_a_centre_of_580_pixels(browser: Browser) -> None:
    browser.show(filled(), WIDE)
    assert browser.boxes(".re-centre")[0][::2] == (210, 580)
    left, right = browser.boxes(".re-column")
    assert (left[0], left[2]) == (210, 193) and (right[0], right[2]) == (403, 387) and left[1] == right[1]
    assert browser.width() == WIDE
    assert "Then read it there" in browser.words() and "at the door" not in browser.words()
    banner, lamp, still = browser.boxes("img")
    assert banner[2] == 580 and abs(lamp[2] - 96.5) < 1 and still[2] == 387
    assert abs(lamp[0] + lamp[2] / 2 - (210 + 193 / 2)) < 1


def test_on_a_telephone_columns_fall_under_each_other_and_take_all_there_is(browser: Browser) -> None:
    browser.show(filled(), NARROW)
    left, right = browser.boxes(".re-column")
    assert left[::2] == right[::2] == (0, NARROW) and right[1] >= left[1] + left[3]
    assert browser.width() == NARROW
    assert "Then read it there" not in browser.words() and "at the door" in browser.words()
    assert browser.boxes("img")[0][2] == NARROW


def test_without_style_sheets_columns_fall_under_each_other_all_the_same(browser: Browser) -> None:
    browser.show(re.sub(r"(?s)<style.*?</style>", "", filled()), NARROW)
    left, right = browser.boxes(".re-column")
    assert right[1] >= left[1] + left[3] and browser.width() == NARROW


def test_for_word_tables_place_what_css_places_elsewhere(browser: Browser) -> None:
    """What Outlook reads, without the CSS that Word does not know, at a width that others would fall under."""

    def known(found: re.Match[str]) -> str:
        kept = [each for each in found[0].split(";") if not each.startswith(_UNKNOWN_TO_WORD)]
        return ";".join(kept)

    seen = re.sub(r"(?s)<style.*?</style>", "", to_outlook(filled()))
    browser.show(_CSS.sub(known, seen), WIDE)
    left, right = browser.boxes(".re-column")
    assert left[1] == right[1] and abs(right[0] - left[0] - left[2]) <= 1
    assert abs(left[2] - 193) <= 2 and abs(right[2] - 387) <= 2
    assert abs(browser.boxes(".re-centre")[0][2] - 580) <= 2
    assert "at the door" not in browser.words()


@pytest.mark.parametrize("web", [False, True])
def test_the_browser_keeps_every_element_where_it_was_written(browser: Browser, web: bool) -> None:
    """What was not closed, or stood where html has no place for it, would be moved, made twice or dropped."""
    page = filled(web=web)
    browser.show(page, WIDE)
    written = [each.name.decode() for each in scan(page.encode()).tags if not each.conditional]
    assert [each for each in browser.names() if each != "tbody"] == written


def test_the_page_online_plays_what_the_mail_leads_to(browser: Browser) -> None:
    browser.asked.clear()
    browser.show(filled(web=True), WIDE)
    assert len(browser.boxes("iframe")) == 1 and "Read this online" not in browser.words()
    assert not [each for each in browser.asked if "pixel.gif" in each]
