"""Rows 18 to 29 and 64: POST /send, from an application's request to what arrives."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import httpx
import pytest

from tests.conformance.origin import Origin, picture
from tests.conformance.stage import BOUNCES, BUSY, CLICKS, REFUSES, SENDER, TRACES, Sent, Stage, headers, links, part
from tests.conformance.test_doors import related
from tests.conformance.test_sending import ADDRESS, PAGE_URL, covered
from tests.e2e.world import HOME_DOMAIN
from tests.peers.receiver import Received, Receiver

PAGE = '<p><a href="https://shop.example/sale">Sale</a><img src="https://shop.example/a.png"></p>'


class App:
    """An application that was written for SMTPeter: its token in the query, and 200 to 202 is success."""

    def __init__(self, it: Stage, client: httpx.Client) -> None:
        self.it = it
        self.client = client

    def post(self, **properties: Any) -> httpx.Response:
        return self.client.post("send", json=properties)

    def send(self, *to: str, **properties: Any) -> Sent:
        """A message that must be taken; to somebody new where nobody is named."""
        people = to or (self.it.somebody(),)
        given = {"from": SENDER, "subject": "Hello", **properties}
        answer = self.post(**{"recipients": list(people), **given})
        assert answer.status_code in (200, 201, 202), answer.text
        assert answer.headers["content-type"] == "application/json"
        found: dict[str, str] = answer.json()
        assert tuple(found.values()) == people
        return Sent(next(iter(found)).partition("-")[0], people, "")

    def arrived(self, *to: str, **properties: Any) -> bytes:
        sent = self.send(*to, **properties)
        return self.it.arrived(sent).content

    def read(self, *to: str, **properties: Any) -> EmailMessage:
        return message_from_bytes(self.arrived(*to, **properties), policy=policy.default)

    def refused(self, **properties: Any) -> str:
        answer = self.post(**{"recipient": self.it.somebody(), "from": SENDER, "text": "x", **properties})
        assert 400 <= answer.status_code < 500, answer.text
        message: str = answer.json()["error"]["message"]
        return message


@pytest.fixture(scope="module")
def app(it: Stage) -> Iterator[App]:
    token = it.relay.ask("token", "add", "--account", "demo", "--credential", it.demo.username)["token"]
    base = f"http://127.0.0.1:{it.relay.port('http')}/v1/"
    with httpx.Client(base_url=base, params={"access_token": token}, timeout=30, trust_env=False) as client:
        yield App(it, client)


def test_row_18_a_ready_message_is_sent_as_it_is_and_its_fields_are_honoured(it: Stage, app: App) -> None:
    mime = f"From: {SENDER}\nTo: list@{HOME_DOMAIN}\nSubject: Mime\nX-Own: 1\nContent-Type: text/html\n\n{PAGE}\n"
    to = it.somebody()
    found = app.post(recipient=to, mime=f"X-SMTPeter-TrackClicks: false\n{mime}", trackclicks=True, trackopens=False)
    arrived = it.arrived(Sent(next(iter(found.json())), (to,), "")).content
    assert arrived.endswith(mime.replace("\n", "\r\n").encode())
    assert b"smtpeter" not in arrived.lower()
    it.internet.check_signatures(arrived)


def test_row_19_a_message_is_built_from_properties_and_they_route_nothing(it: Stage, app: App) -> None:
    people = [f"Ann <ann@{HOME_DOMAIN}>", f"bob@{HOME_DOMAIN}"]
    to = it.somebody()
    found = app.read(
        to,
        **{"from": f"Jörg <{SENDER}>"},
        to=people,
        cc=", ".join(people),
        replyto=SENDER,
        subject="Grüße",
        text="Hallo Welt\n",
        html="<p>Hallo Welt</p>",
        trackopens=False,
    )
    assert (found["From"], found["Subject"], found["Reply-To"]) == (f"Jörg <{SENDER}>", "Grüße", SENDER)
    assert found["To"] == found["Cc"] == ", ".join(people)
    assert [each.get_content().strip() for each in found.iter_parts()] == ["Hallo Welt", "<p>Hallo Welt</p>"]
    assert "exactly one" in app.refused(**{"from": f"{SENDER}, {SENDER}"})
    nobody = app.post(**{"from": SENDER, "to": to, "text": "x"})
    assert (nobody.status_code, "no recipient" in nobody.text) == (422, True)


def test_row_20_each_recipient_has_an_id_and_data_of_its_own(it: Stage, app: App) -> None:
    ann, bob = it.somebody(), it.somebody()
    answer = app.post(
        **{"from": SENDER},
        recipients={ann: {"name": "Ann"}, bob: {"name": "Bob"}},
        text="Dear {$name}, {$recipient}",
        data={"name": "you"},
    )
    found = answer.json()
    assert list(found.values()) == [ann, bob]
    for (ident, to), name in zip(found.items(), ("Ann", "Bob"), strict=True):
        arrived = it.arrived(Sent(ident.partition("-")[0], (to,), "")).content
        assert part(arrived, "text/plain").strip() == f"Dear {name}, {to}"


def test_row_21_files_come_as_base64_or_from_a_url(it: Stage, app: App) -> None:
    octets = picture(20, 10, 1)
    with Origin() as origin:
        origin.says["/a.png"] = ("image/png", octets)
        found = app.read(
            text="Files",
            attachments=[
                {"data": base64.b64encode(octets).decode(), "name": "Größe.png", "type": "image/png"},
                {"url": origin.url("/a.png")},
            ],
        )
        assert [(each.get_filename(), each.get_content()) for each in found.iter_attachments()] == [
            ("Größe.png", octets),
            ("a.png", octets),
        ]
        assert "answered 404" in app.refused(attachments=[{"url": origin.url("/none")}])
    assert "we do not connect to 10.1.2.3" in app.refused(attachments=[{"url": "http://10.1.2.3/x"}])


@pytest.mark.parametrize(
    ("given", "uris"),
    [
        ({"unsubscribe": PAGE_URL}, [PAGE_URL]),
        ({"unsubscribe": [PAGE_URL, ADDRESS]}, [PAGE_URL, f"mailto:{ADDRESS}"]),
        ({"unsubscribe": {"email": ADDRESS, "url": PAGE_URL}}, [PAGE_URL, f"mailto:{ADDRESS}"]),
        ({"unsubscribe": {"url": PAGE_URL, "oneclick": True}}, [PAGE_URL]),
        ({"unsubscribe": PAGE_URL, "unsubscribe-post-one-click": True}, [PAGE_URL]),
    ],
    ids=["one", "list", "object", "one click", "one click beside it"],
)
def test_row_22_the_property_names_the_senders_own_page_and_address(
    it: Stage, app: App, given: dict[str, Any], uris: list[str]
) -> None:
    arrived = app.arrived(text="x", **given)
    (field,) = headers(arrived, "List-Unsubscribe")
    assert [each.strip().strip("<>") for each in field.split(",")] == uris
    clicks = "click" in json.dumps(given)
    assert headers(arrived, "List-Unsubscribe-Post") == (["List-Unsubscribe=One-Click"] if clicks else [])
    assert "list-unsubscribe" in covered(arrived)
    it.internet.check_signatures(arrived)


def test_row_23_extra_fields_begin_with_x(app: App) -> None:
    found = app.read(text="x", extra={"X-Order": "7", "x-note": "Größe"})
    assert (found["X-Order"], found["X-Note"]) == ("7", "Größe")
    assert "begin with x-" in app.refused(extra={"Subject": "x"})
    assert "line ends" in app.refused(extra={"x-a": "b\r\nBcc: eve@example.net"})


def test_row_24_clicks_opens_and_bounces_are_on_unless_switched_off(it: Stage, app: App) -> None:
    on = it.arrived(app.send(html=PAGE))
    html = part(on.content)
    assert links(html)[0].startswith(f"https://{CLICKS}/") and links(html, "src")[0].startswith(f"https://{CLICKS}/")
    assert on.sender.endswith(f"@{BOUNCES}")
    off = it.arrived(app.send(html=PAGE, trackclicks="false", trackopens=0, trackbounces=False, envelope=SENDER))
    assert part(off.content).strip() == PAGE
    assert off.sender == SENDER


def test_row_25_reports_go_to_the_envelope_as_dsn_says(it: Stage, app: App) -> None:
    dsn = {"notify": "SUCCESS,FAILURE", "ret": "FULL", "envid": "row-25", "orcpt": "old@shop.example"}
    for given, mail, rcpt in (
        ({"dsn": dsn}, {"RET=FULL", "ENVID=row-25"}, ("NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;old@shop.example")),
        ({}, set[str](), ("NOTIFY=FAILURE",)),
    ):
        to = it.somebody(TRACES)
        found = it.arrived(app.send(to, text="x", envelope=SENDER, trackbounces=False, **given))
        assert found.sender == SENDER
        assert mail <= set(found.parameters) and bool(given) == ("RET=FULL" in found.parameters)
        (command,) = [each for each in it.internet.receivers[TRACES].heard("RCPT") if to in each]
        assert set(rcpt) <= set(command.split())
    sent = app.send(it.somebody(REFUSES), text="x", envelope=f"back@{HOME_DOMAIN}")
    home = it.internet.receivers[HOME_DOMAIN]

    def reports(receiver: Receiver) -> list[Received]:
        return [each for each in receiver.messages if sent.id.encode() in each.content]

    home.wait_for(lambda there: bool(reports(there)), 30)
    assert reports(home)[0].recipients == (f"back@{HOME_DOMAIN}",)


def test_row_26_the_property_hosts_pictures_inside_the_message(app: App) -> None:
    mime = related('<img src="cid:dot">').decode()
    hosted = app.arrived(mime=mime, images="hosted", trackopens=False)
    assert links(part(hosted), "src")[0].startswith(f"https://{CLICKS}/h/")
    same = app.arrived(mime=mime, images="default", trackopens=False)
    assert links(part(same), "src") == ["cid:dot"]
    embedded = {"data": base64.b64encode(picture(9, 9, 2)).decode(), "name": "a.png", "cid": "a"}
    built = app.arrived(html='<img src="cid:a">', attachments=[embedded], images="hosted", trackopens=False)
    assert links(part(built), "src")[0].startswith(f"https://{CLICKS}/h/")


def utc(seconds: float) -> str:
    return datetime.fromtimestamp(time.time() + seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def test_row_27_the_property_is_strict_and_utc_and_a_day_without_it(it: Stage, app: App) -> None:
    sent = app.send(it.somebody(BUSY), text="x", maxdelivertime=utc(3))
    it.state(sent, "expired")
    for value in ("2036-10-23", "23-10-2036 12:00:00", "2036-10-23T12:00:00Z", "tomorrow"):
        assert "YYYY-MM-DD hh:mm:ss" in app.refused(maxdelivertime=value)
    assert "past" in app.refused(maxdelivertime="2020-01-01 00:00:00")
    answer = app.client.post(
        "send", params={"dry_run": 1}, json={"recipient": it.somebody(), "from": SENDER, "text": "x"}
    )
    day = answer.json()
    begin, end = (datetime.fromisoformat(each) for each in (day["send_at"][0], day["deadline"]))
    assert (end - begin).total_seconds() == 86_400


def test_row_28_a_template_is_named_given_patched_and_filled_in(it: Stage, app: App) -> None:
    document = {
        "from": {"name": "Shop", "address": SENDER},
        "subject": "Order of {$name}",
        "content": {"blocks": [{"type": "text", "content": "Dear {$name}"}]},
    }
    patch = [{"op": "replace", "path": "/from/name", "value": "Patched"}]
    it.relay.cli(
        "template", "put", "rest-order", "--subject", "By name, {$name}", "--text", "-", stdin=b"Dear {$name}"
    )
    for given, subject, sender in (
        ({"template": document}, "Order of Ann", f"Shop <{SENDER}>"),
        ({"template": json.dumps(document), "patch": patch}, "Order of Ann", f"Patched <{SENDER}>"),
        ({"template": document, "subject": "Short"}, "Short", f"Shop <{SENDER}>"),
        ({"template": "rest-order", "from": SENDER}, "By name, Ann", SENDER),
    ):
        to = it.somebody()
        answer = app.post(recipient=to, data={"name": "Ann"}, **given)
        assert answer.status_code == 200, answer.text
        found = message_from_bytes(
            it.arrived(Sent(next(iter(answer.json())), (to,), "")).content, policy=policy.default
        )
        assert (found["Subject"], found["From"]) == (subject, sender)
        body = found.get_body(("plain", "html"))
        assert body is not None and "Dear Ann" in body.get_content()


def test_row_29_the_answer_has_an_id_for_each_recipient(it: Stage, app: App) -> None:
    people = [it.somebody() for _ in range(3)]
    sent = app.send(*people, text="x")
    rows = it.state(sent, "delivered")
    assert len(rows) == 3
    for each in people:
        assert it.arrived(sent, each)


def test_row_64_v2_takes_a_hundred_recipients_and_v1_more(it: Stage, app: App) -> None:
    people = [it.somebody() for _ in range(101)]
    body = {"recipients": people, "from": SENDER, "text": "x", "sandbox": "validate"}
    v2 = str(app.client.base_url).replace("/v1/", "/v2/")
    refused = app.client.post(f"{v2}send", json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "too_many_recipients")
    assert app.client.post(f"{v2}send", json={**body, "recipients": people[:100]}).status_code == 200
    assert app.client.post("send", json=body).status_code == 200


def test_reading_replyto_is_taken_in_both_spellings(app: App) -> None:
    for name in ("replyto", "replyTo"):
        assert app.read(text="x", **{name: f"help@{HOME_DOMAIN}"})["Reply-To"] == f"help@{HOME_DOMAIN}"


def test_reading_recipient_may_be_an_array(it: Stage, app: App) -> None:
    people = [it.somebody(), it.somebody()]
    answer = app.post(**{"recipient": people, "from": SENDER, "text": "x"})
    assert list(answer.json().values()) == people


def test_reading_comma_lists_of_recipients_are_refused_with_a_clear_text(it: Stage, app: App) -> None:
    both = f"{it.somebody()}, {it.somebody()}"
    for given in ({"recipient": both}, {"recipients": [both]}):
        assert "several stand in a list of their own" in app.refused(**given)


def test_reading_recipients_are_an_object_or_a_list_of_texts_and_objects(it: Stage, app: App) -> None:
    for shape in (lambda a, b: {a: {"n": 1}, b: {}}, lambda a, b: [a, b], lambda a, b: [a, {b: {"n": 1}}]):
        people = [it.somebody(), it.somebody()]
        answer = app.post(**{"recipients": shape(*people), "from": SENDER, "text": "x"})
        assert list(answer.json().values()) == people
