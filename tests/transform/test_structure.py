"""Parts put into messages and taken out, by offsets."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage

import pytest

from relay.transform.structure import NOT_ADDED, NOT_TAKEN, SEALED, UNSURE, add_alternative, take_pictures
from relay.transform.tree import DEPTH
from tests.transform.newsletters import OWN, SHARED, mails

HEAD = b"From: a@example.com\r\nSubject: x\r\n"
HTML = b"Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n"
PLAIN = b"Content-Type: text/plain\r\n"
GIF = b"Content-Type: image/gif\r\nContent-ID: <g@a>\r\nContent-Transfer-Encoding: base64\r\n\r\nR0lGODlh"
FILE = b"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=x.pdf\r\n\r\n%PDF"


def multipart(kind: str, boundary: str, *parts: bytes) -> bytes:
    """A part, header and all."""
    line = f"--{boundary}\r\n".encode()
    inside = b"".join(line + each + b"\r\n" for each in parts)
    return f"Content-Type: multipart/{kind}; boundary={boundary}\r\n\r\n".encode() + inside + line[:-2] + b"--\r\n"


def message(part: bytes) -> bytes:
    return HEAD + b"MIME-Version: 1.0\r\n" + part


def read(content: bytes) -> EmailMessage:
    found = email.message_from_bytes(content, policy=email.policy.SMTP)
    assert isinstance(found, EmailMessage) and not found.defects
    return found


def shape(content: bytes) -> str:
    """Its parts as mixed(alternative(plain html) pdf)."""

    def of(part: EmailMessage) -> str:
        kind = part.get_content_subtype()
        return f"{kind}({' '.join(of(each) for each in part.iter_parts())})" if part.is_multipart() else kind  # type: ignore[arg-type]

    return of(read(content))


def leaves(content: bytes) -> list[tuple[str, bytes]]:
    found = []
    for each in read(content).walk():
        if not each.is_multipart():
            octets = each.get_payload(decode=True)
            assert isinstance(octets, bytes)
            found.append((each.get_content_type(), octets))
    return found


PAGE = HTML + b"\r\n<p>\xe9 <img src=cid:g@a></p>"
TEXT = PLAIN + b"\r\nhello"
CASES = {
    "alone": (PAGE + b"\r\n", "alternative(plain html)"),
    "plain alone": (TEXT + b"\r\n", "alternative(plain html)"),
    "with a file": (multipart("mixed", "m", PAGE, FILE), "mixed(alternative(plain html) pdf)"),
    "plain with a file": (multipart("mixed", "m", TEXT, FILE), "mixed(alternative(plain html) pdf)"),
    "with pictures": (multipart("related", "r", PAGE, GIF), "alternative(plain related(html gif))"),
    "with both": (
        multipart("mixed", "m", multipart("related", "r", PAGE, GIF), FILE),
        "mixed(alternative(plain related(html gif)) pdf)",
    ),
    "in an alternative": (
        multipart("alternative", "a", PAGE, b"Content-Type: text/calendar\r\n\r\nx"),
        "alternative(plain html calendar)",
    ),
    "plain in an alternative": (
        multipart("alternative", "a", TEXT, b"Content-Type: text/calendar\r\n\r\nx"),
        "alternative(plain html calendar)",
    ),
    "with pictures in an alternative": (
        multipart("alternative", "a", multipart("related", "r", PAGE, GIF)),
        "alternative(plain related(html gif))",
    ),
    "behind a picture": (multipart("related", "r", GIF, PAGE), "related(gif alternative(plain html))"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_form_that_is_missing_is_put_where_it_belongs(name: str) -> None:
    part, expected = CASES[name]
    content = message(part)
    changed = add_alternative(content, "Grüße\nx")
    assert (shape(changed.content), changed.warnings) == (expected, ())
    before, after = leaves(content), leaves(changed.content)
    new = [each for each in after if each[1].decode("utf-8", "replace").startswith("Grüße\r\nx")]
    assert len(new) == 1 and new[0][0] == ("text/html" if "plain" in name else "text/plain")
    assert [each for each in after if each not in new] == before
    assert read(changed.content)["Subject"] == "x" and len(read(changed.content).get_all("MIME-Version", [])) == 1


def test_the_fields_that_speak_of_the_body_go_with_it() -> None:
    content = (
        b"Content-Language: nl\r\nFrom: a@example.com\r\n"
        + HTML
        + b"Content-ID: <x@a>\r\nTo: b@example.com\r\n\r\n<p>x</p>\r\n"
    )
    changed = read(add_alternative(content, "x\n").content)
    assert changed.keys() == ["From", "To", "MIME-Version", "Content-Type"]
    page = list(changed.iter_parts())[1]
    assert page.keys() == ["Content-Language", "Content-Type", "Content-Transfer-Encoding", "Content-ID"]


def test_all_octets_of_the_message_are_still_there_in_one_piece() -> None:
    content = message(multipart("mixed", "m", PAGE, FILE))
    changed = add_alternative(content, "x\n").content
    at = changed.index(PAGE)
    start = content.index(PAGE)
    assert changed.startswith(content[:start]) and changed[at:].startswith(PAGE)
    assert changed.endswith(content[start + len(PAGE) :])


def test_a_message_with_both_or_without_text_stays() -> None:
    both = message(multipart("alternative", "a", TEXT, PAGE))
    assert add_alternative(both, "x").content is both
    beside = message(multipart("mixed", "m", TEXT, PAGE))
    assert add_alternative(beside, "x").content is beside
    attached = message(multipart("mixed", "m", FILE))
    assert add_alternative(attached, "x").warnings == (f"{NOT_ADDED}: {SEALED}",)


@pytest.mark.parametrize(
    "part",
    [
        multipart("signed", "s", PAGE, b"Content-Type: application/pkcs7-signature\r\n\r\nx"),
        multipart("encrypted", "s", b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1"),
        multipart("report", "s", TEXT, b"Content-Type: message/delivery-status\r\n\r\nx: y"),
        multipart("mixed", "m", multipart("signed", "s", PAGE, b"Content-Type: application/pgp-signature\r\n\r\nx")),
        b"Content-Type: application/pkcs7-mime\r\n\r\nx\r\n",
        PLAIN + b"\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\nx\r\n",
    ],
)
def test_a_message_that_is_signed_encrypted_or_a_report_stays_with_a_warning(part: bytes) -> None:
    content = message(part)
    changed = add_alternative(content, "x")
    assert changed.content is content and changed.warnings == (f"{NOT_ADDED}: {SEALED}",)
    assert take_pictures(content).content is content


def test_a_message_whose_parts_nobody_can_be_sure_of_stays_with_a_warning() -> None:
    deep = PAGE
    for number in range(DEPTH + 1):
        deep = multipart("mixed", f"b{number}x", deep)
    for content in (message(deep), message(multipart("mixed", "m", multipart("mixed", "m", PAGE), FILE))):
        changed = add_alternative(content, "x")
        assert changed.content is content and changed.warnings == (f"{NOT_ADDED}: {UNSURE}",)
    assert take_pictures(message(deep)).warnings == (f"{NOT_TAKEN}: {UNSURE}",)


def test_a_boundary_of_ours_stands_nowhere_in_the_message_and_is_the_same_each_time() -> None:
    content = message(PAGE + b"\r\n")
    changed = add_alternative(content, "x").content
    boundary = read(changed).get_boundary()
    assert boundary and changed.count(boundary.encode()) == 4
    again = add_alternative(content.replace(b"<p>", b"<p>" + boundary.encode()), "x").content
    assert read(again).get_boundary() != boundary
    assert add_alternative(content, "x").content == changed


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (multipart("related", "r", PAGE, GIF), "html"),
        (multipart("mixed", "m", multipart("related", "r", PAGE, GIF), FILE), "mixed(html pdf)"),
        (multipart("mixed", "m", PAGE, GIF, FILE), "mixed(html pdf)"),
        (multipart("related", "r", multipart("alternative", "a", TEXT, PAGE), GIF), "alternative(plain html)"),
        (multipart("alternative", "a", TEXT, multipart("related", "r", PAGE, GIF)), "alternative(plain html)"),
        (multipart("related", "r", PAGE, GIF, FILE), "related(html pdf)"),
        (multipart("related", "r", PAGE, GIF, GIF.replace(b"g@a", b"other")), "related(html gif)"),
    ],
)
def test_pictures_that_the_page_shows_are_taken_out(part: bytes, expected: str) -> None:
    content = message(part)
    changed = take_pictures(content)
    assert shape(changed.content) == expected
    assert [each.content_id for each in changed.pictures] == ["g@a"]
    assert (changed.pictures[0].type, changed.pictures[0].octets) == ("image/gif", b"GIF89a")
    left = [each for each in leaves(content) if each != ("image/gif", b"GIF89a")]
    assert [(kind, octets.rstrip()) for kind, octets in leaves(changed.content) if kind != "image/gif"] == left


def test_a_page_that_became_the_message_keeps_its_fields() -> None:
    changed = read(take_pictures(message(multipart("related", "r", PAGE, GIF))).content)
    assert changed.keys() == ["From", "Subject", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"]
    assert changed.get_content().rstrip() == "<p>é <img src=cid:g@a></p>"


@pytest.mark.parametrize(
    "part",
    [
        PAGE + b"\r\n",
        multipart("related", "r", PAGE, GIF.replace(b"<g@a>", b"<x@a>")),
        multipart("related", "r", PAGE, GIF.replace(b"image/gif", b"text/css")),
        multipart("related", "r", PAGE, GIF.replace(b"R0lGODlh", b"R0lG*DlhX")),
        multipart("related", "r", TEXT, GIF),
    ],
)
def test_what_the_page_does_not_show_or_nobody_can_read_stays(part: bytes) -> None:
    content = message(part)
    assert take_pictures(content).content is content


def test_a_picture_named_with_escapes_is_found() -> None:
    page = HTML + b'\r\n<img src="cid:g%40a">'
    assert len(take_pictures(message(multipart("related", "r", page, GIF))).pictures) == 1


@pytest.mark.parametrize("name", [*mails(OWN), *mails(SHARED)])
def test_newsletters_keep_what_they_say(name: str) -> None:
    content = {**mails(OWN), **mails(SHARED)}[name]
    changed = add_alternative(content, "Grüße")
    if changed.content is not content:
        after = leaves(changed.content)
        assert len(after) == len(leaves(content)) + 1
        assert all(each in after for each in leaves(content))
    taken = take_pictures(content)
    assert len(leaves(taken.content)) + len(taken.pictures) == len(leaves(content))
