"""Rows 49 to 51: what comes back, to whose address, and what becomes of it."""

from __future__ import annotations

import smtplib
from typing import Any

import pytest

from tests.bounce.test_returned import POSTFIX
from tests.conformance.stage import BOUNCES, REFUSES, SENDER, Sent, Stage, message
from tests.e2e.world import HOME_DOMAIN
from tests.returns.test_kinds import COMPLAINT, VACATION

GONE = (
    POSTFIX.replace(b"Status: 5.2.2", b"Status: 5.1.1")
    .replace(b"552 5.2.2", b"550 5.1.1")
    .replace(b"Quota exceeded", b"No such user")
)


def come_back(it: Stage, path: str, content: bytes, sender: str = "") -> tuple[int, str]:
    """What the returns listener says to mail for a return path."""
    with smtplib.SMTP("127.0.0.1", it.relay.port("returns"), timeout=30) as client:
        client.ehlo("mx.takes.example")
        client.mail(sender)
        code, reply = client.rcpt(path)
        code, reply = client.data(content) if code == 250 else (code, reply)
        return code, reply.decode()


def marked(content: bytes, mark: str) -> bytes:
    """A report that can be found again among what was passed on."""
    return b"X-Mark: " + mark.encode() + b"\r\n" + content


def passed_on(it: Stage, mark: str) -> list[tuple[str, tuple[str, ...]]]:
    """Envelopes of the mail at home that has this mark."""
    found = it.internet.receivers[HOME_DOMAIN].messages
    return [(each.sender, each.recipients) for each in found if mark.encode() in each.content]


def sent_and_back(
    it: Stage, content: bytes, mark: str, *, sender: str = SENDER, notify: str = "", back: str = ""
) -> tuple[Sent, list[dict[str, Any]]]:
    """A tracked message whose delivery comes back; its events of that."""
    sent = it.send(message("TrackBounces: true"), sender=sender, rcpt=[f"NOTIFY={notify}"] if notify else ())
    path = it.arrived(sent).sender
    assert path.endswith(f"@{BOUNCES}")
    code, reply = come_back(it, path, marked(content, mark), back)
    assert code == 250, reply
    return sent, it.events(sent, "bounced", "replied", "complained")


@pytest.mark.parametrize(
    ("name", "tracked", "sender", "on_the_wire"),
    [
        ("tracked with an envelope", True, SENDER, BOUNCES),
        ("tracked without one", True, "", BOUNCES),
        ("not tracked with an envelope", False, SENDER, HOME_DOMAIN),
        ("not tracked without one", False, "", ""),
    ],
)
def test_row_49_tracking_alone_decides_the_envelope_on_the_wire(
    it: Stage, name: str, tracked: bool, sender: str, on_the_wire: str
) -> None:
    sent = it.send(message(f"TrackBounces: {'true' if tracked else 'false'}"), sender=sender)
    seen = it.arrived(sent).sender
    assert seen.partition("@")[2] == on_the_wire, name
    if not tracked:
        assert seen == sender
    assert it.events(sent, "received")[0]["from"] == sender  # what the client gave is kept


def test_row_49_what_comes_back_goes_on_to_the_clients_envelope(it: Stage) -> None:
    sent, (event,) = sent_and_back(it, GONE, "goes-on")
    it.state(Sent(event["forwarded"], (), ""), "delivered")
    assert passed_on(it, "goes-on") == [("", (SENDER,))]
    assert (event["event"], event["class"], event["status"]) == ("bounced", "no-mailbox", "5.1.1")
    assert event["id"] == f"{sent.id}-1"


def test_row_49_without_an_envelope_it_is_seen_and_goes_nowhere(it: Stage) -> None:
    _, (event,) = sent_and_back(it, GONE, "goes-nowhere", sender="")
    assert event["event"] == "bounced" and "forwarded" not in event


