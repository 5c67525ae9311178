"""One timer for many stretches of work."""

from __future__ import annotations

import asyncio

import pytest

from relay.delivery.patience import Patience


async def test_a_stretch_that_takes_too_long_is_a_timeout_and_the_next_one_has_its_own_time() -> None:
    patience = Patience(0.05)
    for _ in range(2):
        with pytest.raises(TimeoutError), patience:
            await asyncio.Event().wait()
    with patience:
        await asyncio.sleep(0)
    patience.close()


async def test_the_timer_of_an_earlier_stretch_does_not_end_a_later_one() -> None:
    patience = Patience(0.2)
    loop = asyncio.get_running_loop()
    with patience:
        await asyncio.sleep(0.15)
    began = loop.time()
    with pytest.raises(TimeoutError), patience:
        await asyncio.Event().wait()
    assert loop.time() - began >= 0.2
    patience.close()


async def test_a_timer_that_rings_between_two_stretches_harms_nobody() -> None:
    patience = Patience(0.01)
    with patience:
        pass
    await asyncio.sleep(0.03)
    with pytest.raises(TimeoutError), patience:
        await asyncio.Event().wait()
    patience.close()


async def test_who_is_cancelled_in_a_stretch_is_cancelled() -> None:
    patience = Patience(60)
    begun = asyncio.Event()

    async def work() -> None:
        with patience:
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    patience.close()


async def test_an_error_in_a_stretch_stays_what_it_is() -> None:
    patience = Patience(60)
    with pytest.raises(ValueError, match="ours"), patience:
        raise ValueError("ours")
    patience.close()
