"""Events over the API: SMTPeter's four queries, and ours."""

from __future__ import annotations

import re
from typing import Any

import pytest

from relay.model.account import Scope
from relay.model.template import Template
from relay.report import eventpages
from tests.web.api.stage import SHOP, Stage
from tests.web.api.story import ANN, BOB, MAY, story

ONE = ["click", "open", "open", "failure", "delivery", "attempt", "attempt"]


async def asked(api: Stage, path: str) -> list[dict[str, Any]]:
    answer = await api.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json"), answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


async def kinds(api: Stage, path: str) -> list[str]:
    return [each["event"] for each in await asked(api, path)]


async def test_events_messageid_gives_all_of_a_submission_and_of_a_recipient_its_own(api: Stage) -> None:
    told = await story(api)
    assert await kinds(api, f"/v1/events/messageid/{told.one}") == ONE
    assert await kinds(api, f"/v2/events/messageid/{told.one}-2/") == ["failure", "attempt"]
    assert await kinds(api, f"/v1/events/messageid/{told.one}-9") == []
    assert await kinds(api, f"/v1/events/messageid/{told.three}") == []
    assert await kinds(api, "/v1/events/messageid/vvvvvvvvvvvvvvvv") == []
    assert (await api.get("/v1/events/messageid/nothing")).status_code == 404


async def test_events_messageid_has_the_columns_of_the_log_files(api: Stage) -> None:
    told = await story(api)
    *_, delivery, _, _ = await asked(api, f"/v1/events/messageid/{told.one}")
    assert delivery == {
        "event": "delivery",
        "data": {
            "id": f"{told.one}-1",
            "time": delivery["data"]["time"],
            "envelope": "me@example.com",
            "recipient": ANN,
            "from": "10.0.0.1",
            "to": "10.0.0.2",
            "attempt": 0,
            "tags": "news;may",
            "templateid": 7,
        },
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", delivery["data"]["time"])


async def test_events_email_finds_an_address_in_any_case(api: Stage) -> None:
    await story(api)
    assert await kinds(api, f"/v1/events/email/{ANN.upper()}") == [
        "attempt",
        *("click", "open", "open", "delivery", "attempt"),
    ]
    assert [each["data"]["recipient"] for each in await asked(api, "/v1/events/email/bob@example.org")] == [BOB] * 2
    assert await kinds(api, "/v1/events/email/nobody@example.net") == []


async def test_events_template_takes_a_number_or_a_name(api: Stage) -> None:
    await story(api)
    assert await kinds(api, "/v1/events/template/7") == ONE
    assert await kinds(api, "/v1/events/template/007") == ONE
    assert await kinds(api, "/v1/events/template/8") == [], "another account's"
    kept = api.registry.put_template(Template(account=SHOP, name="Welcome", created=1.0, subject="Hi"))
    assert kept.id not in (7, 8)
    assert await kinds(api, "/v1/events/template/welcome") == []
    assert (await api.get("/v1/events/template/nothing")).status_code == 404


async def test_events_tags_finds_messages_that_have_all_of_them(api: Stage) -> None:
    await story(api)
    for path in ("may", "news;may", "may/news", "news?tags=may", "news?tags=may;news"):
        assert await kinds(api, f"/v1/events/tags/{path}") == ONE, path
    assert await kinds(api, "/v1/events/tags/news") == ["attempt", *ONE]
    for path in ("secret", "news;secret", "news?tags=june", "may;"):
        found = await kinds(api, f"/v1/events/tags/{path}")
        assert found == (ONE if path == "may;" else []), path
    assert (await api.get("/v1/events/tags/;")).status_code == 400


@pytest.mark.parametrize(
    ("by", "query", "count"),
    [
        (0, "start={0}", 2),
        (0, "end={1}", 2),
        (0, "start={0}&end={1}", 2),
        (0, "end={0}", 0),
        (0, "start={1}", 0),
        (0, "start={0}&tags=may", 2),
        (0, "start={0}&tags=june", 0),
    ],
)
async def test_events_have_a_window_whose_end_is_not_included(api: Stage, by: int, query: str, count: int) -> None:
    told = await story(api)
    window = query.format(told.day(0), told.day(1))
    assert len(await kinds(api, f"/v1/events/email/{BOB}?{window}")) == count


async def test_events_of_more_than_a_month_are_cut_to_a_month_from_start(api: Stage) -> None:
    told = await story(api)
    await api.record(told.event("received", told.ids.new(), by=-40 * 86_400, to="old@example.net"))
    path = "/v1/events/email/old@example.net"
    assert await kinds(api, path) == []
    assert await kinds(api, f"{path}?start={told.day(-41)}&end={told.day(0)}") == ["attempt"]
    assert await kinds(api, f"{path}?start={told.day(-80)}&end={told.day(0)}") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("start=2026-01-01&end=2026-01-01", "end"),
        ("start=2026-01-02&end=2026-01-01", "end"),
        ("start=yesterday", "start"),
        ("end=2026-02-30", "end"),
        ("after=3", "after"),
        ("since=1d", "since"),
    ],
)
async def test_events_of_a_window_that_cannot_be_are_a_fault(api: Stage, query: str, field: str) -> None:
    answer = await api.get(f"/v1/events/email/{ANN}?{query}")
    assert answer.status_code == 400
    assert (answer.json()["error"]["code"], answer.json()["error"]["field"]) == ("bad_parameter", field)


