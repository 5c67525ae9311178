"""Messages made anew, read back by an independent reader: the standard library's."""

from __future__ import annotations

import base64
import quopri
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

import pytest

from relay.transform.compose.bodies import encoded, rewrapped, seven_bit, text_part
from relay.transform.compose.fields import field, listed
from relay.transform.compose.message import Attachment, message
from relay.transform.quoted import decode

PNG = b"\x89PNG" + bytes(range(256)) * 3


def read(octets: bytes) -> EmailMessage:
    assert octets.endswith(b"\r\n")
    assert octets.count(b"\n") == octets.count(b"\r\n") == octets.count(b"\r")
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    return message_from_bytes(octets, policy=policy.default)


def made(text: str | None = None, html: str | None = None, *attachments: Attachment) -> EmailMessage:
    return read(message([field("Subject", "Hi")], text, html, attachments))


def said(message: EmailMessage, kind: str) -> str:
    """The text of its one part of that type, without the end of its last line."""
    [part] = [each for each in message.walk() if each.get_content_type() == kind]
    octets = cast(bytes, part.get_payload(decode=True))
    return octets.decode().replace("\r\n", "\n").removesuffix("\n")


def file(octets: bytes = PNG, **more: object) -> Attachment:
    given = {"type": "image/png", "name": "a.png", "body": encoded(octets), **more}
    return Attachment(**given)  # type: ignore[arg-type]


def shape(found: EmailMessage) -> object:
    """The types of its parts, as nested lists."""
    if not found.is_multipart():
        return found.get_content_type()
    return [found.get_content_subtype(), *(shape(cast(EmailMessage, each)) for each in found.iter_parts())]


@pytest.mark.parametrize(
    "text",
    [
        "Hello.\n",
        "Hello",
        "",
        "a\r\nb\rc\nd",
        "Grüße aus Köln, und noch etwas mehr in ASCII, damit es sich lohnt\n" * 3,
        "これは日本語の本文です。\n" * 40,
        "x" * 5000 + "\nend\n",
        "-- \nsignature  \n.\nFrom here\n--=_looks like a boundary\n",
        "tabs\t \n\nspaces at the end   \n",
        "👋" * 300,
    ],
)
def test_a_text_arrives_as_it_was_whatever_is_in_it(text: str) -> None:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
    for each in (made(text), made(text, f"<p>{lines}</p>", file())):
        assert said(each, "text/plain") == lines
    assert said(each, "text/html") == f"<p>{lines}</p>"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Hello.\n", "7bit"),
        ("Grüße aus Köln, und genug ASCII.\n", "quoted-printable"),
        ("x" * 999, "quoted-printable"),
        ("日本語\n", "base64"),
        ("ünö", "base64"),
    ],
)
def test_the_encoding_follows_what_is_in_the_text(text: str, encoding: str) -> None:
    assert made(text)["Content-Transfer-Encoding"] == encoding


def test_quoted_printable_is_read_alike_by_two_readers() -> None:
    text = "Größe = 100 %, €uro =C3 und Leerraum \t\n" * 30 + "ohne Zeilenende und mit einer langen Zeile " * 20
    part = text_part(text, "text/plain")
    body = b"".join(part.body)
    wanted = text.replace("\n", "\r\n").encode() + b"\r\n"
    assert decode(body) == wanted
    assert quopri.decodestring(body) == wanted
    assert max(map(len, body.split(b"\r\n"))) <= 76


def test_only_the_parts_that_are_needed_are_made() -> None:
    picture, other = file(content_id="logo", inline=True), file()
    assert shape(made("a")) == "text/plain"
    assert shape(made(None, "b")) == "text/html"
    assert shape(made("a", "b")) == ["alternative", "text/plain", "text/html"]
    assert shape(made("a", None, other)) == ["mixed", "text/plain", "image/png"]
    assert shape(made(None, None, other)) == ["mixed", "image/png"]
    assert shape(made(None, "b", picture)) == ["related", "text/html", "image/png"]
    assert shape(made("a", None, picture)) == ["mixed", "text/plain", "image/png"]
    assert shape(made("a", "b", other, picture)) == [
        "mixed",
        ["alternative", "text/plain", ["related", "text/html", "image/png"]],
        "image/png",
    ]


def test_a_picture_of_the_html_is_found_by_its_content_id() -> None:
    found = made(None, '<img src="cid:logo">', file(content_id="logo", inline=True))
    related = found.get_content_type(), found.get_param("type")
    assert related == ("multipart/related", "text/html")
    picture = list(found.iter_parts())[1]
    assert (picture["Content-ID"], picture.get_content_disposition()) == ("<logo>", "inline")
    assert cast(EmailMessage, picture).get_content() == PNG


