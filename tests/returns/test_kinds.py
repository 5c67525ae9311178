"""What comes to a return path, by its kind: which event it is, and whether the client gets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.bounce.returnpath import Way, make
from relay.model.envelope import Notify, Recipient
from relay.model.event import Event, EventName
from relay.model.options import Options, Resolved
from tests.bounce.test_returned import POSTFIX
from tests.returns.stage import HOST, Stage, stage

VACATION = (
    b"From: Ann <ann@example.net>\r\nSubject: Re: hi\r\nAuto-Submitted: auto-replied (vacation)\r\n\r\n"
    b"In June again.\r\n"
)
COMPLAINT = (
    b"From: fbl@example.net\r\nSubject: complaint\r\n"
    b"Content-Type: multipart/report; report-type=feedback-report; boundary=x\r\n\r\n"
    b"--x\r\nContent-Type: text/plain\r\n\r\nA complaint.\r\n"
    b"--x\r\nContent-Type: message/feedback-report\r\n\r\n"
    b"Feedback-Type: abuse\r\nUser-Agent: Loop/1.0\r\nVersion: 1\r\n"
    b"Arrival-Date: Wed, 18 Nov 2026 11:00:00 +0000\r\n\r\n"
    b"--x\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: hi\r\n\r\n--x--\r\n"
)
OPT_OUT = COMPLAINT.replace(b"abuse", b"opt-out")
NOT_SPAM = COMPLAINT.replace(b"abuse", b"not-spam")
DMARC = COMPLAINT.replace(b"abuse", b"auth-failure")
LABELLED = Resolved(options=Options(tags=("news",), campaign="may", suppression_group="weekly", metadata={"n": 1}))
NEVER = Recipient(address="ann@example.net", notify=Notify.NEVER)


@pytest.mark.parametrize(
    ("content", "name", "copied", "words"),
    [
        (COMPLAINT, EventName.COMPLAINED, False, {"feedback": "abuse", "user_agent": "Loop/1.0"}),
        (COMPLAINT.replace(b"abuse", b"misc"), EventName.COMPLAINED, False, {"feedback": "other"}),
        (OPT_OUT, EventName.UNSUBSCRIBED, False, {"via": "complaint", "group": "weekly"}),
        (NOT_SPAM, EventName.REPLIED, True, {"feedback": "not-spam", "automatic": True}),
        (DMARC, EventName.REPLIED, True, {"feedback": "auth-failure", "automatic": True}),
        (VACATION, EventName.REPLIED, True, {"automatic": True}),
        (b"Subject: eh?\r\n\r\nIt went wrong.\r\n", EventName.BOUNCED, True, {"class": "unknown"}),
        (POSTFIX, EventName.BOUNCED, True, {"class": "mailbox-full", "status": "5.2.2"}),
    ],
    ids=["complaint", "unknown kind", "opt-out", "not spam", "dmarc", "vacation", "unreadable", "report"],
)
async def test_each_kind_is_its_own_event_and_complaints_are_kept_here(
    tmp_path: Path, content: bytes, name: EventName, copied: bool, words: dict[str, object]
) -> None:
    async with stage(tmp_path) as it:
        message = await it.sent(resolved=LABELLED)
        await it.hand_in(content, it.path(message))
        (event,) = [each for each in it.journal() if each.message == message.id]
        assert event.name is name
        assert words.items() <= event.data.items()
        assert event.data["tags"] == ["news"]
        assert (event.data["campaign"], event.data["metadata"]) == ("may", {"n": 1})
        assert ("forwarded" in event.data) is copied
        assert len(it.copies()) == copied
        assert ("kept" in event.data) is (name is EventName.COMPLAINED)
        if name is EventName.COMPLAINED:
            assert event.data["arrival"] == 1_794_999_600.0
            assert it.reader.content(event.data["kept"], 0).endswith(content)


async def test_automatic_answers_reach_a_client_that_wants_no_reports(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        message = await it.sent(NEVER)
        await it.hand_in(VACATION, it.path(message))
        await it.hand_in(POSTFIX, it.path(message))
        replied, bounced = [each for each in it.journal() if each.message == message.id]
        assert (replied.name, bounced.name) == (EventName.REPLIED, EventName.BOUNCED)
        assert len(it.copies()) == 1
        assert b"Reporting-MTA" in it.reader.content(bounced.data["kept"], 0)


@pytest.mark.parametrize(
    ("content", "sender", "name"),
    [
        (b"From: ann@example.net\r\n\r\nstop\r\n", "ann@example.net", EventName.UNSUBSCRIBED),
        (b"From: ann@example.net\r\nAuto-Submitted: auto-replied\r\n\r\n", "ann@example.net", EventName.UNSUBSCRIBED),
        (POSTFIX, "", EventName.BOUNCED),
        (b"Subject: eh?\r\n\r\nIt went wrong.\r\n", "", EventName.REPLIED),
    ],
    ids=["by hand", "by a mail program", "a report", "from nobody"],
)
async def test_who_writes_to_an_address_to_unsubscribe_by_wants_no_more(
    tmp_path: Path, content: bytes, sender: str, name: EventName
) -> None:
    async with stage(tmp_path) as it:
        message = await it.sent(resolved=LABELLED)
        address = it.keys.unsubscribing(f"{message.id}-1", HOST)
        await it.hand_in(content, address, sender=sender)
        event = _of(it, message.id)
        assert event.name is name
        if name is EventName.UNSUBSCRIBED:
            assert (event.data["via"], event.data["group"], event.data["to"]) == (
                "mailto",
                "weekly",
                "ann@example.net",
            )
            assert it.copies() == []


async def test_an_address_to_unsubscribe_by_cannot_be_made_of_a_return_path(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        message = await it.sent()
        local = make(it.keys.newest(), f"{message.id}-1", Way.BOUNCE)
        forged = f"u{local[1:]}@{HOST}"
        await it.play(f"""\
            S: 220 ...
            C: HELO mx.example.net
            S: 250 relay.example
            C: MAIL FROM:<ann@example.net>
            S: 250 2.1.0 Ok
            C: RCPT TO:<{forged}>
            S: 550 5.1.1 {forged}: not a return path of this relay""")


async def test_a_complaint_to_a_role_is_about_the_return_path_it_quotes(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        message = await it.sent(Recipient(address="bob@example.org"), Recipient(address="ann@example.net"))
        path = it.path(message, 2)
        quoting = COMPLAINT.replace(b"Version: 1", f"Original-Mail-From: <{path.upper()}>\r\nVersion: 1".encode())
        returning = COMPLAINT.replace(b"Subject: hi", f"Return-Path: <{path}>\r\nSubject: hi".encode())
        for content in (quoting, returning):
            assert await it.hand_in(content, f"FBL@{HOST}", sender="fbl@example.net") == "250 2.0.0 Ok: noted"
        assert await it.hand_in(quoting, f"abuse@{HOST}", path, sender="fbl@example.net") == "250 2.0.0 Ok: noted"
        told = [
            (each.name, each.message, each.recipient, each.data["to"])
            for each in it.journal()
            if each.message == message.id
        ]
        assert told == [(EventName.COMPLAINED, message.id, 2, "ann@example.net")] * 3


@pytest.mark.parametrize(
    "quoted", ["", "b1-0r2k9v1m00000001-1-44cik3pob2d1l8vhk5ojfb12@bounces.example.com", "me@example.com"]
)
@pytest.mark.parametrize("base", [COMPLAINT, VACATION, POSTFIX])
async def test_anything_else_to_a_role_is_refused(tmp_path: Path, base: bytes, quoted: str) -> None:
    async with stage(tmp_path) as it:
        await it.sent()
        content = base.replace(b"Version: 1", f"Original-Mail-From: <{quoted}>\r\nVersion: 1".encode())
        reply = await it.hand_in(content, f"fbl@{HOST}")
        assert reply == "550 5.7.1 Only reports that quote a return path of ours are taken here"
        assert it.journal() == []


async def test_roles_are_known_at_hosts_of_ours_only(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        await it.play("""\
            S: 220 ...
            C: HELO mx.example.net
            S: 250 relay.example
            C: MAIL FROM:<>
            S: 250 2.1.0 Ok
            C: RCPT TO:<abuse@elsewhere.example>
            S: 550 5.1.1 abuse@elsewhere.example: not a return path of this relay
            C: RCPT TO:<postmaster@bounces.example.com>
            S: 550 5.1.1 postmaster@bounces.example.com: not a return path of this relay""")


def _of(it: Stage, message: str) -> Event:
    (event,) = [each for each in it.journal() if each.message == message]
    return event
