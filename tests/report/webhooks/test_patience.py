"""What fails is tried for three days, then kept to be replayed; what is of no use is disabled; nothing grows."""

from __future__ import annotations

import asyncio
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from relay.report.webhooks import letters
from relay.report.webhooks.letters import Chosen
from relay.report.webhooks.outbox import New, open_outbox
from relay.report.webhooks.payload import pack
from relay.report.webhooks.schedule import PATIENCE, WAITS
from relay.store.sqlite import open_registry
from tests.http.site import Got, fine, site
from tests.report.stage import event, new_ids
from tests.report.webhooks.stage import Stage, said, stage
from tests.store.mail import NOON


def status(code: int, **headers: str) -> Any:
    async def answer(got: Got) -> web.StreamResponse:
        return web.Response(status=code, headers={name.replace("_", "-"): text for name, text in headers.items()})

    return answer


async def until_attempt(here: Stage, number: int) -> None:
    for wait in WAITS[1:number]:
        await here.pass_time(wait * 1.21 + 1)


async def test_an_event_is_tried_ten_times_over_three_days_and_then_kept(tmp_path: Path) -> None:
    times: list[float] = []

    async with site(status(500)) as there, stage(tmp_path) as here:
        hook = here.hook(there.url())
        await here.tell(event("delivered", new_ids().new(), recipient=1))
        assert len(there.got) == 1
        for number, wait in enumerate(WAITS[1:], 2):
            await here.pass_time(wait - 1)
            assert len(there.got) == number - 1, "not before its time"
            await here.pass_time(wait * 0.2 + 2)
            assert len(there.got) == number
            times.append(here.clock.now - NOON)
            if number == len(WAITS):
                break
            with here.outbox() as outbox:
                assert outbox.endpoint(hook.id).failures == number
        assert 3 * 86_400 < times[-1] < 4 * 86_400
        assert here.waiting(hook) == 0
        with here.outbox() as outbox:
            (dead,) = letters.dead(outbox, Chosen(hook=hook.id), 10)
        assert dead.name == "delivered"
        assert dead.attempts == len(WAITS)
        assert "500" in dead.reason


async def test_dead_letters_are_replayed_in_order_with_their_ids(tmp_path: Path) -> None:
    async with site(status(410)) as gone, site() as there, stage(tmp_path) as here:
        hook = here.hook(gone.url())
        message = new_ids().new()
        await here.tell(
            event("delivered", message, recipient=1),
            event("opened", message, recipient=1, at=NOON + 1),
            event("clicked", message, recipient=1, at=NOON + 2),
        )
        await here.pass_time(1)  # what waited behind the first is given up, too
        with here.outbox() as outbox:
            assert letters.dead_count(outbox, hook.id) == 3
        here.change(hook, url=there.url(), disabled="")
        with here.outbox() as outbox:
            assert letters.replay(outbox, Chosen(hook=hook.id, event="opened"), here.clock()) == 1
            assert letters.replay(outbox, Chosen(hook=hook.id, since=NOON + 1.5), here.clock()) == 1
            assert letters.replay(outbox, Chosen(hook=hook.id), here.clock()) == 1
            assert letters.dead_count(outbox, hook.id) == 0
        await here.send()
        assert [said(each.body)["event_id"] for each in there.got] == ["evt_0-2", "evt_0-3", "evt_0-1"]


async def test_a_receiver_that_is_gone_is_disabled_at_once_and_that_is_in_the_audit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with site(status(410)) as there, stage(tmp_path) as here:
        hook = here.hook(there.url())
        await here.tell(event("delivered", new_ids().new(), recipient=1))
        await here.tell(event("delivered", new_ids().new(), recipient=1))
        assert len(there.got) == 1
        found = here.hooks.webhook(hook.id)
        assert "410" in found.disabled
        assert found.disabled_at == here.clock()
        assert f"webhook {hook.id} of account demo is disabled" in caplog.text
        registry = open_registry(tmp_path / "registry.db")
        assert registry.audits(1)[0]["act"] == "webhook disable"
        registry.close()


async def test_three_days_of_failures_disable_a_webhook(tmp_path: Path) -> None:
    async with site(status(500)) as there, stage(tmp_path) as here:
        hook = here.hook(there.url())
        ids = new_ids()
        await here.tell(event("delivered", ids.new(), recipient=1))
        await until_attempt(here, 9)
        assert not here.hooks.webhook(hook.id).disabled
        await here.pass_time(WAITS[9] * 1.21)
        assert "nothing but failures for 3 days" in here.hooks.webhook(hook.id).disabled


