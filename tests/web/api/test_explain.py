"""Why a message is where it is, and what was said about it, over the API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relay.model.clock import iso
from relay.model.times import times_as_text
from relay.report.explain import explain
from tests.web.api.stage import Stage
from tests.web.api.story import ANN, BOB, CONVERSATION, story


async def test_message_explain_is_what_the_command_tells_with_times_as_text(api: Stage) -> None:
    (ident,) = await api.send(tags=["a"], metadata={"at": 5, "due": 7})
    answer = await api.get(f"/v1/messages/{ident}/explain")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    found = answer.json()
    assert found == json.loads(json.dumps(times_as_text(explain(api.data, ident).as_dict())))
    assert found["account"] == "shop" and found["kept"] is True
    assert found["received"].endswith("Z") and found["deadline"].endswith("Z")
    assert found["options"]["tags"]["value"] == ["a"]
    assert found["options"]["metadata"]["value"] == {"at": 5, "due": 7}
    (person,) = found["recipients"]
    assert (person["id"], person["address"]) == (ident, ANN)


async def test_message_explain_of_a_message_that_is_kept_no_longer_is_told_from_events(api: Stage) -> None:
    told = await story(api)
    found = (await api.get(f"/v1/messages/{told.one}/explain")).json()
    assert (found["kept"], found["options"]) == (False, {})
    assert [each["state"] for each in found["recipients"]] == ["delivered", "failed"]
    (only,) = (await api.get(f"/v2/messages/{told.one}-2/explain/")).json()["recipients"]
    assert only["steps"][-1]["conversation"] == CONVERSATION


async def test_message_trace_has_the_conversation_of_every_attempt(api: Stage) -> None:
    told = await story(api)
    first: dict[str, Any] = {
        "to": BOB,
        "attempt": 1,
        "host": "mx1.example.org",
        "reply": "451 later",
        "egress": "default",
    }
    await api.record(told.event("deferred", told.one, 2, by=-60, conversation=["-- no answer"], next=1.0, **first))
    found = (await api.get(f"/v1/messages/{told.one}/trace")).json()["recipients"]
    assert [(each["id"], each["recipient"], len(each["attempts"])) for each in found] == [
        (f"{told.one}-1", ANN, 1),
        (f"{told.one}-2", BOB, 2),
    ]
    deferred, failed = found[1]["attempts"]
    assert deferred == {
        "event": "deferred",
        "at": iso(told.now - 60),
        "attempt": 1,
        "facts": {"egress": "default", "host": "mx1.example.org", "reply": "451 later"},
        "conversation": ["-- no answer"],
    }
    assert (failed["event"], failed["conversation"]) == ("failed", CONVERSATION)
    assert (await api.get(f"/v1/messages/{told.one}-2/trace")).json()["recipients"] == found[1:]


async def test_message_trace_of_what_was_not_attempted_yet_is_empty(api: Stage) -> None:
    told = await story(api)
    for ident in (told.two, f"{told.two}-1"):
        assert (await api.get(f"/v1/messages/{ident}/trace")).json() == {"recipients": []}


@pytest.mark.parametrize("call", ["explain", "trace"])
async def test_messages_of_others_and_of_nobody_are_not_there(api: Stage, call: str) -> None:
    told = await story(api)
    for ident in (told.three, f"{told.one}-3", f"{told.two}-2", told.ids.new(), "nothing", "%C3%A9"):
        answer = await api.get(f"/v1/messages/{ident}/{call}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), ident
