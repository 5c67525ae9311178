"""Keys of links are made when they are needed, renewed each month, and kept as long as a link may need them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.config import Config, parse
from relay.store.interface import StoreDown
from relay.store.sqlite import SqliteRegistry, open_registry
from relay.worker.keyring import ROTATE, rotate
from relay.worker.linkkeys import LinkKeys

NOON = 1_767_268_800.0
DAY = 86_400.0


def config(more: str = "") -> Config:
    listener = "{name: in, address: 127.0.0.1, port: 2525, kind: starttls}"
    return parse(f"hostname: mail.example.com\nlisteners: [{listener}]\n{more}")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[SqliteRegistry]:
    opened = open_registry(tmp_path / "registry.db")
    yield opened
    opened.close()


def test_the_first_key_is_made_when_it_is_needed_and_shared_by_all(registry: SqliteRegistry) -> None:
    keys = LinkKeys(registry, lambda: NOON, config())
    keys.rotate()
    assert keys.known() == []
    first = keys.newest()
    assert (first.number, len(first.secret), first.created) == (1, 32, NOON)
    assert LinkKeys(registry, lambda: NOON, config()).newest() == first == keys.newest()
    assert keys.known() == [first]


@pytest.mark.parametrize(
    ("more", "days"),
    [
        ("tracking: {life: 100d}\n", 130),
        ("tracking: {life: 100d}\nlimits: {hold: 200d}\ndelivery: {lifetime: 5d}\n", 305),
    ],
)
def test_a_key_is_good_for_as_long_as_a_link_it_signed_may_work(
    registry: SqliteRegistry, more: str, days: int
) -> None:
    now = NOON
    keys = LinkKeys(registry, lambda: now, config(more))
    first = keys.newest()
    now = NOON + ROTATE - 1
    keys.rotate()
    assert keys.known() == [first]
    now = NOON + ROTATE
    keys.rotate()
    second = keys.newest()
    assert (second.number, second.secret != first.secret) == (2, True)
    now = NOON + ROTATE + days * DAY
    keys.rotate()
    assert first in keys.known()
    now += 1
    keys.rotate()
    assert first not in keys.known()
    assert second in keys.known()


def test_a_longer_life_keeps_keys_longer_from_then_on(registry: SqliteRegistry) -> None:
    keys = LinkKeys(registry, lambda: NOON, config("tracking: {life: 1d}\n"))
    keys.reconfigure(config("tracking: {life: 50d}\n"))
    assert keys.valid == 80 * DAY


async def test_a_ring_that_cannot_be_renewed_does_not_keep_others_from_it() -> None:
    turned = asyncio.Event()

    class Broken:
        def rotate(self) -> None:
            raise StoreDown("gone")

    class Well:
        def rotate(self) -> None:
            turned.set()

    task = asyncio.create_task(rotate((Broken(), Well())))
    await asyncio.wait_for(turned.wait(), 10)
    assert not task.done()
    task.cancel()
