"""What is a body, what a file, what it is called: also in messages that nobody should have written."""

from __future__ import annotations

import pytest

from relay.web.api.parts import OCTETS, find, header_text, read

HEAD = b"From: me@example.com\r\nMIME-Version: 1.0\r\n"


def mixed(*parts: bytes) -> bytes:
    inside = b"".join(b"--b\r\n" + each + b"\r\n" for each in parts)
    return HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + inside + b"--b--\r\n"


def part(kind: bytes, disposition: bytes = b"", body: bytes = b"x", encoding: bytes = b"") -> bytes:
    fields = b"Content-Type: " + kind + b"\r\n"
    fields += b"Content-Disposition: " + disposition + b"\r\n" if disposition else b""
    fields += b"Content-Transfer-Encoding: " + encoding + b"\r\n" if encoding else b""
    return fields + b"\r\n" + body


@pytest.mark.parametrize(
    ("kind", "disposition", "name"),
    [
        (b'application/pdf; name="a b.pdf"', b"", "a b.pdf"),
        (b'application/pdf; name="old.pdf"', b'attachment; filename="new.pdf"', "new.pdf"),
        (b"application/pdf", b"attachment; filename=bare.pdf", "bare.pdf"),
        (b"application/pdf", b"attachment; filename*=utf-8''gr%C3%BC%C3%9Fe.pdf", "grüße.pdf"),
        (b"application/pdf", b"attachment; filename*=iso-8859-1'de'gr%FC%DFe.pdf", "grüße.pdf"),
        (b"application/pdf", b"attachment; filename*=nonsense''a.pdf", "a.pdf"),
        (b"application/pdf", b"attachment; filename*1=b.pdf; filename*0=a", "ab.pdf"),
        (b"application/pdf", b"attachment; filename=ascii.pdf; filename*=utf-8''%E2%9C%93.pdf", "✓.pdf"),
        (b"application/pdf", b'attachment; filename="=?utf-8?q?gr=C3=BC=C3=9Fe?=.pdf"', "grüße.pdf"),
        (b"application/pdf", b'attachment; filename="gr\xc3\xbc\xc3\x9fe.pdf"', "grüße.pdf"),
        (b"application/pdf", b'attachment; filename="a\\"b.pdf"', 'a"b.pdf'),
        (b"application/pdf", b"attachment; filename*=utf-8''a%0D%0AX-Evil:%20x.pdf", "a  X-Evil: x.pdf"),
        (b"application/pdf", b"attachment", ""),
    ],
)
def test_a_file_has_the_name_its_writer_meant(kind: bytes, disposition: bytes, name: str) -> None:
    (found,) = read(mixed(part(kind, disposition))).attachments
    assert (found.name, found.type) == (name, "application/pdf")


def test_texts_are_bodies_unless_they_are_files() -> None:
    found = read(
        mixed(
            part(b"text/plain", body=b"first"),
            part(b"text/plain", body=b"second"),
            part(b'text/plain; name="notes.txt"', body=b"notes"),
            part(b"text/html", b"attachment", body=b"<p>page</p>"),
            part(b"text/html", b"inline", body=b"<p>body</p>"),
            part(b"text/calendar", body=b"BEGIN:VCALENDAR"),
        )
    )
    assert (found.text, found.html) == ("first", "<p>body</p>")
    assert [each.type for each in found.attachments] == ["text/plain", "text/html", "text/calendar"]


def test_a_picture_that_is_attached_is_embedded_only_where_the_html_shows_it() -> None:
    def picture(cid: bytes, disposition: bytes) -> bytes:
        return b"Content-ID: <" + cid + b">\r\n" + part(b"image/png", disposition)

    html = part(b"text/html", body=b"<img src=\"cid:a%40x\"><img src='CID:b@x'>")
    found = read(
        mixed(html, picture(b"a@x", b"attachment"), picture(b"c@x", b"attachment"), picture(b"d@x", b"inline"))
    )
    assert [each.cid for each in found.embeds] == ["a@x", "d@x"]
    assert [each.cid for each in found.attachments] == ["c@x"]


