"""Orders reach the owner of a shard: it acts, tells its agent, and writes down what it did."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from relay.model.message import Lane, State
from relay.model.order import Act, Done, Order, Selection
from relay.store.interface import StoreDown
from relay.store.sqlite import SqliteQueue, SqliteRegistry, open_reader, open_registry, shard_directory
from relay.worker import orders
from relay.worker.orders import Orders
from tests.report.stage import clock, shard
from tests.store.mail import NOON, mail

PATIENCE = 20.0


class Told:
    """What the agent and the limits were told."""

    def __init__(self) -> None:
        self.waits: list[tuple[int, Lane, float]] = []
        self.resumed: list[str] = []

    def waiting(self, shard: int, lanes: Iterable[Lane], due: float) -> None:
        self.waits += [(shard, lane, due) for lane in lanes]

    def resume(self, site: str) -> None:
        self.resumed.append(site)


@pytest.fixture
def registry(tmp_path: Path) -> Iterable[SqliteRegistry]:
    opened = open_registry(tmp_path / "registry.db")
    yield opened
    opened.close()


@contextlib.asynccontextmanager
async def reading(queues: Mapping[int, SqliteQueue], registry: SqliteRegistry, told: Told) -> AsyncIterator[None]:
    task = asyncio.create_task(Orders(queues, registry, told, clock).run())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what it waits for is on disk
            await asyncio.sleep(0.02)


def order(act: Act, **selection: object) -> Order:
    return Order(number=0, at=NOON, who="ann", act=act, selection=Selection(**selection), reason="why")  # type: ignore[arg-type]


async def test_an_order_is_carried_out_on_all_shards_of_the_process_and_written_down(
    tmp_path: Path, registry: SqliteRegistry
) -> None:
    told = Told()
    async with shard(tmp_path, 0) as own, shard(tmp_path, 5) as adopted:
        one, two = mail("ann@example.net", due=NOON + 900), mail("bob@example.net", due=NOON + 900)
        await own.add(one)
        await adopted.add(two)
        async with reading({0: own, 5: adopted}, registry, told):
            given = registry.add_order(order(Act.RETRY, domain="example.net", site="mx.example.net"))
            await until(lambda: len(registry.done(given.number)) == 2)
            assert {each.changed for each in registry.done(given.number)} == {0}  # nothing was tried at that site
            given = registry.add_order(order(Act.RETRY, domain="example.net"))
            await until(lambda: len(registry.done(given.number)) == 2)
        assert {(each.shard, each.changed, each.in_flight) for each in registry.done(given.number)} == {
            (0, 1, 0),
            (5, 1, 0),
        }
        assert {(number, lane.domain) for number, lane, _ in told.waits} == {(0, "example.net"), (5, "example.net")}
        assert all(due <= NOON for _, _, due in told.waits)
        assert set(told.resumed) == {"mx.example.net"}
        assert registry.orders(0) == []


async def test_what_was_ordered_while_no_process_ran_is_done_at_its_start(
    tmp_path: Path, registry: SqliteRegistry
) -> None:
    hold, release = registry.add_order(order(Act.HOLD)), registry.add_order(order(Act.RELEASE))
    async with shard(tmp_path, 0) as queue:
        await queue.add(mail("ann@example.net", due=NOON + 900))
        async with reading({0: queue}, registry, Told()):
            await until(lambda: registry.done(release.number))
        assert [each.changed for each in registry.done(hold.number)] == [1]
        reader = open_reader(shard_directory(tmp_path, 0), 0)
        assert reader.counts() == {State.QUEUED: 1}
        names = [each.event.name.value for each in reader.journal(0, 100)]
        assert names[:2] == ["received", "held"]
        reader.close()


async def test_what_is_in_flight_is_left_alone_and_counted(tmp_path: Path, registry: SqliteRegistry) -> None:
    async with shard(tmp_path, 0) as queue:
        await queue.add(mail("ann@example.net", state=State.FLIGHT))
        await queue.add(mail("bob@example.net", due=NOON + 900))
        async with reading({0: queue}, registry, Told()):
            given = registry.add_order(order(Act.DELETE, domain="example.net"))
            await until(lambda: registry.done(given.number))
        assert registry.done(given.number) == [Done(order=given.number, shard=0, at=NOON, changed=1, in_flight=1)]


async def test_an_act_that_fails_is_tried_again_and_the_orders_behind_it_wait(
    tmp_path: Path, registry: SqliteRegistry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(orders, "POLL", 0.01)
    async with shard(tmp_path, 0) as queue:
        real, calls = queue.act, 0

        async def act(given: Order, now: float) -> object:
            nonlocal calls
            calls += 1
            if calls < 3:
                raise StoreDown("the disk is gone")
            return await real(given, now)

        monkeypatch.setattr(queue, "act", act)
        await queue.add(mail("ann@example.net", due=NOON + 900))
        first, second = registry.add_order(order(Act.HOLD)), registry.add_order(order(Act.RELEASE))
        async with reading({0: queue}, registry, Told()):
            await until(lambda: registry.done(second.number))
        assert calls == 4
        assert [each.changed for each in registry.done(first.number)] == [1]
        assert sum("the disk is gone" in each.message for each in caplog.records) == 2


async def test_orders_are_read_again_however_long_the_registry_was_down(
    tmp_path: Path, registry: SqliteRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "LONGEST", 0.0)
    failures = 0

    def version() -> int:
        nonlocal failures
        failures += 1
        if failures < 2000:
            raise StoreDown("no disk")
        return 1

    monkeypatch.setattr(registry, "version", version)
    async with shard(tmp_path, 0) as queue, reading({0: queue}, registry, Told()):
        given = registry.add_order(order(Act.HOLD))
        await until(lambda: registry.done(given.number))


async def test_an_order_of_last_week_is_forgotten(tmp_path: Path, registry: SqliteRegistry) -> None:
    old = registry.add_order(replace(order(Act.HOLD), at=NOON - orders.KEPT - 1))
    young = registry.add_order(replace(order(Act.HOLD), at=NOON - orders.KEPT + 60))
    registry.order_done(Done(order=old.number, shard=0, at=NOON, changed=0, in_flight=0))
    async with shard(tmp_path, 0) as queue, reading({0: queue}, registry, Told()):
        await until(lambda: not registry.done(old.number))
    assert [each.number for each in registry.orders(9)] == [young.number]
