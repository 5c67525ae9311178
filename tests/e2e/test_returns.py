"""What comes back, end to end: bounces to our own return paths, and the reports we write ourselves."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator, Sequence
from email import message_from_bytes
from email.message import Message
from typing import Any

import pytest

from tests.bounce.test_returned import POSTFIX
from tests.e2e.harness import listeners, queue_id
from tests.e2e.world import HOME_DOMAIN, World, world
from tests.peers.receiver import Behaviour, Received

BEHAVIOURS: dict[str, Behaviour | None] = {
    HOME_DOMAIN: Behaviour(),
    "takes.example": Behaviour(),
    "reports.example": Behaviour(dsn=True),
    "busy.example": Behaviour(on={"rcpt": "450 4.2.1 mailbox busy"}),
    "refuses.example": Behaviour(on={"rcpt": "550 5.1.1 no such mailbox"}),
}
CONFIG: dict[str, Any] = {
    "listeners": [*listeners(), {"name": "returns", "address": "127.0.0.1", "port": 0, "purpose": "returns"}],
}
CONTENT = (
    b"From: me@example.com\r\nTo: you@somewhere.example\r\nSubject: Hello\r\n"
    b"Date: Thu, 01 Jan 2026 12:00:00 +0000\r\nMessage-ID: <hello@example.com>\r\n\r\nSecret.\r\n"
)


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("returns"), BEHAVIOURS, CONFIG, delay_warning="1500ms") as made:
        made.dns.set("bounces.example.com", "MX", "10 relay.test.")
        made.relay.cli("domain", "set", HOME_DOMAIN, "--bounce-host", "bounces.example.com")
        made.relay.cli("domain", "bounces", HOME_DOMAIN)
        yield made


def submit(
    internet: World, *to: str, mail: Sequence[str] = (), rcpt: Sequence[str] = (), content: bytes = CONTENT
) -> str:
    """Hand in a message with these parameters of MAIL and of each RCPT; its id."""
    with internet.relay.session() as client:
        code, reply = client.mail("me@example.com", list(mail))
        assert code == 250, reply
        for address in to:
            code, reply = client.rcpt(address, list(rcpt))
            assert code == 250, reply
        code, reply = client.data(content)
        assert code == 250, reply
    return queue_id(reply.decode())


def hand_back(internet: World, path: str, content: bytes, sender: str = "") -> tuple[int, bytes]:
    """What the returns listener answers to a message for `path`: to RCPT if that is refused, else to its content."""
    with smtplib.SMTP("127.0.0.1", internet.relay.port("returns"), timeout=30) as client:
        client.ehlo("mx.takes.example")
        assert not client.has_extn("auth")
        client.mail(sender)
        code, reply = client.rcpt(path)
        return client.data(content) if code == 250 else (code, reply)


def at_home(internet: World, what: str, before: int) -> Received:
    """The first message for our user, of those after the first `before`, that has this text."""
    home = internet.receivers[HOME_DOMAIN]
    home.wait_for(lambda it: any(what.encode() in each.content for each in it.messages[before:]), 30)
    return next(each for each in home.messages[before:] if what.encode() in each.content)


def fields(report: Received) -> list[Message]:
    """The groups of fields for programs."""
    parsed = message_from_bytes(report.content)
    assert (report.sender, report.recipients) == ("", ("me@example.com",))
    assert (parsed.get_content_type(), parsed.get_param("report-type")) == ("multipart/report", "delivery-status")
    assert parsed["In-Reply-To"] == "<hello@example.com>"
    (programs,) = [each for each in parsed.walk() if each.get_content_type() == "message/delivery-status"]
    groups = programs.get_payload()
    assert isinstance(groups, list)
    return [each for each in groups if isinstance(each, Message)]


def tracked() -> bytes:
    return b"X-SMTPeter-TrackBounces: true\r\n" + CONTENT


def test_a_bounce_comes_back_to_our_return_path_and_goes_on_to_the_client(internet: World) -> None:
    receiver, before = internet.receivers["takes.example"], len(internet.receivers[HOME_DOMAIN].messages)
    already = len(receiver.messages)
    message = submit(internet, "ann@takes.example", "bob@takes.example", content=tracked())
    internet.relay.wait_for_state(message, "delivered")
    arrived = receiver.wait(already + 2)[already:]
    paths = {each.recipients[0]: each.sender for each in arrived}
    assert len(set(paths.values())) == 2
    assert all(each.endswith("@bounces.example.com") for each in paths.values())
    assert all(b"me@example.com" in each.content and b"TrackBounces" not in each.content for each in arrived)
    bounce = POSTFIX.replace(b"ann@example.net", b"bob@takes.example")
    code, reply = hand_back(internet, paths["bob@takes.example"], bounce)
    assert code == 250, reply
    copy = at_home(internet, "Quota exceeded", before)
    assert (copy.sender, copy.recipients) == ("", ("me@example.com",))
    assert copy.content.endswith(bounce)
    events = internet.relay.wait(
        lambda: [each for each in internet.relay.events(message) if each["event"] == "bounced"], "the bounce"
    )
    told = [(each["id"], each["to"], each["status"]) for each in events]
    assert told == [(f"{message}-2", "bob@takes.example", "5.2.2")]
    assert events[0]["forwarded"] == queue_id(reply.decode())
    internet.relay.wait_for_state(events[0]["forwarded"], "delivered")
    assert any("bounced" in line for line in internet.relay.cli("explain", f"{message}-2").decode().splitlines())


def test_a_reply_to_a_return_path_is_told_as_such(internet: World) -> None:
    receiver, before = internet.receivers["takes.example"], len(internet.receivers[HOME_DOMAIN].messages)
    already = len(receiver.messages)
    message = submit(internet, "ann@takes.example", rcpt=["NOTIFY=NEVER"], content=tracked())
    path = receiver.wait(already + 1, 20)[already].sender
    assert hand_back(internet, path, POSTFIX) == (250, b"2.0.0 Ok: noted")
    code, _ = hand_back(internet, path, b"Subject: out of office\r\n\r\nBack on Monday.\r\n", "ann@takes.example")
    assert code == 250
    at_home(internet, "Back on Monday", before)
    names = [each["event"] for each in internet.relay.events(message) if each["event"] in ("bounced", "replied")]
    assert sorted(names) == ["bounced", "replied"]
    assert not [each for each in internet.receivers[HOME_DOMAIN].messages[before:] if b"Quota" in each.content]


def test_the_returns_listener_takes_nothing_else(internet: World) -> None:
    for address in ("me@example.com", "me@bounces.example.com", "you@takes.example", "b1-0-1-x@bounces.example.com"):
        code, reply = hand_back(internet, address, CONTENT)
        assert (code, reply[:5]) == (550, b"5.1.1")


def test_mail_that_is_not_tracked_keeps_the_reverse_path_of_its_sender(internet: World) -> None:
    receiver = internet.receivers["takes.example"]
    already = len(receiver.messages)
    submit(internet, "ann@takes.example")
    assert receiver.wait(already + 1, 20)[already].sender == "me@example.com"


def test_a_delay_is_told_once_and_the_mail_goes_on_being_tried(internet: World) -> None:
    receiver, home = internet.receivers["busy.example"], internet.receivers[HOME_DOMAIN]
    before = len(home.messages)
    message = submit(internet, "ann@busy.example", "bob@busy.example", mail=["RET=FULL", "ENVID=order+2B7"])
    groups = fields(at_home(internet, "Action: delayed", before))
    assert groups[0]["Original-Envelope-Id"] == "order+7"
    assert [each["Status"] for each in groups[1:]] == ["4.2.1"] * (len(groups) - 1)
    assert all(each["Will-Retry-Until"] for each in groups[1:])
    attempts = len(receiver.heard("RCPT"))
    receiver.wait_for(lambda it: len(it.heard("RCPT")) >= attempts + 4, 30)  # two more rounds
    receiver.behaviour.on.clear()
    internet.relay.wait_for_state(message, "delivered")
    told = [each for each in home.messages[before:] if b"Action: delayed" in each.content]
    named = [each["Final-Recipient"] for report in told for each in fields(report)[1:]]
    assert sorted(named) == ["rfc822; ann@busy.example", "rfc822; bob@busy.example"]
    assert b"Secret." not in b"".join(each.content for each in told)
    deferred = [each for each in internet.relay.events(message) if each["event"] == "deferred" and "report" in each]
    assert len(deferred) == 2


def test_success_is_told_by_us_where_the_next_hop_does_not(internet: World) -> None:
    before = len(internet.receivers[HOME_DOMAIN].messages)
    wishes = ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;You@elsewhere.example"]
    plain = submit(internet, "ann@takes.example", rcpt=wishes)
    groups = fields(at_home(internet, "Action: relayed", before))
    assert groups[1]["Original-Recipient"] == "rfc822;You@elsewhere.example"
    assert groups[1]["Final-Log-ID"] == f"{plain}-1"
    able = submit(internet, "ann@reports.example", rcpt=wishes)
    internet.relay.wait_for_state(able, "delivered")
    (command,) = internet.receivers["reports.example"].heard("RCPT")
    assert "NOTIFY=SUCCESS,FAILURE" in command
    assert "ORCPT=rfc822;You@elsewhere.example" in command
    (delivered,) = [each for each in internet.relay.events(able) if each["event"] == "delivered"]
    assert "report" not in delivered


def test_a_trace_is_told_although_the_next_hop_reports_too(internet: World) -> None:
    before = len(internet.receivers[HOME_DOMAIN].messages)
    message = submit(internet, "tom@reports.example", mail=["BY=600;NT"])
    groups = fields(at_home(internet, f"{message}-1", before))
    assert groups[1]["Action"] == "relayed"


def test_a_failure_returns_the_whole_message_to_who_asked_for_it(internet: World) -> None:
    before = len(internet.receivers[HOME_DOMAIN].messages)
    message = submit(internet, "gone@refuses.example", mail=["RET=FULL"])
    report = at_home(internet, f"{message}-1", before)
    assert fields(report)[1]["Action"] == "failed"
    assert b"Secret." in report.content
    quiet = submit(internet, "gone@refuses.example", rcpt=["NOTIFY=SUCCESS,DELAY"])
    internet.relay.wait_for_state(quiet, "failed")
    assert not any("report" in each for each in internet.relay.events(quiet))


def test_a_bounce_waits_out_a_crash(internet: World) -> None:
    receiver, home = internet.receivers["takes.example"], internet.receivers[HOME_DOMAIN]
    already = len(receiver.messages)
    submit(internet, "ann@takes.example", content=tracked())
    path = receiver.wait(already + 1, 20)[already].sender
    before = len(home.messages)
    home.behaviour.on["mail"] = "451 4.3.0 not now"
    code, _ = hand_back(internet, path, POSTFIX.replace(b"Quota", b"Crash"))
    assert code == 250
    internet.relay.kill()
    internet.relay.start()
    home.behaviour.on.clear()
    at_home(internet, "Crash exceeded", before)
    assert hand_back(internet, path, POSTFIX)[0] == 250  # the keys outlived it, too
