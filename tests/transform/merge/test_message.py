"""Templates in a message: what is rendered, and that all else stays, octet for octet."""

from __future__ import annotations

import base64
import quopri
from collections.abc import Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from relay.model.reply import Refused
from relay.model.template import Template as Stored
from relay.transform.headers import read_header
from relay.transform.merge import Limits, TemplateError
from relay.transform.merge.message import Prepared, prepare
from tests.corpus import own, shared

MAILS = {**own(), **shared()}
ANN: Mapping[str, Any] = {"name": "Ann", "recipient": "ann@example.net", "n": 3}
TOP = b"From: Shop <shop@example.com>\r\nTo: x@example.net\r\n"


def prepared(content: bytes) -> Prepared:
    return prepare(read_header(content))


def rendered(content: bytes, data: Mapping[str, Any] = ANN) -> bytes:
    return prepared(content).render(data)


def read(content: bytes) -> EmailMessage:
    found = message_from_bytes(content, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def text(body: bytes, kind: bytes = b"text/plain; charset=utf-8", encoding: bytes = b"8bit") -> bytes:
    return TOP + b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    "content",
    [
        TOP + b"Subject: plain { text }\r\n\r\nbody { x: y }\r\n",
        TOP + b'X-Info: {"a": {"b": 1}}\r\nX-SMTPeter-Merge: {"a": {"$b": "{$c}"}}\r\n\r\n\r\n',
        text(b"<style>p{color:red}</style>\r\n", b"text/html"),
        text(b"{$name}", b"application/json"),
        text(b"{$name}", b'text/plain; name="a.txt"'),
        TOP + b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n{$name}\r\n--b--\r\n",
        TOP + b"Content-Type: message/rfc822\r\n\r\nSubject: {$name}\r\n\r\n{$name}\r\n",
        text(b"-----BEGIN PGP SIGNED MESSAGE-----\r\n{$name}\r\n"),
        text(b"e{$nameXX=\r\n", b"text/plain", b"x-uuencode"),
        b"Subject: =?nonsense?Q?{$name}?=\r\n\r\n",
    ],
)
def test_a_message_in_which_nothing_means_anything_comes_back_as_it_is(content: bytes) -> None:
    found = prepared(content)
    assert not found.changes
    assert found.render(ANN) is content


def test_only_templates_change() -> None:
    content = (
        b"Received: from {$name}\r\nFROM: Shop <shop@example.com>\r\nsubject:  Hi {$name},\r\n {$n} new\r\n"
        b"X-Kept:   odd \t spaces\r\nX-Ref: ref-{$n}\r\nContent-Type: multipart/mixed; boundary=b\r\n"
        b"\r\npreamble {$name}\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nDear {$name},\r\nbye  \r\n"
        b"--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\n{$name}\r\n--b--\r\n"
        b"epilogue {$name}\r\n"
    )
    expected = content.replace(b"subject:  Hi {$name},\r\n {$n} new", b"subject: Hi Ann, 3 new")
    expected = expected.replace(b"ref-{$n}", b"ref-3").replace(b"Dear {$name}", b"Dear Ann")
    assert rendered(content) == expected


@pytest.mark.parametrize(
    ("encoding", "charset", "name", "then"),
    [
        ("8bit", "utf-8", "Jörg €", "8bit utf-8"),
        ("7bit", "us-ascii", "Ann", "7bit us-ascii"),
        ("7bit", "us-ascii", "Jörg", "quoted-printable utf-8"),
        ("quoted-printable", "iso-8859-1", "Jörg", "quoted-printable iso-8859-1"),
        ("quoted-printable", "iso-8859-1", "Ω", "quoted-printable utf-8"),
        ("base64", "utf-8", "Jörg", "base64 utf-8"),
        ("base64", "iso-8859-1", "Ω", "base64 utf-8"),
        ("8bit", "utf-8", "x" * 1200, "quoted-printable utf-8"),
        ("base64", "utf-16", "Jörg", "base64 utf-16"),
    ],
)
def test_a_text_keeps_charset_and_encoding_where_they_can_hold_it(
    encoding: str, charset: str, name: str, then: str
) -> None:
    said = "Hi {$name} — bye\r\n" if charset.startswith("utf") else "Hi {$name}, bye\r\n"
    octets = said.encode(charset)
    coded = {"quoted-printable": quopri.encodestring, "base64": base64.encodebytes}.get(encoding, bytes)(octets)
    content = text(coded, f"text/plain; charset={charset}".encode(), encoding.encode())
    message = read(rendered(content, {"name": name}))
    assert message.get_content() == said.replace("{$name}", name)
    assert f"{message['content-transfer-encoding']} {message.get_content_charset()}" == then


