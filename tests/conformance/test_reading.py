"""Rows 32, 33 and 62 over the API: events by four selectors, log files in four forms, statistics by tag."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from tests.conformance.stage import PERSON, REFUSES, SENDER, Sent, Stage, links, message, part
from tests.conformance.test_returning import GONE, come_back
from tests.returns.test_kinds import VACATION

Ask = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def api(it: Stage) -> Iterator[httpx.Client]:
    """SMTPeter's way in: the token in the query."""
    token = it.relay.ask("token", "add", "--account", "demo", "--credential", it.demo.username)["token"]
    base = f"http://127.0.0.1:{it.relay.port('http')}/v1/"
    with httpx.Client(base_url=base, params={"access_token": token}, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def told(it: Stage, api: httpx.Client) -> Sent:
    """To two, of a template: one opens and clicks, and the mail comes back; the other is refused."""
    document = {"name": "row-32", "subject": "Hi", "content": '<a href="https://a.example/x">x</a><p>y</p>'}
    made = api.post("template", json=document)
    assert made.status_code == 201, made.text
    fields = ("Tags: row-32, may", "TrackClicks: true", "TrackOpens: true", "TrackBounces: true", "Template: row-32")
    sent = it.send(message(*fields), it.somebody(), it.somebody(REFUSES))
    arrived = it.arrived(sent)
    it.state(sent, "delivered", "failed")
    html = part(arrived.content)
    it.http(links(html)[0])
    it.http(links(html, "src")[0])
    for content in (GONE, VACATION):
        code, reply = come_back(it, arrived.sender, content)
        assert code == 250, reply
    it.events(sent, "clicked", "opened", "bounced", "replied", many=4)
    wanted = {"attempt", "delivery", "failure", "open", "click", "bounce", "response"}
    it.wait(lambda: {each["event"] for each in ask(api, f"events/messageid/{sent.id}")} == wanted, f"{wanted}")
    return sent


def ask(api: httpx.Client, path: str, **query: str) -> list[dict[str, Any]]:
    answer = api.get(path, params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json"), answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def of(events: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each["data"] for each in events if each["event"] == kind]


def test_row_32_events_are_found_by_message_address_template_and_tags(
    it: Stage, api: httpx.Client, told: Sent
) -> None:
    whole = ask(api, f"events/messageid/{told.id}")
    (template,) = [each for each in ask(api, "templates") if each["name"] == "row-32"]
    assert ask(api, "events/tags/row-32") == ask(api, "events/tags/row-32;may") == whole
    assert ask(api, f"events/template/{template['id']}") == ask(api, "events/template/row-32") == whole
    assert {each["templateid"] for kind in whole for each in (kind["data"],)} == {template["id"]}
    for number, address in enumerate(told.to, 1):
        mine = [each for each in whole if each["data"]["id"] == f"{told.id}-{number}"]
        assert ask(api, f"events/email/{address}") == ask(api, f"events/messageid/{told.id}-{number}") == mine
    assert ask(api, "events/tags/row-32;june") == []


def test_row_32_an_event_has_the_fields_of_its_log_file(it: Stage, api: httpx.Client, told: Sent) -> None:
    whole = ask(api, f"events/messageid/{told.id}")
    takes, refuses = told.to
    assert {each["recipient"] for each in of(whole, "attempt")} == set(told.to)
    assert {each["properties"] for each in of(whole, "attempt")} == {"trackbounces;trackopens;trackclicks"}
    (delivery,) = of(whole, "delivery")
    (hop,) = {each["address"] for each in it.events(told, "delivered")}
    assert [delivery[each] for each in ("recipient", "envelope", "from", "to", "attempt", "tags")] == [
        takes, SENDER, "127.0.0.1", hop, 0, "row-32;may",
    ]  # fmt: skip
    failures = {each["recipient"]: each for each in of(whole, "failure")}
    refused, bounced = failures[refuses], failures[takes]
    assert [refused[each] for each in ("type", "code", "status", "state")] == ["error", 550, "5.1.1", "rcptto"]
    assert [bounced[each] for each in ("from", "code", "status", "state")] == ["127.0.0.1", 550, "5.1.1", "bounce"]
    (click,) = of(whole, "click")
    assert (click["url"], click["destination"]) == ("https://a.example/x",) * 2
    assert click["headers"] == f"User-Agent: {PERSON}" == of(whole, "open")[0]["headers"]
    (bounce,), (response,) = of(whole, "bounce"), of(whole, "response")
    assert "550 5.1.1" in bounce["mime"] and "vacation" in response["mime"].lower()
    datetime.strptime(delivery["time"], "%Y-%m-%d %H:%M:%S")


def test_row_32_a_window_is_a_month_at_most_and_never_nothing(it: Stage, api: httpx.Client, told: Sent) -> None:
    path = f"events/email/{told.to[1]}"
    today = datetime.now(UTC).date()
    tomorrow, long_ago = (today + timedelta(1)).isoformat(), (today - timedelta(62)).isoformat()
    whole = ask(api, path)
    assert whole and ask(api, path, start=(today - timedelta(1)).isoformat(), end=tomorrow) == whole
    assert ask(api, path, end=tomorrow, tags="row-32;may") == whole
    assert ask(api, path, start=long_ago, end=tomorrow) == []
    answer = api.get(path, params={"start": tomorrow, "end": tomorrow})
    assert answer.status_code == 400 and "start" in answer.json()["error"]["message"]


def test_reading_tags_of_events_stand_with_semicolons_or_slashes(it: Stage, api: httpx.Client, told: Sent) -> None:
    assert ask(api, "events/tags/row-32/may") == ask(api, "events/tags/may;row-32") != []


def test_row_33_log_files_are_found_by_day_and_read_in_four_forms(it: Stage, api: httpx.Client, told: Sent) -> None:
    day = of(ask(api, f"events/messageid/{told.id}"), "delivery")[0]["time"][:10]
    assert day in ask(api, "logfiles")
    files = ask(api, f"logfiles/{day}")
    prefixes = ("attempts", "bounces", "clicks", "deliveries", "failures", "opens", "responses")
    assert {f"{prefix}.{day}.log" for prefix in prefixes} <= set(map(str, files))
    name = f"logfiles/failures.{day}.log"
    columns = ["id", "time", "envelope", "recipient", "attempt", "from", "to"]
    columns += ["type", "code", "status", "description", "state", "tags", "templateid"]
    plain = list(csv.reader(io.StringIO(api.get(name).text, newline="")))
    named = list(csv.reader(io.StringIO(api.get(f"{name}/header").text, newline="")))
    assert named[0] == columns
    assert named[1 : len(plain) + 1] == plain
    mine = [line for line in plain if line[0] == f"{told.id}-2"]
    objects = [each for each in ask(api, f"{name}/json") if each["id"] == f"{told.id}-2"]
    assert [[str(each[column]) for column in columns] for each in objects] == mine
    root = ElementTree.fromstring(api.get(f"{name}/xml").content)
    assert root.tag == "records" and {each.tag for each in root} == {"record"}
    found = [[field.text or "" for field in each] for each in root if each.findtext("id") == f"{told.id}-2"]
    assert found == mine


def test_row_33_a_log_file_and_the_events_say_the_same(it: Stage, api: httpx.Client, told: Sent) -> None:
    whole = ask(api, f"events/messageid/{told.id}")
    for kind, prefix in (("attempt", "attempts"), ("bounce", "bounces"), ("click", "clicks"), ("open", "opens")):
        data = of(whole, kind)
        lines = ask(api, f"logfiles/{prefix}.{data[0]['time'][:10]}.log/json")
        for each in data:
            assert {name: text for name, text in each.items() if name != "machine"} in lines


def test_row_62_a_tag_has_its_numbers_and_moves_up_when_something_happens(it: Stage, api: httpx.Client) -> None:
    page = '<a href="https://a.example/">x</a><p>y</p>'
    fields = ("Tags: row-62-rest", "TrackClicks: true", "TrackOpens: true")
    sent = [it.send(message(*fields, html=page)) for _ in range(2)]
    html = [part(it.arrived(each).content) for each in sent]
    for each in sent:
        it.state(each, "delivered")
    time.sleep(3.1)  # who follows a link sooner than after 3 s is taken for a machine
    for url in (links(html[0])[0], links(html[0])[0], links(html[1], "src")[0]):
        it.http(url)
    counts = {"all_opens": 1, "unique_opens": 1, "all_clicks": 2, "unique_clicks": 1, "messages": 2, "deliveries": 2}

    def numbers() -> dict[str, Any]:
        answer = api.get("stats/row-62-rest")
        return answer.json() if answer.status_code == 200 else {}

    it.wait(lambda: {**numbers(), **counts} == numbers() != {}, f"{counts}")
    found = numbers()
    assert list(found) == ["tag", "first", "last", *counts]
    assert api.get("tag/row-62-rest").json() == found
    assert found in ask(api, "stats") and len(ask(api, "stats")) <= 10
    assert ask(api, "recent_tags") == ask(api, "stats")
