"""Reports read back with the standard library, as a sender's program would."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from email.message import EmailMessage, Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.bounce.dsn import RETURNED_OCTETS, delivery_report
from relay.bounce.notice import Action, Case, Report
from relay.bounce.people import NAMED
from relay.model import message as model
from relay.model.envelope import Envelope, Recipient, Ret
from relay.model.reply import Reply
from tests import corpus

AT = 1_795_000_000.0
CONTENT = (
    b"DKIM-Signature: v=1; b=x\r\nFrom: Me <me@example.com>\r\nTo: ann@example.net\r\n"
    b"Message-ID:\r\n <1@example.com>\r\nSubject: hi\r\n\r\nHello, secret.\r\n"
)
GONE = Case(
    number=1,
    recipient=Recipient(address="ann@example.net"),
    reply=Reply(550, "5.1.1", "no such mailbox"),
    host="mx.example.net",
    at=AT + 60,
)


def report(
    *cases: Case,
    action: Action = Action.FAILED,
    content: bytes = CONTENT,
    sender: str = "me@example.com",
    **envelope: object,
) -> Report:
    recipients = tuple(each.recipient for each in cases or (GONE,))
    given = replace(Envelope(reverse_path=sender, recipients=recipients), **envelope)  # type: ignore[arg-type]
    message = model.Message(
        id="0123456789abcdef",
        account="demo",
        credential="app",
        envelope=given,
        received=AT,
        deadline=AT + 432_000,
        size=len(content),
    )
    return Report(
        id="0123456789abcdeg",
        at=AT + 90,
        hostname="relay.example",
        message=message,
        content=content,
        action=action,
        cases=cases or (GONE,),
    )


def parsed(octets: bytes) -> EmailMessage:
    assert b"\n" not in octets.replace(b"\r\n", b"")
    assert b"\r" not in octets.replace(b"\r\n", b"")
    message = email.message_from_bytes(octets, policy=email.policy.SMTP)
    assert isinstance(message, EmailMessage)
    assert message.defects == []
    return message


def parts(octets: bytes) -> tuple[EmailMessage, list[Message], EmailMessage]:
    """The text for people, the groups of fields for programs, and what was returned."""
    people, programs, returned = parsed(octets).iter_parts()
    assert isinstance(people, EmailMessage) and isinstance(returned, EmailMessage)
    payload = programs.get_payload()
    if isinstance(payload, list):
        return people, [each for each in payload if isinstance(each, Message)], returned
    text = programs.get_payload(decode=True)
    assert isinstance(text, bytes)
    groups: list[Message] = [email.message_from_bytes(each + b"\r\n") for each in text.split(b"\r\n\r\n")]
    return people, groups, returned


def said(part: EmailMessage) -> str:
    text: str = part.get_content()
    return text.replace("\r\n", "\n")


def test_the_report_is_addressed_to_the_sender_and_says_it_is_automatic() -> None:
    message = parsed(delivery_report(report()))
    assert message["From"] == "Mail Delivery System <MAILER-DAEMON@relay.example>"
    assert message["To"] == "<me@example.com>" or message["To"] == "me@example.com"
    assert message["Subject"] == "Undelivered mail: ann@example.net"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["Message-ID"] == "<0123456789abcdeg@relay.example>"
    assert message["In-Reply-To"] == message["References"] == "<1@example.com>"
    assert message["Date"].datetime.timestamp() == AT + 90
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"


def test_programs_find_all_fields() -> None:
    other = Case(
        number=3,
        recipient=Recipient(address="bob@example.org", original="rfc822;Bob@Example.ORG"),
        reply=Reply(554, "", "first line\nsecond line"),
        at=AT + 70,
    )
    _, groups, _ = parts(delivery_report(report(GONE, other, envid="order 7")))
    assert [dict(each.items()) for each in groups] == [
        {
            "Original-Envelope-Id": "order 7",
            "Reporting-MTA": "dns; relay.example",
            "Arrival-Date": "Wed, 18 Nov 2026 11:06:40 +0000",
        },
        {
            "Final-Recipient": "rfc822; ann@example.net",
            "Action": "failed",
            "Status": "5.1.1",
            "Remote-MTA": "dns; mx.example.net",
            "Diagnostic-Code": "smtp; 550 5.1.1 no such mailbox",
            "Last-Attempt-Date": "Wed, 18 Nov 2026 11:07:40 +0000",
            "Final-Log-ID": "0123456789abcdef-1",
        },
        {
            "Original-Recipient": "rfc822;Bob@Example.ORG",
            "Final-Recipient": "rfc822; bob@example.org",
            "Action": "failed",
            "Status": "5.0.0",
            "Diagnostic-Code": "smtp; 554 first line second line",
            "Last-Attempt-Date": "Wed, 18 Nov 2026 11:07:50 +0000",
            "Final-Log-ID": "0123456789abcdef-3",
        },
    ]


def test_people_find_who_was_not_reached_and_why() -> None:
    people, _, _ = parts(delivery_report(report()))
    text = said(people)
    assert "  ann@example.net\n      The server mx.example.net answered:\n      550 5.1.1 no such mailbox\n" in text
    assert "0123456789abcdef" in text
    late = replace(GONE, reply=Reply(451, "4.2.0", "try later"), expired=True)
    octets = delivery_report(replace(report(late), at=AT + 432_010))
    people, groups, _ = parts(octets)
    assert "Its time was over (5 days). The last answer was:\n      451 4.2.0 try later" in said(people)
    assert groups[1]["Status"] == "4.4.7"
    tried, groups, _ = parts(delivery_report(report(replace(late, attempts=3))))
    assert "It was tried 3 times, as often as the message asked for. The last answer was:\n" in said(tried)
    assert groups[1]["Status"] == "4.4.7"
    once, _, _ = parts(delivery_report(report(replace(late, attempts=1))))
    assert "It was tried once, as often" in said(once)
    ours, _, _ = parts(delivery_report(report(replace(GONE, host="", reply=Reply(556, "5.1.10", "takes no mail")))))
    assert "It could not be sent:\n      556 5.1.10 takes no mail" in said(ours)


def test_the_header_comes_back_and_the_whole_only_where_it_was_asked_for() -> None:
    octets = delivery_report(report())
    _, _, returned = parts(octets)
    assert returned.get_content_type() == "text/rfc822-headers"
    assert returned.get_payload(decode=True) == CONTENT.partition(b"\r\n\r\n")[0] + b"\r\n"
    assert b"secret" not in octets
    whole = delivery_report(report(ret=Ret.FULL))
    assert b"Content-Type: message/rfc822\r\n\r\n" + CONTENT in whole
    big = CONTENT + b"x" * 70 + b"\r\n" * (RETURNED_OCTETS // 2)
    _, _, returned = parts(delivery_report(report(content=big, ret=Ret.FULL)))
    assert returned.get_content_type() == "text/rfc822-headers"


def test_a_delay_says_until_when_it_is_tried_and_that_nothing_need_be_done() -> None:
    late = replace(GONE, reply=Reply(450, "4.2.0", "greylisted"))
    octets = delivery_report(report(late, action=Action.DELAYED, ret=Ret.FULL))
    message = parsed(octets)
    assert message["Subject"] == "Delayed mail, still trying until 23 Nov 2026: ann@example.net"
    people, groups, returned = parts(octets)
    assert "has not reached everybody yet" in said(people)
    assert "need not send it again. We go on trying until\nMon, 23 Nov 2026 11:06:40 +0000." in said(people)
    assert dict(groups[1].items()) == {
        "Final-Recipient": "rfc822; ann@example.net",
        "Action": "delayed",
        "Status": "4.2.0",
        "Remote-MTA": "dns; mx.example.net",
        "Diagnostic-Code": "smtp; 450 4.2.0 greylisted",
        "Last-Attempt-Date": "Wed, 18 Nov 2026 11:07:40 +0000",
        "Final-Log-ID": "0123456789abcdef-1",
        "Will-Retry-Until": "Mon, 23 Nov 2026 11:06:40 +0000",
    }
    assert returned.get_content_type() == "text/rfc822-headers"  # whatever RET says: nothing has failed
    assert b"secret" not in octets


def test_a_delay_for_a_reply_that_sounds_final_has_a_status_of_class_4() -> None:
    late = replace(GONE, reply=Reply(550, "5.7.1", "not yet, I do not know you"))
    _, groups, _ = parts(delivery_report(report(late, action=Action.DELAYED)))
    assert groups[1]["Status"] == "4.7.1"
    assert groups[1]["Diagnostic-Code"] == "smtp; 550 5.7.1 not yet, I do not know you"


@pytest.mark.parametrize(
    ("action", "subject", "words"),
    [
        (Action.RELAYED, "Relayed mail: ann@example.net", "Taken by the next server for:"),
        (Action.DELIVERED, "Delivered mail: ann@example.net", "Delivered to:"),
    ],
)
def test_good_news_says_what_happened_and_returns_the_header_only(action: Action, subject: str, words: str) -> None:
    taken = replace(GONE, reply=Reply(250, "", "ok, queued as 7"))
    octets = delivery_report(report(taken, action=action, ret=Ret.FULL))
    people, groups, returned = parts(octets)
    assert parsed(octets)["Subject"] == subject
    assert words in said(people)
    assert "250 ok, queued as 7" in said(people)
    assert (groups[1]["Action"], groups[1]["Status"]) == (action.value, "2.0.0")
    assert "Will-Retry-Until" not in groups[1]
    assert returned.get_content_type() == "text/rfc822-headers"


def test_a_subject_names_a_recipient_outside_ascii_in_encoded_words() -> None:
    long = Recipient(address=f"{'用' * 20}@{'a' * 60}.{'b' * 60}.example.net")
    octets = delivery_report(report(replace(GONE, recipient=long)))
    assert parsed(octets)["Subject"] == f"Undelivered mail: {long.address}"
    head = octets.partition(b"\r\n\r\n")[0]
    assert head.isascii()
    assert max(map(len, head.split(b"\r\n"))) < 100


def test_a_report_without_the_message_is_still_a_report() -> None:
    octets = delivery_report(report(content=b"", ret=Ret.FULL))
    people, groups, _ = parts(octets)
    assert "ann@example.net" in said(people)
    assert len(groups) == 2
    assert parsed(octets)["References"] is None


def test_many_recipients_are_named_to_programs_all_and_to_people_some() -> None:
    many = [
        replace(GONE, number=number, recipient=Recipient(address=f"a{number}@example.net"))
        for number in range(1, 101)
    ]
    octets = delivery_report(report(*many))
    people, groups, _ = parts(octets)
    assert len(groups) == 101
    assert f"and {100 - NAMED} more" in people.get_content()
    assert parsed(octets)["Subject"] == "Undelivered mail: 100 recipients"


def test_a_sender_in_ascii_gets_ascii_even_about_others() -> None:
    ended = replace(
        GONE,
        recipient=Recipient(address="jörg+a@example.net", original="utf-8;jörg@example.net"),
        reply=Reply(550, "5.1.1", "kein Postfach für jörg"),
    )
    octets = delivery_report(report(ended))
    assert octets.isascii()
    people, groups, _ = parts(octets)
    assert groups[1]["Final-Recipient"] == r"utf-8; j\x{F6}rg\x{2B}a@example.net"
    assert groups[1]["Original-Recipient"] == r"utf-8;j\x{F6}rg@example.net"
    assert groups[1]["Diagnostic-Code"] == "smtp; 550 5.1.1 kein Postfach f?r j?rg"
    assert "jörg+a@example.net" in people.get_content()
    assert "kein Postfach für jörg" in people.get_content()


def test_a_sender_outside_ascii_gets_utf8() -> None:
    ended = replace(GONE, recipient=Recipient(address="用户@example.net"))
    content = "From: jörg@example.com\r\nSubject: ü\r\n\r\nx\r\n".encode()
    octets = delivery_report(report(ended, content=content, sender="jörg@example.com", smtputf8=True))
    assert "To: <jörg@example.com>\r\n".encode() in octets
    assert b"Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n" in octets
    assert "\r\nFinal-Recipient: utf-8; 用户@example.net\r\n".encode() in octets
    assert b"Content-Type: message/global-headers\r\nContent-Transfer-Encoding: 8bit\r\n" in octets
    whole = delivery_report(report(ended, content=content, sender="jörg@example.com", smtputf8=True, ret=Ret.FULL))
    assert b"Content-Type: message/global\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + content in whole


@pytest.mark.parametrize("ret", list(Ret))
@pytest.mark.parametrize("name", corpus.own())
def test_awkward_messages_come_back_as_they_were(name: str, ret: Ret) -> None:
    content = corpus.own()[name]
    octets = delivery_report(report(content=content, ret=ret))
    parsed(octets)
    if ret is Ret.FULL:
        assert content in octets
    else:
        _, _, returned = parts(octets)
        head = returned.get_payload(decode=True)
        assert isinstance(head, bytes)
        assert head.rstrip(b"\r\n") == content.partition(b"\r\n\r\n")[0].rstrip(b"\r\n")


@given(st.text(max_size=3000), st.text(max_size=300), st.text(max_size=100))
def test_no_words_of_strangers_become_fields(text: str, host: str, envid: str) -> None:
    ended = replace(GONE, reply=Reply(550, "5.0.0", text), host=host, recipient=Recipient(address="ann@example.net"))
    octets = delivery_report(report(ended, envid=envid))
    assert octets.isascii()
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    _, groups, _ = parts(octets)
    assert len(groups) == 2
    assert set(groups[0].keys()) <= {"Original-Envelope-Id", "Reporting-MTA", "Arrival-Date"}
    assert set(groups[1].keys()) <= {
        "Final-Recipient",
        "Action",
        "Status",
        "Remote-MTA",
        "Diagnostic-Code",
        "Last-Attempt-Date",
        "Final-Log-ID",
    }
    assert len(list(parsed(octets).iter_parts())) == 3


def test_a_message_that_holds_the_boundary_breaks_nothing() -> None:
    content = CONTENT + b"--=_0123456789abcdeg\r\n--=_0123456789abcdeg_--\r\n"
    octets = delivery_report(report(content=content, ret=Ret.FULL))
    assert len(list(parsed(octets).iter_parts())) == 3
    assert content in octets
