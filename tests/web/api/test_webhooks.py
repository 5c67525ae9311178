"""Webhooks over the API: made, checked, tried, paused, and what was sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook as Judge

from relay.config.webhooks import Webhooks
from relay.model.account import Scope
from relay.model.event import Event, EventName
from relay.report.webhooks.outbox import New, open_outbox
from relay.report.webhooks.payload import pack
from tests.peers.hook import Receiver, receiver
from tests.store.mail import NOON
from tests.web.api.stage import SHOP, Stage, staged


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Stage]:
    """Its webhooks may lead to loopback."""
    settings = Webhooks(allow=("127.0.0.0/8",), timeout=5.0)
    async with staged(tmp_path, lambda config: config.model_copy(update={"webhooks": settings})) as stage:
        yield stage


async def made(api: Stage, there: Receiver, **wanted: Any) -> dict[str, Any]:
    answer = await api.post("/v1/webhook", json={"url": there.url(), **wanted})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"{api.url}/v1/webhook/{answer.json()['id']}"
    found: dict[str, Any] = answer.json()
    return found


def error(answer: httpx.Response) -> tuple[int, str, str]:
    told = answer.json()["error"]
    return answer.status_code, told["code"], told["field"]


def given_up(api: Stage, ident: str, number: int) -> None:
    """A dead letter, as the courier leaves one."""
    event = Event(name=EventName.BOUNCED, at=NOON + number, message="m", account=SHOP)
    with closing(open_outbox(api.data)) as outbox:
        data = pack(event, {})
        outbox.add(0, number, [New(hook=ident, event=f"0-{number}", kind="", message="m", lane="m", data=data)], NOON)
        outbox.bury(ident, "it waited too long", NOON + 100)


async def test_webhook_post_checks_the_url_and_shows_the_secret_once(api: Stage) -> None:
    with receiver() as there:
        hook = await made(api, there, events=["delivered", "bounce"], note="shop")
        ((_, headers, body),) = there.got
    assert Judge(hook["secret"]).verify(body, headers)["type"] == "webhook.test"
    assert (hook["passed"], hook["shape"], hook["events"]) == (True, "relay", ["bounced", "delivered", "replied"])
    shown = (await api.get(f"/v1/webhook/{hook['id']}")).json()
    assert (shown["state"], shown["waiting"], shown["note"]) == ("ok", 0, "shop")
    assert hook["secret"] not in (await api.get("/v1/webhooks")).text + str(api.registry.audits(5))
    assert [each["act"] for each in api.registry.audits(2)] == ["webhook check", "webhook add"]
    assert api.registry.audits(1)[0]["who"] == f"token {api.token.id}"


async def test_feedbackloop_post_with_a_trigger_gets_the_shape_of_smtpeter_and_its_check_file(api: Stage) -> None:
    with receiver() as there:
        body = {"handler": there.url("/hooks/in.php"), "trigger": "click|open"}
        answer = await api.post("/v1/feedbackloop", json=body)
        hook = answer.json()
        assert answer.status_code == 201, answer.text
        assert (hook["shape"], hook["signature"], hook["events"]) == ("smtpeter", "smtpeter", ["click", "open"])
        assert hook["passed"] is False
        assert hook["check_file"] == f"smtpeter-{hook['check_text']}.txt"
        assert hook["key"]["record"].startswith("v=DKIM1")
        assert "secret" not in hook
        there.files[f"/hooks/{hook['check_file']}"] = hook["check_text"].encode()
        checked = (await api.post(f"/v1/webhook/{hook['id']}/check")).json()
    assert (checked["passed"], checked["checked"] is not None) == (True, True)


async def test_feedbackloops_get_is_the_old_name_of_webhooks_get(api: Stage) -> None:
    with receiver() as there:
        for _ in range(3):
            await made(api, there)
    assert (await api.get("/v1/feedbackloops")).json() == (await api.get("/v1/webhooks")).json()
    first = (await api.get("/v1/webhooks", params={"limit": 2})).json()
    rest = (await api.get("/v1/webhooks", params={"limit": 2, "after": first["next"]})).json()
    assert (len(first["webhooks"]), len(rest["webhooks"]), rest["next"]) == (2, 1, None)
    assert (await api.other().get("/v1/webhooks")).json()["webhooks"] == []


async def test_webhooks_get_tells_how_each_fares(api: Stage) -> None:
    with receiver() as there:
        there.status = 500
        hook = await made(api, there)
    assert (hook["passed"], hook["checked"]) == (False, None)
    assert "500" in hook["found"]
    (listed,) = (await api.get("/v1/webhooks")).json()["webhooks"]
    assert (listed["id"], listed["state"], listed["failures"], listed["dead"]) == (hook["id"], "not checked", 0, 0)


async def test_webhook_get_shows_one_as_the_list_does(api: Stage) -> None:
    with receiver() as there:
        hook = await made(api, there, events="all")
    (listed,) = (await api.get("/v1/webhooks")).json()["webhooks"]
    assert (await api.get(f"/v1/webhook/{hook['id']}")).json() == listed


async def test_webhook_check_is_needed_before_anything_is_sent(api: Stage) -> None:
    with receiver() as there:
        there.status = 500
        hook = await made(api, there)
        there.status = 202
        checked = (await api.post(f"/v1/webhook/{hook['id']}/check")).json()
    assert (checked["passed"], checked["found"]) == (True, "it answered webhook.test with 202")


async def test_webhook_patch_changes_what_is_named(api: Stage) -> None:
    with receiver() as there:
        hook = await made(api, there, events="all")
        path = f"/v1/webhook/{hook['id']}"
        after = (await api.client.patch(path, json={"machine": False, "deferred_every": 3})).json()
        assert (after["machine"], after["deferred_every"], after["events"]) == (False, 3, hook["events"])
        assert after["checked"] == hook["checked"]
        there.status = 500
        moved = (await api.client.patch(path, json={"url": there.url("/new")})).json()
        assert (moved["checked"], moved["passed"]) == (None, False)
        assert api.registry.audits(1)[0]["act"] == "webhook set"


async def test_webhook_put_leaves_what_is_not_named(api: Stage) -> None:
    with receiver() as there:
        hook = await made(api, there, note="n")
        answer = await api.client.put(f"/v1/webhook/{hook['id']}", json={"trigger": ["click"]})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["events"], answer.json()["note"], answer.json()["shape"]) == (["clicked"], "n", "relay")


async def test_webhook_delete_removes_it(api: Stage) -> None:
    with receiver() as there:
        hook = await made(api, there)
    assert (await api.client.delete(f"/v1/webhook/{hook['id']}")).status_code == 204
    assert (await api.get(f"/v1/webhook/{hook['id']}")).status_code == 404
    assert api.registry.audits(1)[0]["act"] == "webhook remove"


async def test_webhook_test_tells_the_answer(api: Stage) -> None:
    with receiver() as there:
        hook = await made(api, there)
        path = f"/v1/webhook/{hook['id']}/test"
        found = (await api.post(path, json={"event": "bounced"})).json()
        assert found == {"id": hook["id"], "event": "bounced", "status": 200, "answer": "thanks"}
        assert b"message.bounced" in there.got[-1][2]
        assert (await api.post(path)).json()["event"] == "delivered"
        assert error(await api.post(path, json={"event": "nothing"})) == (422, "bad_value", "event")
    gone = (await api.post(path)).json()
    assert gone["status"] is None
    assert gone["answer"]


async def test_webhook_rotate_gives_another_secret(api: Stage) -> None:
    with receiver() as there:
        hook = await made(api, there)
        path = f"/v1/webhook/{hook['id']}"
        rotated = (await api.post(f"{path}/rotate")).json()
        assert rotated["secret"] != hook["secret"]
        await api.post(f"{path}/test")
        _, headers, body = there.got[-1]
        for secret in (hook["secret"], rotated["secret"]):
            Judge(secret).verify(body, headers)
        await api.client.patch(path, json={"shape": "smtpeter"})
        assert error(await api.post(f"{path}/rotate")) == (409, "conflict", "")


async def test_webhook_disable_says_why_nothing_is_sent(api: Stage) -> None:
    with receiver() as there:
        hook = await made(api, there)
    path = f"/v1/webhook/{hook['id']}"
    assert (await api.post(f"{path}/disable", json={"reason": "rebuilt"})).json()["disabled"] == "rebuilt"
    assert (await api.get(path)).json()["state"] == "disabled: rebuilt"
    assert error(await api.post(f"{path}/disable", json={"reason": " "})) == (422, "bad_value", "reason")


async def test_webhook_enable_sends_again(api: Stage) -> None:
    with receiver() as there:
        hook = await made(api, there)
    path = f"/v1/webhook/{hook['id']}"
    given_up(api, hook["id"], 1)  # so that there is an outbox
    await api.post(f"{path}/disable")
    assert (await api.post(f"{path}/enable")).json()["disabled"] is None
    assert (await api.get(path)).json()["state"] == "ok"
    assert api.registry.audits(1)[0]["act"] == "webhook enable"


async def test_webhook_dead_lists_what_was_given_up(api: Stage) -> None:
    with receiver() as there:
        hook = await made(api, there)
    for number in (1, 2, 3):
        given_up(api, hook["id"], number)
    path = f"/v1/webhook/{hook['id']}"
    first = (await api.get(f"{path}/dead", params={"limit": 2})).json()
    rest = (await api.get(f"{path}/dead", params={"limit": 2, "after": first["next"]})).json()
    assert [each["id"] for each in first["dead"] + rest["dead"]] == ["evt_0-1", "evt_0-2", "evt_0-3"]
    assert rest["next"] is None
    assert (await api.get(f"{path}/dead", params={"event": "opened"})).json()["dead"] == []
    assert error(await api.get(f"{path}/dead", params={"after": "x"})) == (400, "bad_parameter", "after")
    assert error(await api.get(f"{path}/dead", params={"since": "x"})) == (400, "bad_parameter", "since")


async def test_webhook_replay_sends_it_again(api: Stage) -> None:
    with receiver() as there:
        hook = await made(api, there)
    for number in (1, 2, 3):
        given_up(api, hook["id"], number)
    path = f"/v1/webhook/{hook['id']}"
    assert (await api.post(f"{path}/replay", json={"event": "evt_0-2"})).json()["replayed"] == 1
    assert (await api.post(f"{path}/replay")).json() == {"id": hook["id"], "replayed": 2, "disabled": None}
    assert error(await api.post(f"{path}/replay", json={"since": "x"})) == (422, "bad_value", "since")
    assert (await api.get(path)).json()["waiting"] == 3


async def test_webhook_deliveries_tells_the_last_requests(api: Stage) -> None:
    with receiver() as there:
        hook = await made(api, there)
    assert (await api.get(f"/v1/webhook/{hook['id']}/deliveries")).json() == {"deliveries": []}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (422, "missing", "url")),
        ({"url": "ftp://x.example/"}, (422, "bad_value", "url")),
        ({"url": "https://x.example/#a"}, (422, "bad_value", "url")),
        ({"url": "https://x.example/", "handler": "https://x.example/"}, (422, "bad_value", "handler")),
        ({"url": "https://x.example/", "events": ["opend"]}, (422, "bad_value", "events")),
        ({"url": "https://x.example/", "trigger": "deferred"}, (422, "bad_value", "events")),
        ({"url": "https://x.example/", "batched": True, "format": "form"}, (422, "bad_value", "batched")),
        ({"url": "https://x.example/", "deferred_every": -1}, (422, "bad_value", "deferred_every")),
        ({"url": "https://x.example/", "colour": "red"}, (422, "unknown_property", "colour")),
    ],
)
async def test_a_webhook_that_cannot_be_is_422_with_its_field(
    api: Stage, body: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    assert error(await api.post("/v1/webhook", json=body)) == expected


async def test_a_form_makes_a_webhook_too(api: Stage) -> None:
    with receiver() as there:
        form = {"url": there.url(), "events[]": ["opened", "clicked"], "machine": "false"}
        answer = await api.post("/v1/webhook", data=form)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["events"], answer.json()["machine"]) == (["clicked", "opened"], False)


async def test_webhooks_of_others_are_not_there(api: Stage) -> None:
    with receiver() as there:
        hook = await made(api, there)
        other, path = api.other(), f"/v1/webhook/{hook['id']}"
        for method, more in (("GET", ""), ("DELETE", ""), ("GET", "/deliveries"), ("GET", "/dead")):
            assert (await other.request(method, path + more)).status_code == 404, more
        for act in ("check", "test", "rotate", "disable", "enable", "replay"):
            assert (await other.post(f"{path}/{act}")).status_code == 404, act
        assert (await other.put(path, json={})).status_code == 404
    reader = api.as_token(api.make_token(Scope.READ))
    assert (await reader.get(path)).status_code == 200
    assert (await reader.post(f"{path}/test")).status_code == 403
