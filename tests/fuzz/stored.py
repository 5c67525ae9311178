"""Mail that was kept, read back in parts, and sent again; and what is known of many, as files.

Properties: any mail has parts, which go out as JSON and in fields of HTTP; sent again, a message keeps every octet
but those of tokens that are ours; rows of a log say the same to readers of CSV, JSON and XML; a line of a list of
suppressions is an entry, which is written and read as itself, or one line that says what is wrong.
"""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any
from urllib.parse import quote, unquote
from xml.etree import ElementTree

import msgspec

from relay.manage.suppression_files import LONG, LONGEST_LINE, Bad, Usual, read
from relay.manage.suppressions import COLUMNS, describe, row
from relay.model.account import LinkKey, ReturnKey
from relay.model.options import Resolved
from relay.model.reply import Refused
from relay.model.suppression import Cause, Suppression
from relay.model.token import TOKEN_LENGTH, Purpose, Token
from relay.report.logformats import FORMATS
from relay.submission.submission import Resent
from relay.submission.tuning.resending import again, bare
from relay.submission.tuning.tuner import Party
from relay.transform.bodies import bodies
from relay.transform.encoded import decode
from relay.transform.headers import read_header
from relay.transform.mime import leaves
from relay.transform.token import make
from relay.transform.token import read as read_token
from relay.web.api import parts
from relay.web.api.answers import answer, text
from tests.fuzz.content import arrived
from tests.fuzz.target import Source, Target

NOW = 1_790_000_000.0
OLD, NEW = "0r2k9v1m00000001", "0r2k9v1m00000002"
KEY = LinkKey(number=1, secret=bytes(32), created=0.0)
RETURNS = ReturnKey(number=1, secret=bytes(32), created=0.0)
_TYPE = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+")
_PLAIN = re.compile(r"[^\x00-\x1f\x7f-\x9f]*")


# --- parts ------------------------------------------------------------------------------------------------


def check_parts(octets: bytes) -> None:
    content = arrived(octets)
    try:
        found = parts.read(content)
    except Refused:
        return
    for said in (found.header, found.html, found.text):
        text(said)
    assert parts.header_text(content) == found.header
    files = [*found.attachments, *found.embeds]
    assert len(files) <= len(leaves(read_header(content)))
    for each in files:
        assert len(each.octets(content)) <= each.end - each.start <= len(content)
        assert _TYPE.fullmatch(each.type) and len(each.name) <= parts.NAME
        assert _PLAIN.fullmatch(each.name) and _PLAIN.fullmatch(each.cid), each
        answer([each.name, each.type, each.cid])
        disposition = quote(each.name or "file", safe="")
        assert disposition.isascii() and disposition.isprintable() and unquote(disposition) == (each.name or "file")
    for kind in (found.attachments, found.embeds):
        for rank, each in enumerate(kind):
            assert parts.find(kind, str(rank)) is each
            if each.name:
                assert parts.find(kind, each.name) is not None


# --- sent again -------------------------------------------------------------------------------------------


def _token(number: int, message: str = OLD) -> bytes:
    return make(KEY, Token(Purpose(number % 6 + 1), message, 1, number))


def check_resend(octets: bytes) -> None:
    content = arrived(octets)
    try:
        read_header(content)
    except Refused:
        return
    kept = bare(content, OLD)
    assert content.endswith(kept[kept.find(b"\r\n") :] or kept)
    assert bare(kept, OLD) == kept or b" id " + OLD.encode() in kept
    leads = {0: ("https://e.example/",)}
    resent = Resent(id=OLD, resolved=Resolved(), contents=(content,), which=(0, 0), targets=leads, keys=(KEY,))
    party = Party(id=NEW, sender="a@example.com", people=("b@example.net", "c@example.net"))
    tuned = again(resent, party, KEY, RETURNS)
    for number in (0, 1) if tuned.each else (0,):
        source = tuned.make(number)
        assert source is not None
        made = source.header.content
        if not tuned.links:
            assert made == kept
            continue
        assert _said(made, NEW) == _said(kept, OLD)
        for one, two in zip(read_header(kept).fields, source.header.fields, strict=True):
            if one.name != b"list-unsubscribe":
                assert kept[one.start : one.end] == made[two.start : two.end]
        for each in re.findall(rb"/([A-Za-z0-9_-]{%d})" % TOKEN_LENGTH, made):
            try:
                named = read_token(each.decode(), (KEY,))
            except ValueError:
                continue
            assert named.recipient == number + 1 or named.message != NEW


