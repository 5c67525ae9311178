"""Rows 30, 31 and 57: what was sent is read back in parts, sent again, and deleted, over the API."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.conformance.stage import SENDER, TAKES, Sent, Stage, links, message, part

WITH_FILES = (
    b"From: " + SENDER.encode() + b"\r\nTo: x@example.net\r\nSubject: Files\r\nMIME-Version: 1.0\r\n"
    b"X-SMTPeter-TrackClicks: true\r\n"
    b'Content-Type: multipart/mixed; boundary="m"\r\n\r\n'
    b'--m\r\nContent-Type: multipart/related; boundary="r"\r\n\r\n'
    b'--r\r\nContent-Type: multipart/alternative; boundary="a"\r\n\r\n'
    b"--a\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\xfc\xdfe\r\n"
    b"--a\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    b'<a href="https://shop.example/">Gr\xc3\xbc\xc3\x9fe</a><img src="cid:logo@x">\r\n--a--\r\n'
    b"--r\r\nContent-Type: image/png\r\nContent-ID: <logo@x>\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0K\r\n"
    b"--r--\r\n"
    b'--m\r\nContent-Type: application/pdf; name="invoice.pdf"\r\nContent-Transfer-Encoding: base64\r\n'
    b'Content-Disposition: attachment; filename="invoice.pdf"\r\n\r\nJVBERi0x\r\n--m--\r\n'
)


@pytest.fixture(scope="module")
def api(it: Stage) -> Iterator[httpx.Client]:
    """SMTPeter's way in: the token in the query."""
    token = it.relay.ask("token", "add", "--account", "demo", "--credential", it.demo.username)["token"]
    base = f"http://127.0.0.1:{it.relay.port('http')}/v1/"
    with httpx.Client(base_url=base, params={"access_token": token}, timeout=30, trust_env=False) as client:
        yield client


def test_row_30_a_message_is_sent_again_with_its_content_and_a_new_id(it: Stage, api: httpx.Client) -> None:
    sent = it.send(message("TrackClicks: true", html='<a href="https://shop.example/again">x</a>'))
    first = it.arrived(sent).content
    it.state(sent, "delivered")
    answer = api.post("resend", json={"message": f"{sent.id}-1"})
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    ((id, address),) = answer.json().items()
    assert address == sent.to[0] and not id.startswith(sent.id)
    again = Sent(id.partition("-")[0], sent.to, "")
    it.state(again, "delivered")
    second = api.get(f"messages/{id}/mime").content
    it.internet.check_signatures(second)
    subjects = [line for line in first.split(b"\r\n") if line.startswith((b"Subject:", b"Date:", b"Message-ID:"))]
    assert all(line in second for line in subjects)
    (link,) = links(part(second))
    assert link not in links(part(first))
    assert it.http(link).headers["location"] == "https://shop.example/again"
    assert len(it.events(again, "clicked")) == 1  # told of the new id, and of no other
    assert "clicked" not in {each["event"] for each in it.relay.events(sent.id)}


def test_row_31_the_parts_of_a_message_are_read_by_its_id(it: Stage, api: httpx.Client) -> None:
    sent = it.send(WITH_FILES)
    it.state(sent, "delivered")
    id = f"{sent.id}-1"
    for call, says in (("recipient", sent.to[0]), ("envelope", SENDER), ("text", "Grüße")):
        answer = api.get(f"{call}/{id}")
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain")
        assert answer.text == says
    (link,) = links(api.get(f"html/{id}").text)
    assert link.startswith("http") and "shop.example" not in link
    assert "Subject: Files\r\n" in api.get(f"headers/{id}").text == api.get(f"header/{id}").text
    assert [each["name"] for each in api.get(f"attachments/{id}").json()] == ["invoice.pdf"]
    for which in ("0", "invoice.pdf"):
        found = api.get(f"attachments/{id}/{which}")
        assert (found.headers["content-type"], found.content) == ("application/pdf", b"%PDF-1")
    assert [each["cid"] for each in api.get(f"embeds/{id}").json()] == ["logo@x"]
    assert api.get(f"embeds/{id}/0").content == b"\x89PNG\r\n"
    missing = api.get(f"attachments/{id}/1")
    assert missing.status_code == 404 and missing.json()["error"]["message"]


def test_row_57_an_archived_message_is_deleted_by_a_call(it: Stage, api: httpx.Client) -> None:
    sent = it.send(message())
    it.state(sent, "delivered")
    assert api.get(f"messages/{sent.id}/mime").content == it.arrived(sent).content
    assert api.delete(f"messages/{sent.id}/content").status_code == 204
    for call in (f"messages/{sent.id}/mime", f"text/{sent.id}", f"attachments/{sent.id}/0"):
        assert api.get(call).status_code == 410
    assert api.post("resend", json={"message": sent.id}).status_code == 410
    assert api.get(f"recipient/{sent.id}").text == sent.to[0]


def test_reading_html_is_text_html_and_everything_else_of_a_message_is_plain(it: Stage, api: httpx.Client) -> None:
    sent = it.send(WITH_FILES)
    it.state(sent, "delivered")
    kinds = {call: api.get(f"{call}/{sent.id}").headers["content-type"] for call in ("html", "text", "headers")}
    plain = "text/plain; charset=utf-8"
    assert kinds == {"html": "text/html; charset=utf-8", "text": plain, "headers": plain}


def test_reading_the_envelope_is_the_one_that_was_given(it: Stage, api: httpx.Client) -> None:
    sent = it.send(message("TrackBounces: true"))
    it.state(sent, "delivered")
    assert it.arrived(sent).sender != SENDER  # on the wire it was ours
    assert api.get(f"envelope/{sent.id}").text == SENDER
    body = {"recipient": it.somebody(TAKES), "from": SENDER, "subject": "x", "text": "x"}
    (id,) = api.post("send", json=body).json()
    assert api.get(f"envelope/{id}").text == ""
