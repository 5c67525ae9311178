"""Rows 1 to 12 but for the control fields: ports, logins, envelopes, answers, and clients."""

from __future__ import annotations

import base64
import os
import smtplib
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from tests.conformance.stage import (
    BOUNCES,
    BUSY,
    REFUSES,
    SENDER,
    TAKES,
    TRACES,
    Stage,
    headers,
    links,
    message,
    part,
)
from tests.e2e.clients import CLIENTS, Postfix
from tests.e2e.world import HOME_DOMAIN
from tests.tools import tool, unavailable

PAGE = '<p>See <a href="https://shop.example/sale">the sale</a>.</p>'
FEATURES = {  # of a login, and what each leaves in a message
    "track_clicks=html": 'href="https://clicks.',
    "track_opens=yes": 'src="https://clicks.',
    "inline_css=yes": 'style="color: red"',
}


@pytest.mark.parametrize("listener", ["submission", "starttls", "third"])
def test_row_1_each_port_wants_tls_first_and_a_login_then(it: Stage, listener: str) -> None:
    with smtplib.SMTP("127.0.0.1", it.relay.port(listener), timeout=30) as client:
        client.ehlo()
        assert client.has_extn("starttls") and not client.has_extn("auth")
        assert client.mail(SENDER)[0] == 530
        client.rset()
        client.starttls(context=it.tls())
        client.ehlo()
        assert client.mail(SENDER)[0] == 530
        client.login(it.demo.username, it.demo.password)
        assert client.sendmail(SENDER, [it.somebody()], message()) == {}


def test_row_2_a_port_speaks_tls_from_the_first_octet(it: Stage) -> None:
    with smtplib.SMTP_SSL("127.0.0.1", it.relay.port("tls"), context=it.tls(), timeout=30) as client:
        client.ehlo()
        assert not client.has_extn("starttls") and client.has_extn("auth")
        assert client.mail(SENDER)[0] == 530
        client.login(it.demo.username, it.demo.password)
        assert client.sendmail(SENDER, [it.somebody()], message()) == {}


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_row_3_auth_plain_and_login_under_tls_alone(it: Stage) -> None:
    name, password = it.demo.username, it.demo.password
    ways = {
        "plain at once": [f"AUTH PLAIN {coded(f'{chr(0)}{name}{chr(0)}{password}')}"],
        "plain asked for": ["AUTH PLAIN", coded(f"\0{name}\0{password}")],
        "login with the name at once": [f"AUTH LOGIN {coded(name)}", coded(password)],
        "login asked for": ["AUTH LOGIN", coded(name), coded(password)],
    }
    for lines in ways.values():
        with smtplib.SMTP("127.0.0.1", it.relay.port(), timeout=30) as client:
            client.ehlo()
            assert client.docmd(lines[0])[0] in (502, 503, 530, 538)
            client.starttls(context=it.tls())
            client.ehlo()
            assert set(client.esmtp_features["auth"].split()) == {"PLAIN", "LOGIN"}
            answers = [client.docmd(each) for each in lines]
            assert [code for code, _ in answers] == [*[334] * (len(lines) - 1), 235]
            assert client.mail(SENDER)[0] == 250
    with smtplib.SMTP("127.0.0.1", it.relay.port(), timeout=30) as client:
        client.starttls(context=it.tls())
        client.ehlo()
        assert client.docmd("AUTH LOGIN") == (334, b"VXNlcm5hbWU6")
        assert client.docmd(coded(name)) == (334, b"UGFzc3dvcmQ6")
        assert client.docmd(coded("wrong"))[0] == 535


def test_row_4_each_of_six_features_is_a_switch_of_a_login(it: Stage) -> None:
    login = it.credential(
        *(word for each in FEATURES for word in ("--option", each)),
        *("--option", "prevent_scam=yes", "--option", "track_bounces=yes", "--option", "hosted_images=yes"),
    )
    page = (
        f"<html><head><style>p {{color: red}}</style></head><body>{PAGE}"
        '<a href="https://shop.example/">shop.example</a>'
        '<img src="https://shop.example/a.png"><img src="cid:dot"></body></html>'
    )
    content = related(page)
    arrived = it.arrived(it.send(content, login=login))
    html = part(arrived.content)
    for feature, trace in FEATURES.items():
        assert trace in html, feature
    assert "cid:" not in html and [each.get_content_type() for each in walked(arrived.content)] == ["text/html"]
    assert '<a href="https://shop.example/">shop.example</a>' in html
    assert arrived.sender.endswith(f"@{BOUNCES}")
    plain = it.credential()
    untouched = it.arrived(it.send(content, login=plain))
    assert untouched.content.endswith(content)
    assert untouched.sender == SENDER
    shown = it.relay.ask("credential", "show", login.username)
    names = {"track_clicks", "track_opens", "prevent_scam", "track_bounces", "inline_css", "hosted_images"}
    assert shown["options"].keys() == names


def walked(content: bytes) -> list[Message]:
    return list(message_from_bytes(content).walk())


def related(page: str) -> bytes:
    dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
    return (
        f"From: {SENDER}\r\nTo: list@{HOME_DOMAIN}\r\nSubject: Hello\r\nDate: Thu, 01 Jan 2026 12:00:00 +0000\r\n"
        "Message-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
        f"{page}\r\n--b\r\nContent-Type: image/png\r\nContent-ID: <dot>\r\n"
        f"Content-Transfer-Encoding: base64\r\n\r\n{dot}\r\n--b--\r\n"
    ).encode()


