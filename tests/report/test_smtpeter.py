"""Events become SMTPeter's records: kinds, columns in their order, and what is derived."""

from __future__ import annotations

from typing import Any

import pytest

from relay.model.event import Event, EventName
from relay.report.smtpeter import KINDS, Record, Said, kinds_of, records
from tests.report.stage import event

ID = "0r2k9v1m00000001"
SAID = Said(sender="me@example.com", template=7, mime="Subject: no\r\n", delivery={"local": "10.0.0.1", "attempt": 3})
CONVERSATION = [
    "S: 220 hi",
    "C: MAIL FROM:<me@example.com>",
    "S: 250 ok",
    "C: RCPT TO:<ann@example.net>",
    "S: 550 no",
]
COLUMNS = {
    "abuses": "id, time, envelope, recipient, tags, templateid",
    "attempts": "id, time, envelope, recipient, properties, tags, templateid",
    "bounces": "id, time, envelope, recipient, mime, tags, templateid",
    "clicks": "id, time, headers, ip, url, destination, tags, recipient, city, countryname, countrycode, regioncode, "
    "templateid",
    "deliveries": "id, time, envelope, recipient, from, to, attempt, tags, templateid",
    "dmarc": "time, organizationName, email, reportId, begin, end, domain, sendingDomain, messages, failedSpf, "
    "failedDkim",
    "failures": "id, time, envelope, recipient, attempt, from, to, type, code, status, description, state, tags, "
    "templateid",
    "opens": "id, time, headers, ip, protocol, tags, recipient, city, countryname, countrycode, regioncode, "
    "templateid",
    "responses": "id, time, envelope, recipient, mime, tags, templateid",
}


def told(name: str, **data: Any) -> Event:
    return event(name, ID, recipient=None if name == "received" else 1, **({"to": "ann@example.net"} | data))


def all_of(given: Event) -> list[Record]:
    return [record for kind in kinds_of(given) for record in records(given, kind, SAID)]


def only(given: Event, prefix: str) -> dict[str, Any]:
    (record,) = [each for each in all_of(given) if each.kind.prefix == prefix]
    assert record.row() == tuple(record.values[each] for each in record.kind.columns)
    return dict(record.values)


def test_the_columns_stand_in_smtpeters_order() -> None:
    assert {kind.prefix: ", ".join(kind.columns) for kind in KINDS.values()} == COLUMNS
    assert {kind.event for kind in KINDS.values()} == {
        "", "attempt", "bounce", "click", "delivery", "failure", "open", "response",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "data", "prefixes"),
    [
        ("received", {}, ["attempts"]),
        ("delivered", {}, ["deliveries"]),
        ("failed", {}, ["failures"]),
        ("expired", {}, ["failures"]),
        ("bounced", {}, ["bounces", "failures"]),
        ("replied", {"automatic": True}, ["responses"]),
        ("replied", {}, ["responses"]),
        ("replied", {"action": "delayed"}, ["bounces"]),
        ("complained", {}, ["abuses"]),
        ("opened", {}, ["opens"]),
        ("clicked", {}, ["clicks"]),
        ("deferred", {}, []),
        ("attempted", {}, []),
        ("suppressed", {}, []),
        ("delivered", {"origin": "report"}, []),
        ("received", {"origin": "return"}, []),
    ],
)
def test_an_event_is_told_as_what_smtpeter_calls_it(name: str, data: dict[str, Any], prefixes: list[str]) -> None:
    assert [each.prefix for each in kinds_of(told(name, **data))] == prefixes


def test_every_kind_but_dmarc_has_an_event_of_ours() -> None:
    found = {kind.prefix for name in EventName for kind in kinds_of(told(name.value))}
    assert found == set(KINDS) - {"dmarc"}


def test_a_message_is_an_attempt_for_each_recipient_with_the_switches_that_were_on() -> None:
    options = {"prevent_scam": True, "inline_css": False, "track_clicks": "html", "track_bounces": True}
    given = told("received", to=["ann@example.net", "bob@example.org"], options=options, tags=["a", "b"])
    first, second = all_of(given)
    assert first.row() == (
        f"{ID}-1",
        "2026-01-01 12:00:00",
        "me@example.com",
        "ann@example.net",
        "preventscam;trackbounces;trackclicks",
        "a;b",
        7,
    )
    assert (second.values["id"], second.values["recipient"], second.recipient) == (f"{ID}-2", "bob@example.org", 2)


def test_a_delivery_says_from_where_to_where_and_counts_attempts_from_0() -> None:
    found = only(told("delivered", attempt=2, local="10.0.0.1", address="10.0.0.2"), "deliveries")
    assert (found["from"], found["to"], found["attempt"]) == ("10.0.0.1", "10.0.0.2", 1)


def test_a_refusal_says_code_status_and_the_step_it_came_at() -> None:
    given = told("failed", attempt=1, reply="550 5.1.1 No such user", conversation=CONVERSATION)
    found = only(given, "failures")
    assert [found[each] for each in ("type", "code", "status", "description", "state", "attempt")] == [
        "error", 550, "5.1.1", "No such user", "rcptto", 0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "state"),
    [
        ({"class": "dns"}, "dns"),
        ({"class": "egress"}, "bind"),
        ({"class": "no-mail"}, "process"),
        ({"class": "connection", "conversation": ["-- no answer"]}, "connect"),
    ],
)
def test_where_nobody_said_anything_the_state_is_of_what_was_tried(data: dict[str, Any], state: str) -> None:
    assert only(told("failed", reply="550 5.1.2 no", **data), "failures")["state"] == state


def test_what_ran_out_of_time_is_a_time_out() -> None:
    found = only(told("expired", reply="554 5.4.7 delivery time expired"), "failures")
    assert (found["type"], found["state"], found["code"]) == ("timeout", "process", 554)


def test_a_bounce_is_a_failure_of_the_delivery_it_comes_after() -> None:
    given = told("bounced", status="5.2.2", diagnostic="552 5.2.2 mailbox full", forwarded="x")
    found = only(given, "failures")
    assert [found[each] for each in ("from", "attempt", "type", "code", "status", "description", "state")] == [
        "10.0.0.1", 2, "error", 552, "5.2.2", "mailbox full", "bounce",
    ]  # fmt: skip
    assert only(given, "bounces")["mime"] == "Subject: no\r\n"
    assert only(told("bounced", diagnostic="gone away"), "failures")["code"] == 0


def test_a_click_has_the_lines_of_its_request_and_where_it_led() -> None:
    given = told(
        "clicked", url="https://a.example/", user_agent="Moz", referer="https://b.example/", client="1.2.3.4"
    )
    found = only(given, "clicks")
    assert found["headers"] == "User-Agent: Moz\nReferer: https://b.example/"
    assert (found["url"], found["destination"], found["ip"]) == ("https://a.example/",) * 2 + ("1.2.3.4",)
    assert (found["city"], found["countrycode"]) == ("", "")


def test_an_open_says_whether_it_came_over_https() -> None:
    assert only(told("opened", secure=True), "opens")["protocol"] == "https"
    assert only(told("opened"), "opens")["protocol"] == "http"


def test_tests_and_machines_are_marked_where_records_are_told_as_events() -> None:
    (record,) = all_of(told("opened", machine=True, test=True))
    shown = record.as_event()
    assert shown["event"] == "open"
    assert list(shown["data"]) == [*record.kind.columns, "test", "machine"]
    assert "test" not in all_of(told("opened"))[0].as_event()["data"]
