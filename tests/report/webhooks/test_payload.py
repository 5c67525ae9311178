"""What stands in a body: our fields, and the table of SMTPeter's webhooks row by row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from relay.model.event import Event, EventName
from relay.model.webhook import SMTPETER, TYPES, Format, Shape, Webhook, events_of, kinds
from relay.report.facts import state_of
from relay.report.webhooks.body import write
from relay.report.webhooks.payload import Told, body_of, event_id, pack, unpack
from tests.http.site import site
from tests.report.stage import event, new_ids
from tests.report.webhooks.stage import said, stage
from tests.store.mail import NOON, mail

MESSAGE = "0f3k2m9s8t7u6v5a"
ABOUT = {"tags": ["a", "b"], "from": "shop@example.com", "message_ref": "order-7"}


def told(name: EventName, kind: str = "", **data: Any) -> Told:
    one = Event(
        name=name, at=NOON, message=MESSAGE, recipient=2, account="shop", data={"to": "ann@example.net", **data}
    )
    return unpack("3-17", kind, pack(one, ABOUT))


def smtpeter(name: EventName, kind: str, mime: str | None = None, **data: Any) -> dict[str, Any]:
    return body_of(told(name, kind, **data), mime)


COMMON = {
    "id": f"{MESSAGE}-2",
    "timestamp": "2026-01-01 12:00:00",
    "time": int(NOON),
    "recipient": "ann@example.net",
    "tags": ["a", "b"],
}


def test_a_bounce_has_the_envelope_and_the_message_that_came_back() -> None:
    body = smtpeter(EventName.BOUNCED, "bounce", "Subject: failed\r\n\r\n", **{"from": ""})
    assert body == COMMON | {"type": "bounce", "envelope": "shop@example.com", "mime": "Subject: failed\r\n\r\n"}


def test_a_failure_has_action_state_and_what_the_host_said() -> None:
    said = ["C: MAIL FROM:<a@b>", "S: 250 Ok", "C: RCPT TO:<ann@example.net>", "S: 550 5.1.1 No such user"]
    body = smtpeter(EventName.FAILED, "failure", reply="550 5.1.1 No such user", conversation=said)
    told_of = {"code": 550, "extended": "5.1.1", "description": "No such user"}
    assert body == COMMON | {"type": "failure", "action": "failed", "state": "rcptto", **told_of}


def test_a_failure_that_came_later_says_bounce() -> None:
    body = smtpeter(EventName.BOUNCED, "failure", status="5.1.1", diagnostic="550 5.1.1 No such user")
    assert (body["state"], body["code"], body["extended"]) == ("bounce", 550, "5.1.1")
    assert event_id(told(EventName.BOUNCED, "failure")) != event_id(told(EventName.BOUNCED, "bounce"))


def test_a_click_and_an_open_have_address_program_and_page() -> None:
    facts = {
        "client": "192.0.2.1",
        "user_agent": "Mozilla",
        "referer": "https://m.example/",
        "url": "https://x.example/?a=1",
    }
    client = {"ip": "192.0.2.1", "useragent": "Mozilla", "referer": "https://m.example/"}
    click = smtpeter(EventName.CLICKED, "click", **facts)
    assert click == COMMON | {"type": "click", "original": "https://x.example/?a=1", **client}
    assert smtpeter(EventName.OPENED, "open", **facts) == COMMON | {"type": "open", **client}


def test_a_delivery_has_the_reply() -> None:
    body = smtpeter(EventName.DELIVERED, "delivery", reply="250 2.0.0 Ok: queued")
    assert body == COMMON | {"type": "delivery", "code": 250, "extended": "2.0.0", "description": "Ok: queued"}


def test_an_abuse_report_has_who_complains_and_the_report() -> None:
    body = smtpeter(EventName.COMPLAINED, "abuse", "the report", **{"from": "fbl@example.net"})
    assert body == COMMON | {"type": "abuse", "emailfrom": "fbl@example.net", "mime": "the report"}


def test_every_event_has_a_type_of_ours_and_reads_as_json_and_as_a_form() -> None:
    assert set(TYPES) == set(EventName)
    for name in EventName:
        body = body_of(told(name, reply="250 Ok", url="https://x.example/", client="192.0.2.1", machine=True))
        assert body["type"] == TYPES[name]
        assert (body["event_id"], body["timestamp"]) == ("evt_3-17", "2026-01-01T12:00:00.000Z")
        assert body["message"]["ref"] == "order-7"
        assert body["machine"] is True
        assert json.loads(write([body], Format.JSON, False)[0]) == body
        pairs = parse_qsl(write([body], Format.FORM, False)[0].decode("ascii"), keep_blank_values=True)
        assert ("message[tags][]", "a") in pairs
        assert ("machine", "true") in pairs


def test_somebody_who_comes_back_is_told_as_such() -> None:
    assert body_of(told(EventName.UNSUBSCRIBED, resubscribed=True))["type"] == "recipient.resubscribed"


def test_a_form_has_lists_as_php_reads_them() -> None:
    octets, kind = write([{"tags": ["a&b", "ü"], "n": None, "yes": True, "m": {"x": [1]}}], Format.FORM, False)
    assert kind == "application/x-www-form-urlencoded"
    assert octets == b"tags%5B%5D=a%26b&tags%5B%5D=%C3%BC&n=&yes=true&m%5Bx%5D%5B%5D=1"


def test_the_step_that_was_refused_is_the_state() -> None:
    assert state_of([]) == "connect"
    assert state_of(["S: 554 go away"]) == "connect"
    assert state_of(["C: MAIL FROM:<>", "S: 550 no"]) == "mailfrom"
    assert state_of(["C: DATA", "S: 354 go", "C: .", "S: 554 spam"]) == "message"


def test_what_was_sent_along_behind_a_refused_recipient_is_not_the_state() -> None:
    together = [
        "C: MAIL FROM:<>",
        "S: 250 Ok",
        "C: RCPT TO:<a@b>",
        "S: 550 no",
        "C: DATA",
        "S: 503 nobody to send to",
    ]
    assert state_of(together) == "rcptto"
    assert state_of(["C: MAIL FROM:<>", "S: 451 no", *together[2:]]) == "mailfrom"
    assert state_of([*together, *together[:2], "C: RCPT TO:<a@b>", "S: 250 Ok", "C: DATA", "S: 451 later"]) == "data"


@pytest.mark.parametrize("name", list(SMTPETER))
def test_names_of_smtpeter_are_taken_for_our_shape_too(name: str) -> None:
    assert events_of([name], Shape.RELAY) == {each.value for each in SMTPETER[name]}
    assert events_of([name.upper()], Shape.SMTPETER) == {name}


def test_an_event_can_be_two_of_smtpeters_types() -> None:
    hook = Webhook(
        id="wh_1", account="a", url="", created=0, events=frozenset({"bounce", "failure"}), shape=Shape.SMTPETER
    )
    assert kinds(hook, EventName.BOUNCED, {}) == ("bounce", "failure")
    assert kinds(hook, EventName.FAILED, {}) == ("failure",)
    assert kinds(hook, EventName.REPLIED, {}) == ("bounce",)
    assert kinds(hook, EventName.DELIVERED, {}) == ()


async def test_the_message_that_came_back_is_fetched_from_the_copy_that_was_passed_on(tmp_path: Path) -> None:
    async with site() as there, stage(tmp_path) as here:
        here.hook(there.url(), shape=Shape.SMTPETER, events=frozenset({"bounce"}))
        copy = mail("me@example.com", contents=[b"Subject: it came back\r\n\r\n"], ident=new_ids().new())
        await here.queue.add(copy)
        await here.tell(event("bounced", new_ids().new(), recipient=1, forwarded=copy.message.id))
        await here.tell(event("bounced", new_ids().new(), recipient=1, forwarded=new_ids().new()))
        assert [said(each.body)["mime"] for each in there.got] == ["Subject: it came back\r\n\r\n", ""]
