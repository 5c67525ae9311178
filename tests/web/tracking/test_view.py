"""Mail as a page: what was sent, as it was sent, and nothing that runs."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.model.order import Act, Order, Selection
from relay.model.token import Purpose
from relay.store.sqlite import shard_directory, write_cursor
from relay.web.tracking.view import page_of, picture_of
from tests.store.mail import HELLO, NOON
from tests.web.tracking.origin import PNG
from tests.web.tracking.world import world

MIXED = b"""From: me@example.com\r
Subject: x\r
MIME-Version: 1.0\r
Content-Type: multipart/related; boundary=b\r
\r
--b\r
Content-Type: multipart/alternative; boundary=c\r
\r
--c\r
Content-Type: text/plain\r
\r
plain\r
--c\r
Content-Type: text/html; charset="ISO-8859-1"\r
Content-Transfer-Encoding: quoted-printable\r
\r
<p>caf=E9 <img src=3D"cid:one@x"><img src=3D'CID:two%%40x'> <img src=3Dcid:none>=\r
<script>alert(1)</script></p>\r
--c--\r
--b\r
Content-Type: image/png\r
Content-Transfer-Encoding: base64\r
Content-ID: <one@x>\r
\r
%s\r
--b\r
Content-Type: image/png\r
Content-Transfer-Encoding: base64\r
Content-ID: <two@x>\r
Content-Disposition: attachment; filename="b.png"\r
\r
PHNjcmlwdD4=\r
--b--\r
""" % base64.b64encode(PNG)


async def test_the_page_is_the_html_part_with_its_pictures(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        message = await it.sent(content=MIXED)
        page = await it.get(it.link(message, Purpose.VIEW) + "-view")
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=iso-8859-1")
        assert "<p>caf\u00e9 " in page.body.decode("latin-1")
        pictures = re.findall(rb"""<img src=["']?(/[A-Za-z0-9_-]{36}|cid:none)""", page.body)
        assert len(pictures) == 3
        assert pictures[2] == b"cid:none"
        one = await it.get(pictures[0].decode())
        assert (one.status, one.body, one.headers["content-type"]) == (200, PNG, "image/png")
        two = await it.get(pictures[1].decode())  # says it is a picture, and is none
        assert two.status == 404
        assert two.headers["content-type"] == "image/gif"
    assert it.recorded.events == []


async def test_nothing_of_the_page_runs_or_is_framed(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        page = await it.get(it.link(await it.sent(content=MIXED), Purpose.VIEW))
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert "form-action 'none'" in policy
    assert page.headers["x-robots-tag"] == "noindex, nofollow"
    assert page.headers["cache-control"] == "no-store"


async def test_text_alone_is_shown_as_it_is_written(tmp_path: Path) -> None:
    content = HELLO.replace(b"hello", b"a < b & <script>\xc3\xa9").replace(
        b"\r\n\r\n", b"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", 1
    )
    async with world(tmp_path) as it:
        page = await it.get(it.link(await it.sent(content=content), Purpose.VIEW))
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "a &lt; b &amp; &lt;script&gt;\u00e9" in page.text
    assert "<pre" in page.text


async def test_what_is_no_text_cannot_be_shown_and_what_is_pruned_is_gone(tmp_path: Path) -> None:
    content = HELLO.replace(b"\r\n\r\n", b"\r\nContent-Type: application/pdf\r\n\r\n", 1)
    async with world(tmp_path) as it:
        message = await it.sent(content=content, targets=("https://example.com/",))
        assert (await it.get(it.link(message, Purpose.VIEW))).status == 404
        it.time.now = NOON + it.config.retention.contents + 1
        write_cursor(shard_directory(tmp_path, 0), 1_000_000)  # all is folded
        await it.mail.prune(it.time.now)
        page = await it.get(it.link(message, Purpose.VIEW))
        assert page.status == 410
        assert "not kept any more" in page.text
        assert (await it.get(it.link(message))).status == 302  # links go on working


async def test_the_mail_of_an_erased_person_is_shown_to_nobody(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        message = await it.sent("ann@example.net", "bob@example.net", targets=("https://example.com/",))
        order = Order(number=1, act=Act.ERASE, selection=Selection(address="ann@example.net"), at=NOON, who="me")
        await it.mail.act(order, NOON)
        for purpose in (Purpose.VIEW, Purpose.UNSUBSCRIBE, Purpose.ATTACHED):
            assert (await it.get(it.link(message, purpose))).status == 410
            assert (await it.get(it.link(message, purpose, recipient=2))).status in (200, 404)
        click = await it.get(it.link(message))
        assert click.status == 302  # leads on, as it is bob's, too
    assert all(event.recipient == 2 for event in it.recorded.events)


async def test_where_links_led_is_forgotten_with_an_erased_person_who_alone_had_them(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        message = await it.sent("ann@example.net", targets=("https://example.com/?who=ann",))
        order = Order(number=1, act=Act.ERASE, selection=Selection(address="ann@example.net"), at=NOON, who="me")
        await it.mail.act(order, NOON)
        for purpose in (Purpose.CLICK, Purpose.IMAGE):
            assert (await it.get(it.link(message, purpose))).status == 410
    assert it.recorded.events == []


@pytest.mark.parametrize("charset", ["punycode", "no-such", "base64", "utf-7", "unicode_escape", "idna"])
def test_odd_charsets_of_text_do_no_harm(charset: str) -> None:
    content = f"Subject: x\r\nContent-Type: text/plain; charset={charset}\r\n\r\nhello <b>\r\n".encode()
    page = page_of(content, str)
    assert page is not None
    assert (page.charset, b"hello &lt;b&gt;" in page.body) == ("utf-8", True)


@settings(max_examples=200)
@given(st.binary(max_size=400), st.sampled_from([b"base64", b"quoted-printable", b"7bit", b"x"]))
def test_any_content_makes_a_page_or_none(body: bytes, encoding: bytes) -> None:
    content = b"Content-Type: text/html\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body
    page_of(content, str)
    page_of(body, str)
    picture_of(content, 0)
    assert picture_of(content, 7) is None
