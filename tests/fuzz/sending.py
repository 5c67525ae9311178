"""What an application says of a message: who it goes to, its properties, its texts and its files.

Properties: a message that everybody reads alike, or a Problem that names what is wrong. Addresses are read by our own
parser of From and by the standard library as those that were given; texts, subject and files come out as they went
in; no line is over 998 octets, and none ends in anything but CRLF.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from contextlib import suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses
from typing import Any

from relay.model.address import from_addresses, parse_path
from relay.submission.control.grammar import squeezed
from relay.transform.compose.bodies import LINE, rewrapped
from relay.transform.compose.fields import listed
from relay.transform.compose.mailboxes import Mailbox, read_mailboxes, written
from relay.transform.headers import read_header
from relay.transform.words import decode
from relay.web.api.problem import Problem
from relay.web.api.sending.names import PLAIN, SPELLED
from relay.web.api.sending.properties import read_properties
from relay.web.api.sending.recipients import read_people
from tests.fuzz.asked import well_said
from tests.fuzz.target import Source, Target, run
from tests.fuzz.values import value
from tests.web.api.test_send_any import SERVICES, check

_STRICT = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


# --- addresses --------------------------------------------------------------------------------------------


def check_mailboxes(octets: bytes) -> None:
    text = octets.decode("utf-8", "surrogatepass" if b"\xed" in octets else "replace") if _utf(octets) else ""
    try:
        found = read_mailboxes(text)
    except ValueError as error:
        assert str(error) and len(str(error)) < 500
        return
    line = listed("To", [written(each) for each in found])
    assert line.endswith(b"\r\n")
    assert all(each[:1] == b" " for each in line[:-2].split(b"\r\n")[1:])
    assert max(map(len, line.split(b"\r\n"))) <= 998
    people = [each for each in found if isinstance(each, Mailbox)]
    if any(each.open for each in people):
        return
    addresses = [each.address for each in people]
    assert all(parse_path(each, smtputf8=True) == each for each in addresses)
    if len(line) < 30_000:
        assert from_addresses(line[4:-2]) == addresses
    if len(people) == len(found):
        again = read_mailboxes(line[4:-2].replace(b"\r\n", b"").decode())
        assert [each.address for each in again if isinstance(each, Mailbox)] == addresses
    if line.isascii() and all(_usual(each) for each in addresses):
        told = getaddresses([line[4:-2].decode().replace("\r\n", "")])
        assert [address for _, address in told if address] == addresses
        for (name, _), each in zip((one for one in told if one[1]), people, strict=True):
            assert decode(name.encode()).text.split() == each.name.split(), (name, each)


def _utf(octets: bytes) -> bool:
    try:
        octets.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return b"\xed" not in octets
    return True


def _usual(address: str) -> bool:
    """No quoted local part, no literal: of these the standard library has its own opinions."""
    return re.fullmatch(r"[\w.+-]+@[\w.-]+", address) is not None


def check_people(octets: bytes) -> None:
    given = value(Source(octets))
    properties = given if isinstance(given, dict) else {"recipients": given}
    try:
        found = read_people(properties, 100)
    except Problem as problem:
        assert problem.status == 422
        well_said(problem)
        return
    assert 0 < len(set(found.addresses)) == len(found.addresses) <= 100
    assert found.data.keys() <= set(found.addresses)
    for each in found.addresses:
        assert parse_path(each, smtputf8=True) == each
        assert "=?" in each or from_addresses(f"<{each}>".encode()) == [each]


# --- files ------------------------------------------------------------------------------------------------


def check_base64(octets: bytes) -> None:
    text = octets.decode("utf-8", "replace")
    bare = re.sub(r"[ \t\r\n]", "", text)
    wanted = base64.b64decode(bare) if _STRICT.fullmatch(bare) else None
    for repeats in (1, 400):
        try:
            pieces, size = rewrapped(text * repeats)
        except ValueError as error:
            assert repeats > 1 or wanted is None
            assert str(error).isprintable() and len(str(error)) < 200
            continue
        lines = b"".join(pieces).split(b"\r\n")
        assert not lines.pop() and all(len(each) == LINE for each in lines[:-1])
        assert max(map(len, lines), default=0) <= LINE
        made = binascii.a2b_base64(b"".join(pieces))
        assert len(made) == size
        assert repeats > 1 or made == wanted


# --- messages ---------------------------------------------------------------------------------------------


def check_send(octets: bytes) -> None:
    given = value(Source(octets))
    given = given if isinstance(given, dict) else {"text": given}
    asked = {"recipient": "a@example.net", "from": "me@example.com", "text": "x"}
    asked |= {name: each for name, each in given.items() if squeezed(name) != "template"}
    try:
        found = run(read_properties(SERVICES, None, asked, 100))  # type: ignore[arg-type]
    except Problem as problem:
        assert problem.status in (413, 422)
        well_said(problem)
        return
    assert 0 < len(found.recipients) <= 100
    assert found.envelope in (None, "") or parse_path(found.envelope, smtputf8=True) == found.envelope
    assert all(len(each) < 1000 for each in found.warnings)
    assert found.octets.count(b"\r") == found.octets.count(b"\n") == found.octets.count(b"\r\n")
    if not any(squeezed(name) == "mime" for name in asked):
        check(found.octets)
        if not found.smtputf8:
            assert found.octets[: read_header(found.octets).body].isascii()


def check_message(octets: bytes) -> None:
    """Texts, a subject, and files of all names and types."""
    source = Source(octets)
    kinds = source.byte()
    subject, text, html = (source.text() for _ in range(3))
    files: list[dict[str, str]] = []
    while source.rest and len(files) < 4:
        name, kind, data = source.text(), source.text(), source.line()
        files.append({"name": name, "type": kind, "data": base64.b64encode(data).decode()})
    asked: dict[str, Any] = {"recipient": "a@example.net", "from": "me@example.com", "subject": subject}
    asked |= {"text": text} if kinds & 1 else {}
    asked |= {"html": html} if kinds & 2 else {}
    asked |= {"attachments": files}
    try:
        found = run(read_properties(SERVICES, None, asked, 100))  # type: ignore[arg-type]
    except Problem as problem:
        assert problem.field.startswith(("subject", "text", "html", "attachments"))
        well_said(problem)
        return
    check(found.octets)
    assert max(map(len, found.octets.split(b"\r\n"))) <= 998
    message = message_from_bytes(found.octets, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not [each for part in _parts(message) for each in part.defects]
    assert decode(read_header(found.octets).named(b"subject")[0]).text == subject.strip() if subject.strip() else True
    leaves = [
        each for each in _parts(message) if not each.is_multipart() and each.get_content_maintype() != "message"
    ]
    bodies = {each.get_content_type(): each for each in leaves if each.get_content_disposition() is None}
    for kind, said, bit in (("text/plain", text, 1), ("text/html", html, 2)):
        if said and kinds & bit:
            assert _lines(_octets(bodies[kind]).decode()) == _lines(said)
    _check_files(leaves, files)


def _parts(message: Any) -> Iterator[Any]:
    """Of this message, and not of those that are attached to it."""
    yield message
    if message.get_content_maintype() == "multipart":
        for each in message.iter_parts():
            yield from _parts(each)


def _check_files(leaves: list[Any], files: list[dict[str, str]]) -> None:
    attached = [each for each in leaves if each.get_content_disposition() is not None]
    wanted = [each for each in files if not each["type"].strip().lower().startswith("message/")]
    if len(wanted) < len(files):
        return
    assert len(attached) == len(wanted)
    for part, given in zip(attached, wanted, strict=True):
        assert _octets(part) == base64.b64decode(given["data"]) or not given["data"]
        name = re.split(r"[/\\]", given["name"].strip())[-1].strip()
        if name.isprintable():
            told = part["content-disposition"].params.get("filename", "")
            assert told.split() == name.split(), (told, name)


def _octets(part: Any) -> bytes:
    made = part.get_payload(decode=True)
    assert isinstance(made, bytes)
    return made


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


def work_mailboxes(octets: bytes) -> None:
    with suppress(ValueError):
        read_mailboxes(octets.decode("utf-8", "replace"))


def work_base64(octets: bytes) -> None:
    with suppress(ValueError):
        rewrapped(octets.decode("utf-8", "replace"))


def work_message(octets: bytes) -> None:
    text = octets.decode("utf-8", "replace").replace("\0", "")
    for more in (
        {"text": text, "html": text},
        {"text": "x", "subject": text[:60_000], "extra": {"x-a": text[:60_000]}},
    ):
        with suppress(Problem):
            run(read_properties(SERVICES, None, {"recipient": "a@example.net", "from": "a@b", **more}, 9))  # type: ignore[arg-type]


_ADDRESSES = (
    b'\\"' * 240, b"ann@example.net", b"Ann <ann@example.net>", b'"Smith, Bob" <bob@example.net>', b"<", b">", b'"',
    b"\\", b"(", b")", b",", b";", b":", b"@", b".", b"[192.0.2.1]", b"j\xc3\xb6rg@b\xc3\xbccher.example", b" ",
    b"  ", b"\t", b"\r\n ", b"=?utf-8?Q?a?=", b"=?utf-8?B?YSwi?=", b"=?", b"?=", b"{$recipient}",
    b"undisclosed-recipients:;", b"\\" * 300, b'"' * 2, b"\xc3\xa4" * 120, b"x" * 300, b"\xe2\x80\xa8", b"\xc2\xa0",
    b"\xe2\x80\x8f", b"\xed\xa0\x80", b"\0",
)  # fmt: skip
_VALUES = (
    b"{", b"}", b"[", b"]", b"\0", b'"', b"#1\0", b"#1e300\0", b"t", b"f", b"n", b'"ann@example.net\0',
    b'"Ann <ann@example.net>\0', b"ann@example.net\0{name\0\"Ann\0}", b"0\0", b"1\0", b"recipient\0", b"recipients\0",
)  # fmt: skip
_SENT = (
    *_VALUES, b"#" + b"9" * 400 + b"\0", *(name.encode() + b"\0" for name in sorted({*PLAIN, *SPELLED.values()})),
    b"address\0", b"name\0", b"email\0", b"url\0", b"oneclick\0", b"data\0", b"type\0", b"cid\0", b"disposition\0",
    b"x-a\0", b"x-smtpeter-tags\0", b'"https://example.com/x\0', b'"mailto:a@example.com\0', b'"eA==\0', b'"true\0',
    b'"From: a@example.com\n\nx\0', b'"a\r\nBcc: e@example.net\0', b"\xc3\xa4", b" ", b"x" * 80, b"\t", b"\r", b"\n",
    b"merge\0", b"options\0", b"tags\0", b"maxdelivertime\0", b"sendtime\0", b'"2026-09-22 10:00:00\0', b'"both\0',
    *_ADDRESSES,
)  # fmt: skip
_MESSAGE = (
    b"\0", b"\1", b"\2", b"\3", b"text\r\n", b"\n", b"\r", b" ", b"\t", b".", b".\r\n", b"From x\n", b"=", b"=3D",
    b"--", b"--=_", b"\xc3\xa4", b"\xf0\x9f\x98\x80", b"x" * 80, b"x" * 1100, b"\xc3\xa4" * 90, b"=?utf-8?Q?a?=",
    b"=?", b"\x7f", b"report.pdf\0", b"application/pdf\0", b"text/plain; charset=utf-8\0", b'text/x; a="b;c"\0',
    b"message/rfc822\0", b"image/png; name=x\0", b"../a\\b.txt\0", b"\xc3\xbc.pdf\0", b'"', b"\\", b"%41", b"'", b";",
    b"*", b"(", b")", b"Subject: x\r\n\r\ny\0", b"\xe2\x80\xae", b"{$a}", b"<b>",
)  # fmt: skip

TARGETS = (
    Target(examples=200, name="mailboxes", check=check_mailboxes, words=_ADDRESSES, work=work_mailboxes),
    Target(examples=200, name="people", check=check_people, words=_VALUES + _ADDRESSES, head=b"{recipients\0["),
    Target(examples=200, name="base64", check=check_base64, words=(
        b"YWJj", b"YQ==", b"YWI=", b"=", b"==", b"\r\n", b" ", b"\t", b"\x0c", b"-", b"_", b"\xc3\xa4", b"A" * 75,
        b"A" * 76, b"\0",
    ), work=work_base64),
    Target(examples=200, name="send", check=check_send, words=_SENT, head=b"{"),
    Target(examples=200, name="message", check=check_message, words=_MESSAGE, work=work_message, head=b"\3a\0"),
)  # fmt: skip
