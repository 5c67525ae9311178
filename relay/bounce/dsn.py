"""Writing bad news: the report to a sender whose mail could not be delivered.

In:  what became of which recipients, and the message as it would have left.
Out: a complete message (multipart/report, CRLF), to be sent to the reverse-path with the null reverse-path.
     The caller sees to it that no report answers the null reverse-path, or a recipient with NOTIFY=NEVER.

Standards: RFC 3464 (delivery-status), RFC 6522 (multipart/report), RFC 3461 section 6 (which fields, RET),
RFC 3834 (Auto-Submitted), RFC 6533 (addresses outside ASCII).

Why so: a sender reads the first lines, a program the second part, so both say all. A report speaks UTF-8
in its fields only to a sender whose own address needs it: who else gets it may not understand SMTPUTF8, and an
address outside ASCII is then written in the ASCII form of RFC 6533 section 3. A message over 1 MiB comes back
as its header, also where RET=FULL asked for all of it: the sender has it, and reports pile up.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from relay.model.clock import rfc5322
from relay.model.envelope import Recipient, Ret
from relay.model.message import Message
from relay.model.reply import Reply

RETURNED_OCTETS = 1 << 20  # of a message that is returned whole
NAMED = 50  # recipients in the text for people; the second part has them all
LINE = 998
_MESSAGE_ID = re.compile(rb"^message-id:[ \t\r\n]*(<[!-;=?-~]{1,250}>)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


class Action(StrEnum):
    """What became of a recipient (RFC 3464 section 2.3.3)."""

    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One recipient of the report."""

    number: int  # from 1, in the message
    recipient: Recipient
    reply: Reply  # the last one, a peer's or ours
    host: str = ""  # who answered so; "" where it was us
    at: float  # time of the last attempt
    expired: bool = False  # given up because its time was over; then the reply is the last deferral
    action: Action = Action.FAILED

    @property
    def status(self) -> str:
        if self.expired:
            return "4.4.7"  # RFC 3463: delivery time expired
        return self.reply.status or f"{self.reply.code // 100}.0.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    id: str  # submission id of the report itself
    at: float
    hostname: str  # ours
    message: Message  # the one that could not be delivered
    content: bytes  # as it would have left
    ended: Sequence[Ended]  # at least one


def failure_report(report: Report) -> bytes:
    """The message that says so. Its envelope goes from the null reverse-path to that of the message.

    It needs SMTPUTF8 exactly where the reverse-path does.
    """
    utf8 = not report.message.envelope.reverse_path.isascii()
    parts = [_people(report), _programs(report, utf8), _returned(report, utf8)]
    boundary = f"=_{report.id}"
    while any(boundary.encode() in each for each in parts):
        boundary += "_"
    delimiter = f"--{boundary}\r\n".encode()
    return b"".join(
        (
            _header(report, boundary),
            b"This is a report in MIME format (RFC 3464).\r\n\r\n",
            *(delimiter + each + b"\r\n" for each in parts),
            f"--{boundary}--\r\n".encode(),
        )
    )


def _header(report: Report, boundary: str) -> bytes:
    ended = report.ended
    one = ended[0].recipient.address
    whom = one if len(ended) == 1 and one.isascii() else f"{len(ended)} recipient{'s' * (len(ended) > 1)}"
    lines = [
        f"From: Mail Delivery System <MAILER-DAEMON@{report.hostname}>",
        f"To: <{report.message.envelope.reverse_path}>",
        f"Subject: Undelivered mail: {whom}",
        f"Date: {rfc5322(report.at)}",
        f"Message-ID: <{report.id}@{report.hostname}>",
    ]
    if found := _MESSAGE_ID.search(_head(report.content)):
        original = found[1].decode("ascii")
        lines += [f"In-Reply-To: {original}", f"References: {original}"]
    lines += [
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="{boundary}"',
    ]
    return "\r\n".join((*lines, "", "")).encode()


def _people(report: Report) -> bytes:
    """The part for people."""
    lines = [
        f"This is the mail system at {report.hostname}.",
        "",
        f"Your message of {rfc5322(report.message.received)}",
        "could not be delivered to everybody. Sorry about that. Not reached:",
    ]
    for each in report.ended[:NAMED]:
        lines += ["", f"  {each.recipient.address}", *(f"      {line}" for line in _story(report, each))]
    if len(report.ended) > NAMED:
        lines += ["", f"  and {len(report.ended) - NAMED} more, named in the second part of this report"]
    lines += [
        "",
        "These addresses will not be tried again. Recipients who are not named here",
        "are not concerned. The answers above come from the receiving side, where a",
        "server is named; what they mean, only those who run it can tell.",
        "",
        f"Our number for the message: {report.message.id}",
    ]
    text = "\r\n".join(lines)
    if text.isascii() and max(map(len, text.split("\r\n"))) <= LINE:
        return f"Content-Type: text/plain; charset=us-ascii\r\n\r\n{text}\r\n".encode()
    head = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return head + _quoted_printable(text.encode("utf-8", "replace")) + b"\r\n"


