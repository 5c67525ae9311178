"""Rows 57, 61 and 62: the archive, Feedback-ID, and statistics by tag."""

from __future__ import annotations

import time
from typing import Any

from tests.conformance.stage import Stage, headers, links, message, part


def test_row_57_what_was_sent_can_be_read_back_and_deleted(it: Stage) -> None:
    to = it.somebody()
    content = message("TrackClicks: true", html='<a href="https://a.example/">x</a>')
    sent = it.send(content, to)
    arrived = it.arrived(sent).content
    it.state(sent, "delivered")
    assert it.relay.message(sent.id) == arrived
    (link,) = links(part(arrived))
    it.relay.cli("erase", to, "--yes")
    it.relay.cli("message", sent.id, code=3)
    assert to.encode() not in it.relay.cli("events", "--id", sent.id, "--json")
    assert it.http(link).status == 410  # where it led may tell of the person, too


def test_row_61_mail_with_links_of_ours_has_a_feedback_id_that_signatures_cover(it: Stage) -> None:
    arrived = it.delivered(message("FeedbackId: spring:shop", "Campaign: may"))
    (field,) = headers(arrived, "Feedback-ID")
    fields = field.split(":")
    assert len(fields) <= 4 and fields[:2] == ["spring", "shop"]
    for each in headers(arrived, "DKIM-Signature"):
        assert "feedback-id" in each
    it.internet.check_signatures(arrived)
    (again,) = headers(it.delivered(message("FeedbackId: spring:shop")), "Feedback-ID")
    assert again.rpartition(":")[2] == fields[-1]  # the last names the sender, and stays the same


def test_row_61_one_that_the_message_has_already_is_left(it: Stage) -> None:
    own = b"Feedback-ID: a:b:c:mine\r\n" + message()
    assert headers(it.delivered(own), "Feedback-ID") == ["a:b:c:mine"]


def test_row_62_messages_deliveries_opens_and_clicks_are_counted_by_tag(it: Stage) -> None:
    tag, other = "row-62-a", "row-62-b"
    page = '<a href="https://a.example/">x</a><p>y</p>'
    sent = it.send(message(f"Tags: {tag}, {other}", "TrackClicks: true", "TrackOpens: true", html=page))
    it.send(message(f"Tags: {tag}"))
    html = part(it.arrived(sent).content)
    it.state(sent, "delivered")
    time.sleep(3.1)  # who follows a link sooner than after 3 s is taken for a machine
    for url in (links(html)[0], links(html)[0], links(html, "src")[0]):
        it.http(url)
    it.events(sent, "clicked", many=2)
    it.events(sent, "opened")

    def counted(name: str) -> Any:
        (line,) = it.relay.ask("stats", "--by", "tag", "--name", name)
        return line

    wanted = {"received": 2, "delivered": 2, "opened": 1, "clicked": 2}  # messages, deliveries, all opens, all clicks
    found = it.wait(lambda: line if (line := counted(tag))["counts"] == wanted else {}, f"{wanted}")
    assert found["first"] == {"opened": 1, "clicked": 1}  # once a message
    assert counted(other)["counts"] == {"received": 1, "delivered": 1, "opened": 1, "clicked": 2}
