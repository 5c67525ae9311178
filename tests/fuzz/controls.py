"""Control fields: what is written into a header, and what it becomes.

Properties: options, or a refusal with a reply that fits into one line; what is taken out is exactly the control
fields, in any spelling, and nothing of them is left; options survive being kept; encoded words are text or an error.
"""

from __future__ import annotations

import json
from contextlib import suppress

from relay.model.account import ControlHeaders, OnInvalid
from relay.model.options import Options
from relay.model.reply import Refused
from relay.submission.control.reader import read_controls
from relay.transform.headers import read_header, splice
from relay.transform.words import decode, encode
from tests.fuzz.content import arrived, by_lines, header_of
from tests.fuzz.target import Source, Target, fits
from tests.submission.options import ANN, BOB, EVERYTHING, ask

RULES = tuple(OnInvalid)
_TWIST = bytes.maketrans(b"_", b"-")


def check_controls(octets: bytes) -> None:
    source = Source(octets)
    rule = source.of(RULES)
    content = arrived(source.rest)
    header = header_of(content)
    if header is None:
        return
    _check_stripped(content)
    text = content[: header.body].decode("utf-8", "surrogateescape")
    try:
        got = ask(text, to=(ANN, BOB), on_invalid=rule, **EVERYTHING)
    except Refused as refused:
        assert refused.reply.code in (550, 552, 554), refused.reply
        assert fits(refused.reply), refused.reply
        assert refused.reply.text.isprintable(), refused.reply
        return
    assert all(each.isprintable() for each in got.warnings), got.warnings
    assert got.sources.keys() <= set(Options.__dataclass_fields__)
    assert Options.from_dict(json.loads(json.dumps(got.options.as_dict()))) == got.options


def _check_stripped(content: bytes) -> None:
    header = read_header(content)
    expected = [whole for name, whole in by_lines(content) or () if _is_control(name)]
    taken = read_controls(header, ControlHeaders.STRIP).fields
    assert [content[each.start : each.end] for each in taken] == expected
    left = splice(header, taken, ())
    assert not any(_is_control(name) for name, _ in by_lines(left) or ())
    assert len(left) == len(content) - header.start - sum(map(len, expected))


def _is_control(name: bytes) -> bool:
    return name.translate(_TWIST).startswith(b"x-smtpeter-")


def check_words(octets: bytes) -> None:
    try:
        found = decode(arrived(octets).removesuffix(b"\r\n"))
    except ValueError as error:
        assert str(error)
        return
    found.text.encode()  # fails where it holds half a character
    line = arrived(octets)
    if found.text.isprintable() and found.text == found.text.strip() and b"\r\n " not in line:
        assert decode(encode(found.text).encode()).text == found.text


def work_controls(octets: bytes) -> None:
    if header_of(content := arrived(octets)) is not None:
        with suppress(Refused):
            ask(content.decode("utf-8", "surrogateescape"), **EVERYTHING)


def work_words(octets: bytes) -> None:
    with suppress(ValueError):
        decode(octets)


_NAMES = (
    "Options Tags Campaign Tenant Stream Metadata Metadata-a Ref IdempotencyKey Preset SendAt SendAtEach SendWindow "
    "SendCancelId DeliverBy DeliverWithin MaxAttempts RetrySchedule Priority RequireTLS VerifyTLS DKIM DkimKey "
    "DkimExtra Pool SourceIP EnvelopeFrom ReturnPathDomain "
    "TrackBounces DsnNotify DsnRet DsnEnvid DsnOrcpt Recipients "
    "PreserveRecipients ExtraCc ExtraBcc BccArchive Archive Retention Sandbox KeepMessageId StripHeaders "
    "Strict OnInvalid"
)
_VALUES = (
    'true no {} [] "" a@example.net ann@example.net={} Mon-Fri 08:00-18:00 Europe/Amsterdam +2h PT2H 1790003600 '
    "base64:e30= "
    "2026-09-22T08:00:00Z every 5m,10m,*3 off NEVER FULL rfc822;a =?utf-8?Q?a_b?= =?utf-8?B?w6Q=?= &quot; "
    "\\u0000 1e999 NaN null bulk strip reject warn _ - = , ; ( ) < > : . * /"
)
_WORDS = (
    *(f"X-SMTPeter-{name}: ".encode() for name in _NAMES.split()),
    *(value.encode() for value in _VALUES.split()),
    b"\r\n", b"\r\n ", b"x_smtpeter_tags: ", b"X-SMTPETER_TAGS:", b"Subject: x\r\n", b"\xff", b"\xc3\xa4", b" ",
    b'{"', b'":',
)  # fmt: skip
_ENCODED = (
    b"=?utf-8?Q?", b"=?utf-8?b?", b"=?iso-2022-jp?B?", b"=?utf-7?Q?", b"=?hz?q?", b"=?utf-16?B?", b"=?utf-8*en?Q?",
    b"?=",
    b"=C3=A4", b"w6Q=", b"=?", b"?", b"_", b"=", b" ", b"\t", b"\r\n ", b"\xc3\xa4", b"\xff", b"+2AA-", b"\x1b$B",
    b"=?punycode?Q?", b"=?x?Q?a?=",
)  # fmt: skip

TARGETS = (
    Target(name="controls", check=check_controls, words=_WORDS, work=work_controls, head=b"X-SMTPeter-Options: "),
    Target(name="words", check=check_words, words=_ENCODED, work=work_words),
)