async def test_events_of_more_than_a_page_holds_are_linked(api: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await story(api)
    monkeypatch.setattr(eventpages, "RECORDS", 3)
    address, found = f"{api.url}/v1/events/tags/news;may?tags=news", []
    for _ in range(4):
        answer = await api.get(address)
        found += [each["event"] for each in answer.json()]
        if "link" not in answer.headers:
            break
        (address,) = re.findall(r'^<(.*)>; rel="next"$', answer.headers["link"])
        assert "tags/news;may?" in address and "access_token" not in address
    assert found == ONE


# --- ours -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["received", "clicked", "opened", "opened", "failed", "delivered", "received"]),
        ("event=failed&event=clicked", ["clicked", "failed"]),
        (f"recipient={BOB}", ["failed", "received"]),
        ("domain=EXAMPLE.org", ["failed", "received"]),
        ("tag=may&event=received", ["received"]),
        ("tag=secret", []),
        ("campaign=spring&domain=example.org", ["failed", "received"]),
        ("template=7&event=delivered", ["delivered"]),
        ("message={one}-2", ["failed", "received"]),
        ("message={two}", ["received"]),
        ("message={three}", []),
        ("since=1h&event=failed", ["failed"]),
        ("sender=ME@example.com&event=failed", ["failed"]),
        ("sender=Nobody@example.com", []),
        ("credential=Shop-App&event=failed&event=delivered", ["failed", "delivered"]),
        ("credential=nobody", []),
        ("until=1h", []),
        ("order=oldest&event=received&event=failed", ["received", "failed", "received"]),
    ],
)
async def test_events_are_found_by_their_own_names(api: Stage, query: str, names: list[str]) -> None:
    told = await story(api)
    answer = await api.get(f"/v1/events?{query.format(one=told.one, two=told.two, three=told.three)}")
    assert [each["event"] for each in answer.json()["events"]] == names


async def test_events_tell_all_but_the_conversation_with_times_as_text(api: Stage) -> None:
    told = await story(api)
    due = told.event("deferred", told.one, 2, to=BOB, attempt=1, next=1_795_000_000.0, conversation=["C: x"], **MAY)
    await api.record(due)
    (found,) = (await api.get("/v1/events?event=deferred")).json()["events"]
    assert found["id"].startswith("1000.") and found["at"].endswith("Z")
    assert {name: found[name] for name in found if name not in ("id", "at")} == {
        "event": "deferred",
        "message": f"{told.one}-2",
        "credential": "shop-app",
        "to": BOB,
        "attempt": 1,
        "next": "2026-11-18T11:06:40.000Z",
        "tags": ["news", "may"],
        "campaign": "spring",
    }


@pytest.mark.parametrize("order", ["newest", "oldest"])
async def test_events_come_in_pages_each_once(api: Stage, order: str) -> None:
    await story(api)
    ids: list[str] = []
    page: dict[str, Any] = {"next": "", "more": True}
    while page["more"]:
        page = (await api.get("/v1/events", params={"order": order, "limit": 2, "after": page["next"]})).json()
        assert len(page["events"]) <= 2
        ids += [each["id"] for each in page["events"]]
    assert len(ids) == len(set(ids)) == 7
    assert (page["next"] is None) == (order == "newest")


async def test_events_are_followed_from_where_the_last_answer_ended(api: Stage) -> None:
    empty = (await api.get("/v1/events?order=oldest")).json()
    assert (empty["events"], empty["more"]) == ([], False)
    told = await story(api)
    first = (await api.get(f"/v1/events?order=oldest&after={empty['next']}")).json()
    assert len(first["events"]) == 7
    await api.record(told.event("opened", told.two, 1, to=ANN))
    second = (await api.get(f"/v1/events?order=oldest&after={first['next']}")).json()
    assert [each["event"] for each in second["events"]] == ["opened"]
    third = (await api.get(f"/v1/events?order=oldest&after={second['next']}")).json()
    assert (third["events"], third["next"], third["more"]) == ([], second["next"], False)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("event=open", "event"),
        ("message=x", "message"),
        ("since=later", "since"),
        ("until=99999999999999d", "until"),
        ("order=up", "order"),
        ("limit=0", "limit"),
        ("after=here", "after"),
    ],
)
async def test_events_say_which_parameter_is_wrong(api: Stage, query: str, field: str) -> None:
    answer = await api.get(f"/v1/events?{query}")
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


async def test_events_of_an_account_are_read_with_the_scope_for_it_and_by_nobody_else(api: Stage) -> None:
    told = await story(api)
    sender = api.as_token(api.make_token(Scope.SEND))
    assert (await sender.get(f"/v1/events/messageid/{told.one}")).status_code == 403
    other = api.other()
    assert (await other.get(f"/v1/events/messageid/{told.one}")).json() == []
    assert [each["message"] for each in (await other.get("/v1/events")).json()["events"]] == [told.three]
