"""Rows 28, 42 and 44 once more: ResponsiveEmail documents, as an application for SMTPeter keeps and sends them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import httpx
import pytest

from tests.conformance.origin import Origin, picture
from tests.conformance.stage import CLICKS, SENDER, Sent, Stage, links, message, part

BLOCKS = [
    {"type": "heading", "content": "Dear {$name}"},
    {"type": "button", "label": "Look", "link": {"url": "https://shop.example/sale"}},
    {"type": "html", "content": '<a href="{$webversion}">online</a>'},
    {"type": "text", "content": "for browsers", "visibility": {"output": "webonly"}},
]


def document(**more: Any) -> dict[str, Any]:
    sender = {"name": "Shop", "address": SENDER}
    return {"name": "docs", "from": sender, "subject": "For {$name}", "content": {"blocks": BLOCKS}} | more


@pytest.fixture(scope="module")
def app(it: Stage) -> Iterator[httpx.Client]:
    """As SMTPeter's own clients: the token in the query."""
    token = it.relay.ask("token", "add", "--account", "demo", "--credential", it.demo.username)["token"]
    base = f"http://127.0.0.1:{it.relay.port('http')}/v1/"
    with httpx.Client(base_url=base, params={"access_token": token}, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
def number(app: httpx.Client) -> Iterator[int]:
    """The id of a template that is there for one test."""
    answer = app.post("template", json=document())
    assert answer.status_code == 201, answer.text
    yield answer.json()["id"]
    assert app.delete(f"template/{answer.json()['id']}").status_code == 200


def sent(it: Stage, app: httpx.Client, **properties: Any) -> Sent:
    to = it.somebody()
    answer = app.post("send", json={"recipient": to, **properties})
    assert answer.status_code == 200, answer.text
    return Sent(next(iter(answer.json())), (to,), "")


def read(octets: bytes) -> EmailMessage:
    return message_from_bytes(octets, policy=policy.default)


def test_row_42_a_document_is_kept_and_read_in_six_formats(app: httpx.Client, number: int) -> None:
    assert {"id": number, "name": "docs"} in app.get("templates").json()
    assert {"id": number, "name": "docs"} in app.get("templates/0/1000").json()
    assert app.get(f"template/{number}").json() == {"id": number, **document()}
    types = {
        "json": "application/json",
        "html": "text/html; charset=utf-8",
        "webversion": "text/html; charset=utf-8",
        "mime": "message/rfc822",
        "embedded": "message/rfc822",
        "text": "text/plain; charset=utf-8",
    }
    for form, kind in types.items():
        answer = app.get(f"template/docs/{form}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind), answer.text
        assert "Dear {$name}" in answer.text
        filled = app.get(f"template/{number}/{form}", params={"name": "Ann"})
        assert "Dear Ann" in filled.text if form != "json" else filled.status_code == 400
    assert "for browsers" in app.get(f"template/{number}/webversion").text
    assert "for browsers" not in app.get(f"template/{number}/html").text
    assert read(app.get(f"template/{number}/mime", params={"name": "Ann"}).content)["Subject"] == "For Ann"


def test_row_42_201_and_location_are_answered_to_post_and_put(app: httpx.Client, number: int) -> None:
    answer = app.put("template/mime", json=document(subject="Changed"))
    assert (answer.status_code, answer.json()) == (201, {"id": number})
    assert answer.headers["location"].endswith(f"/v1/template/{number}/mime")
    assert app.get(f"template/{number}").json()["subject"] == "Changed"
    answer = app.post("template/webversion", json=document(name="docs two"))
    assert answer.status_code == 201 and answer.headers["location"].endswith(f"/{answer.json()['id']}/webversion")
    gone = app.delete(f"template/{answer.json()['id']}")
    assert gone.headers["x-deleted"] == f"template {answer.json()['id']}"
    assert app.get(f"template/{answer.json()['id']}").status_code == 404


def test_row_42_documents_are_rendered_without_being_kept(app: httpx.Client) -> None:
    before = app.get("templates").json()
    for form in ("html", "webversion", "mime", "embedded", "text"):
        assert "Dear Ann" in app.post(form, json=document(), params={"name": "Ann"}).text
    assert app.get("templates").json() == before


def test_row_42_a_picture_is_embedded_where_that_is_asked_for(app: httpx.Client) -> None:
    with Origin() as origin:
        origin.says["/logo.png"] = ("image/png", picture(8, 8, 3))
        answer = app.post("embedded", json=document(content=f'<img src="{origin.url("/logo.png")}">'))
    found = read(answer.content)
    (shown,) = [each for each in found.walk() if each.get_content_type() == "image/png"]
    assert f'src="cid:{shown["Content-ID"].strip("<>")}"' in part(answer.content)


def test_row_28_a_stored_document_is_sent_and_keeps_its_id(it: Stage, app: httpx.Client, number: int) -> None:
    patch = [{"op": "replace", "path": "/from/name", "value": "Patched"}]
    for given in ({"template": number}, {"template": "docs", "patch": patch, "subject": "Short {$name}"}):
        taken = sent(it, app, data={"name": "Ann"}, **given)
        arrived = it.arrived(taken).content
        found = read(arrived)
        assert found["Subject"] == ("Short Ann" if "patch" in given else "For Ann")
        assert found["From"] == f"{'Patched' if 'patch' in given else 'Shop'} <{SENDER}>"
        assert "Dear Ann" in part(arrived) and "Dear Ann" in part(arrived, "text/plain")
        assert links(part(arrived))[0].startswith(f"https://{CLICKS}/")
        (event,) = it.events(taken, "received")
        assert event["template"] == number


def test_row_28_a_mail_by_smtp_is_made_of_the_same_document(it: Stage, app: httpx.Client, number: int) -> None:
    control = [f"Template: {number}", f"MergeGlobal: {json.dumps({'name': 'Ann'})}"]
    arrived = it.delivered(message(*control, html="<p>own</p>"))
    assert read(arrived)["Subject"] == "For Ann" and "Dear Ann" in part(arrived)


def test_row_44_a_mail_of_a_document_has_a_page_of_its_own(it: Stage, app: httpx.Client, number: int) -> None:
    html = part(it.arrived(sent(it, app, template=number, data={"name": "Ann"}, trackclicks=False)).content)
    (link,) = [each for each in links(html) if each.startswith(f"https://{CLICKS}/")]
    page = it.http(link)
    assert page.status == 200
    assert "Dear Ann" in page.body.decode() and "for browsers" not in page.body.decode()
