"""Large answers: how much of them may be on its way at once, and what is answered instead."""

from __future__ import annotations

import asyncio
from pathlib import Path

from relay.model.token import Purpose
from relay.web.tracking.answers import PIECE
from relay.web.tracking.room import Room
from tests.web.tracking.origin import PNG, origin
from tests.web.tracking.world import world

LARGE = PNG + bytes(4 * PIECE + 1)


def test_what_many_readers_take_counts_once() -> None:
    room = Room(most=100)
    one, other = b"a" * 60, b"b" * 60
    assert room.enter(one)
    assert room.enter(one)
    assert not room.enter(other)
    room.leave(one)
    assert not room.enter(other)
    room.leave(one)
    assert room.octets == 0
    assert room.enter(other)


async def test_large_pictures_come_whole_and_leave_their_room(tmp_path: Path) -> None:
    async with origin() as host, world(tmp_path) as it:
        host.says["/a"] = (200, "image/png", LARGE)
        link = it.link(await it.sent(targets=(host.url("/a"),)), Purpose.IMAGE)
        for body in await asyncio.gather(*(it.get(link) for _ in range(5))):
            assert body.body == LARGE
        assert it.links.room.octets == 0


async def test_where_there_is_no_room_a_picture_is_left_to_its_host_and_a_page_comes_later(tmp_path: Path) -> None:
    page = b"From: me@example.com\r\nContent-Type: text/html\r\n\r\n" + b"<p>a</p>\r\n" * PIECE
    async with origin() as host, world(tmp_path) as it:
        host.says["/a"] = (200, "image/png", LARGE)
        picture = it.link(await it.sent(targets=(host.url("/a"),)), Purpose.IMAGE)
        view = it.link(await it.sent(content=page), Purpose.VIEW)
        held = bytes(256 << 20)
        assert it.links.room.enter(held)
        answer = await it.get(picture)
        assert (answer.status, answer.headers["location"]) == (302, host.url("/a"))
        assert (await it.get(view)).status == 503
        assert (await it.ask("HEAD", view)).status == 200
        it.links.room.leave(held)
        assert (await it.get(view)).status == 200