def _said(content: bytes, message: str) -> list[bytes]:
    """Texts as they are read, tokens of that message masked."""
    header = read_header(content)

    def masked(found: re.Match[bytes]) -> bytes:
        try:
            named = read_token(found[1].decode(), (KEY,))
        except ValueError:
            return found[0]
        return b"/%d.%d" % (named.purpose, named.number) if named.message == message else found[0]

    said = []
    for each in bodies(header):
        octets = decode(content[each.part.body : each.part.end], each.encoding)
        said.append(re.sub(rb"/([A-Za-z0-9_-]{%d})" % TOKEN_LENGTH, masked, octets.octets if octets else b""))
    return said


# --- files of rows ----------------------------------------------------------------------------------------


def check_logfile(octets: bytes) -> None:
    source = Source(octets)
    count = source.byte() % 5 + 1
    columns = [f"c{number}" for number in range(count)]
    rows: list[list[Any]] = []
    while source.rest and len(rows) < 50:
        rows.append([_cell(source) for _ in columns])
    made = {name: b"".join(write(columns, rows)) for name, write in FORMATS.items()}
    texts = [[str(each).encode("utf-8", "replace").decode() for each in row] for row in rows]
    for name, expected in (("csv", texts), ("header", [columns, *texts])):
        assert list(csv.reader(io.StringIO(made[name].decode(), newline=""), strict=True)) == expected, name
    assert [list(each.values()) for each in json.loads(made["json"])] == [
        [each if isinstance(each, int) else text for each, text in zip(row, said, strict=True)]
        for row, said in zip(rows, texts, strict=True)
    ]
    found = ElementTree.fromstring(made["xml"])
    plain = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
    wanted = [[plain.sub("", str(each)) for each in row] for row in rows]
    assert [[each.text or "" for each in record] for record in found] == wanted
    assert [record.tag for record in found] == ["record"] * len(rows)


def _cell(source: Source) -> str | int:
    line = source.line().decode("utf-8", "surrogateescape")
    return int(line) if re.fullmatch(r"-?[0-9]{1,15}", line, re.ASCII) else line


def check_suppressions(octets: bytes) -> None:
    source = Source(octets)
    usual = Usual(account=source.of(("", "shop")), cause=source.of(("", "bounce")), created=NOW, own=source.bit())
    lines = _lines(source.rest)
    good: list[Suppression] = []
    for each in read(lines, frozenset({"shop"}), usual):
        if isinstance(each, Bad):
            assert 0 < each.line <= len(lines) and each.why.isprintable() and len(each.why) < 400, each
            continue
        assert msgspec.json.encode(describe(each))
        assert not (usual.own and each.cause is Cause.COMPLAINT and each.until is not None)
        assert each.account in ("", "shop")
        good.append(each)
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([COLUMNS, *map(row, good)])
    assert list(read(_lines(written.getvalue().encode()), frozenset({"shop"}), _none())) == [
        _rounded(each) for each in good
    ]
    assert len(LONG) < LONGEST_LINE


def _lines(octets: bytes) -> list[str]:
    return [each.decode("utf-8", "surrogateescape") for each in re.findall(rb"[^\n]*\n|[^\n]+\Z", octets)]


def _none() -> Usual:
    return Usual(created=NOW)


def _rounded(entry: Suppression) -> Suppression:
    """As times are written."""
    [again] = read([json.dumps(describe(entry)) + "\n"], frozenset({"shop"}), _none())
    assert isinstance(again, Suppression), again
    return again


def work_parts(octets: bytes) -> None:
    try:
        parts.read(arrived(octets))
    except Refused:
        return


def work_suppressions(octets: bytes) -> None:
    lines = _lines(octets)
    for _ in read(lines, frozenset({"shop"}), _none()):
        pass


