"""Sending by `messages`: one, many, and ready-made ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relay.store.interface import StoreFull
from relay.store.sqlite import SqliteQueue
from tests.web.api.stage import Stage

ONE = {"recipient": "ann@example.net", "from": "me@example.com", "subject": "Hi", "text": "Hello."}
RAW = b"From: me@example.com\nTo: ann@example.net\nSubject: Hi\nX-SMTPeter-Tags: raw\n\nHello.\n"
RAW_TYPE = {"Content-Type": "message/rfc822"}


def received(api: Stage) -> list[str]:
    return [each.message for each in api.events() if each.name.value == "received"]


async def test_messages_send_answers_ids_what_was_refused_and_warnings(api: Stage) -> None:
    people = ["ann@example.net", "bob", {"eve@example.net": {"name": "Eve"}, "joe": {}}, {"jim": {}}]
    body = {**ONE, "recipient": people, "options": {"tags": ["a", "b"]}}
    answer = await api.post("/v1/messages", json=body)
    assert answer.status_code == 202 and answer.headers["content-type"] == "application/json"
    told = answer.json()
    ident = told["id"]
    assert told["accepted"] == [
        {"recipient": "ann@example.net", "id": f"{ident}-1"},
        {"recipient": "eve@example.net", "id": f"{ident}-2"},
    ]
    assert [each["recipient"] for each in told["rejected"]] == ["bob", "joe", "jim"]
    assert told["rejected"][0]["code"] == "bad_value" and "recipient[1]" in told["rejected"][0]["reason"]
    assert told["warnings"] == api.events()[0].data.get("warnings", [])
    assert answer.headers["location"] == f"{api.url}/v1/messages/{ident}"
    assert api.events()[0].data["tags"] == ["a", "b"]


async def test_messages_send_with_no_good_recipient_is_refused(api: Stage) -> None:
    for body in (
        {**ONE, "recipient": ["bob", "eve"]},
        {**ONE, "recipient": "bob"},
        {**ONE, "recipient": {"bob": {}}},
        {**ONE, "recipient": []},
    ):
        answer = await api.post("/v1/messages", json=body)
        assert answer.status_code == 422, answer.text
    assert received(api) == []


async def test_messages_send_dry_run_keeps_nothing(api: Stage) -> None:
    answer = await api.post("/v1/messages?dry_run=1", json=ONE)
    assert answer.status_code == 200 and answer.json()["recipients"] == ["ann@example.net"]
    assert received(api) == []


async def test_messages_send_with_a_key_sends_once(api: Stage) -> None:
    key = {"Idempotency-Key": "order-7"}
    first = await api.post("/v1/messages", json=ONE, headers=key)
    second = await api.post("/v1/messages", json=ONE, headers=key)
    assert (second.status_code, second.json()) == (202, first.json())
    assert second.headers["idempotency-replayed"] == "true" and "idempotency-replayed" not in first.headers
    other = await api.post("/v1/messages", json={**ONE, "text": "Bye."}, headers=key)
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert received(api) == [first.json()["id"]]


async def test_messages_send_is_not_sent_twice_where_only_the_answer_was_lost(
    api: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any) -> None:
        raise StoreFull("no room for answers")

    monkeypatch.setattr(api.services.idempotency, "answered", fails)
    key = {"Idempotency-Key": "order-7"}
    first = await api.post("/v1/messages", json=ONE, headers=key)
    second = await api.post("/v1/messages", json=ONE, headers=key)
    assert second.status_code == 202 and second.json()["accepted"] == first.json()["accepted"]
    assert "idempotency-replayed" not in second.headers
    assert received(api) == [first.json()["id"]]


async def test_messages_batch_answers_each_message_in_its_order(api: Stage) -> None:
    base = {key: value for key, value in ONE.items() if key != "recipient"}
    items: list[Any] = [
        {"recipient": "ann@example.net", "subject": "One"},
        {"recipient": "bob", "subject": "Two"},
        {"recipient": "eve@example.net", "from": "me@stranger.example"},
        {"recipient": "joe@example.net"},
    ]
    answer = await api.post("/v1/messages/batch", json={"base": base, "messages": items})
    assert answer.status_code == 207, answer.text
    told = answer.json()["messages"]
    assert [each["status"] for each in told] == [202, 422, 403, 202]
    assert told[1]["body"]["error"]["field"] == "recipient"
    assert told[3]["body"]["accepted"][0]["recipient"] == "joe@example.net"
    assert b"Subject: One" in api.content(told[0]["body"]["id"])
    assert b"Subject: Hi" in api.content(told[3]["body"]["id"])
    assert len(received(api)) == 2


async def test_messages_batch_that_is_all_well_is_202(api: Stage) -> None:
    answer = await api.post("/v1/messages/batch", json={"messages": [ONE, ONE]})
    assert answer.status_code == 202
    assert len({each["body"]["id"] for each in answer.json()["messages"]}) == 2
    dry = await api.post("/v1/messages/batch?dry_run=1", json={"messages": [ONE]})
    assert dry.status_code == 200 and dry.json()["messages"][0]["body"]["recipients"] == ["ann@example.net"]
    assert len(received(api)) == 2


async def test_messages_batch_sent_again_sends_only_what_failed_on_our_side(
    api: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = SqliteQueue.add

    async def full(queue: SqliteQueue, new: Any) -> None:
        if b"Subject: Two" in new.contents[0]:
            raise StoreFull("no room")
        await add(queue, new)

    body, key = {"messages": [ONE, {**ONE, "subject": "Two"}]}, {"Idempotency-Key": "mailing-7"}
    monkeypatch.setattr(SqliteQueue, "add", full)
    first = await api.post("/v1/messages/batch", json=body, headers=key)
    assert [each["status"] for each in first.json()["messages"]] == [202, 503]
    monkeypatch.undo()
    second = await api.post("/v1/messages/batch", json=body, headers=key)
    assert second.status_code == 202 and "idempotency-replayed" not in second.headers
    assert second.json()["messages"][0]["body"]["id"] == first.json()["messages"][0]["body"]["id"]
    third = await api.post("/v1/messages/batch", json=body, headers=key)
    assert third.headers["idempotency-replayed"] == "true" and third.json() == second.json()
    assert len(received(api)) == 2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "missing"),
        ({"messages": []}, "bad_value"),
        ({"messages": {"a": 1}}, "bad_value"),
        ({"messages": [7]}, "bad_value"),
        ({"messages": [ONE], "base": []}, "bad_value"),
        ({"messages": [ONE], "bass": {}}, "unknown_property"),
        ({"messages": [{}] * 1001}, "bad_value"),
    ],
    ids=["none", "empty", "no list", "no object", "base", "unknown", "too many"],
)
async def test_messages_batch_that_is_none_is_refused(api: Stage, body: dict[str, Any], code: str) -> None:
    answer = await api.post("/v1/messages/batch", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)


async def test_messages_mime_sends_the_octets_with_the_envelope_of_the_query(api: Stage) -> None:
    options = json.dumps({"campaign": "spring", "tags": ["below"]})
    params = {"to": ["ann@example.net", "bob@example.net"], "from": "bounces@example.com", "options": options}
    answer = await api.post("/v1/messages/mime", content=RAW, headers=RAW_TYPE, params=params)
    assert answer.status_code == 202, answer.text
    told = answer.json()
    assert [each["recipient"] for each in told["accepted"]] == ["ann@example.net", "bob@example.net"]
    content = api.content(told["id"])
    assert content.endswith(b"Subject: Hi\r\n\r\nHello.\r\n") and b"X-SMTPeter" not in content
    event = api.events()[0]
    assert event.data["from"] == "bounces@example.com"
    assert (event.data["tags"], event.data["campaign"]) == (["raw"], "spring")  # the message's own goes first


async def test_messages_mime_without_a_sender_notifies_nobody(api: Stage) -> None:
    answer = await api.post("/v1/messages/mime?to=ann@example.net", content=RAW, headers=RAW_TYPE)
    assert answer.status_code == 202
    assert (await api.get(f"/v1/envelope/{answer.json()['id']}")).text == ""


async def test_messages_mime_of_many_octets_is_sent(api: Stage) -> None:
    large = RAW + b"0123456789abcdef\n" * 40_000
    answer = await api.post("/v1/messages/mime?to=ann@example.net", content=large, headers=RAW_TYPE)
    assert answer.status_code == 202
    assert len(api.content(answer.json()["id"])) > 40_000 * 18


@pytest.mark.parametrize(
    ("query", "content", "status", "field"),
    [
        ("", RAW, 400, "to"),
        ("to=ann", RAW, 422, "to"),
        ("to=ann@example.net&from=me", RAW, 422, "from"),
        ("to=ann@example.net&options=[]", RAW, 400, "options"),
        ("to=ann@example.net&options={", RAW, 400, "options"),
        ('to=ann@example.net&options={"tagz":1}', RAW, 422, ""),
        ("to=ann@example.net", b"", 422, ""),
        ("to=ann@example.net", b"From: me@example.com\r\n\r\na\rb\r\n", 422, ""),
    ],
    ids=["no recipient", "bad recipient", "bad sender", "list", "no json", "unknown option", "empty", "bare CR"],
)
async def test_messages_mime_that_cannot_be_sent_is_refused(
    api: Stage, query: str, content: bytes, status: int, field: str
) -> None:
    answer = await api.post(f"/v1/messages/mime?{query}", content=content, headers=RAW_TYPE)
    assert answer.status_code == status, answer.text
    if field:
        assert answer.json()["error"]["field"] == field
    assert received(api) == []


async def test_messages_mime_takes_no_json(api: Stage) -> None:
    answer = await api.post("/v1/messages/mime?to=ann@example.net", json=ONE)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "bad_type")


async def test_a_message_by_v2_has_at_most_100_recipients(api: Stage) -> None:
    people = [f"a{number}@example.net" for number in range(101)]
    answer = await api.post("/v2/messages", json={**ONE, "recipient": people})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "too_many_recipients")
    assert (await api.post("/v1/messages", json={**ONE, "recipient": people})).status_code == 202