def test_html_keeps_its_charset_by_references() -> None:
    content = text(b"<p>Sch\xf6n {$name}</p>", b"text/html; charset=iso-8859-1")
    made = rendered(content, {"name": "Ω"})
    assert made == content.replace(b"{$name}", b"&#937;") + b"\r\n"


def test_a_message_without_mime_fields_gets_those_it_needs() -> None:
    message = read(rendered(TOP + b"\r\nHi {$name}\r\n", {"name": "Jörg"}))
    assert (message["mime-version"], message.get_content()) == ("1.0", "Hi Jörg\r\n")
    assert rendered(TOP + b"\r\nHi {$name}\r\n") == TOP + b"\r\nHi Ann\r\n"


def test_a_construct_is_found_after_decoding() -> None:
    folded = text(b"Hi {$na=\r\nme} =7B$n=7D {i=66 $n}yes{/if}=\r\n", encoding=b"quoted-printable")
    assert read(rendered(folded)).get_content() == "Hi Ann 3 yes\r\n"
    assert read(rendered(TOP + b"Subject: =?utf-8?B?SGkgeyRu?= =?utf-8?B?YW1lfQ==?=\r\n\r\n"))["subject"] == "Hi Ann"


@pytest.mark.parametrize(
    ("field", "data", "expected"),
    [
        ("From: {$shop} <a@example.com>", {"shop": "Shop"}, "From: Shop <a@example.com>"),
        ('From: "{$shop}" <a@example.com>', {"shop": "Shop, Ltd."}, 'From: "Shop, Ltd." <a@example.com>'),
        ("From: {$shop} <a@example.com>", {"shop": 'x" <e@evil.example>, "y'},
         'From: "x\\" <e@evil.example>, \\"y" <a@example.com>'),
        ("From: =?utf-8?Q?{$shop}_=C3=BC?= <a@example.com>", {"shop": "é"},
         "From: =?utf-8?B?w6kgw7w=?= <a@example.com>"),
        ("From: {$shop} <a@example.com>", {}, "From: <a@example.com>"),
        ("To: {$name} <{$mail}>, Bob <b@example.net>", {"name": "Ann", "mail": "a@example.net"},
         "To: Ann <a@example.net>, Bob <b@example.net>"),
        ("To: {$mail}", {"mail": "a@example.net"}, "To: <a@example.net>"),
        ("Reply-To: {$x|default:'a, b'} <r@example.com>", {}, 'Reply-To: "a, b" <r@example.com>'),
        ("X-Campaign: {$name}", {"name": "Ü"}, "X-Campaign: =?utf-8?B?w5w=?="),
        ("Subject: {if $a > 1}many{else}one{/if}", {"a": 2}, "Subject: many"),
    ],
)  # fmt: skip
def test_fields_are_rendered_and_written_as_they_have_to_be(
    field: str, data: Mapping[str, Any], expected: str
) -> None:
    content = field.encode() + b"\r\nDate: x\r\n\r\n"
    assert rendered(content, data) == expected.encode() + b"\r\nDate: x\r\n\r\n"


def test_a_long_subject_is_folded_at_its_spaces() -> None:
    made = rendered(TOP + b"Subject: {$words}\r\n\r\n", {"words": "word " * 60})
    assert max(map(len, made.split(b"\r\n"))) <= 78
    assert read(made)["subject"] == ("word " * 60).strip()


@pytest.mark.parametrize("field", [b"Subject: {$a}", b"X-Any: {$a}", b"From: {$a} <a@example.com>"])
def test_a_word_that_fits_in_no_line_is_refused_in_fields(field: bytes) -> None:
    assert rendered(field + b"\r\n\r\nx\r\n", {"a": "x" * 900})
    with pytest.raises(TemplateError, match="over 998 octets that cannot be folded"):
        rendered(field + b"\r\n\r\nx\r\n", {"a": "x" * 1000})
    assert rendered(field + b"\r\n\r\nx\r\n", {"a": "ü" * 1000})