@pytest.mark.parametrize(
    "name",
    ["a.png", "=?utf-8?Q?a.exe?=", 'say "hi" \\ there.pdf', "Größe.pdf", "请" * 60 + ".pdf", "é" * 23 + "%41.txt"],
)
def test_names_of_files_arrive_in_any_script(name: str) -> None:
    [part] = made("a", None, file(name=name)).iter_attachments()
    assert part.get_filename() == name
    del part["Content-Disposition"]  # as readers do that know Content-Type alone
    assert part.get_filename() == name


@pytest.mark.parametrize(
    "octets", [b"", b"x", b"xy", b"xyz", PNG, bytes(57), bytes(58), bytes(58369), bytes(200_001)]
)
def test_base64_is_cut_into_lines_and_stays_the_same(octets: bytes) -> None:
    whole = base64.b64encode(octets).decode()
    for written in (
        whole,
        base64.encodebytes(octets).decode(),
        "\r\n".join(whole[at : at + 5] for at in range(0, len(whole), 5)),
        f" {whole}\t\n",
    ):
        pieces, size = rewrapped(written)
        lines = b"".join(pieces)
        assert base64.b64decode(lines) == octets
        assert size == len(octets)
        assert lines == b"".join(encoded(octets))
        assert max(map(len, lines.split(b"\r\n"))) <= 76


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("QQ", "multiple of 4"),
        ("QUJD$", "'$' in it"),
        ("QUJDé===", "outside ASCII"),
        ("QQ==QQ==", "'=' in it"),
        ("Q===", "'=' in it"),
        ("====", "'=' in it"),
        ("QU-_", "'-' in it"),
        ("data:image/png;base64,QUJD", "':' in it"),
        ("QQ==" + "A" * (76 << 10), "in it"),
        ("A" * ((76 << 10) - 4) + "QQ==" + "AAAA", "follows its padding"),
    ],
)
def test_what_is_no_base64_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="no base64") as error:
        rewrapped(text)
    assert why in str(error.value)


def test_a_boundary_stands_in_no_text() -> None:
    first = made("a", "b")
    boundary = first.get_boundary()
    again = made(f"--{boundary}\n{boundary}--", "b")
    assert again.get_boundary() != boundary
    assert said(again, "text/plain") == f"--{boundary}\n{boundary}--"
    assert said(again, "text/html") == "b"
    guess = made("a", again.as_string())
    assert said(guess, "text/html") == again.as_string().replace("\r\n", "\n").removesuffix("\n")


def test_the_same_request_makes_the_same_message() -> None:
    assert message([], "a", "b", [file()]) == message([], "a", "b", [file()])


def test_an_enclosed_message_is_not_encoded() -> None:
    inner = b"Subject: inner\n\nHello\n"
    plain = seven_bit(inner)
    assert plain == b"Subject: inner\r\n\r\nHello\r\n"
    [part] = made(
        "a", None, Attachment(type="message/rfc822", name="m.eml", body=(plain,), plain=True)
    ).iter_attachments()
    assert part.get_content()["Subject"] == "inner"
    assert seven_bit("Grüße".encode()) is None
    assert seven_bit(b"x" * 1000) is None
    assert seven_bit(b"a\0b") is None


@pytest.mark.parametrize(
    "value",
    [
        "short",
        "Grüße an alle " * 20,
        "several words " * 30 + "end",
        '{"a": "x  y",\t"b": [1, 2, 3], "c": "' + "word " * 40 + '"}',
        "x" * 2000,
        "=?utf-8?Q?not_decoded?=",
        "a" + " " * 100 + "b",
        "👩‍👩‍👧" * 30,
    ],
)
def test_a_field_keeps_its_value_folded_or_not(value: str) -> None:
    line = field("X-Test", value)
    found = read(line + b"\r\n")
    assert found["X-Test"].removesuffix(" ") == value.removesuffix(" ")
    assert line.isascii()
    assert not any(not each.strip() for each in line[:-2].split(b"\r\n"))


def test_a_list_has_an_item_on_each_line_once_it_is_long() -> None:
    assert listed("To", ["a@example.net", "b@example.net"]) == b"To: a@example.net, b@example.net\r\n"
    people = [f"person{number}@example.net" for number in range(200)]
    found = read(listed("To", people) + b"\r\n")
    assert [each.addr_spec for each in found["To"].addresses] == people