def test_row_49_notify_never_keeps_reports_here_and_lets_answers_through(it: Stage) -> None:
    _, (event,) = sent_and_back(it, GONE, "never-report", notify="NEVER")
    assert event["event"] == "bounced" and "forwarded" not in event
    for content, mark, back in (
        (VACATION, "never-vacation", ""),
        (b"Subject: eh?\r\n\r\nIt went wrong.\r\n", "never-unread", ""),
        (b"Subject: Re: hi\r\n\r\nThank you.\r\n", "never-answer", "ann@takes.example"),
    ):
        _, (event,) = sent_and_back(it, content, mark, notify="NEVER", back=back)
        it.state(Sent(event["forwarded"], (), ""), "delivered")
        assert passed_on(it, mark) == [("", (SENDER,))]


def test_row_49_not_tracked_the_relay_reports_as_any_mail_server_does(it: Stage) -> None:
    sent = it.send(message("TrackBounces: false"), it.somebody(REFUSES), mail=["ENVID=row49"])
    it.state(sent, "failed")
    (event,) = it.events(sent, "failed")
    it.state(Sent(event["report"], (), ""), "delivered")
    home = it.internet.receivers[HOME_DOMAIN].messages
    (report,) = [each for each in home if b"Original-Envelope-Id: row49" in each.content]
    assert (report.sender, report.recipients) == ("", (SENDER,))


def test_reading_the_bounce_host_is_called_bounces(it: Stage) -> None:
    said = it.relay.cli("domain", "records", HOME_DOMAIN).decode()
    assert f"\nbounces.{HOME_DOMAIN}. IN MX 10 relay.test." in said


@pytest.mark.parametrize(
    ("content", "back", "event", "words"),
    [
        (GONE, "", "bounced", {"class": "no-mailbox", "status": "5.1.1"}),
        (VACATION, "", "replied", {"automatic": True}),
        (b"Subject: Re: hi\r\n\r\nThank you.\r\n", "ann@takes.example", "replied", {}),
        (b"Subject: eh?\r\n\r\nIt went wrong.\r\n", "", "bounced", {"class": "unknown"}),
        (COMPLAINT, "fbl@takes.example", "complained", {"feedback": "abuse"}),
    ],
    ids=["report", "out of office", "answer", "unreadable", "complaint"],
)
def test_row_50_what_comes_back_is_told_apart(
    it: Stage, content: bytes, back: str, event: str, words: dict[str, Any]
) -> None:
    _, (told,) = sent_and_back(it, content, "apart", back=back)
    assert told["event"] == event
    assert words.items() <= told.items()


def test_row_50_a_refusal_at_once_is_a_failure_and_no_bounce(it: Stage) -> None:
    sent = it.send(message("TrackBounces: true"), it.somebody(REFUSES), sender="")
    it.state(sent, "failed")
    (event,) = it.events(sent, "failed", "bounced")
    assert (event["event"], event["reply"]) == ("failed", "550 5.1.1 no such mailbox")


def test_row_51_a_complaint_is_told_suppresses_and_is_never_passed_on(it: Stage) -> None:
    sent, (event,) = sent_and_back(it, COMPLAINT, "abusive", back="fbl@takes.example")
    assert (event["event"], event["feedback"]) == ("complained", "abuse")
    assert "forwarded" not in event
    (to,) = sent.to
    it.wait(lambda: [each for each in it.relay.ask("suppress", "list") if each["address"] == to], "the entry")
    again = it.send(message(), to)
    it.state(again, "suppressed")
    assert passed_on(it, "abusive") == []


def test_row_51_reports_to_abuse_and_fbl_are_taken_where_they_quote_a_return_path(it: Stage) -> None:
    sent = it.send(message("TrackBounces: true"))
    path = it.arrived(sent).sender
    quoting = COMPLAINT.replace(b"Version: 1", f"Original-Mail-From: <{path}>\r\nVersion: 1".encode())
    assert come_back(it, f"abuse@{BOUNCES}", quoting, "fbl@takes.example")[0] == 250
    (event,) = it.events(sent, "complained")
    assert event["to"] == sent.to[0]
    code, reply = come_back(it, f"fbl@{BOUNCES}", COMPLAINT, "fbl@takes.example")
    assert (code, reply[:5]) == (550, "5.7.1")
