"""Rows 22, 26, 27 and 28 as far as header fields reach them."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from email import message_from_bytes

import pytest

from tests.conformance.stage import BUSY, CLICKS, Stage, headers, links, message, part
from tests.conformance.test_doors import related
from tests.e2e.world import HOME_DOMAIN
from tests.peers.hook import receiver

PAGE_URL, ADDRESS = "https://shop.example/leave?who=7", "leave@shop.example"


def covered(content: bytes) -> set[str]:
    """Names of the fields that every signature covers."""
    found = [
        {name.strip().lower() for name in tag.partition("=")[2].split(":")}
        for each in headers(content, "DKIM-Signature")
        for tag in each.split(";")
        if tag.strip().startswith("h=")
    ]
    return set.intersection(*found)


@pytest.mark.parametrize(
    ("fields", "uris"),
    [
        ([f"UnsubscribeUrl: {PAGE_URL}"], [PAGE_URL]),
        ([f"UnsubscribeMailto: {ADDRESS}"], [f"mailto:{ADDRESS}"]),
        ([f"UnsubscribeMailto: {ADDRESS}", f"UnsubscribeUrl: {PAGE_URL}"], [PAGE_URL, f"mailto:{ADDRESS}"]),
    ],
    ids=["url", "email", "both, the url first"],
)
def test_row_22_an_address_a_page_or_both_to_unsubscribe_at(it: Stage, fields: list[str], uris: list[str]) -> None:
    arrived = it.delivered(message(*fields, "OneClick: no"))
    (field,) = headers(arrived, "List-Unsubscribe")
    named = [each.strip().strip("<>") for each in field.split(",")]
    assert set(uris) <= set(named)
    assert [each.partition(":")[0] for each in named] == ["https", "mailto"]  # the one that is not given is ours
    assert headers(arrived, "List-Unsubscribe-Post") == []
    assert "list-unsubscribe" in covered(arrived)
    it.internet.check_signatures(arrived)


def test_row_22_one_click_needs_a_url_and_is_covered_by_the_signatures(it: Stage) -> None:
    arrived = it.delivered(message(f"UnsubscribeUrl: {PAGE_URL}", "OneClick: yes"))
    assert headers(arrived, "List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]
    assert {"list-unsubscribe", "list-unsubscribe-post"} <= covered(arrived)
    it.internet.check_signatures(arrived)
    plain = it.delivered(message("UnsubscribeUrl: http://shop.example/leave", "OneClick: yes"))
    assert headers(plain, "List-Unsubscribe-Post") == []  # RFC 8058 wants https


def test_row_22_a_field_of_the_messages_own_stays_as_it_is(it: Stage) -> None:
    own = f"List-Unsubscribe: <{PAGE_URL}>\r\n".encode() + message(html=f'<a href="{PAGE_URL}">Leave</a>')
    content = b"X-SMTPeter-TrackClicks: true\r\n" + own
    assert it.delivered(content).endswith(own)  # the link that leads there, too


def test_row_22_without_a_page_of_the_senders_it_is_ours_get_asks_and_post_suppresses(it: Stage) -> None:
    to = it.somebody()
    arrived = it.delivered(message("Unsubscribe: headers"), to)
    url = headers(arrived, "List-Unsubscribe")[0].partition(">")[0].strip("<")
    assert url.startswith(f"https://{CLICKS}/")
    assert headers(arrived, "List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]
    assert it.http(url).status == 200
    assert it.arrived(it.send(message(), to))  # looking changes nothing
    assert it.http(url, "POST", "List-Unsubscribe=One-Click").status == 200
    it.wait(lambda: any(each["address"] == to for each in it.relay.ask("suppress", "list")), "the suppression")
    again = it.send(message(), to)
    it.state(again, "suppressed")


def test_row_22_bulk_mail_has_both_ways_without_asking(it: Stage) -> None:
    arrived = it.delivered(message("Stream: bulk", html="<p>News</p>"))
    assert headers(arrived, "List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]
    assert {"list-unsubscribe", "list-unsubscribe-post"} <= covered(arrived)
    assert any(each.endswith("-unsubscribe") for each in links(part(arrived)))


def test_row_26_pictures_inside_the_message_are_hosted_and_the_page_leads_there(it: Stage) -> None:
    page = '<p>One <img src="cid:dot"> and <img src="cid:dot"> again</p>'
    arrived = it.delivered(b"X-SMTPeter-Images: hosted\r\n" + related(page))
    first, second = links(part(arrived), "src")
    assert first == second and first.startswith(f"https://{CLICKS}/h/")
    assert b"image/png" not in arrived and b"cid:" not in arrived
    got = it.http(first)
    assert (got.status, got.headers["content-type"]) == (200, "image/png")
    assert got.body.startswith(b"\x89PNG\r\n\x1a\n")
    twice = it.delivered(b"X-SMTPeter-Images: hosted\r\n" + related(page))
    assert links(part(twice), "src") == [first, first]  # the same picture lies there once


def test_row_26_default_does_nothing(it: Stage) -> None:
    content = related('<img src="cid:dot">')
    assert it.delivered(b"X-SMTPeter-Images: default\r\n" + content).endswith(content)


def utc(seconds: float) -> str:
    return datetime.fromtimestamp(time.time() + seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def test_row_27_a_deadline_is_utc_and_what_missed_it_is_a_failure(it: Stage) -> None:
    with receiver() as there:
        hook = it.relay.ask("webhook", "add", there.url(), "--shape", "smtpeter", "--events", "failure", "--trust")
        sent = it.send(message(f"MaxDeliverTime: {utc(3)}"), it.somebody(BUSY))
        it.state(sent, "expired")
        (event,) = it.events(sent, "expired")
        it.wait(lambda: [body for _, _, body in there.got if sent.id.encode() in body], "the failure")
        it.relay.cli("webhook", "remove", hook["id"])
        ((_, _, body),) = [each for each in there.got if sent.id.encode() in each[2]]
    told = json.loads(body)
    assert (event["reason"], told["type"], told["action"], told["id"]) == (
        "deadline",
        "failure",
        "failed",
        event["id"],
    )
    assert (told["code"], told["extended"]) == (450, "4.2.1")


@pytest.mark.parametrize(
    "value", ["2016-10-23", "23-10-2026 12:00:00", "tomorrow", "2020-01-01 00:00:00", "2026/10/23 12:00:00"]
)
def test_row_27_another_format_or_a_time_that_is_past_is_refused(it: Stage, value: str) -> None:
    code, reply = it.say(message(f"MaxDeliverTime: {value}"), it.somebody())
    assert code == 554 and "MaxDeliverTime" in reply


def test_row_28_a_template_by_name_or_id_with_data_for_each(it: Stage) -> None:
    page = it.relay.home / "order.html"
    page.write_text("<p>Dear {$name|escape}, to {$recipient}: {foreach $x in $items}<b>{$x}</b>{/foreach}</p>")
    text = it.relay.home / "order.txt"
    text.write_text("Dear {$name}\n")
    it.relay.cli(
        "template", "put", "order", "--subject", "Order of {$name}", "--html", str(page), "--text", str(text)
    )
    (kept,) = [each for each in it.relay.ask("template", "list") if each["template"] == "order"]
    for named in ("order", "ORDER", str(kept["id"])):
        ann, bob = it.somebody(), it.somebody()
        sent = it.send(
            message(
                f"Template: {named}",
                'MergeGlobal: {"items": ["a", "b"], "name": "you"}',
                f'Merge: {{"{ann}": {{"name": "<Ann>"}}}}',
            ),
            ann,
            bob,
        )
        for to, name in ((ann, "<Ann>"), (bob, "you")):
            arrived = it.arrived(sent, to).content
            escaped = name.replace("<", "&lt;").replace(">", "&gt;")
            assert f"Dear {escaped}, to {to}: <b>a</b><b>b</b>" in part(arrived)
            assert part(arrived, "text/plain").strip() == f"Dear {name}"
            assert message_from_bytes(arrived)["Subject"] == f"Order of {name}"


def test_row_28_what_was_sent_stays_as_it_was_when_the_template_changes(it: Stage) -> None:
    for words in ("first", "second"):
        it.relay.cli("template", "put", "changing", "--text", "-", stdin=words.encode())
        if words == "first":
            held = it.send(message("Template: changing", "Sandbox: hold"))
    it.relay.cli("queue", "release", held.id)
    assert part(it.arrived(held).content, "text/plain").strip() == "first"
    assert part(it.delivered(message("Template: changing")), "text/plain").strip() == "second"
    old = it.delivered(message("Template: changing", "Template-Version: 1"))
    assert part(old, "text/plain").strip() == "first"


def test_row_28_a_template_that_is_not_there_is_told(it: Stage) -> None:
    code, reply = it.say(message("Template: nowhere"), it.somebody())
    assert code == 554 and "nowhere" in reply


def test_row_28_where_some_have_no_data_strict_refuses_the_message(it: Stage) -> None:
    people = [it.somebody() for _ in range(3)]
    data = ", ".join(f'"{each}": {{"n": 1}}' for each in people[:2])
    merge = f"Merge: {{{data}}}"
    with_defaults = message(merge, 'MergeGlobal: {"n": "none"}', text="n is {$n}\n")
    sent = it.send(with_defaults, *people)
    said = [part(it.arrived(sent, each).content, "text/plain").strip() for each in people]
    assert said == ["n is 1", "n is 1", "n is none"]
    code, reply = it.say(message("Strict: yes", merge, text="n is {$n}\n"), *people)
    assert code == 554 and people[2] in reply


def test_row_28_braces_mean_nothing_where_there_is_no_data(it: Stage) -> None:
    content = message(text="Dear {$name}, {if}\n", sender=f"Me <me@{HOME_DOMAIN}>")
    assert it.delivered(content).endswith(content)
