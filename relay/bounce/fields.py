"""The part of a report that programs read.

In:  a report. Out: the second part with its MIME header: fields about the message, and a group for each recipient.

Standards: RFC 3464 section 2 (fields), RFC 3461 section 6.3 (what of ORCPT and ENVID goes back), RFC 6533 (addresses
outside ASCII).

Why so: an address outside ASCII stands as it is only in a report that may speak UTF-8; else in the ASCII form of
RFC 6533 section 3. Received-From-MTA is left out: where the message came to us from is nobody's business but its
sender's, and copies of reports travel far. A delay has a status of class 4 whatever the reply was that we took for
one: class 5 would tell programs that it is over (RFC 3464 section 2.3.4).
"""

from __future__ import annotations

from collections.abc import Iterator

from relay.bounce.notice import Action, Case, Report
from relay.bounce.wording import LINE, clean, folded, transfer
from relay.model.clock import rfc5322


def programs(report: Report) -> bytes:
    """The part for programs."""
    lines = list(_about_message(report))
    for each in report.cases:
        lines += ["", *_about_recipient(report, each)]
    kind = "message/global-delivery-status" if report.utf8 else "message/delivery-status"
    octets = "\r\n".join(lines).encode("utf-8", "replace")
    head = f"Content-Description: Delivery report\r\nContent-Type: {kind}\r\n{transfer(octets)}\r\n"
    return head.encode() + octets + b"\r\n"


def status(action: Action, case: Case) -> str:
    """The enhanced status code of a recipient (RFC 3463)."""
    if case.expired:
        return "4.4.7"  # delivery time expired
    found = case.reply.status or f"{case.reply.code // 100}.0.0"
    if action is Action.DELAYED:
        return f"4{found[1:]}"
    if action is not Action.FAILED and found[0] != "2":
        return "2.0.0"
    return found


def _about_message(report: Report) -> Iterator[str]:
    if report.message.envelope.envid:
        yield folded(f"Original-Envelope-Id: {clean(report.message.envelope.envid, report.utf8)}")
    yield f"Reporting-MTA: dns; {report.hostname}"
    yield f"Arrival-Date: {rfc5322(report.message.received)}"


def _about_recipient(report: Report, case: Case) -> Iterator[str]:
    utf8 = report.utf8
    if case.recipient.original:
        kind, _, original = case.recipient.original.partition(";")
        line = f"Original-Recipient: {clean(kind, utf8)};{_address(clean(original), utf8)}"
        if len(line.encode("utf-8", "replace")) <= LINE:  # no address may be folded, and no line be longer
            yield line
    address = case.recipient.address
    yield f"Final-Recipient: {'rfc822' if address.isascii() else 'utf-8'}; {_address(address, utf8)}"
    yield f"Action: {report.action}"
    yield f"Status: {status(report.action, case)}"
    if case.host:
        yield f"Remote-MTA: dns; {clean(case.host, utf8)}"
    yield folded(f"Diagnostic-Code: smtp; {clean(' '.join(str(case.reply).split(chr(10))), utf8)}")
    yield f"Last-Attempt-Date: {rfc5322(case.at)}"
    yield f"Final-Log-ID: {report.message.id}-{case.number}"
    if report.action is Action.DELAYED:
        yield f"Will-Retry-Until: {rfc5322(report.message.deadline)}"


def _address(address: str, utf8: bool) -> str:
    """An address for a program: as it is, or in utf-8-addr-xtext (RFC 6533 section 3)."""
    if utf8 or address.isascii():
        return address
    return "".join(each if "!" <= each <= "~" and each not in "+=\\" else f"\\x{{{ord(each):X}}}" for each in address)