def test_row_4_a_password_is_shown_once_and_logins_have_no_number(it: Stage) -> None:
    made = [it.credential("--note", f"number {number}") for number in range(4)]
    assert len({each.username for each in made}) == len({each.password for each in made}) == 4
    listed = it.relay.cli("credential", "list", "--json") + it.relay.cli(
        "credential", "show", made[0].username, "--json"
    )
    for each in made:
        assert each.password.encode() not in listed
        it.send(message(), login=each)
    for file in it.relay.data.glob("*.db*"):
        assert made[0].password.encode() not in file.read_bytes(), file


def test_row_6_the_null_envelope_is_taken_and_bounces_are_seen_all_the_same(it: Stage) -> None:
    quiet = it.arrived(it.send(message("TrackBounces: no"), sender=""))
    assert quiet.sender == ""
    seen = it.arrived(it.send(message("TrackBounces: yes"), sender=""))
    assert seen.sender.endswith(f"@{BOUNCES}")
    refused = it.send(message("TrackBounces: yes"), it.somebody(REFUSES), sender="")
    it.state(refused, "failed")
    (event,) = it.events(refused, "failed")
    assert "report" not in event


def test_row_7_dsn_wishes_are_heard_and_handed_on(it: Stage) -> None:
    to = it.somebody(TRACES)
    with it.session() as client:
        assert client.has_extn("dsn")
    sent = it.send(message(), to, mail=["RET=FULL", "ENVID=yourid"], rcpt=["NOTIFY=SUCCESS", f"ORCPT=rfc822;{to}"])
    assert {"RET=FULL", "ENVID=yourid"} <= set(it.arrived(sent).parameters)
    (command,) = [each for each in it.internet.receivers[TRACES].heard("RCPT") if to in each]
    assert "NOTIFY=SUCCESS" in command and f"ORCPT=rfc822;{to}" in command
    report = failed(it, "RET=FULL", "ENVID=my+2Bid", notify="NOTIFY=FAILURE,DELAY")
    assert b"Original-Envelope-Id: my+id" in report and b"Hello." in report
    assert b"Hello." not in failed(it)  # RET is HDRS where nothing is said


def failed(it: Stage, *mail: str, notify: str = "NOTIFY=FAILURE") -> bytes:
    """The report about a message that was refused."""
    sent = it.send(message(), it.somebody(REFUSES), mail=mail, rcpt=[notify])
    home = it.internet.receivers[HOME_DOMAIN]

    def about() -> list[bytes]:
        return [each.content for each in home.messages if sent.id.encode() in each.content]

    home.wait_for(lambda _: bool(about()), 30)
    return about()[0]


@pytest.mark.parametrize("notify", ["NEVER,FAILURE", "SUCCESS, DELAY", "SOMETIMES", ""])
def test_row_7_notify_never_stands_alone_and_has_no_spaces(it: Stage, notify: str) -> None:
    code, reply = it.say(message(), it.somebody(), rcpt=[f"NOTIFY={notify}"])
    assert code == 501, reply


def test_row_8_the_answer_has_the_id_by_which_all_is_found(it: Stage) -> None:
    sent = it.send(message("Tags: row8"), it.somebody(), it.somebody())
    assert sent.reply.startswith(f"2.0.0 Ok: queued as {sent.id}")
    arrived = it.arrived(sent)
    assert it.relay.message(sent.id) == arrived.content
    assert len(it.events(sent, "delivered", many=2)) == 2


def test_row_9_refusals_come_at_rcpt_or_once_the_content_was_seen(it: Stage) -> None:
    with it.session() as client:
        assert client.mail(SENDER)[0] == 250
        assert client.rcpt("nobody@@nowhere")[0] in (501, 553)
        assert client.rcpt(it.somebody())[0] == 250
        code, reply = client.data(message("SendAt: whenever it suits"))
        assert code == 554 and b"SendAt" in reply
        assert client.mail(SENDER)[0] == 250  # the session goes on


@pytest.mark.parametrize("client", ["swaks", "curl", "nodemailer", "smtplib_tls"])
def test_row_12_mail_clients_hand_in_what_a_header_tunes(it: Stage, client: str) -> None:
    to = it.somebody()
    CLIENTS[client](it.relay, message("TrackClicks: true", html=PAGE), SENDER, [to])
    receiver = it.internet.receivers[TAKES]
    receiver.wait_for(lambda it: any(to in each.recipients for each in it.messages), 30)
    (arrived,) = [each for each in receiver.messages if to in each.recipients]
    (link,) = links(part(arrived.content))
    assert it.http(link).location == "https://shop.example/sale"


def test_row_12_the_printed_recipe_for_postfix_works(it: Stage, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        unavailable("Postfix can only be started by root")
    tool("postfix")
    to = it.somebody()
    receiver = it.internet.receivers[TAKES]
    with Postfix(it.relay, tmp_path / "postfix") as postfix:
        postfix.send(message("TrackClicks: true", "Tags: by-postfix", html=PAGE), SENDER, [to])
        receiver.wait_for(lambda it: any(to in each.recipients for each in it.messages), 30)
    (arrived,) = [each for each in receiver.messages if to in each.recipients]
    assert len(headers(arrived.content, "Received")) == 2
    assert "smtpeter" not in str(message_from_bytes(arrived.content).keys()).lower()
    (link,) = links(part(arrived.content))
    assert it.http(link).location == "https://shop.example/sale"


def test_row_12_a_busy_recipient_is_the_relays_to_wait_for(it: Stage) -> None:
    sent = it.send(message("MaxAttempts: 2"), it.somebody(BUSY))
    it.state(sent, "expired", "failed")