def _story(report: Report, ended: Ended) -> Iterator[str]:
    if ended.expired:
        yield f"Its time was over ({_span(report.at - report.message.received)}). The last answer was:"
    elif ended.host:
        yield f"The server {_clean(ended.host)} answered:"
    else:
        yield "It could not be sent:"
    for line in str(ended.reply).split("\n"):
        yield _clean(line)
    if ended.expired and ended.host:
        yield f"by the server {_clean(ended.host)}"


def _programs(report: Report, utf8: bool) -> bytes:
    """The part for programs."""
    envelope = report.message.envelope
    lines = [f"Reporting-MTA: dns; {report.hostname}"]
    if envelope.envid:
        lines.insert(0, f"Original-Envelope-Id: {_clean(envelope.envid, utf8)}")
    lines.append(f"Arrival-Date: {rfc5322(report.message.received)}")
    for each in report.ended:
        lines.append("")
        if each.recipient.original:
            kind, _, address = each.recipient.original.partition(";")
            lines.append(f"Original-Recipient: {_clean(kind, utf8)};{_address(_clean(address), utf8)}")
        address = each.recipient.address
        kind = "rfc822" if address.isascii() else "utf-8"
        lines += [
            f"Final-Recipient: {kind}; {_address(address, utf8)}",
            f"Action: {each.action}",
            f"Status: {each.status}",
        ]
        if each.host:
            lines.append(f"Remote-MTA: dns; {_clean(each.host, utf8)}")
        diagnosis = " ".join(str(each.reply).split("\n"))
        lines += [
            _folded(f"Diagnostic-Code: smtp; {_clean(diagnosis, utf8)}"),
            f"Last-Attempt-Date: {rfc5322(each.at)}",
            f"Final-Log-ID: {report.message.id}-{each.number}",
        ]
    kind = "message/global-delivery-status" if utf8 else "message/delivery-status"
    text = "\r\n".join(lines)
    return f"Content-Type: {kind}\r\n{_transfer(text.encode())}\r\n{text}\r\n".encode()


def _returned(report: Report, utf8: bool) -> bytes:
    """The message that could not be delivered, or its header."""
    content, head = report.content, _head(report.content)
    international = utf8 and _is_utf8(head) and not head.isascii()
    if report.message.envelope.ret is Ret.FULL and len(content) <= RETURNED_OCTETS:
        kind = "message/global" if international else "message/rfc822"
        return f"Content-Type: {kind}\r\n{_transfer(content)}\r\n".encode() + content
    if international:
        return f"Content-Type: message/global-headers\r\n{_transfer(head)}\r\n".encode() + head
    if head.isascii() and max(map(len, head.split(b"\r\n"))) <= LINE:
        return b"Content-Type: text/rfc822-headers\r\n\r\n" + head
    return (
        b"Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        + _quoted_printable(head)
    )


def _head(content: bytes) -> bytes:
    end = content.find(b"\r\n\r\n")
    return content if end < 0 else content[: end + 2]


def _transfer(octets: bytes) -> str:
    return "" if octets.isascii() else "Content-Transfer-Encoding: 8bit\r\n"


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _address(address: str, utf8: bool) -> str:
    """An address for the second part: as it is, or in utf-8-addr-xtext (RFC 6533 section 3)."""
    if utf8 or address.isascii():
        return address
    return "".join(each if "!" <= each <= "~" and each not in "+=\\" else f"\\x{{{ord(each):X}}}" for each in address)


def _clean(text: str, utf8: bool = True) -> str:
    """A stranger's words on one line, without anything that could begin another field; in ASCII unless `utf8`."""
    words = "".join(each if each.isprintable() else " " for each in text[:2000]).strip()
    return words if utf8 else words.encode("ascii", "replace").decode("ascii")


def _folded(line: str) -> str:
    """A field in lines of about 76 characters, broken at blanks; a word that is too long is cut."""
    lines = [""]
    for word in line.split(" "):
        for piece in (word[at : at + 200] for at in range(0, len(word), 200)):
            if lines[-1] and len(lines[-1]) + len(piece) > 75:
                lines.append("")
            lines[-1] += f" {piece}" if lines[-1] or len(lines) > 1 else piece
    return "\r\n   ".join(each.strip() if number else each for number, each in enumerate(lines))


def _quoted_printable(octets: bytes) -> bytes:
    lines = (binascii.b2a_qp(line, istext=False).replace(b"\n", b"\r\n") for line in octets.split(b"\r\n"))
    return b"\r\n".join(lines)


def _span(seconds: float) -> str:
    """How long, in the words people use."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length * 2 or (seconds >= length and unit != "minute"):
            count = round(seconds / length)
            return f"{count} {unit}{'s' * (count != 1)}"
    return "some minutes" if seconds >= 60 else "less than a minute"
