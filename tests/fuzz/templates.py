"""Templates: sources and data by strangers, alone and in messages.

Properties: a source is compiled or refused in one line that says where; a rendering ends, keeps to its limits, and
gives the same again; what means nothing comes out as it went in. A message keeps its parts, its fields and its
author whatever the data says; one without templates keeps its octets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay.model.address import from_addresses
from relay.model.reply import Refused
from relay.transform.headers import Header, read_header
from relay.transform.merge import Limits, TemplateError, compile
from relay.transform.merge.message import prepare
from relay.transform.mime import leaves
from tests.fuzz.content import NOW, arrived
from tests.fuzz.target import Source, Target

LIMITS = Limits(source=20_000, output=20_000, steps=20_000)
DATA: Mapping[str, Any] = {
    "a": "text <b> & 'q'",
    "n": 42,
    "f": 2.5,
    "t": True,
    "none": None,
    "list": ["x", "ü", {"k": "v"}],
    "o": {"k": 1, "a-b": [1, 2, [3]]},
    "evil": '\r\n--b\r\nX: y\r\n\r\n" <e@example.org>, ',
    "long": "ab " * 300,
}


def check_template(octets: bytes) -> None:
    source = octets.decode("utf-8", "replace")
    try:
        template = compile(source, LIMITS)
        text = template.render(DATA, LIMITS, lambda: NOW)
    except TemplateError as error:
        _check_error(error)
        return
    assert text == template.render(DATA, LIMITS, lambda: NOW)
    assert len(text) <= LIMITS.output
    if not template.changes:
        assert text == source
    if "{" not in source and "delim]" not in source.lower():
        assert text == source


def _check_error(error: TemplateError) -> None:
    said = str(error)
    assert said and said.isprintable() and len(said) < 500, said
    assert (error.line > 0) == (error.column > 0)


def check_merge(octets: bytes) -> None:
    source = Source(octets)
    said = source.text()
    content = arrived(source.rest)
    try:
        header = read_header(content)
        prepared = prepare(header, limits=LIMITS, clock=lambda: NOW)
        made = prepared.render({**DATA, "a": said})
    except Refused:
        return
    except TemplateError as error:
        _check_error(error)
        return
    if not prepared.changes:
        assert made is content
        return
    after = read_header(made)
    assert [each.type for each in leaves(after)] == [each.type for each in leaves(header)]
    assert [each.sealed for each in leaves(after)] == [each.sealed for each in leaves(header)]
    added = {b"content-type", b"content-transfer-encoding", b"mime-version"}
    assert _names(after, added) == _names(header, added)
    for before, behind in zip(header.named(b"from"), after.named(b"from"), strict=True):
        try:
            author = from_addresses(before)
        except ValueError:  # such a message is refused before it is rendered
            continue
        assert from_addresses(behind) == author


def _names(header: Header, without: set[bytes]) -> list[bytes]:
    return [each for each in header.shape.names if each not in without]


def work_template(octets: bytes) -> None:
    try:
        compile(octets.decode("utf-8", "replace")).render(DATA, clock=lambda: NOW)
    except TemplateError:
        return


def work_merge(octets: bytes) -> None:
    content = arrived(octets)
    try:
        prepare(read_header(content), clock=lambda: NOW).render(DATA)
    except (Refused, TemplateError):
        return


_LANGUAGE = (
    b"{$a}", b"{$n", b"{$list", b"{$o.k", b"{$evil}", b"{$long|", b"}", b"{if ", b"{/if}", b"{elseif $n > 1}",
    b"{else}", b"{foreach $x in $list}", b"{foreach $o as $k => $v}", b"{foreachelse}", b"{/foreach}",
    b"{assign $x|cat:'y' to $x}", b"{$x = ", b"{literal}", b"{/literal}", b"{ldelim}", b"{rdelim}", b"{escape}",
    b"{mode=html}", b"{hash($a,'md5')}", b"|", b":", b"'", b'"', b"\\", b" + ", b" - ", b"*", b"/", b"%", b"==",
    b"=~", b"(", b")", b"[", b"]", b".", b"-", b" and ", b" or ", b"not ", b"1", b"1.5", b"true", b"|escape",
    b"|regex_replace:'", b"(a|b)+", b"[^x]*", b"\\d{2,9}", b"|truncate:9", b"|indent:99", b"|replace:'a':'",
    b"|date_format:'%", b"|jsondecode", b"|range:1", b"|substr:-3", b"|spacify:'", b"|number_format:2", b"<style>",
    b"</style>", b"<head>", b"[ldelim]", b"{", b"{ ", b"\xc3\xbc", b"\r\n",
)  # fmt: skip
_MESSAGE = (
    b"From: {$a} <a@example.com>\r\n", b"To: {$evil} <b@example.net>\r\n", b"To: ", b"Subject: {$a}\r\n",
    b"Subject: ", b"X-A: {$a}\r\n", b"=?utf-8?Q?{$a}?=", b"Content-Type: text/html; charset=iso-8859-1\r\n",
    b"MIME-Version: 1.0\r\n", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n", b"--b\r\n", b"--b--\r\n",
    b"Content-Type: text/plain\r\n", b"Content-Transfer-Encoding: quoted-printable\r\n",
    b"Content-Transfer-Encoding: base64\r\n", b"eyRhfQ==", b"=7B$a=\r\n", b"\r\n", b"\xfc", b"<", b">", b",", b'"',
)  # fmt: skip

TARGETS = (
    Target(name="template", check=check_template, words=_LANGUAGE, work=work_template),
    Target(name="merge", check=check_merge, words=_MESSAGE + _LANGUAGE, work=work_merge, head=b"\0From: "),
)