@pytest.mark.parametrize(
    ("code", "asked", "pause"), [(429, "120", 120), (503, "40", 40), (502, "", 30), (504, "", 30)]
)
async def test_a_receiver_that_asks_for_it_is_left_alone_as_a_whole(
    tmp_path: Path, code: int, asked: str, pause: float
) -> None:
    headers = {"Retry_After": asked} if asked else {}
    async with site(status(code, **headers)) as there, stage(tmp_path, "at_once: 1") as here:
        here.hook(there.url())
        await here.tell(event("delivered", new_ids().new(), recipient=1))
        await here.tell(event("delivered", new_ids().new(), recipient=1))
        await here.pass_time(pause - 1)
        assert len(there.got) == 1
        await here.pass_time(1 + pause * 0.21)
        assert len(there.got) == 2


@pytest.mark.parametrize(
    "asked", ["1 Jan 99999999999999999999 0:0:0", "1 Jan 2020 0:0:0 +99999999999999", "soon", "-1"]
)
async def test_a_time_that_cannot_be_is_no_time_asked_for(tmp_path: Path, asked: str) -> None:
    async with site(status(500, Retry_After=asked)) as there, stage(tmp_path) as here:
        hook = here.hook(there.url())
        await here.tell(event("delivered", new_ids().new(), recipient=1))
        with here.outbox() as outbox:
            assert outbox.endpoint(hook.id).failures == 1
            assert outbox.endpoint(hook.id).paused_until == 0.0


async def test_an_endpoint_that_is_away_is_asked_by_one_request_and_all_is_sent_once_it_is_back(
    tmp_path: Path,
) -> None:
    well = False

    async def away(got: Got) -> web.StreamResponse:
        return await fine(got) if well else web.Response(status=500)

    async with site(away) as there, stage(tmp_path) as here:
        hook = here.hook(there.url())
        ids = new_ids()
        await here.tell(*(event("delivered", ids.new(), recipient=1) for _ in range(50)))
        assert len(there.got) <= 6
        well = True
        await here.pass_time(400)
        assert here.waiting(hook) == 0
        assert len({each.headers["webhook-id"] for each in there.got}) == 50


async def test_a_fold_that_is_done_again_tells_nothing_twice_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site() as there, stage(tmp_path) as here:
        here.hook(there.url())
        await here.queue.record([event("delivered", new_ids().new(), recipient=1)])
        with monkeypatch.context() as broken:
            broken.setattr(here.reporter, "_add", fail)
            with pytest.raises(OSError, match="power"):
                here.fold()  # the outbox has it, the report database and its cursor do not
        await here.send()
        assert len(there.got) == 1
        await here.queue.record([event("opened", new_ids().new(), recipient=1)])
        await asyncio.to_thread(here.fold)
        await here.send()
        assert [said(each.body)["event_id"] for each in there.got] == ["evt_0-1", "evt_0-2"]


async def test_a_sender_that_dies_after_the_answer_sends_again_with_the_same_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site() as there, stage(tmp_path) as here:
        here.hook(there.url())
        with monkeypatch.context() as broken:
            broken.setattr("relay.report.webhooks.desk.Desk.settle", fail)
            await here.queue.record([event("delivered", new_ids().new(), recipient=1)])
            await asyncio.to_thread(here.fold)
            await here.send()
        assert len(there.got) == 1
        here.sender = here.new_sender()
        await here.send()
        first, second = there.got
        assert first.headers["webhook-id"] == second.headers["webhook-id"]


def fail(*_: object, **__: object) -> None:
    raise OSError("power is gone")


async def test_there_is_room_for_so_many_and_what_finds_none_is_counted(tmp_path: Path) -> None:
    async with site(status(500)) as there, stage(tmp_path, "waiting: 10") as here:
        hook = here.hook(there.url())
        ids = new_ids()
        await here.tell(*(event("delivered", ids.new(), recipient=1) for _ in range(15)))
        assert here.waiting(hook) == 10
        with here.outbox() as outbox:
            assert outbox.endpoint(hook.id).lost == 5


async def test_room_is_counted_anew_also_when_the_clock_was_set_back(tmp_path: Path) -> None:
    async with site(fine) as there, stage(tmp_path, "waiting: 10") as here:
        hook = here.hook(there.url())
        ids = new_ids()
        here.clock.now += 365 * 86_400
        await here.tell(*(event("delivered", ids.new(), recipient=1) for _ in range(10)))
        here.clock.now -= 365 * 86_400
        await here.tell(*(event("delivered", ids.new(), recipient=1) for _ in range(10)))
        with here.outbox() as outbox:
            assert outbox.endpoint(hook.id).lost == 0
        assert len(there.got) == 20


async def test_what_was_put_off_by_a_clock_that_was_wrong_is_sent_once_it_is_right(tmp_path: Path) -> None:
    async with site(status(503, Retry_After="86400")) as there, stage(tmp_path) as here:
        hook = here.hook(there.url())
        here.clock.now += 365 * 86_400
        await here.tell(event("delivered", new_ids().new(), recipient=1))
        assert len(there.got) == 1
        here.clock.now -= 365 * 86_400
        await here.send()  # it is noticed
        await here.pass_time(10)
        assert len(there.got) == 2
        assert here.waiting(hook) == 1


