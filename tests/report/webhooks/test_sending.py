"""Events reach real receivers: those they want, in order, as often as it takes; no receiver is in another's way."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.http.site import Got, fine, site
from tests.report.stage import event, new_ids
from tests.report.webhooks.stage import said, stage


async def test_an_event_is_told_with_what_is_known_of_its_message(tmp_path: Path) -> None:
    message = new_ids().new()
    async with site() as there, stage(tmp_path) as here:
        here.hook(there.url("/hook"), events=frozenset({"delivered"}))
        facts: dict[str, Any] = {
            "tags": ["a", "b"],
            "campaign": "spring",
            "metadata": {"order": "7"},
            "message_id": "<x@example.com>",
        }
        await here.tell(
            event("received", message, to=["ann@example.net"], **facts),
            event(
                "delivered",
                message,
                recipient=1,
                to="ann@example.net",
                attempt=1,
                reply="250 2.0.0 Ok",
                host="mx.example.net",
                address="192.0.2.9",
                tls="TLSv1.3",
                conversation=["C: MAIL", "S: 250"],
            ),
        )
        (got,) = there.got
        body = said(got.body)
        assert got.headers["content-type"] == "application/json"
        assert got.headers["webhook-id"] == body["event_id"] == "evt_0-2"
        assert body["type"] == "message.delivered"
        assert body["recipient"] == "ann@example.net"
        assert body["message"] == {
            "id": f"{message}-1",
            "base_id": message,
            "tags": ["a", "b"],
            "campaign": "spring",
            "metadata": {"order": "7"},
            "message_id": "<x@example.com>",
        }
        assert body["smtp"]["code"] == 250
        assert body["smtp"]["remote_mx"] == "mx.example.net"
        assert b"conversation" not in got.body


async def test_facts_of_a_message_that_was_folded_before_come_from_the_report_database(tmp_path: Path) -> None:
    message = new_ids().new()
    async with site() as there, stage(tmp_path) as here:
        await here.tell(event("received", message, to=["ann@example.net"], tags=["old"]))
        here.hook(there.url())
        await here.tell(event("opened", message, recipient=1, to="ann@example.net"))
        assert said(there.got[0].body)["message"]["tags"] == ["old"]


async def test_a_webhook_is_told_of_what_it_wants_and_nothing_else(tmp_path: Path) -> None:
    async with site() as there, stage(tmp_path) as here:
        here.hook(there.url("/all"), machine=True)
        here.hook(there.url("/people"), machine=False, test=False, events=frozenset({"opened", "deferred"}))
        here.hook(there.url("/unchecked"), checked=None)
        here.hook(there.url("/disabled"), disabled="by hand")
        ids = new_ids()
        await here.tell(
            event("opened", ids.new(), recipient=1, machine=True),
            event("opened", ids.new(), recipient=1, test=True),
            event("opened", ids.new(), recipient=1),
            *(event("deferred", ids.new(), recipient=1, attempt=each) for each in range(1, 22)),
        )
        people = [said(each.body) for each in there.got if each.target == "/people"]
        assert sum(each.target == "/all" for each in there.got) == 6
        assert sorted(each.get("attempt", 0) for each in people) == [0, 1, 10, 20]
        assert not [each for each in there.got if each.target in ("/unchecked", "/disabled")]


async def test_a_message_may_name_the_one_webhook_that_is_told(tmp_path: Path) -> None:
    one, two = new_ids().new(), new_ids().new()
    async with site() as there, stage(tmp_path) as here:
        here.hook(there.url("/usual"))
        here.hook(there.url("/own"))
        named: dict[str, Any] = {"options": {"webhook_url": there.url("/own")}}
        await here.tell(
            event("received", one, to=["ann@example.net"], **named), event("received", two, to=["b@c.de"])
        )
        await here.tell(event("delivered", one, recipient=1), event("delivered", two, recipient=1))
        told = sorted((each.target, said(each.body)["message"]["base_id"] == one) for each in there.got)
        assert told == [("/own", False)] * 2 + [("/own", True)] * 2 + [("/usual", False)] * 2


async def test_an_event_of_a_recipient_waits_for_the_one_before_and_others_go_on(tmp_path: Path) -> None:
    message = new_ids().new()
    refuse = True

    async def moody(got: Got) -> web.StreamResponse:
        bad = refuse and said(got.body).get("recipient") == "ann@example.net"
        return web.Response(status=500 if bad else 204)

    async with site(moody) as there, stage(tmp_path) as here:
        here.hook(there.url())
        await here.tell(
            event("received", message, to=["ann@example.net", "bob@example.net"]),
            event("delivered", message, recipient=1, to="ann@example.net"),
            event("delivered", message, recipient=2, to="bob@example.net"),
            event("opened", message, recipient=1, to="ann@example.net"),
            event("opened", message, recipient=2, to="bob@example.net"),
        )
        told = [(said(each.body)["type"], said(each.body).get("recipient", "")[:3]) for each in there.got]
        assert told[0] == ("message.accepted", "")
        assert told.count(("message.delivered", "ann")) == 1
        assert ("message.opened", "ann") not in told
        assert told.index(("message.delivered", "bob")) < told.index(("message.opened", "bob"))
        refuse = False
        await here.pass_time(7)
        last = [(said(each.body)["type"], said(each.body)["recipient"][:3]) for each in there.got[-2:]]
        assert last == [("message.delivered", "ann"), ("message.opened", "ann")]


async def test_the_id_is_the_same_in_every_attempt(tmp_path: Path) -> None:
    answers = iter([500, 503, 200])

    async def moody(got: Got) -> web.StreamResponse:
        return web.Response(status=next(answers))

    async with site(moody) as there, stage(tmp_path) as here:
        hook = here.hook(there.url())
        await here.tell(event("delivered", new_ids().new(), recipient=1))
        await here.pass_time(7)
        await here.pass_time(400)
        ids = {each.headers["webhook-id"] for each in there.got}
        stamps = [each.headers["webhook-timestamp"] for each in there.got]
        assert len(there.got) == 3
        assert len(ids) == 1
        assert len(set(stamps)) == 3
        assert here.waiting(hook) == 0


async def test_a_receiver_that_never_answers_is_in_nobody_elses_way(tmp_path: Path) -> None:
    never = asyncio.Event()

    async def silent(got: Got) -> web.StreamResponse:
        await never.wait()
        return web.Response()

    async with site(silent) as dead, site(fine) as well, stage(tmp_path, "timeout: 30s, at_once: 3") as here:
        here.hook(dead.url())
        here.hook(well.url())
        ids = new_ids()
        await here.queue.record([event("delivered", ids.new(), recipient=1) for _ in range(200)])
        await asyncio.to_thread(here.fold)
        stopping = asyncio.Event()
        running = asyncio.create_task(here.sender.run(stopping))
        assert len(await well.wait_for(200)) == 200
        assert len(await dead.wait_for(3)) == 3  # as many as may be under way, and none of them ended
        never.set()
        stopping.set()
        await running
        here.sender = here.new_sender()


async def test_a_full_batch_is_one_request_and_a_small_one_waits_a_second(tmp_path: Path) -> None:
    async with site() as there, stage(tmp_path) as here:
        here.hook(there.url(), batched=True)
        ids = new_ids()
        await here.tell(*(event("delivered", ids.new(), recipient=1) for _ in range(700)))
        assert [len(said(each.body)) for each in there.got] == [500]
        await here.pass_time(2)
        assert sorted(len(said(each.body)) for each in there.got) == [200, 500]
        events = [each["event_id"] for got in there.got for each in said(got.body)]
        assert len(set(events)) == 700
        assert there.got[0].headers["webhook-id"].startswith("bat_")