def test_a_contained_message_is_one_file_and_a_signed_text_is_read() -> None:
    inner = b"Subject: inner\r\nContent-Type: text/html\r\n\r\n<p>inner</p>"
    signed = (
        b"Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n"
        + part(b"text/plain", body=b"signed")
        + b"\r\n--s\r\n"
        + part(b'application/pgp-signature; name="signature.asc"')
        + b"\r\n--s--"
    )
    content = mixed(signed, part(b"message/rfc822", body=inner))
    found = read(content)
    assert (found.text, found.html) == ("signed", "")
    assert [(each.type, each.name) for each in found.attachments] == [
        ("application/pgp-signature", "signature.asc"),
        ("message/rfc822", ""),
    ]
    assert found.attachments[1].octets(content) == inner


@pytest.mark.parametrize(
    ("body", "encoding", "octets"),
    [
        (b"JVBERi0x", b"base64", b"%PDF-1"),
        (b"JVBE\r\n!!Ri0x", b"BASE64", b"%PDF-1"),
        (b"JVBERi0xM", b"base64", b"%PDF-1"),
        (b"JVBERg", b"base64", b"%PDF"),
        (b"a=3Db=\r\nc", b"quoted-printable", b"a=bc"),
        (b"as it is", b"x-uuencode", b"as it is"),
        (b"\x00\xff", b"binary", b"\x00\xff"),
    ],
)
def test_what_is_in_a_file_is_decoded_as_far_as_it_can_be(body: bytes, encoding: bytes, octets: bytes) -> None:
    content = mixed(part(b"application/pdf", b"attachment", body, encoding))
    assert read(content).attachments[0].octets(content) == octets


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        (b"text/plain; charset=utf-8", b"gr\xc3\xbc\xc3\x9fe", "grüße"),
        (b"text/plain; charset=iso-8859-1", b"gr\xfc\xdfe", "grüße"),
        (b"text/plain; charset=utf-16", "grüße".encode("utf-16"), "grüße"),
        (b"text/plain", b"gr\xc3\xbc\xc3\x9fe", "grüße"),
        (b"text/plain", b"gr\xfc\xdfe", "grüße"),
        (b"text/plain; charset=nonsense", b"gr\xc3\xbc\xc3\x9fe", "grüße"),
        (b"text/plain; charset=utf-8", b"gr\xfc", "gr\ufffd"),
        (b"text/plain; charset=utf-7", b"gr+APw-n", "grün"),
        (b"text/plain; charset=utf-7", b"+2AA-", "+2AA-"),  # half a character
    ],
)
def test_a_text_is_read_in_its_charset_or_what_comes_nearest(kind: bytes, body: bytes, text: str) -> None:
    assert read(mixed(part(kind, body=body, encoding=b"binary"))).text == text


def test_a_type_that_looks_like_none_is_told_as_octets() -> None:
    (found,) = read(mixed(part(b"application/x!{bad}", b"attachment"))).attachments
    assert found.type == OCTETS


def test_a_file_is_found_by_rank_before_name_and_by_content_id_last() -> None:
    files = read(
        mixed(
            part(b"application/pdf", b"attachment; filename=1"),
            part(b"application/pdf", b"attachment; filename=7"),
            b"Content-ID: <x@y>\r\n" + part(b"application/pdf", b"attachment; filename=z"),
        )
    ).attachments
    assert [find(files, each) for each in ("0", "1", "7", "x@y", "<x@y>", "z")] == [
        files[0],
        files[1],
        files[1],
        files[2],
        files[2],
        files[2],
    ]
    assert find(files, "3") is find(files, "") is find(files, "99999999999999999999") is find(files, "²") is None


def test_the_header_is_shown_with_its_folds_and_without_the_blank_line() -> None:
    assert header_text(b"A: 1\r\n 2\r\nB: gr\xc3\xbc\r\n\r\nbody") == "A: 1\r\n 2\r\nB: grü\r\n"
    assert header_text(b"A: 1\r\n") == "A: 1\r\n"
