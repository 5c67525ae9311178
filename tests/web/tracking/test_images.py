"""Pictures are shown through us: fetched once, kept, and never what is no picture."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from relay.model.event import EventName
from relay.model.token import Purpose
from relay.web.tracking.answers import PIXEL
from relay.web.tracking.cache import Picture, PictureCache
from relay.web.tracking.kinds import picture_kind
from relay.web.tracking.pictures import FAILED_FOR
from tests.store.mail import NOON
from tests.web.tracking.origin import PNG, origin
from tests.web.tracking.world import world


async def test_a_picture_is_shown_and_each_look_is_an_open(tmp_path: Path) -> None:
    async with origin() as host, world(tmp_path) as it:
        host.says["/a.png?x=1"] = (200, "text/html", PNG)  # what a host says of itself is not believed
        link = it.link(await it.sent(targets=(host.url("/a.png?x=1"),)), Purpose.IMAGE)
        first = await it.get(link + "-a.png")
        assert (first.status, first.body, first.headers["content-type"]) == (200, PNG, "image/png")
        assert first.headers["cache-control"] == "private, max-age=60"
        assert first.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in first.headers["content-security-policy"]
        again = await it.get(link, if_none_match=first.headers["etag"])
        assert (again.status, again.body) == (304, b"")
        events = await it.events(2)
        assert [(each.name, each.data["link"], each.data["url"]) for each in events] == [
            (EventName.OPENED, 0, host.url("/a.png?x=1"))
        ] * 2
        assert host.asked == ["/a.png?x=1"]
        assert "cookie" not in host.heads[0].lower()
        assert "firefox" not in host.heads[0].lower()


async def test_many_who_ask_at_once_wait_for_one_answer(tmp_path: Path) -> None:
    async with origin() as host, world(tmp_path) as it:
        host.says["/a"] = (200, "image/png", PNG)
        host.gate.clear()
        message = await it.sent("a@example.net", "b@example.net", targets=(host.url("/a"),))
        links = [it.link(message, Purpose.IMAGE, 0, number) for number in (1, 2)] * 5
        asking = [asyncio.create_task(it.get(each)) for each in links]
        await it.events(10)
        host.gate.set()
        assert [(await each).body for each in asking] == [PNG] * 10
        assert host.asked == ["/a"]


async def test_a_kept_picture_outlives_the_process_and_its_host(tmp_path: Path) -> None:
    async with origin() as host:
        host.says["/a"] = (200, "image/png", PNG)
        for _ in range(2):
            async with world(tmp_path) as it:
                link = it.link(await it.sent(targets=(host.url("/a"),)), Purpose.IMAGE)
                assert (await it.get(link)).body == PNG
                assert host.asked == ["/a"]
        async with world(tmp_path) as it:
            link = it.link(await it.sent(targets=(host.url("/a"),), arrived=None), Purpose.IMAGE)
            it.time.now = NOON + it.config.tracking.images.keep + 1
            host.says["/a"] = (500, "text/plain", b"out of order")
            assert (await it.get(link)).body == PNG  # old, and better than none
            assert host.asked == ["/a", "/a"]


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (200, "text/html", b"<script>alert(1)</script>"),
        (200, "image/png", b"<html>"),
        (200, "image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>"),
        (404, "image/png", PNG),
        (500, "text/plain", b"x"),
        (200, "image/png", b""),
        (302, "text/plain", b"http://[::1]:1/"),
    ],
)
async def test_what_cannot_be_shown_is_left_to_the_mail_program(
    tmp_path: Path, status: int, kind: str, body: bytes
) -> None:
    async with origin() as host, world(tmp_path) as it:
        host.says["/a"] = (status, kind, body)
        link = it.link(await it.sent(targets=(host.url("/a"),)), Purpose.IMAGE)
        for _ in range(2):
            answer = await it.get(link)
            assert (answer.status, answer.headers["location"], answer.body) == (302, host.url("/a"), b"")
            assert answer.headers["cache-control"] == "no-store"
        assert host.asked == ["/a"]  # the failure is remembered
        host.says["/a"] = (200, "image/png", PNG)
        it.time.now += FAILED_FOR + 1
        assert (await it.get(link)).body == PNG


async def test_a_failure_is_forgotten_where_the_clock_was_set_back(tmp_path: Path) -> None:
    async with origin() as host, world(tmp_path) as it:
        host.says["/a"] = (500, "text/plain", b"")
        link = it.link(await it.sent(targets=(host.url("/a"),)), Purpose.IMAGE)
        assert (await it.get(link)).status == 302
        host.says["/a"] = (200, "image/png", PNG)
        it.time.now -= 3600
        assert (await it.get(link)).body == PNG


async def test_who_would_be_one_too_many_to_wait_is_sent_to_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.web.tracking.pictures.WAITING", 1)
    async with origin() as host, world(tmp_path) as it:
        host.says["/a"] = host.says["/b"] = (200, "image/png", PNG)
        host.gate.clear()
        message = await it.sent(targets=(host.url("/a"), host.url("/b")))
        first = asyncio.create_task(it.get(it.link(message, Purpose.IMAGE)))
        async with asyncio.timeout(10):
            await host.called.wait()
        second = await it.get(it.link(message, Purpose.IMAGE, 1))
        assert (second.status, second.headers["location"]) == (302, host.url("/b"))
        host.gate.set()
        assert (await first).body == PNG
        assert (await it.get(it.link(message, Purpose.IMAGE, 1))).body == PNG  # that was no failure of its host


async def test_a_picture_that_is_too_large_is_left_to_the_mail_program(tmp_path: Path) -> None:
    more = "tracking: {images: {object: 100, networks: [127.0.0.0/8]}}\n"
    async with origin() as host, world(tmp_path, tracking=more) as it:
        host.says["/a"] = (200, "image/png", PNG)
        answer = await it.get(it.link(await it.sent(targets=(host.url("/a"),)), Purpose.IMAGE))
        assert (answer.status, answer.headers["location"]) == (302, host.url("/a"))


async def test_private_addresses_are_never_asked_for_pictures(tmp_path: Path) -> None:
    async with origin() as host, world(tmp_path, tracking="tracking: {}\n") as it:
        host.says["/a"] = (200, "image/png", PNG)
        for url in (host.url("/a"), f"http://localhost:{host.port}/a", f"http://[::ffff:127.0.0.1]:{host.port}/a"):
            answer = await it.get(it.link(await it.sent(targets=(url,)), Purpose.IMAGE))
            assert (answer.status, answer.headers["location"]) == (302, url)
        assert host.asked == []


async def test_the_pixel_is_a_picture_of_43_octets_that_nobody_keeps(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        link = it.link(await it.sent(), Purpose.PIXEL)
        answer = await it.get(link + ".gif")
        assert (answer.status, answer.headers["content-type"], answer.body) == (200, "image/gif", PIXEL)
        assert (len(PIXEL), answer.headers["cache-control"]) == (43, "no-store")
        assert picture_kind(PIXEL) == "image/gif"
        [event] = await it.events(1)
        assert (event.name, "link" in event.data, "url" in event.data) == (EventName.OPENED, False, False)


async def test_what_is_not_there_is_a_picture_all_the_same(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        message = await it.sent()
        lost = await it.get(it.link(message, Purpose.IMAGE, 3))
        assert (lost.status, lost.body) == (404, PIXEL)
        gone = await it.get(it.link(message, Purpose.IMAGE, 3, recipient=9))
        assert (gone.status, gone.body) == (410, PIXEL)


async def test_hosted_pictures_are_shown_for_ever_and_known_behind_our_own_links(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        name = it.assets.put(PNG, "image/png")
        answer = await it.get(f"/h/{name}")
        assert (answer.status, answer.body, answer.headers["content-type"]) == (200, PNG, "image/png")
        assert "immutable" in answer.headers["cache-control"]
        for path in (
            "/h/",
            "/h/../registry.db",
            "/h/%2e%2e/registry.db",
            f"/h/{'0' * 32}.png",
            f"/h/{name}/",
            "/h/secret",
        ):
            assert (await it.get(path)).status == 404, path
        behind = await it.get(it.link(await it.sent(targets=(f"http://127.0.0.1:8025/h/{name}",)), Purpose.IMAGE))
        assert (behind.status, behind.body) == (200, PNG)


@pytest.mark.parametrize(
    ("octets", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"\0\0\0\x1cftypavif", "image/avif"),
        (b"\0\0\0\x1cftypmp42", ""),
        (b"<svg>", ""),
        (b"<html>", ""),
        (b"RIFF\0\0\0\0WAVE", ""),
        (b"", ""),
    ],
)
def test_the_first_octets_tell_what_is_a_picture(octets: bytes, kind: str) -> None:
    assert picture_kind(octets) == kind


def test_the_directory_of_pictures_is_bounded_and_the_longest_unused_goes_first(tmp_path: Path) -> None:
    cache = PictureCache(tmp_path, 1000)
    cache.open()
    for number in range(4):
        cache.put(f"http://x/{number}", Picture(b"p" * 200, "image/png", NOON))
    assert cache.get("http://x/0") == Picture(b"p" * 200, "image/png", NOON)
    cache.put("http://x/4", Picture(b"p" * 200, "image/png", NOON))
    assert cache.get("http://x/1") is None
    assert cache.get("http://x/0") is not None
    assert cache.used == sum(each.stat().st_size for each in tmp_path.iterdir()) <= 1000
    cache.put("http://x/large", Picture(b"p" * 400, "image/png", NOON))
    assert cache.get("http://x/large") is None
    (tmp_path / "left.new").write_bytes(b"half")
    again = PictureCache(tmp_path, 500)
    again.open()
    assert again.used == sum(each.stat().st_size for each in tmp_path.iterdir()) <= 500
    for each in tmp_path.iterdir():
        each.write_bytes(b"nonsense")
    assert again.get("http://x/0") is again.get("http://x/4") is None
