"""Reports of others, read: those that servers write, and those that are written to hurt."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.bounce.dsn import delivery_report
from relay.bounce.notice import Action
from relay.bounce.returned import TOLD, Returned, Told, examine
from relay.model.envelope import Recipient
from relay.model.reply import Reply
from tests.bounce.test_dsn import GONE, report

POSTFIX = (
    b"Return-Path: <>\r\n"
    b"Received: by mx.example.net (Postfix)\r\n\tid 4XYZ; Wed, 18 Nov 2026 12:00:00 +0100 (CET)\r\n"
    b"From: MAILER-DAEMON@mx.example.net (Mail Delivery System)\r\n"
    b"Subject: Undelivered Mail Returned to Sender\r\n"
    b"To: b1-x@bounces.example.com\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/report; report-type=delivery-status;\r\n"
    b'\tboundary="4XYZ.1795000000/mx.example.net"\r\n\r\n'
    b"This is a MIME-encapsulated message.\r\n\r\n"
    b"--4XYZ.1795000000/mx.example.net\r\nContent-Description: Notification\r\n"
    b"Content-Type: text/plain; charset=us-ascii\r\n\r\nI'm sorry.\r\n\r\n"
    b"--4XYZ.1795000000/mx.example.net\r\nContent-Description: Delivery report\r\n"
    b"Content-Type: message/delivery-status\r\n\r\n"
    b"Reporting-MTA: dns; mx.example.net\r\nX-Postfix-Queue-ID: 4XYZ\r\n"
    b"Arrival-Date: Wed, 18 Nov 2026 12:00:00 +0100 (CET)\r\n\r\n"
    b"Final-Recipient: rfc822; ann@inside.example.net\r\nOriginal-Recipient: rfc822;ann@example.net\r\n"
    b"Action: failed\r\nStatus: 5.2.2\r\nRemote-MTA: dns; store.example.net\r\n"
    b"Diagnostic-Code: smtp; 552 5.2.2 <ann@inside.example.net>\r\n    Quota exceeded\r\n\r\n"
    b"--4XYZ.1795000000/mx.example.net\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: hi\r\n\r\n"
    b"--4XYZ.1795000000/mx.example.net--\r\n"
)


def test_a_report_of_a_mail_server_tells_action_status_and_diagnosis() -> None:
    found = examine(POSTFIX)
    diagnosis = "552 5.2.2 <ann@inside.example.net> Quota exceeded"
    assert found == Returned(True, (Told("ann@example.net", "failed", "5.2.2", diagnosis),))
    assert found.of("Ann@Example.net") == found.told[0]
    assert found.of("somebody@else.example") == found.told[0]  # there is only one it can mean


@pytest.mark.parametrize("sender", ["me@example.com", "jörg@example.com"])
def test_our_own_reports_can_be_read_too(sender: str) -> None:
    other = replace(GONE, number=2, recipient=Recipient(address="bob@example.net"), reply=Reply(550, "5.7.1", "no"))
    found = examine(delivery_report(report(GONE, other, sender=sender)))
    assert found.of("bob@example.net") == Told("bob@example.net", "failed", "5.7.1", "550 5.7.1 no")
    assert found.of("ann@example.net").status == "5.1.1"
    assert found.of("carl@example.net") == found.told[0]  # an address that led to both
    late = examine(delivery_report(report(action=Action.DELAYED, sender=sender)))
    assert late.told[0].action == "delayed"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"Subject: Re: your order\r\n\r\nThank you.\r\n",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\n",
        b"Content-Type: multipart/report; report-type=feedback-report; boundary=x\r\n\r\n--x--\r\n",
        b"\r\nContent-Type: multipart/report; report-type=delivery-status\r\n\r\n",
        b"no header at all",
    ],
)
def test_everything_else_is_no_report(content: bytes) -> None:
    assert examine(content) == Returned(report=False)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x\r\nContent-Type: text/plain\r\n\r\nsorry\r\n--x--\r\n",
        b"--x\r\nContent-Type: message/delivery-status\r\nContent-Transfer-Encoding: base64\r\n\r\nQQ==\r\n--x--\r\n",
        b"--x--\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\n",
    ],
)
def test_a_report_that_says_nothing_is_still_one(body: bytes) -> None:
    head = b"Content-Type: Multipart/Report; Boundary=x; Report-Type=Delivery-Status\r\n\r\n"
    assert examine(head + body) == Returned(report=True)


def test_what_is_told_is_bounded_and_in_one_line() -> None:
    text = b"Action: failed\r\nStatus: 9.9.9 nonsense\r\nDiagnostic-Code: smtp;" + b"\x00\x1b\xffx" * 5000
    head = b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\n"
    (told,) = examine(head + b"Content-Type: message/delivery-status\r\n\r\n" + text + b"\r\n\r\n--x--\r\n").told
    assert (told.action, told.status) == ("failed", "")
    assert len(told.diagnostic) <= TOLD
    assert told.diagnostic.isprintable()


HOSTILE = [
    b"a" * 10_000_000,
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=x" + b"; a=b" * 1_000_000,
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n" + b" \r\n" * 3_000_000,
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n" + b"--x\r\n" * 1_000_000,
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\n"
    b"Content-Type: message/delivery-status\r\n\r\n" + b"Action: failed\r\n\r\n" * 500_000,
    b'Content-Type: multipart/report; report-type="' + b";" * 5_000_000,
]


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
def test_megabytes_made_to_be_a_burden_are_looked_at_in_no_time(content: bytes) -> None:
    began = time.process_time()
    assert len(examine(content).told) <= 21
    assert time.process_time() - began < 0.5


@given(st.binary(max_size=2000), st.binary(max_size=300))
def test_nothing_makes_it_fail(body: bytes, value: bytes) -> None:
    examine(body)
    head = b"Content-Type: multipart/report; report-type=delivery-status; boundary=x" + value
    examine(head + b"\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\n" + body)
