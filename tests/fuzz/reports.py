"""News of mail: reports we write, reports that come back, and the addresses they come back to.

Properties: whatever strangers said, a report of ours reads as three parts with the fields we put into it and no
other, in lines every server takes; we read our own reports as we meant them; nothing that comes back makes reading
fail, and what is told of it begins no field; a return path that we did not make is none; a report of DMARC is read,
or refused with words fit for a reply, and what it says is of bounded size.
"""

from __future__ import annotations

import contextlib
import email
import email.policy
from email.message import Message
from typing import cast

from relay.bounce.aggregate import LARGEST, SENDERS, TEXT, domain_of, read_aggregate, unpack
from relay.bounce.dsn import delivery_report
from relay.bounce.notice import Action, Case, Report
from relay.bounce.returned import TOLD, examine
from relay.bounce.returnpath import make, read
from relay.model import message as model
from relay.model.account import ReturnKey
from relay.model.address import parse_path
from relay.model.envelope import Envelope, Recipient, Ret
from relay.model.ids import parse_id
from relay.model.reply import Reply
from relay.returns.reports import read as read_mail
from tests.fuzz.content import arrived
from tests.fuzz.peer import harmless
from tests.fuzz.target import Source, Target

AT = 1_790_000_000.0
ACTIONS = (Action.FAILED, Action.DELAYED, Action.RELAYED, Action.DELIVERED)
LINE = 998
HEAD = (
    "From To Subject Date Message-ID In-Reply-To References Auto-Submitted MIME-Version Content-Type".lower().split()
)


def check_report(octets: bytes) -> None:
    source = Source(octets)
    action, bits = source.of(ACTIONS), source.byte()
    sender = "grün@example.com" if bits & 1 else "me@example.com"
    recipients = [_address(source.text()) for _ in range(1 + (bits >> 1 & 1))]
    cases = [
        Case(
            number=number,
            recipient=Recipient(address=each, original=_original(source.text())),
            reply=Reply(550, "5.1.1", source.text()),
            host=source.text()[:250],  # a name of DNS
            at=AT,
            expired=bool(bits & 4),
        )
        for number, each in enumerate(recipients, 1)
    ]
    envid, content = source.text(), arrived(source.rest)
    written = delivery_report(_report(action, sender, cases, envid, content, Ret.FULL if bits & 8 else Ret.HDRS))
    _check_written(written, cases, action, content)
    told = examine(written)
    assert told.report
    assert [each.action for each in told.told] == [action] * len(cases)
    for one, each in zip(told.told, cases, strict=True):
        if each.recipient.original is None and each.recipient.address.isascii():
            assert one.recipient == each.recipient.address


def _report(action: Action, sender: str, cases: list[Case], envid: str, content: bytes, ret: Ret) -> Report:
    envelope = Envelope(
        reverse_path=sender, recipients=tuple(each.recipient for each in cases), envid=envid or None, ret=ret
    )
    message = model.Message(
        id="0123456789abcdef",
        account="demo",
        credential="app",
        envelope=envelope,
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
        cases=cases,
    )


def _address(text: str) -> str:
    """What the session takes for a recipient; another where it takes none."""
    try:
        return parse_path(text, smtputf8=True)
    except ValueError:
        return "ann@example.net"


def _original(text: str) -> str | None:
    """As ORCPT may have been: no control characters, and not more than it may be long."""
    text = "".join(each for each in text if each.isprintable())
    while len(text.encode()) > 490:
        text = text[:-1]
    return f"rfc822;{text}" if text else None


def _check_written(written: bytes, cases: list[Case], action: Action, content: bytes) -> None:
    assert written.count(b"\r") == written.count(b"\n") == written.count(b"\r\n")
    theirs = max(map(len, content.split(b"\r\n")))
    assert max(map(len, written.split(b"\r\n"))) <= max(LINE, theirs)
    parsed = email.message_from_bytes(written, policy=email.policy.default)
    assert [each.lower() for each in parsed.keys() if each.lower() not in HEAD] == []  # noqa: SIM118
    assert parsed["To"] is not None and parsed.get_content_type() == "multipart/report"
    parts = cast(list[Message], parsed.get_payload())
    assert len(parts) == 3, len(parts)
    status = written.partition(b"delivery-status\r\n")[2].partition(b"\r\n\r\n--=_")[0]
    groups = [each for each in status.split(b"\r\n\r\n") if b"\r\nAction: " in each]
    assert len(groups) == len(cases), status
    for each in groups:
        names = [line.partition(b":")[0] for line in each.split(b"\r\n") if line[:1] not in b" \t"]
        assert len(set(names)) == len(names) and b"Status" in names, each
        assert f"Action: {action}".encode() in each.split(b"\r\n")


def check_returned(octets: bytes) -> None:
    found = examine(octets)
    for each in found.told:
        assert len(each.recipient) <= TOLD and len(each.diagnostic) <= TOLD
        assert harmless(each.recipient + each.diagnostic + each.status), each
        assert each.action in ("", *(one.value for one in Action))
    found.of("ann@example.net")


KEYS = [
    ReturnKey(number=1, secret=b"a" * 32, created=0.0),
    ReturnKey(number=2, secret=b"b" * 32, created=100 * 86_400.0),
    ReturnKey(number=3, secret=b"c" * 32, created=AT),
]


