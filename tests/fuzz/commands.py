"""What stands in commands and before them: addresses, ESMTP parameters, PROXY headers.

Properties: a value or the error that is told, never another; an address reads as itself again, and fits into a
command line; what MAIL and RCPT asked for goes out to the next hop as it came; a PROXY header reads the same in any
pieces.
"""

from __future__ import annotations

import re
from contextlib import suppress

from relay.model.address import ADDRESS_OCTETS, FROM_OCTETS, domain_of, from_addresses, parse_path, readable_domain
from relay.model.envelope import Envelope, Recipient, Ret
from relay.model.reply import Refused
from relay.smtp.commands import parse_mail, parse_rcpt
from relay.smtp.dialogue import Step
from relay.smtp.letter import Letter, Offers, wire_address
from relay.smtp.parameters import Offers as Listening
from relay.smtp.proxy import V2_OCTETS, Proxied, ProxyError, read_header
from relay.smtp.transaction import transaction
from tests.fuzz.target import Source, Target, fits

NOW = 1_790_000_000.0
LISTENING = Listening(wishes=True, hold=30 * 86_400.0, deliver_by=60.0)
EVERYTHING = Offers(pipelining=True, eight_bit=True, utf8=True, dsn=True, size=0)
_SAFE = re.compile(r"[^\x00-\x1f\x7f]*")


def check_address(octets: bytes) -> None:
    source = Source(octets)
    smtputf8, text = source.bit(), source.rest.decode("utf-8", "surrogateescape")
    try:
        _check_one(parse_path(text, smtputf8=smtputf8))
    except ValueError as error:
        assert str(error).isprintable(), error
    try:
        found = from_addresses(source.rest)
    except ValueError as error:
        assert str(error).isprintable(), error
        return
    assert len(source.rest) <= FROM_OCTETS
    for each in found:
        _check_one(each)
        assert from_addresses(each.encode()) == [each]
        assert from_addresses(f"x <{each}>".encode()) == [each]


def _check_one(address: str) -> None:
    assert _SAFE.fullmatch(address), address
    assert parse_path(address, smtputf8=True) == address
    assert len(address.encode()) <= ADDRESS_OCTETS
    domain = domain_of(address)
    assert domain and domain.isascii() and (domain == domain.lower() or domain.startswith("["))
    if not domain.startswith("["):
        readable_domain(domain)
    assert wire_address(address) == address


def check_parameters(octets: bytes) -> None:
    source = Source(octets)
    esmtp = not source.bit()
    mail, rcpt = (each.decode("utf-8", "surrogateescape") for each in (source.line(), source.rest))
    try:
        asked = parse_mail(mail, esmtp=esmtp, offers=LISTENING, now=NOW)
    except Refused as refused:
        _check_refused(refused)
        return
    try:
        address, notify, original = parse_rcpt(
            rcpt, esmtp=esmtp, offers=LISTENING, smtputf8=asked.smtputf8, hostname="relay.example"
        )
    except Refused as refused:
        _check_refused(refused)
        return
    parameters = asked.wishes.parameters
    assert parameters.hold_until is None or NOW < parameters.hold_until <= NOW + LISTENING.hold
    recipient = Recipient(address=address, original=original)
    if notify is not None:
        recipient = Recipient(address=address, original=original, notify=notify)
    envelope = Envelope(
        reverse_path=asked.reverse_path,
        recipients=(recipient,),
        envid=asked.wishes.envid,
        ret=asked.wishes.ret or Ret.HDRS,
        smtputf8=asked.smtputf8,
    )
    _check_handed_on(envelope, mail, rcpt)


def _check_refused(refused: Refused) -> None:
    assert refused.reply.code in (501, 550, 553, 555), refused.reply
    assert fits(refused.reply), refused.reply
    assert refused.reply.text.isprintable(), refused.reply


