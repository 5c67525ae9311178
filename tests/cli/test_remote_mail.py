"""Mail of a relay elsewhere: sent, followed, explained, held, over its API."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from email import message_from_string
from typing import Any

import pytest

from relay.model.clock import iso, system_clock
from tests.cli.conftest import Elsewhere
from tests.e2e.harness import PROGRAM, Relay

TO = ("--from", "me@example.com", "--to", "you@example.net")


def sent(elsewhere: Elsewhere, *words: str) -> str:
    return str(elsewhere.json("send", *TO, "--subject", "Hello", "--text", "It works.", *words)["id"])


def later(elsewhere: Elsewhere, *words: str) -> str:
    """A message that waits."""
    return sent(elsewhere, "--header", f"X-SMTPeter-SendAt: {iso(system_clock() + 7200)}", *words)


def names(elsewhere: Elsewhere, ident: str) -> list[str]:
    return [each["event"] for each in elsewhere.json("events", "--id", ident)]


def test_a_message_is_sent_and_its_id_printed(elsewhere: Elsewhere) -> None:
    ident = elsewhere("send", *TO, "--subject", "Hello", "--html", "<p>It works.</p>").strip()
    assert "track_clicks" in elsewhere.errors, "warnings of the API are told"
    content = message_from_string(elsewhere("message", ident).replace("\r\n", "\n"))
    assert (content["Subject"], content["To"]) == ("Hello", "you@example.net")
    described = elsewhere.json("message", ident)
    assert described["id"] == ident
    assert described["size"] == len(described["content"].encode())


def test_a_ready_message_comes_from_a_file_or_standard_input(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    octets = "From: Shop <me@example.com>\nTo: Ann <ann@example.net>\nCc: bob@example.net\n\nHellö.\n".encode()
    (elsewhere.cli.home / "ready.eml").write_bytes(octets)
    by_file = elsewhere.json("send", "--file", "ready.eml")["id"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(octets)))
    by_input = elsewhere.json("send")["id"]
    for ident in (by_file, by_input):
        told = elsewhere.json("queue", "show", ident)
        assert [each["to"] for each in told["recipients"]] == ["ann@example.net", "bob@example.net"]
        assert told["from"] == "me@example.com"


def test_what_the_relay_refuses_ends_as_over_smtp_with_its_words(elsewhere: Elsewhere) -> None:
    elsewhere("send", *TO, "--header", "X-SMTPeter-Priority: eleven", "--text", "x", code=4)
    assert elsewhere.errors.startswith("relay: 554 5.6.0 X-SMTPeter-Priority: ")
    elsewhere("send", "--to", "you@example.net", "--text", "x", code=2)
    assert "--from" in elsewhere.errors
    elsewhere("send", *TO, "--username", "me", "--text", "x", code=2)
    assert elsewhere.errors == ("relay: --username: is for the relay's own machine; the API has no such choice\n")


def test_events_are_filtered_paged_and_shown_as_the_local_command_shows_them(elsewhere: Elsewhere) -> None:
    ident = sent(elsewhere, "--header", "X-SMTPeter-Tags: bills", "--header", "X-SMTPeter-Campaign: may")
    found = elsewhere.eventually(
        lambda: [each for each in elsewhere.json("events", "--tag", "bills") if each["event"] == "delivered"], "it"
    )
    local = elsewhere.there_json("events", "--tag", "bills", "--event", "delivered")
    assert found == [{name: value for name, value in each.items() if name != "account"} for each in local]
    assert names(elsewhere, ident) == ["received", "delivered"]
    assert names(elsewhere, f"{ident}-1") == names(elsewhere, ident)
    more = ("--campaign", "may", "--domain", "example.net", "--to", "you@example.net", "--since", "1h")
    assert [each["event"] for each in elsewhere.json("events", *more, "--limit", "1")] == ["delivered"]
    assert elsewhere.json("events", *more, "--until", "1h") == []
    assert elsewhere.json("events", "--limit", "0") == []
    lines = elsewhere("events", *more).splitlines()
    assert lines[0].split() == ["time", "event", "id", "what"]
    assert "to=you@example.net" in lines[-1]
    by = ("--tag", "bills", "--event", "delivered")
    assert elsewhere.json("events", *by, "--credential", "Demo", "--from", "Me@example.com") == found
    assert elsewhere.json("events", *by, "--credential", "other") == []
    assert elsewhere.json("events", *by, "--from", "other@example.com") == []
    elsewhere("events", "--account", "demo", code=2)
    assert "--account: over the API everything is of the token's account" in elsewhere.errors
    elsewhere("events", "--id", "nonsense", code=2)
    assert "message:" in elsewhere.errors


def follower(elsewhere: Elsewhere, relay: Relay, *words: str) -> subprocess.Popen[str]:
    environment = {**relay.environment, "RELAY_URL": elsewhere.url, "RELAY_TOKEN": relay.access["token"]}
    line = [*PROGRAM, "events", "--follow", "--json", *words]
    return subprocess.Popen(
        line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=relay.home
    )


def test_events_are_followed_from_the_past_on_without_gap_or_double(elsewhere: Elsewhere) -> None:
    first = sent(elsewhere, "--header", "X-SMTPeter-Tags: followed")
    elsewhere.eventually(lambda: len(names(elsewhere, first)) == 2, "the first one's events")
    process = follower(elsewhere, elsewhere.relay, "--tag", "followed")
    try:
        assert process.stdout is not None
        shown: list[dict[str, Any]] = [json.loads(process.stdout.readline()) for _ in range(2)]
        second = sent(elsewhere, "--header", "X-SMTPeter-Tags: followed")
        shown += [json.loads(process.stdout.readline()) for _ in range(2)]
        assert [(each["id"], each["event"]) for each in shown] == [
            (first, "received"),
            (f"{first}-1", "delivered"),
            (second, "received"),
            (f"{second}-1", "delivered"),
        ]
        process.send_signal(signal.SIGINT)
        rest, said = process.communicate(timeout=30)
        assert (process.returncode, rest, said) == (0, "", "")
    finally:
        process.kill()
        process.wait(10)


def test_following_ends_when_nobody_reads(elsewhere: Elsewhere) -> None:
    ident = sent(elsewhere, "--header", "X-SMTPeter-Tags: unread")
    elsewhere.eventually(lambda: len(names(elsewhere, ident)) == 2, "its events")
    process = follower(elsewhere, elsewhere.relay, "--tag", "unread")
    try:
        assert process.stdout is not None
        assert process.stdout.readline()
        os.close(process.stdout.fileno())
        assert process.wait(30) in (0, 1)
    finally:
        process.kill()
        process.wait(10)


def test_a_message_is_explained_word_for_word_as_on_its_machine(elsewhere: Elsewhere) -> None:
    ident = sent(elsewhere, "--header", 'X-SMTPeter-Metadata: {"order": "7"}')
    elsewhere.eventually(lambda: "state    delivered" in elsewhere("explain", ident), "delivery")
    assert elsewhere("explain", ident) == elsewhere.there("explain", ident)
    assert elsewhere.json("explain", ident) == elsewhere.there_json("explain", ident)
    for command in ("explain", "message"):
        elsewhere(command, "0123456789abcdef", code=3)
        assert "0123456789abcdef" in elsewhere.errors


def test_the_queue_is_listed_counted_and_shown_as_on_its_machine(elsewhere: Elsewhere) -> None:
    ident = later(elsewhere, "--header", "X-SMTPeter-Tags: waiting")
    listed = elsewhere.json("queue", "--tag", "waiting")
    assert listed == elsewhere.there_json("queue", "--tag", "waiting")
    assert [each["id"] for each in listed] == [f"{ident}-1"]
    assert elsewhere.json("queue", ident, "--newer", "1h", "--state", "queued") == listed
    assert elsewhere.json("queue", "--older", "1h") == []
    assert f"{ident}-1" in elsewhere("queue", "--domain", "example.net")
    assert elsewhere.json("queue", "list", "--counts", "--tag", "waiting") == {"queued": 1, "flight": 0, "held": 0}
    assert elsewhere.json("queue", "--counts", "--tag", "waiting", "--state", "held") == {"held": 0}
    assert elsewhere.json("queue", "show", ident) == elsewhere.there_json("queue", "show", ident)
    assert elsewhere("queue", "show", ident) == elsewhere.there("queue", "show", ident)
    elsewhere("queue", "--state", "delivered", code=2)
    assert "the API tells of what waits: queued, flight, held" in elsewhere.errors
    elsewhere("queue", "0123456789abcdef", code=3)
    elsewhere("queue", "list", "--account", "demo", code=2)
    assert (
        elsewhere.errors == "relay: --account: over the API everything is of the token's account, so leave it out\n"
    )


def test_mail_is_held_released_tried_failed_and_deleted(elsewhere: Elsewhere) -> None:
    ident = later(elsewhere, "--header", "X-SMTPeter-Campaign: acted")
    other = later(elsewhere, "--header", "X-SMTPeter-Campaign: acted-too")
    assert elsewhere("queue", "hold", ident, "--dry-run") == "hold would concern 1 recipient\n"
    told = elsewhere.json("queue", "hold", "--campaign", "acted", "--reason", "wrong prices")
    assert {name: told[name] for name in ("act", "changed", "in_flight", "outstanding")} == {
        "act": "hold",
        "changed": 1,
        "in_flight": 0,
        "outstanding": [],
    }
    assert elsewhere.json("queue", ident)[0]["state"] == "held"
    assert elsewhere("queue", "release", ident) == "release: 1 recipient\n"
    assert elsewhere("queue", "delete", ident) == "delete: 1 recipient\n"
    assert elsewhere("queue", "delete", ident) == "delete: 0 recipients\n"
    assert elsewhere("queue", "fail", other, "--reason", "gone") == "fail: 1 recipient\n"
    third = later(elsewhere)
    assert elsewhere("queue", "retry", third) == "retry: 1 recipient\n"
    elsewhere("queue", "hold", code=2)
    assert "this would hold everything that waits" in elsewhere.errors
    assert elsewhere.json("queue", "retry", "--yes")["act"] == "retry"


def test_statistics_are_those_of_the_machine(elsewhere: Elsewhere) -> None:
    sent(elsewhere, "--header", "X-SMTPeter-Tags: counted")
    words = ("stats", "--by", "tag", "--name", "counted", "--test")
    elsewhere.eventually(lambda: [each for each in elsewhere.json(*words) if each["counts"].get("delivered")], "it")
    assert elsewhere.json(*words) == elsewhere.there_json(*words)
    assert elsewhere(*words, "--per", "day") == elsewhere.there(*words, "--per", "day")
    assert elsewhere.json("stats", "--by", "tag", "--name", "counted") == []
    assert "Only tests were counted" in elsewhere.errors
    elsewhere("stats", "--since", "whenever", code=2)
    assert "since:" in elsewhere.errors


def test_options_are_those_of_the_relay_that_is_asked(elsewhere: Elsewhere) -> None:
    for words in (["options"], ["options", "--grants"], ["options", "SendAt"], ["options", "tags", "--schema"]):
        assert elsewhere.json(*words) == elsewhere.there_json(*words)
        assert elsewhere(*words) == elsewhere.there(*words)
    assert elsewhere.json("options", "--schema") == elsewhere.there_json("options", "--schema")
    elsewhere("options", "tagz", code=3)
    assert "tags" in elsewhere.errors
