"""All that is known of an address, asked for over the API."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from relay.config import Config
from relay.config.reports import DataRequests
from relay.model.account import Scope
from relay.model.clock import iso
from relay.model.event import Event, EventName
from relay.model.ids import parse_id
from relay.model.suppression import Cause, Suppression
from relay.report.erase import erase
from relay.store.requests import Request, Requests, new_id
from relay.web.requests import desk
from relay.web.requests.collect import Collected, Wanted, collect
from tests.smtp.conversation import until
from tests.web.api.asking import ANN, NOT_YET, PATIENCE, asked, data, ended, working
from tests.web.api.stage import Stage, staged


def event(name: EventName, id: str, at: float = 1_795_000_000.0, **more: Any) -> Event:
    found = parse_id(id)
    return Event(
        name=name,
        at=at,
        message=found.submission,
        recipient=found.recipient,
        account="shop",
        credential="shop-app",
        data={"to": ANN, **more},
    )


async def test_datarequest_post_answers_with_an_id_before_there_is_data(api: Stage) -> None:
    answer = await api.post("/v1/datarequest/", json={"email": ANN})
    assert (answer.status_code, answer.headers["content-type"]) == (202, "application/json")
    id = answer.json()["id"]
    assert answer.json() == {"id": id}
    assert answer.headers["location"].endswith(f"/v1/datarequest/{id}")
    assert (await api.get(f"/v1/datarequest/{id}")).json() == {"info": {"type": "email", "id": ANN}, "data": NOT_YET}
    state = (await api.get(f"/v1/datarequest/{id}/status")).json()
    assert (state["id"], state["status"], state["email"], state["ended"]) == (id, "pending", ANN, None)
    assert api.registry.audits(1)[0]["detail"] == {"id": id}


async def test_datarequest_post_takes_a_form(api: Stage) -> None:
    answer = await api.post("/v1/datarequest", data={"email": ANN, "monitor": "https://example.com/told"})
    assert answer.status_code == 202


async def test_datarequest_gives_mail_with_its_parts_events_and_suppressions(api: Stage) -> None:
    (id,) = await api.send(
        recipient="Ann@example.net",
        html="<p>Grüße</p>",
        tags=["spring"],
        attachments=[{"name": "bill.txt", "type": "text/plain", "data": "TWF0aGlhcw=="}],
        trackopens=False,
        trackclicks=False,
    )
    await api.send(recipient="bob@example.net", subject="not hers")
    await api.record(
        event(EventName.DELIVERED, id, 1_795_000_000.0, reply="250 fine"),
        event(EventName.OPENED, id, 1_795_000_100.0, client="192.0.2.7", user_agent="Reader"),
    )
    api.services.suppressions.add(
        [
            Suppression(
                account="shop", address=ANN, cause=Cause.HAND, note="asked by phone", created=1_795_000_000.0
            ),
            Suppression(account="other", address=ANN, cause=Cause.BOUNCE, created=1_795_000_000.0),
            Suppression(account="shop", address="@example.net", cause=Cause.HAND, created=1_795_000_000.0),
        ]
    )
    async with working(api):
        found = await data(api, await asked(api))
    assert found["suppression"] == [
        ("2026-11-18 11:06:40", {"address": ANN, "cause": "hand", "note": "asked by phone"})
    ]
    ((_, message),) = found["message"]
    assert (message["id"], message["recipient"], message["state"]) == (id, "Ann@example.net", "flight")
    assert message["contents"] == "kept"
    assert "Subject: Hi" in message["headers"]
    assert (message["text"].strip(), message["html"].strip()) == ("Hello.", "<p>Grüße</p>")
    assert message["attachments"] == [{"name": "bill.txt", "type": "text/plain", "size": 7}]
    assert message["options"]["tags"] == ["spring"]
    assert found["delivered"] == [("2026-11-18 11:06:40", {"id": id, "to": ANN, "reply": "250 fine"})]
    ((_, opened),) = found["opened"]
    assert (opened["client"], opened["user_agent"]) == ("192.0.2.7", "Reader")
    assert len(found["received"]) == 1
    assert "not hers" not in json.dumps(found)


async def test_datarequest_gives_nothing_of_another_account(api: Stage) -> None:
    await api.send(recipient=ANN)
    async with working(api):
        id = await asked(api)
        await data(api, id)
        for path in (f"/v1/datarequest/{id}", f"/v1/datarequest/{id}/status"):
            assert (await api.other().get(path)).status_code == 404
        other = api.other()
        theirs = (await other.post("/v1/datarequest", json={"email": ANN})).json()["id"]
        deadline = time.monotonic() + PATIENCE
        while (found := (await other.get(f"/v1/datarequest/{theirs}")).json())["data"] == NOT_YET:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
    assert found == {"info": {"type": "email", "id": ANN}, "data": [], "complete": True}


@pytest.mark.parametrize("id", ["x", "0" * 20, "..%2Fregistry"])
async def test_datarequest_that_is_not_there(api: Stage, id: str) -> None:
    for path in (f"/v1/datarequest/{id}", f"/v1/datarequest/{id}/status"):
        assert (await api.get(path)).status_code == 404


async def test_datarequest_finds_all_events_page_by_page(api: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.web.requests.collect.PAGE", 4)
    (id,) = await api.send(recipient=ANN)
    times = [1_795_000_000.0 + number // 3 for number in range(20)]  # three at a time
    await api.record(*(event(EventName.CLICKED, id, at, link=number) for number, at in enumerate(times)))
    async with working(api):
        found = await data(api, await asked(api))
    assert [told["link"] for _, told in found["clicked"]] == list(range(19, -1, -1))


async def test_datarequest_leaves_out_contents_that_are_too_large(tmp_path: Path) -> None:
    def small(config: Config) -> Config:
        return config.model_copy(update={"data_requests": DataRequests(size=3000)})

    async with staged(tmp_path, small) as api, working(api):
        await api.send(recipient=ANN, text="first")
        await api.send(recipient=ANN, text="x" * 5000)
        id = await asked(api)
        found = await data(api, id)
        assert [told["contents"] for _, told in found["message"]] == ["kept", "left out for their size"]
        assert (await ended(api, id))["complete"] is False
        assert (await api.get(f"/v1/datarequest/{id}")).json()["complete"] is False


async def test_datarequest_without_room_fails_and_says_so(tmp_path: Path) -> None:
    def small(config: Config) -> Config:
        return config.model_copy(update={"data_requests": DataRequests(bytes=500)})

    async with staged(tmp_path, small) as api, working(api):
        await api.send(recipient=ANN)
        id = await asked(api)
        state = await ended(api, id)
        assert (state["status"], state["error"]) == ("failed", "what is found does not fit into 500 octets")
        assert (await api.get(f"/v1/datarequest/{id}")).json()["data"] == NOT_YET
        assert not list((tmp_path / "requests").glob("*.data*"))


async def test_datarequest_that_breaks_something_fails_alone(api: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: object) -> None:
        raise KeyError("oops")

    with monkeypatch.context() as patched:
        patched.setattr(desk, "collect", broken)
        async with working(api):
            assert (await ended(api, await asked(api)))["error"] == "a fault of the relay's: KeyError"
    async with working(api):
        assert (await ended(api, await asked(api)))["status"] == "done"


async def test_datarequest_that_was_interrupted_is_begun_anew(api: Stage) -> None:
    store = Requests(api.data)
    request = Request(id=new_id(), account="shop", credential="", email=ANN, monitor="", asked=time.time())
    store.add(request, 9)
    store.part(request.id).write_bytes(b"half of it")
    async with working(api):
        assert (await ended(api, request.id))["status"] == "done"
    assert not store.part(request.id).exists()


async def test_datarequest_takes_only_so_many_of_an_account(tmp_path: Path) -> None:
    def few(config: Config) -> Config:
        return config.model_copy(update={"data_requests": DataRequests(count=1)})

    async with staged(tmp_path, few) as api:
        await asked(api)
        answer = await api.post("/v1/datarequest", json={"email": ANN})
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_many_requests")
        assert int(answer.headers["retry-after"]) > 0


async def test_datarequest_that_is_old_is_forgotten(api: Stage) -> None:
    store = Requests(api.data)
    old = Request(id=new_id(), account="shop", credential="", email=ANN, monitor="", asked=time.time() - 8 * 86_400)
    store.add(old, 9)
    async with working(api):
        await ended(api, await asked(api))
    assert (await api.get(f"/v1/datarequest/{old.id}")).status_code == 404


async def test_datarequest_of_who_is_erased_is_forgotten(api: Stage) -> None:
    await api.send(recipient=ANN)
    async with working(api):
        id = await asked(api)
        await ended(api, id)
        await asyncio.to_thread(erase, api.data, ANN)
        assert (await api.get(f"/v1/datarequest/{id}")).status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "email"),
        ({"email": "nobody"}, 422, "email"),
        ({"email": ""}, 422, "email"),
        ({"email": ANN, "monitor": "ftp://example.com/"}, 422, "monitor"),
        ({"email": ANN, "monitor": "https://"}, 422, "monitor"),
        ({"email": ANN, "monitor": "me@elsewhere.example"}, 422, "monitor"),
        ({"email": ANN, "monitor": "me@other.example"}, 422, "monitor"),
        ({"email": ANN, "monitor": "me@pending.example"}, 422, "monitor"),
        ({"email": ANN, "report": "x"}, 422, "report"),
    ],
)
async def test_datarequest_post_names_what_is_wrong(
    api: Stage, body: dict[str, str], status: int, field: str
) -> None:
    answer = await api.post("/v1/datarequest", json=body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (status, field)
    assert Requests(api.data).listing() == []


async def test_datarequest_status_says_when_it_was_asked_and_ended(api: Stage) -> None:
    async with working(api):
        id = await asked(api)
        state = await ended(api, id)
    request = Requests(api.data).get(id)
    assert state == {
        "id": id,
        "status": "done",
        "email": ANN,
        "size": request.octets,
        "complete": True,
        "asked": iso(request.asked),
        "ended": iso(request.ended or 0.0),
        "monitor": "",
    }
    assert len((await api.get(f"/v1/datarequest/{id}")).content) == request.octets


async def test_datarequest_post_email_is_the_older_form(api: Stage) -> None:
    answer = await api.post(f"/v1/datarequest/{ANN}", json={"report": "https://example.com/told"})
    assert answer.status_code == 202
    found = Requests(api.data).get(answer.json()["id"])
    assert (found.email, found.monitor) == (ANN, "https://example.com/told")
    assert (await api.post(f"/v1/datarequest/{ANN}")).status_code == 202
    wrong = await api.post("/v1/datarequest/nobody")
    assert (wrong.status_code, wrong.json()["error"]["field"]) == (422, "id")


async def test_email_data_is_the_oldest_form(api: Stage) -> None:
    answer = await api.get(f"/v1/email/{ANN}/data", params={"report": "privacy@example.com"})
    assert answer.status_code == 202
    found = Requests(api.data).get(answer.json()["id"])
    assert (found.email, found.monitor) == (ANN, "privacy@example.com")
    assert (await api.get("/v1/email/nobody/data")).status_code == 422


async def test_datarequest_asks_for_scopes(api: Stage) -> None:
    reader, manager = (api.as_token(api.make_token(each)) for each in (Scope.READ, Scope.MANAGE))
    assert (await reader.post("/v1/datarequest", json={"email": ANN})).status_code == 403
    assert (await reader.get(f"/v1/email/{ANN}/data")).status_code == 403
    id = (await manager.post("/v1/datarequest", json={"email": ANN})).json()["id"]
    assert (await reader.get(f"/v1/datarequest/{id}")).status_code == 200
    assert (await manager.get(f"/v1/datarequest/{id}")).status_code == 403


async def test_datarequest_lets_go_when_its_process_ends(api: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    given_up: list[bool] = []

    def endless(wanted: object, target: Path, stopped: Any) -> None:
        loop.call_soon_threadsafe(begun.set)
        deadline = time.monotonic() + PATIENCE
        while not stopped() and time.monotonic() < deadline:
            time.sleep(0.01)
        given_up.append(stopped())

    monkeypatch.setattr(desk, "collect", endless)
    async with working(api):
        id = await asked(api)
        await asyncio.wait_for(begun.wait(), PATIENCE)
    await until(lambda: bool(given_up))
    assert given_up == [True]
    assert Requests(api.data).get(id).stage == "pending"


async def test_datarequest_of_one_account_waits_for_no_crowd_of_another(
    api: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def noted(wanted: Wanted, target: Path, stopped: Any) -> Collected:
        order.append(wanted.account)
        return collect(wanted, target, stopped)

    monkeypatch.setattr(desk, "collect", noted)
    for _ in range(4):
        last = await asked(api)
    assert (await api.other().post("/v1/datarequest", json={"email": ANN})).status_code == 202
    async with working(api):
        await ended(api, last)
    assert order == ["shop", "other", "shop", "shop", "shop"]
