"""How much content may be in memory at once."""

from __future__ import annotations

import asyncio

import pytest

from relay.limits.cargo import Cargo


async def started(cargo: Cargo, octets: int) -> asyncio.Task[None]:
    task = asyncio.create_task(cargo.take(octets))
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def test_contents_wait_for_room_in_the_order_they_came() -> None:
    cargo = Cargo(100)
    await cargo.take(60)
    large, small = await started(cargo, 50), await started(cargo, 10)
    assert not large.done()
    assert not small.done(), "a small one that overtakes forever would starve the large one"
    cargo.give(60)
    await asyncio.wait_for(asyncio.gather(large, small), 1)


async def test_a_content_larger_than_all_goes_alone() -> None:
    cargo = Cargo(100)
    await cargo.take(500)
    other = await started(cargo, 1)
    assert not other.done()
    cargo.give(500)
    await asyncio.wait_for(other, 1)


async def test_a_wait_that_is_given_up_holds_nothing() -> None:
    cargo = Cargo(100)
    await cargo.take(100)
    waiting, following = await started(cargo, 100), await started(cargo, 100)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    cargo.give(100)
    await asyncio.wait_for(following, 1)
    cargo.give(100)
    await asyncio.wait_for(cargo.take(100), 1)