def check_return_path(octets: bytes) -> None:
    text = octets.decode("utf-8", "surrogateescape")
    try:
        found = read(text, KEYS, AT)
    except ValueError as error:
        assert str(error).isprintable()
        return
    parse_id(found.recipient)
    assert text.lower() in [make(each, found.recipient, found.way) for each in KEYS], (
        "taken for ours, and we did not make it"
    )


def check_aggregate(octets: bytes) -> None:
    """As a mail, as a file and as its XML."""
    for look in (
        read_mail,
        lambda given: (read_aggregate(unpack(given)), b""),
        lambda given: (read_aggregate(given), b""),
    ):
        try:
            report, xml = look(octets)
        except ValueError as why:
            assert str(why).isprintable() and len(str(why)) < 200, why
            continue
        assert len(xml) <= LARGEST
        assert harmless(report.organization + report.email + report.id + report.policy), report
        assert max(map(len, (report.organization, report.email, report.id, report.policy))) <= TEXT
        assert (
            report.id and domain_of(report.domain) == report.domain and domain_of(report.reporter) == report.reporter
        )
        assert len(report.sendings) <= SENDERS + 1 and report.begin >= 0 <= report.end
        assert all(0 <= each.failed_spf <= each.messages >= each.failed_dkim >= 0 for each in report.sendings)


def work_report(octets: bytes) -> None:
    case = Case(
        number=1,
        recipient=Recipient(address="ann@example.net"),
        reply=Reply(550, "5.1.1", octets.decode("utf-8", "replace")),
        at=AT,
    )
    delivery_report(_report(Action.FAILED, "me@example.com", [case], "", octets, Ret.FULL))


def work_aggregate(octets: bytes) -> None:
    for look in (read_mail, unpack, read_aggregate):
        with contextlib.suppress(ValueError):
            look(octets)


_WORDS = (
    b"\0", b"ann@example.net\0", "grün@example.net\0".encode(), b"\r\n", b"\r\n\r\n", b"\n", b"--=_0123456789abcdeg",
    b"--=_0123456789abcdeg--\r\n", b"Subject: x\r\n", b"Message-ID: <1@example.com>\r\n", b"Action: failed\r\n",
    b"Final-Recipient: rfc822; a@example.net\r\n", b" ", b"x" * 1000, "ä".encode() * 300, "名".encode() * 160,
    b"\xe2\x80\xa8", b"\x1b[1m", b"\t", b";", b"\xff", b"{until}", b"a b " * 300,
)  # fmt: skip
_RETURNED = (
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n", b'boundary="x y"', b"--x\r\n",
    b"--x--\r\n", b"Content-Type: message/delivery-status\r\n\r\n",
    b"Content-Type: message/global-delivery-status\r\n",
    b"Content-Transfer-Encoding: base64\r\n", b"Reporting-MTA: dns; a\r\n",
    b"Final-Recipient: rfc822; a@example.net\r\n",
    b"Original-Recipient: rfc822;<a@example.net>\r\n", b"Action: failed\r\n", b"Action: expanded\r\n",
    b"Status: 5.1.1\r\n",
    b"Diagnostic-Code: smtp; 550 no\r\n ", b"\r\n", b"\r\n\r\n", b"\r\n ", b";", b'"', b"=", b"\xff", b"\xe2\x80\xae",
    b"\x1b", b": ", b"*",
)  # fmt: skip
_PATHS = (
    b"b1-0r2k9v1m00000001-7-44cik3pob2d1l8vhk5ojfb12", b"b2-", b"-", b"0", b"v", b"B", b"\xc4\xb0", b"\xff", b"\n",
    b"@",
    *(make(each, "0r2k9v1m00000001-7").encode() for each in KEYS),
)  # fmt: skip

_HEAD = (
    b"<feedback><report_metadata><org_name>a.example</org_name><date_range><begin>1</begin><end>2</end></date_range>"
    b"</report_metadata><policy_published><domain>b.example</domain></policy_published>"
)
_AGGREGATE = (
    _HEAD, b"Content-Type: multipart/mixed; boundary=x\r\n\r\n", b"--x\r\n", b"--x--\r\n", b"\r\n\r\n",
    b"Content-Transfer-Encoding: base64\r\n", b"<?xml version='1.0' encoding='", b"utf-16'?>", b"utf-8'?>",
    b"cp037'?>",
    b"\x1f\x8b\x08\0\0\0\0\0\0\x03", b"PK\x03\x04\x14\0\0\0\x08\0", b"PK\x01\x02", b"<record><row><count>9</count>",
    b"<policy_evaluated><dkim>pass</dkim></policy_evaluated></row>", b"<row><count>99999999999999999</count></row>",
    b"<identifiers><header_from>c.example</header_from></identifiers>", b"</record>", b"<record>", b"</feedback>",
    b"<email>me@d.example</email>", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"<!-- -->", b"<![CDATA[ ]]>", b"&amp;",
    b"&b;",
    b"<a xmlns='b'>", b"</a>", b"<a/>", b"\0", b"\xff", b"\xef\xbb\xbf", b"\r\n", b" ", b"\xe2\x80\xae", b"&#27;",
)  # fmt: skip

TARGETS = (
    Target(name="report", check=check_report, words=_WORDS, work=work_report),
    Target(name="returned", check=check_returned, words=_RETURNED, work=examine, head=_RETURNED[0] + b"--x\r\n"),
    Target(name="returnpath", check=check_return_path, words=_PATHS),
    Target(name="aggregate", check=check_aggregate, words=_AGGREGATE, work=work_aggregate, head=_HEAD),
)