@pytest.mark.parametrize(
    ("content", "data", "said"),
    [
        (b"Subject: Hi\r\n {$na me}\r\n\r\n", {}, "Subject, line 1, column 9: expected the end of the construct"),
        (b"Subject: {$name}\r\n\r\n", {"name": "a\r\nBcc: b@x"}, "Subject: the value of a header field cannot have"),
        (b"To: {$name} <a@example.net>\r\n\r\n", {"name": "a\nb"}, "To: the value of a header field cannot have"),
        (
            b"To: <{$mail}>\r\n\r\n",
            {"mail": "a@b.example>, <c@d.example"},
            "To: what comes of this is no address: {$mail}",
        ),
        (b"To: <{$mail}>\r\n\r\n", {}, "To: what comes of this is no address"),
        (b"From: x <{$mail}>\r\n\r\n", {}, "From: an address there cannot be a template"),
        (text(b"a\r\n  {if $x}"), {}, "text part, line 2, column 3: {if} is not closed by {/if}"),
        (text(b"<p>{1/$x}", b"text/html"), {}, "html part, line 1, column 4: division by zero: {1/$x}"),
        (text(b"{$x} \xff", b"text/plain; charset=utf-8"), {}, "text part: the text cannot be read as utf-8"),
    ],
)
def test_what_cannot_be_rendered_is_told_with_its_place(content: bytes, data: Mapping[str, Any], said: str) -> None:
    with pytest.raises(TemplateError) as caught:
        rendered(content, data)
    assert said in str(caught.value)
    assert str(caught.value).isascii()


def test_data_cannot_end_a_part() -> None:
    for encoding in (b"8bit", b"quoted-printable"):
        content = (
            TOP
            + b"Content-Type: multipart/mixed; boundary=b1\r\n\r\n--b1\r\nContent-Type: text/plain; charset=utf-8\r\n"
            b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\nHi\r\n{$name}\r\n--b1--\r\n"
        )
        evil = "--b1\r\nContent-Type: application/x-evil\r\n\r\nx"
        message = read(rendered(content, {"name": evil}))
        [part] = message.iter_parts()
        assert part.get_content() == "Hi\r\n" + evil


def test_all_that_is_asked_for_is_known_before_it_is_rendered() -> None:
    content = TOP + b"Subject: {$a}\r\nX-B: {$b}\r\n\r\n{$webversion} {if $unsubscribe}x{/if}"
    assert prepared(content).variables == {"a", "b", "webversion", "unsubscribe"}


def test_limits_hold_for_each_text_of_a_message() -> None:
    limits = Limits(output=20)
    with pytest.raises(TemplateError, match=r"text part.*over the limit of 20 characters"):
        prepare(read_header(text(b"{$name}")), limits=limits).render({"name": "x" * 21})


@pytest.mark.parametrize("name", sorted(MAILS))
def test_real_mail_is_left_as_it_is_or_refused_with_a_place(name: str) -> None:
    content = MAILS[name]
    try:
        found = prepared(content)
    except (TemplateError, Refused) as refused:
        assert len(str(refused)) < 600
        return
    if not found.changes:
        assert found.render(ANN) is content


def test_what_fails_can_leave_an_empty_place() -> None:
    content = (
        TOP + b"Subject: Hi {$name}\r\n\r\na{1/0}b{if 1/0}c{else}d{/if}{foreach $x in $l[1/0]}e{/foreach}{$n}\r\n"
    )
    complaints: list[TemplateError] = []
    made = prepared(content).render({"name": "a\r\nb", "n": 3}, complaints)
    assert made == TOP + b"Subject: Hi a  b\r\n\r\nabd3\r\n"
    assert [each.place for each in complaints] == ["Subject", *["text part"] * 3]
    assert "text part, line 1, column 2: division by zero: {1/0}" in str(complaints[1])
    limits = Limits(output=20)
    with pytest.raises(TemplateError, match="over the limit"):
        prepare(read_header(text(b"{$name}")), limits=limits).render({"name": "x" * 21}, [])


def test_what_a_stored_template_puts_into_an_empty_part_stands_before_its_delimiter() -> None:
    content = (
        b"From: a@example.com\r\nContent-Type: multipart/alternative; boundary=zz\r\n\r\n"
        b"--zz\r\nContent-Type: text/plain\r\n\r\n--zz\r\nContent-Type: text/html\r\n\r\n--zz--\r\n"
    )
    stored = Stored(account="demo", name="x", created=0.0, html="<p>two</p>", text="one")
    message = message_from_bytes(prepare(read_header(content), stored).render({}), policy=policy.default)
    assert [each.get_content().strip() for each in message.iter_parts()] == ["one", "<p>two</p>"]