_PARTS = (
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n", b"--b\r\n", b"--b--\r\n", b"\r\n",
    b"From: a@example.com\r\n", b"Content-Type: text/html; charset=utf-8\r\n",
    b"Content-Type: text/plain; charset=utf-7\r\n", b"Content-Type: text/plain; charset=utf-16\r\n",
    b"Content-Type: application/pdf", b"Content-Type: message/rfc822\r\n", b"Content-Disposition: attachment",
    b"Content-Disposition: inline", b"; filename=", b"; name=", b"; filename*=", b"; filename*0*=", b"; filename*1*=",
    b"; filename*1=", b"utf-8''%c3%bc", b"utf-7''+2AA-", b"'", b'"a b"', b'"', b"\\", b"=?utf-8?Q?=C3=BC?=",
    b"=?utf-7?Q?+2AA-?=", b"Content-ID: <logo@x>\r\n", b'<img src="cid:logo@x">', b"cid:", b"%",
    b"Content-Transfer-Encoding: base64\r\n", b"Content-Transfer-Encoding: quoted-printable\r\n", b"YWJj", b"=3D",
    b"=", b"+2AA-", b"\xff\xfe", b"\xd8\x00", b"\xc3\xbc", b"\x85", b"\x1b", b"\xe2\x80\xa8", b"%0d%0a", b"x" * 300,
    b";", b" ",
)  # fmt: skip
_MAILTO = b"u1-" + OLD.encode() + b"-1-" + b"0" * 24
_RESEND = (
    b"Received: by x id " + OLD.encode() + b"; y\r\n", b"DKIM-Signature: v=1\r\n", b"From: a@example.com\r\n",
    b"List-Unsubscribe: <https://l.example/" + _token(1) + b">,\r\n <mailto:" + _MAILTO + b"@b>\r\n",
    b"https://l.example/", b"/", _token(0), b"/" + _token(1), b"/" + _token(2), b"/" + _token(3, "0r2k9v1m00000009"),
    b"/" + _token(1)[:20] + b"=\r\n" + _token(1)[20:], b"Content-Type: text/html\r\n",
    b"Content-Type: text/plain\r\n", b"Content-Transfer-Encoding: quoted-printable\r\n",
    b"Content-Transfer-Encoding: base64\r\n", b"\r\n", b"=", b"=3D",
    b"Content-Type: multipart/alternative; boundary=b\r\n\r\n", b"--b\r\n", b"--b--\r\n", b"x" * 70, b"\xc3\xbc",
    b" ", b"aHR0cHM6Ly9sLmV4YW1wbGUv", b"<a href='", b"'>",
)  # fmt: skip
_ROWS = (
    b"\0", b",", b'"', b"'", b"\r\n", b"\n", b"\r", b"\t", b"<", b">", b"&", b"]]>", b"1", b"-7", b"=cmd|' /C'!A0",
    b"\xc3\xbc", b"\xff", b"\xed\xa0\x80", b"\xef\xbf\xbe", b"\x01", b"\x7f", b"\xe2\x80\xa8", b"\xf0\x9f\x98\x80",
    b" ", b"\xc2\x85", b"\\",
)  # fmt: skip
_LISTS = (
    b"\0\0\0", b"\1\1\1", b"\xef\xbb\xbf", b"address,account,stream,cause,note,until,created,group\n", b"\n", b"\r\n",
    b",", b"ann@example.net", b"@example.net", b"J\xc3\xb6rg@b\xc3\xbccher.example", b"shop", b"bounce", b"complaint",
    b'"', b"#", b"2026-05-01T08:00:00Z", b"30d", b"0001-01-01", b"9999-12-31T23:59:59-23:59",
    b'{"address":"ann@example.net"', b',"until":"30d"', b',"note":"\\ud800"', b'"cause":"complaint"', b"}", b"[",
    b":", b"null", b"email,created,reason,status\n", b"address,created_at,code,error\n", b"address,tags,created_at\n",
    b"EmailAddress,SuppressionReason,Origin,CreatedAt\n", b"1700000000", b"99999999999",
    b"Mon, 21 Sep 2026 14:13:20 +0000", b"Mon, 21 Sep 0001 14:13:20 +2359", b"2026-01-31 12:00:00 UTC", b"HardBounce",
    b"SpamComplaint", b'["a","b"]', b"*", b"\xff", b"\0", b"\xc2\xb2" * 9, b"\xe2\x80\xa8", b"\x0c", b"\x1c",
    b"x" * 1100, b"email\n", b"email,ip\n", b"2026-05-01T08:00:00.123456Z",
)  # fmt: skip

TARGETS = (
    Target(examples=200, name="parts", check=check_parts, words=_PARTS, work=work_parts, head=_PARTS[0]),
    Target(examples=200, name="resend", check=check_resend, words=_RESEND, head=_RESEND[0]),
    Target(examples=200, name="logfile", check=check_logfile, words=_ROWS),
    Target(examples=200, name="suppressions", check=check_suppressions, words=_LISTS, work=work_suppressions),
)
