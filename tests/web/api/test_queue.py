"""The queue over the API: counted, listed, and acted on; held to the account."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from relay.manage.queue import give
from relay.model.account import Scope
from relay.model.clock import system_clock
from relay.model.order import Act, Order, Selection
from relay.worker.orders import carry_out
from tests.transform.verifiers import keys
from tests.web.api.stage import SHOP, Stage


async def done(api: Stage) -> None:
    """Carry out what was ordered, as the owner of the shard does."""
    async for _ in carry_out(api.queue, api.registry, system_clock):
        pass


async def states(api: Stage, **params: Any) -> dict[str, int]:
    answer = await api.get("/v1/queue", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, int] = answer.json()["states"]
    return found


async def ordered(api: Stage, **body: Any) -> dict[str, Any]:
    answer = await api.post("/v1/queue/orders", json=body)
    assert answer.status_code == 202, answer.text
    await done(api)
    told = await api.get(answer.headers["location"].removeprefix(api.url))
    found: dict[str, Any] = told.json()
    assert found["order"] == answer.json()["order"]
    return found


async def later(api: Stage, *addresses: str, **properties: Any) -> list[str]:
    """Mail that waits."""
    ids = []
    for number, each in enumerate(addresses):
        ids += await api.send(recipient=each, send_at=f"+{number + 1}h", **properties)
    return ids


async def of_others(api: Stage) -> tuple[httpx.AsyncClient, str]:
    """Mail of another account that waits: a client of theirs, and its id."""
    for key in keys():
        api.registry.add_key(replace(key, domain="other.example"))
    sent = {"recipient": "x@example.net", "from": "me@other.example", "subject": "s", "text": "t", "send_at": "+1h"}
    other = api.other()
    answer = await other.post("/v1/send", json=sent)
    assert answer.status_code == 200, answer.text
    return other, next(iter(answer.json()))


async def test_queue_get_counts_what_waits_by_state_and_domain(api: Stage) -> None:
    await later(api, "a@example.net", "b@example.net", "c@example.org", tags=["t"])
    await of_others(api)
    await ordered(api, act="hold", domain="example.org")
    found = (await api.get("/v1/queue")).json()
    assert found["states"] == {"queued": 2, "flight": 0, "held": 1}
    assert [(each["domain"], each["queued"], each["held"]) for each in found["domains"]] == [
        ("example.net", 2, 0),
        ("example.org", 0, 1),
    ]
    assert found["domains"][0]["next"] is not None
    assert await states(api, states="held") == {"queued": 0, "flight": 0, "held": 1}
    assert (await states(api, tag="u"))["queued"] == 0
    assert (await states(api, since="1h", before="2099-01-01"))["queued"] == 2


async def test_queue_messages_lists_recipients_page_by_page(api: Stage) -> None:
    ids = await later(api, *(f"{letter}@example.net" for letter in "abcde"))
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = (await api.get("/v1/queue/messages", params={"limit": 2, "after": after})).json()
        seen += [each["id"] for each in page["recipients"]]
        after = page["next"]
        if len(seen) == 2:  # what goes away meanwhile moves nothing
            await ordered(api, act="delete", ids=[ids[0]])
    assert seen == ids
    first = (await api.get("/v1/queue/messages", params={"ids": ids[3]})).json()["recipients"][0]
    assert (first["to"], first["state"], first["account"]) == ("d@example.net", "queued", SHOP)


async def test_queue_order_is_carried_out_and_says_what_it_came_to(api: Stage) -> None:
    await later(api, "a@example.net", "b@example.net", campaign="spring")
    await later(api, "c@example.net")
    answer = await api.post("/v1/queue/orders", json={"act": "hold", "campaign": "spring", "reason": "wrong prices"})
    assert (answer.status_code, answer.json()["concerned"]) == (202, 2)
    number = answer.json()["order"]
    path = f"/v1/queue/orders/{number}"
    assert (await api.get(path)).json()["done"] is False
    await done(api)
    told = (await api.get(path)).json()
    assert (told["done"], told["changed"], told["outstanding"]) == (True, 2, [])
    assert told["selection"] == {"account": SHOP, "campaign": "spring"}
    assert (await states(api))["held"] == 2
    audit = api.registry.audits(1)[0]
    assert (audit["who"], audit["act"]) == (f"token {api.token.id}", "queue hold")
    assert audit["detail"]["reason"] == "wrong prices"
    assert (await ordered(api, act="release", campaign="spring"))["changed"] == 2
    assert (await ordered(api, act="retry", everything=True))["changed"] == 3
    assert (await ordered(api, act="fail", address="a@example.net"))["changed"] == 1
    assert (await ordered(api, act="delete", everything=True))["changed"] >= 2
    assert api.registry.order(number + 1).lifetime == api.services.config.delivery.lifetime


async def test_queue_order_get_shows_orders_of_the_account_only(api: Stage) -> None:
    await later(api, "a@example.net")
    number = (await api.post("/v1/queue/orders", json={"act": "retry", "everything": True})).json()["order"]
    assert (await api.other().get(f"/v1/queue/orders/{number}")).status_code == 404
    order = Order(number=0, at=system_clock(), who="root", act=Act.RETRY, selection=Selection())
    operators = give(api.registry, order)
    for wanted in (str(operators.number), "999", "x", "9" * 30):
        assert (await api.get(f"/v1/queue/orders/{wanted}")).status_code == 404, wanted


async def test_an_order_reaches_no_mail_of_others(api: Stage) -> None:
    other, ident = await of_others(api)
    assert (await ordered(api, act="delete", everything=True))["changed"] == 0
    for path, body in (
        ("/v1/queue/orders", {"act": "delete", "ids": [ident]}),
        ("/v1/queue/orders", {"act": "delete", "credential": "other-app"}),
    ):
        answer = await api.post(path, json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert (await api.get("/v1/queue/messages", params={"ids": ident})).status_code == 404
    assert (await api.get("/v1/queue/messages", params={"address": "x@example.net"})).json()["recipients"] == []
    assert (await other.get("/v1/queue")).json()["states"]["queued"] == 1


async def test_a_dry_run_gives_no_order(api: Stage) -> None:
    await later(api, "a@example.net", "b@example.net")
    answer = await api.post("/v1/queue/orders", json={"act": "delete", "everything": True, "dry_run": True})
    assert (answer.status_code, answer.json()["order"], answer.json()["concerned"]) == (200, None, 2)
    await done(api)
    assert (await states(api))["queued"] == 2


async def test_everything_has_to_be_said(api: Stage) -> None:
    answer = await api.post("/v1/queue/orders", json={"act": "delete", "states": ["queued"]})
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "everything")


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"act": "erase", "everything": True}, 422, "act"),
        ({"everything": True}, 422, "act"),
        ({"act": "retry", "states": ["delivered"]}, 422, "states"),
        ({"act": "retry", "ids": ["x"]}, 404, "ids"),
        ({"act": "retry", "ids": ["0f3k2m9s8t7u6v5a-1"]}, 404, "ids"),
        ({"act": "retry", "domain": "a b"}, 422, "domain"),
        ({"act": "retry", "address": "a b"}, 422, "address"),
        ({"act": "retry", "since": "long ago"}, 422, "since"),
        ({"act": "retry", "before": "99999999d"}, 422, "before"),
        ({"act": "retry", "tag": "\0"}, 422, "tag"),
        ({"act": "retry", "everything": True, "reason": "x\ny"}, 422, "reason"),
        ({"act": "retry", "account": "other"}, 422, "account"),
    ],
)
async def test_what_cannot_be_ordered_is_told(api: Stage, body: dict[str, Any], status: int, field: str) -> None:
    answer = await api.post("/v1/queue/orders", json=body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (status, field), answer.text


async def test_a_page_that_was_never_told_is_refused(api: Stage) -> None:
    for after in ("x", "WzEsMl0", "WzEwMDAwMDAsdHJ1ZSwxLjAsIngiLDFd"):
        answer = await api.get("/v1/queue/messages", params={"after": after})
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, "after"), after


async def test_orders_that_nobody_carries_out_have_a_bound(api: Stage) -> None:
    for _ in range(100):
        order = Order(number=0, at=1.0, who="x", act=Act.RETRY, selection=Selection(account=SHOP))
        api.registry.add_order(order)
    answer = await api.post("/v1/queue/orders", json={"act": "retry", "everything": True})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")


async def test_looking_takes_the_scope_read_and_acting_manage(api: Stage) -> None:
    reader = api.as_token(api.make_token(Scope.READ))
    assert (await reader.get("/v1/queue")).status_code == 200
    assert (await reader.post("/v1/queue/orders", json={"act": "retry", "everything": True})).status_code == 403
