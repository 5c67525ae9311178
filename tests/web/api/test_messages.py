"""Messages are found, looked at, cancelled, read as they left; and their contents are deleted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from relay.model.event import Event, EventName
from relay.web.api import orders
from relay.worker.context import WEB_SHARD
from relay.worker.orders import carry_out
from tests.web.api.stage import Stage

ONE = {"recipient": "ann@example.net", "from": "me@example.com", "subject": "Hi", "text": "Hello."}


@asynccontextmanager
async def acting(api: Stage) -> AsyncIterator[None]:
    """The owner of the shard carries out orders meanwhile, as the web worker does."""

    async def work() -> None:
        while True:
            async for _ in carry_out(api.queue, api.registry, api.services.clock):
                pass
            await asyncio.sleep(0.01)

    task = asyncio.create_task(work())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def sent(api: Stage, **properties: object) -> str:
    answer = await api.post("/v1/messages", json={**ONE, **properties})
    assert answer.status_code == 202, answer.text
    ident: str = answer.json()["id"]
    return ident


async def later(api: Stage, **properties: object) -> str:
    """One that waits in the queue for a day."""
    return await sent(api, send_at="+1h", **properties)


def names(api: Stage, message: str) -> list[str]:
    return [each.name.value for each in api.events() if each.message == message]


async def found(api: Stage, query: str) -> list[str]:
    answer = await api.get(f"/v1/messages?{query}")
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["messages"]]


async def test_messages_are_found_by_what_they_have_and_the_newest_comes_first(api: Stage) -> None:
    first = await sent(api, tags=["a", "b"], campaign="spring")
    second = await sent(api, recipient=["bob@example.net", "eve@example.net"], tags=["a"], message_ref="order-7")
    assert await found(api, "") == [second, first]
    assert await found(api, "tag=b") == [first]
    assert await found(api, "tag=a&recipient=Eve@example.net") == [second]
    assert await found(api, "campaign=spring") == [first]
    assert await found(api, "message_ref=order-7") == [second]
    assert await found(api, "recipient=nobody@example.net") == []
    assert await found(api, "until=2020-01-31") == []
    assert await found(api, "since=2020-01-31T12:00:00Z&sender=me@example.com") == [second, first]
    assert (await api.other().get("/v1/messages")).json() == {"messages": [], "next": None}


async def test_messages_in_a_list_say_the_most_important_of_themselves(api: Stage) -> None:
    people = [f"a{number}@example.net" for number in range(12)]
    ident = await sent(api, recipient=people, tags=["a"], message_ref="order-7", envelope="bounces@example.com")
    (told,) = (await api.get("/v1/messages")).json()["messages"]
    assert told["id"] == ident and told["sender"] == "bounces@example.com"
    assert (told["recipients"], told["to"]) == (12, people[:10])
    assert (told["tags"], told["message_ref"], told["campaign"], told["test"]) == (["a"], "order-7", "", False)
    assert told["received"].endswith("Z") and told["size"] == len(api.content(ident))


async def test_messages_are_found_by_what_happened_to_them_each_once(api: Stage) -> None:
    ident, other = await sent(api), await sent(api)
    now = api.services.clock()
    data = {"to": "ann@example.net"}
    opened = [
        Event(name=EventName.OPENED, at=now + n, message=ident, recipient=1, account="shop", data=data)
        for n in range(3)
    ]
    await api.record(*opened)
    assert await found(api, "event=opened") == [ident]
    assert await found(api, "event=received") == [other, ident]
    assert await found(api, "event=clicked") == []


async def test_messages_of_the_relay_itself_are_not_among_them(api: Stage) -> None:
    ident = await sent(api)
    data = {"from": "", "to": "me@example.com", "origin": "report"}
    report = Event(
        name=EventName.RECEIVED, at=api.services.clock(), message=f"{ident[:-1]}v", account="shop", data=data
    )
    await api.record(report)
    assert await found(api, "") == [ident]


async def test_messages_come_in_pages_also_where_many_came_at_one_moment(api: Stage) -> None:
    idents = [await sent(api) for _ in range(3)]
    at = api.services.clock() + 60
    same = [
        Event(name=EventName.HELD, at=at, message=ident, recipient=1, account="shop", data={"to": "ann@example.net"})
        for ident in idents
    ]
    await api.record(*same)
    for event in ("received", "held"):
        seen: list[str] = []
        after = ""
        while True:
            answer = (await api.get(f"/v1/messages?event={event}&limit=1&after={after}")).json()
            seen += [each["id"] for each in answer["messages"]]
            if answer["next"] is None:
                break
            after = answer["next"]
        assert seen == sorted(idents, reverse=True)


@pytest.mark.parametrize(
    "query", ["event=rejected", "since=monday", "until=9999-99-99", "limit=0", "after=x", "after=1:x", "tags=a"]
)
async def test_messages_with_a_bad_parameter_are_not_searched(api: Stage, query: str) -> None:
    answer = await api.get(f"/v1/messages?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_parameter")


async def test_message_tells_the_state_of_each_recipient(api: Stage) -> None:
    ident = await later(api, recipient=["ann@example.net", "bob@example.net"], metadata={"order": "7"}, tags=["a"])
    told = (await api.get(f"/v1/messages/{ident}")).json()
    assert told["id"] == ident and told["kept"] is True and told["credential"] == "shop-app"
    assert (told["metadata"], told["tags"]) == ({"order": "7"}, ["a"])
    assert [(each["id"], each["recipient"], each["state"]) for each in told["recipients"]] == [
        (f"{ident}-1", "ann@example.net", "queued"),
        (f"{ident}-2", "bob@example.net", "queued"),
    ]
    assert told["recipients"][0]["next_attempt"] > told["received"] and told["recipients"][0]["ended"] is None
    (one,) = (await api.get(f"/v1/messages/{ident}-2")).json()["recipients"]
    assert one["recipient"] == "bob@example.net"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("GET", "/mime"), ("POST", "/cancel"), ("DELETE", "/content")]
)
async def test_the_message_of_another_account_is_not_there(api: Stage, method: str, path: str) -> None:
    ident = await later(api)
    client = api.other()
    for each in (ident, "0r2k9v1m00000001", "what"):
        answer = await client.request(method, f"/v1/messages/{each}{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert names(api, ident) == ["received", "scheduled"]


async def test_message_mime_is_what_left(api: Stage) -> None:
    ident = await sent(api)
    answer = await api.get(f"/v1/messages/{ident}-1/mime")
    assert answer.headers["content-type"] == "message/rfc822"
    assert answer.content == api.content(ident) and answer.content.startswith(b"DKIM-Signature:")


async def test_message_cancel_ends_what_waits_and_says_how_many(api: Stage) -> None:
    ident = await later(api, recipient=["ann@example.net", "bob@example.net"])
    async with acting(api):
        one = await api.post(f"/v1/messages/{ident}-2/cancel", json={"reason": "order withdrawn"})
        assert (one.status_code, one.json()) == (
            200,
            {"id": f"{ident}-2", "order": 1, "cancelled": 1, "in_flight": 0, "done": True},
        )
        rest = await api.post(f"/v1/messages/{ident}/cancel")
        assert rest.json()["cancelled"] == 1
        again = await api.post(f"/v1/messages/{ident}/cancel")
        assert again.json()["cancelled"] == 0
    told = [each for each in api.events() if each.name is EventName.CANCELLED]
    assert [each.recipient for each in told] == [2, 1]
    assert told[0].data["reason"] == "order withdrawn" and told[0].data["by"].startswith("token ")
    assert api.registry.audits(1)[0]["act"] == "queue delete"


async def test_message_cancel_says_that_the_owner_has_not_done_it_yet(
    api: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "WAIT", 0.0)
    ident = await later(api)
    answer = await api.post(f"/v1/messages/{ident}/cancel")
    assert (answer.status_code, answer.json()["done"]) == (202, False)
    (order,) = api.registry.orders(WEB_SHARD)  # it stays in force
    assert answer.headers["location"] == f"{api.url}/v1/queue/orders/{order.number}"
    assert (await api.get(answer.headers["location"])).json()["done"] is False


async def test_message_cancel_waits_its_turn_where_many_orders_wait(
    api: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "WAIT", 0.0)
    monkeypatch.setattr(orders, "WAITING", 1)
    ident = await later(api)
    assert (await api.post(f"/v1/messages/{ident}/cancel")).status_code == 202
    answer = await api.post(f"/v1/messages/{ident}/cancel")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")


async def test_message_content_delete_forgets_what_was_sent_and_keeps_what_became_of_it(api: Stage) -> None:
    ident = await later(api)
    async with acting(api):
        early = await api.client.delete(f"/v1/messages/{ident}/content")
        assert (early.status_code, early.json()["error"]["code"]) == (409, "conflict")
        await api.post(f"/v1/messages/{ident}/cancel")
        assert (await api.client.delete(f"/v1/messages/{ident}-1/content")).status_code == 204
    for path in (f"messages/{ident}/mime", f"html/{ident}", f"attachments/{ident}/0", f"headers/{ident}-1"):
        answer = await api.get(f"/v1/{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (410, "gone")
    told = (await api.get(f"/v1/messages/{ident}")).json()
    assert told["recipients"][0]["state"] == "cancelled"
    assert (await api.get(f"/v1/recipient/{ident}")).text == "ann@example.net"


async def test_message_content_delete_of_one_of_several_recipients_is_refused(api: Stage) -> None:
    ident = await later(api, recipient=["ann@example.net", "bob@example.net"])
    answer = await api.client.delete(f"/v1/messages/{ident}-1/content")
    assert (answer.status_code, answer.json()["error"]["field"]) == (409, "id")
