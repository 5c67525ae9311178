"""Newsletters, ours and a larger collection: read as others read them, edited in places, and undone again."""

from __future__ import annotations

import re

import pytest

from relay.model.token import TOKEN_LENGTH, Purpose
from relay.transform import css
from relay.transform.edit import Edit, Hole, fill, splice
from relay.transform.encoded import Text, ascii_based, decode
from relay.transform.headers import read_header, unfold
from relay.transform.html.spans import scan
from relay.transform.mime import leaves
from tests.data.newsletters.make import messages
from tests.transform.newsletters import ABSENT, OWN, SHARED, mails, pages
from tests.transform.test_spans import as_lol_html_reads_it, as_we_read_it

MAILS = mails(OWN)
PAGES = pages(OWN)
BASE = b"https://clicks.example.com/"


def texts(content: bytes) -> list[Text]:
    """All parts of text that can be read, sealed or not."""
    found = []
    for part in leaves(read_header(content)):
        given = part.named(b"content-transfer-encoding")
        encoding = unfold(content[given[0].value : given[0].end]) if given else b"7bit"
        text = decode(content[part.body : part.end], encoding)
        if text is not None and part.type.startswith(b"text/"):
            found.append(text)
    return found


def links(text: bytes) -> list[tuple[int, int]]:
    """Where the targets of links are."""
    found = []
    for tag in scan(text).tags:
        href = tag.attribute(b"href") if tag.name in (b"a", b"area") or tag.name.startswith(b"v:") else None
        if href is not None:
            found.append((href.value_start, href.value_end))
    return found


def token(hole: Hole) -> bytes:
    return b"%036d" % hole.number


def led_through_us(text: Text) -> tuple[bytes, bytes]:
    """The body with all targets replaced, and its encoding."""
    edits = [
        Edit(start, end, (BASE, Hole(Purpose.CLICK, number), b"-x"))
        for number, (start, end) in enumerate(links(text.octets))
    ]
    compiled = text.compile(edits)
    return compiled.fill(token), compiled.encoding


def undone(text: Text, body: bytes, encoding: bytes) -> bytes:
    changed = decode(body, encoding)
    assert changed is not None
    targets = [text.octets[start:end] for start, end in links(text.octets)]
    ours = re.compile(re.escape(BASE) + rb"(\d{%d})-x" % TOKEN_LENGTH)
    return ours.sub(lambda match: targets[int(match[1])], changed.octets)


def test_the_files_are_those_that_are_made() -> None:
    assert {name: octets for name, (_, octets) in messages().items()} == MAILS
    assert len(MAILS) >= 20
    told = (OWN / "README.md").read_text()
    assert all(f"`{name}.eml`" in told for name in MAILS)
    assert sum(octets.count(b"<v:r") for octets in MAILS.values()) >= 30
    assert sum(octets.lower().count(b"<area") for octets in MAILS.values()) >= 12
    assert len(PAGES["market-50k"][0]) > 48_000 and len(links(PAGES["market-50k"][0])) > 40


@pytest.mark.parametrize("name", MAILS)
def test_a_newsletter_without_edits_is_what_it_was(name: str) -> None:
    for text in texts(MAILS[name]):
        assert text.compile(()).fill(token) == text.body


@pytest.mark.parametrize("name", MAILS)
def test_a_newsletter_whose_links_lead_through_us_is_what_it_was_once_they_are_undone(name: str) -> None:
    for text in texts(MAILS[name]):
        body, encoding = led_through_us(text)
        assert undone(text, body, encoding) == text.octets
        assert encoding == text.encoding or name == "long-lines"
        longest = max(map(len, text.body.split(b"\r\n")))
        assert max(map(len, body.split(b"\r\n"))) <= (max(longest, 76) if encoding == b"quoted-printable" else 998)


@pytest.mark.parametrize("name", PAGES)
def test_a_newsletter_is_read_as_lol_html_reads_it(name: str) -> None:
    text, charset = PAGES[name]
    if ascii_based(charset):
        octets = text.decode(charset).encode()
        assert as_we_read_it(octets) == as_lol_html_reads_it(octets)


@pytest.mark.parametrize("name", PAGES)
def test_style_sheets_leave_all_but_style_attributes_as_it_was(name: str) -> None:
    check_styles(PAGES[name][0])


def check_styles(text: bytes) -> None:
    """All edits are in `style` attributes, at the front of them, or make a declaration of a sheet important."""
    done = css.inline(text)
    assert done.text == fill(splice(text, done.edits), token)
    page = scan(text)
    styles = [tag.attribute(b"style") for tag in page.tags]
    places = {(tag.name_end, tag.name_end) for tag, style in zip(page.tags, styles, strict=True) if style is None}
    places |= {(each.value_start, each.value_start) for each in styles if each is not None and each.quote}
    places |= {(each.start, each.end) for each in styles if each is not None and not each.quote}
    sheets = [range(tag.end, page.end_of(tag)) for tag in page.tags if tag.name == b"style"]
    for edit in done.edits:
        if edit.pieces == (b" !important",):
            assert edit.start == edit.end and any(edit.start in each for each in sheets)
        else:
            assert (edit.start, edit.end) in places
    assert [each.name for each in scan(done.text).tags] == [each.name for each in page.tags]


def test_a_larger_collection_is_read_the_same_and_can_be_undone() -> None:
    if not SHARED.exists():
        pytest.skip(ABSENT)
    for text, charset in pages(SHARED).values():
        octets = text.decode(charset).encode()
        assert as_we_read_it(octets) == as_lol_html_reads_it(octets)
        plain = Text(text, b"binary", text)
        assert undone(plain, *led_through_us(plain)) == text
        check_styles(text)
    for content in mails(SHARED).values():
        for each in texts(content):
            assert each.compile(()).fill(token) == each.body
            assert undone(each, *led_through_us(each)) == each.octets
