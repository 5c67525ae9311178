"""Who opened and clicked: found and explained like all else, and forgotten where it was when its time is over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from relay.report import forgetting
from relay.report.erase import erase
from relay.report.explain import explain
from relay.report.search import Filter, events
from relay.report.text import explanation_text
from tests.report.stage import clock, event, names, new_ids, reporter, shard
from tests.store.mail import NOON

DAY = 86_400.0
WEB = 1000  # the shard of the web worker
KEEP = "tracking: {client_address_keep: 30d}"
CLIENT: dict[str, Any] = {"to": "ann@example.net", "client": "192.0.2.7", "user_agent": "Mail/1"}


def clients(data: Path) -> list[str]:
    return [each.event.data.get("client", "") for each in events(data, Filter())]


async def test_addresses_of_clients_are_cut_when_their_time_is_over(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(forgetting, "SLICE", 2)
    message = new_ids().new()
    names_of = ("opened", "clicked", "unsubscribed")
    happened = [event(name, message, NOON + number, 1, **CLIENT) for number in range(5) for name in names_of]
    async with shard(tmp_path) as queue:
        await queue.record(happened)
        with reporter(tmp_path, KEEP, NOON + 30 * DAY + 2.5) as one:
            while one.turn():
                continue
        left = [each.event for each in events(tmp_path, Filter()) if "client" in each.event.data]
        assert sorted({each.at for each in left}) == [NOON + 3, NOON + 4]
        assert all(each.event.data["user_agent"] == "Mail/1" for each in events(tmp_path, Filter()))
        with reporter(tmp_path, KEEP, NOON + 31 * DAY) as one:
            while one.turn():
                continue
        assert set(clients(tmp_path)) == {""}


async def test_an_event_that_is_folded_too_late_never_has_one(tmp_path: Path) -> None:
    message = new_ids().new()
    async with shard(tmp_path) as queue:
        await queue.record([event("opened", message, NOON + 40 * DAY, 1, **CLIENT)])
        with reporter(tmp_path, KEEP, NOON + 40 * DAY) as one:
            one.turn()
            assert clients(tmp_path) == ["192.0.2.7"]
            await queue.record([event("opened", message, NOON, 1, **CLIENT)])
            one.turn()
            assert clients(tmp_path) == ["192.0.2.7", ""]


async def test_where_an_erased_person_was_is_erased_too(tmp_path: Path) -> None:
    message = new_ids().new()
    async with shard(tmp_path) as queue:
        full: dict[str, Any] = {"to": "ann@example.net", "class": "mailbox-full", "reply": "552 5.2.2 full"}
        await queue.record([event("opened", message, recipient=1, **CLIENT), event("failed", message, **full)])
        with reporter(tmp_path) as one:
            one.turn()
            (strikes,) = one._database.execute("select count(*) from strike").fetchone()
            assert strikes == 1
            assert erase(tmp_path, "Ann@example.net") == 2
            (strikes,) = one._database.execute("select count(*) from strike").fetchone()
            assert strikes == 0
    (opened,) = events(tmp_path, Filter(address="erased@invalid", name=event("opened").name))
    assert opened.event.data == {"to": "erased@invalid"}


async def test_what_the_web_worker_saw_is_found_and_explained_with_its_message(tmp_path: Path) -> None:
    message = new_ids(0).new()
    labels: dict[str, Any] = {"tags": ["news"], "campaign": "may"}
    sender: dict[str, Any] = {"from": "me@example.com"}
    async with shard(tmp_path, 0) as queue, shard(tmp_path, WEB) as web:
        await queue.record(
            [
                event("received", message, to=["ann@example.net"], **sender, **labels),
                event("delivered", message, NOON + 1, 1, to="ann@example.net", **labels),
            ]
        )
        seen: dict[str, Any] = {**CLIENT, **labels}
        await web.record(
            [
                event("opened", message, NOON + 2, 1, machine=True, **seen),
                event("clicked", message, NOON + 3, 1, url="https://example.com/a", link=0, **seen),
            ]
        )
        for folded in (False, True):
            if folded:
                with reporter(tmp_path) as one:
                    one.turn()
            wanted = (
                Filter(tag="news"),
                Filter(message=message),
                Filter(address="ann@example.net"),
                Filter(sender="me@example.com"),
            )
            for each in wanted:
                assert names(events(tmp_path, each)) == ["clicked", "opened", "delivered", "received"], (each, folded)
            told = explain(tmp_path, message, clock)
            (story,) = told.recipients
            assert [step.event for step in story.steps] == ["delivered", "opened", "clicked"]
            text = explanation_text(told)
            assert "opened machine=true to=ann@example.net client=192.0.2.7" in text
            assert "clicked url=https://example.com/a link=0 to=ann@example.net" in text