async def test_what_waits_too_long_is_given_up_tried_or_not(tmp_path: Path) -> None:
    async with site(status(500)) as there, stage(tmp_path) as here:
        hook = here.hook(there.url())
        ids = new_ids()
        await here.tell(*(event("delivered", ids.new(), recipient=1) for _ in range(30)))
        here.clock.now += PATIENCE + 61
        await here.send()
        await here.send()
        assert here.waiting(hook) == 0
        with here.outbox() as outbox:
            assert letters.dead_count(outbox, hook.id) == 30


async def test_dead_letters_go_by_age_and_octets(tmp_path: Path) -> None:
    async with site(status(410)) as there, stage(tmp_path, "dead_keep: 10d, dead_bytes: 2000") as here:
        hook = here.hook(there.url())
        ids = new_ids()
        await here.tell(*(event("delivered", ids.new(), recipient=1, note="x" * 300) for _ in range(20)))
        await here.pass_time(61)
        with here.outbox() as outbox:
            assert 0 < letters.dead_count(outbox, hook.id) <= 5
        await here.pass_time(11 * 86_400)
        with here.outbox() as outbox:
            assert letters.dead_count(outbox, hook.id) == 0


async def test_what_belonged_to_a_removed_webhook_is_forgotten(tmp_path: Path) -> None:
    async with site(status(500)) as there, stage(tmp_path) as here:
        hook = here.hook(there.url())
        await here.tell(event("delivered", new_ids().new(), recipient=1))
        here.hooks.remove(hook.id)
        await here.pass_time(61)
        assert here.waiting(hook) == 0
        with here.outbox() as outbox:
            assert letters.answers(outbox, hook.id, 10) == []


async def test_a_hundred_thousand_waiting_events_take_no_memory(tmp_path: Path) -> None:
    count = 100_000
    ids = new_ids()
    async with site(status(500)) as there, stage(tmp_path) as here:
        hook = here.hook(there.url())
        outbox = open_outbox(tmp_path)
        one = pack(event("delivered", ids.new(), recipient=1, reply="250 2.0.0 Ok"), {"tags": ["a"]})
        outbox.add(
            0,
            1,
            (
                New(hook=hook.id, event=f"0-{n}", kind="", message=f"m{n}", lane=f"m{n}-1", data=one)
                for n in range(count)
            ),
            NOON,
        )
        outbox.close()
        await here.send()
        tracemalloc.start()
        try:
            for _ in range(20):
                await here.pass_time(400)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert here.waiting(hook) == count
        assert peak < 8 << 20


async def test_what_names_an_erased_address_is_told_to_nobody(tmp_path: Path) -> None:
    async with site(status(500)) as there, stage(tmp_path) as here:
        hook = here.hook(there.url())
        message = new_ids().new()
        await here.tell(
            event("delivered", message, recipient=1, to="Ann@example.net"),
            event("opened", message, recipient=1, to="ann@example.net"),
            event("delivered", message, recipient=2, to="bob@example.net"),
        )
        assert letters.forget(tmp_path, "ann@example.net") == 2
        assert here.waiting(hook) == 1
        assert letters.forget(tmp_path / "elsewhere", "ann@example.net") == 0


async def test_addresses_of_clients_leave_dead_letters_when_they_are_too_old_to_be_kept(tmp_path: Path) -> None:
    async with site(status(410)) as there, stage(tmp_path, "dead_keep: 90d") as here:
        hook = here.hook(there.url())
        await here.tell(event("opened", new_ids().new(), recipient=1, client="192.0.2.1", user_agent="Mozilla"))

        def kept() -> bool:
            with here.outbox() as outbox:
                (dead,) = letters.dead(outbox, Chosen(hook=hook.id), 10)
            assert "Mozilla" in dead.data
            return "192.0.2.1" in dead.data

        assert kept()
        await here.pass_time(here.config.tracking.client_address_keep - 60)
        assert kept()
        await here.pass_time(65)
        assert not kept()


async def test_long_events_are_taken_out_a_few_at_a_time(tmp_path: Path) -> None:
    async with stage(tmp_path) as here:
        hook = here.hook("https://x.example/", batched=True)
        long = pack(event("received", to=[f"{n}@example.net" for n in range(20_000)]), {})
        with here.outbox() as outbox:
            rows = [
                New(hook=hook.id, event=f"0-{n}", kind="", message=f"m{n}", lane=f"m{n}", data=long)
                for n in range(50)
            ]
            outbox.add(0, 50, rows, NOON)
            assert 4 << 20 < len(long) * len(outbox.due(hook.id, NOON, 50)) < 5 << 20
