"""Writing news of a message to its sender: it failed, is late, or was handed on.

In:  what became of which recipients, and the message they were sent.
Out: a complete message (multipart/report, CRLF), to be sent to the reverse-path with the null reverse-path.
     The caller sees to it that nobody is told who does not wish to be (NOTIFY), and that no report answers the
     null reverse-path or another report.

    values: notice.py      parts: people.py, fields.py, and here what is returned

Standards: RFC 3464 (delivery-status), RFC 6522 (multipart/report), RFC 3461 section 6 (which fields, RET),
RFC 3834 (Auto-Submitted), RFC 6533 (addresses outside ASCII).

Why so: a sender reads the first lines, a program the second part, so both say all. A report speaks UTF-8
in its fields only to a sender whose own address needs it: who else gets it may not understand SMTPUTF8. Only a
failure returns the whole message, and only where RET=FULL asked for it (RFC 3461 section 4.3); one over 1 MiB comes
back as its header all the same: the sender has it, and reports pile up.
"""

from __future__ import annotations

import re

from relay.bounce.fields import programs
from relay.bounce.notice import Action, Report
from relay.bounce.people import people, subject
from relay.bounce.wording import plain, quoted_printable, transfer
from relay.model.clock import rfc5322
from relay.model.envelope import Ret

RETURNED_OCTETS = 1 << 20  # of a message that is returned whole
_MESSAGE_ID = re.compile(rb"^message-id:[ \t\r\n]*(<[!-;=?-~]{1,250}>)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


def delivery_report(report: Report) -> bytes:
    """The message that tells. Its envelope goes from the null reverse-path to that of the message.

    It needs SMTPUTF8 exactly where the reverse-path does.
    """
    parts = [people(report), programs(report), _returned(report)]
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
    lines = [
        f"From: Mail Delivery System <MAILER-DAEMON@{report.hostname}>",
        f"To: <{report.message.envelope.reverse_path}>",
        f"Subject: {subject(report)}",
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


def _returned(report: Report) -> bytes:
    """The message it is about, or its header."""
    content, head = report.content, _head(report.content)
    whole = report.action is Action.FAILED and report.message.envelope.ret is Ret.FULL
    international = report.utf8 and _is_utf8(head) and not head.isascii()
    if whole and len(content) <= RETURNED_OCTETS:
        kind = "message/global" if international else "message/rfc822"
        top = f"Content-Description: Message\r\nContent-Type: {kind}\r\n{transfer(content)}\r\n"
        return top.encode() + content
    top = "Content-Description: Header of the message\r\n"
    if international:
        return f"{top}Content-Type: message/global-headers\r\n{transfer(head)}\r\n".encode() + head
    top += "Content-Type: text/rfc822-headers\r\n"
    if plain(head):
        return f"{top}\r\n".encode() + head
    return f"{top}Content-Transfer-Encoding: quoted-printable\r\n\r\n".encode() + quoted_printable(head)


def _head(content: bytes) -> bytes:
    end = content.find(b"\r\n\r\n")
    return content if end < 0 else content[: end + 2]


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