def _check_handed_on(envelope: Envelope, mail: str, rcpt: str) -> None:
    """The commands we would say ourselves read as the same."""
    letter = Letter(envelope=envelope, recipients=envelope.recipients, content=b"")
    said = {each.step: each.line for each in next(transaction(letter, EVERYTHING)).commands}
    first = said[Step.MAIL].removeprefix("MAIL ")
    again = parse_mail(first, esmtp=True, offers=LISTENING, now=NOW)
    assert (again.reverse_path, again.wishes.envid) == (envelope.reverse_path, envelope.envid or None), (mail, first)
    assert (again.wishes.ret or Ret.HDRS) == envelope.ret
    second = said[Step.RCPT].removeprefix("RCPT ")
    assert _SAFE.fullmatch(first + second)
    found = parse_rcpt(second, esmtp=True, offers=LISTENING, smtputf8=True, hostname="relay.example")
    [recipient] = envelope.recipients
    original = recipient.original if (recipient.original or "").isascii() else None  # others stay with us
    assert (found[0], found[2]) == (recipient.address, original), (rcpt, second)
    assert found[1] is None or found[1] == recipient.notify


def check_proxy(octets: bytes) -> None:
    whole = _introduced(octets)
    for end in range(len(octets) + 1):
        found = _introduced(octets[:end])
        if found is not None:
            break
    assert found == whole, "the header reads otherwise in pieces"
    if isinstance(whole, Proxied):
        assert 0 < whole.length <= max(108, V2_OCTETS + 16)
        assert 0 <= whole.port < 65536
        assert re.fullmatch(r"[0-9a-f.:]*", whole.address), whole
        assert _introduced(octets[: whole.length] + b"EHLO a\r\n") == whole
    else:
        assert whole is not None or len(octets) < V2_OCTETS + 16


def _introduced(octets: bytes) -> Proxied | str | None:
    try:
        return read_header(octets)
    except ProxyError:
        return "none"


def work_address(octets: bytes) -> None:
    for text in (octets, b'"' + octets):
        with suppress(ValueError):
            from_addresses(text)
    with suppress(ValueError):
        parse_path(octets.decode("utf-8", "surrogateescape"), smtputf8=True)


def work_parameters(octets: bytes) -> None:
    with suppress(Refused):
        parse_mail(octets.decode("utf-8", "surrogateescape"), esmtp=True, offers=LISTENING, now=NOW)


_ADDRESSES = (
    b"ann@example.net", b"@", b"<", b">", b'"', b"\\", b"(", b")", b",", b";", b":", b".", b"[192.0.2.1]",
    b"[IPv6:::1]",
    b"b\xc3\xbccher.example", b"xn--bcher-kva.example", b"gr\xc3\xbcn", b" ", b"\r\n ", b"\t", b"=?utf-8?Q?a?=",
    b"\xff",
    b"@a,@b:", b"a" * 63, b"\xe2\x80\xa8", b"\xc2\x85", b"\0", b"\xef\xbc\x8e", b"\xe3\x80\x82", b"'", b"%",
    b"\xc2\xad",
)  # fmt: skip
_PARAMETERS = (
    b"FROM:<me@example.com>", b"TO:<ann@example.net>", b"\0", b" ", b"SIZE=10", b"BODY=8BITMIME", b"SMTPUTF8",
    b"AUTH=<>",
    b"RET=FULL", b"RET=HDRS", b"ENVID=a+2Bb", b"BY=60;R", b"BY=-1;NT", b"HOLDFOR=60",
    b"HOLDUNTIL=2026-09-22T08:00:00Z",
    b"MT-PRIORITY=-9", b"NOTIFY=SUCCESS,DELAY", b"NOTIFY=NEVER", b"ORCPT=rfc822;a+40b", b"ORCPT=utf-8;\\x{E4}", b"<>",
    b"<@a,@b:c@d.example>", b"postmaster", b'"a b"@', b"+3D", b"\\x{", b"}", b"=", b";", b"+", b"\xc3\xa4", b"\xff",
)  # fmt: skip
_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_PROXY = (
    b"PROXY ", b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 587\r\n", b"PROXY TCP6 2001:db8::7 2001:db8::1 1 2\r\n",
    b"PROXY UNKNOWN\r\n", b"TCP4 ", b"TCP6 ", b"\r\n", b" ", b"::ffff:192.0.2.7", b"65536", _SIGNATURE,
    _SIGNATURE + b"\x21\x11\0\x0c", _SIGNATURE + b"\x21\x21\0\x24", _SIGNATURE + b"\x20\0\0\0", b"\0" * 12, b"\x10\0",
)  # fmt: skip

TARGETS = (
    Target(name="address", check=check_address, words=_ADDRESSES, work=work_address),
    Target(name="parameters", check=check_parameters, words=_PARAMETERS, work=work_parameters, head=b"FROM:<> "),
    Target(name="proxy", check=check_proxy, words=_PROXY),
)
