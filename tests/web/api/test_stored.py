"""Messages that were sent are read back in parts, as they left."""

from __future__ import annotations

import pytest

from relay.model.account import Login
from relay.model.envelope import Envelope, Recipient
from relay.submission.submission import Submission, Taken
from tests.web.api.stage import Stage

MESSAGE = (
    b"From: Shop <me@example.com>\r\n"
    b"To: ann@example.net\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=,\r\n and more\r\n"
    b"Date: Fri, 20 Nov 2026 12:00:00 +0000\r\n"
    b"Message-ID: <1@example.com>\r\n"
    b"MIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="m"\r\n'
    b"\r\n"
    b"--m\r\n"
    b'Content-Type: multipart/related; boundary="r"\r\n'
    b"\r\n"
    b"--r\r\n"
    b'Content-Type: multipart/alternative; boundary="a"\r\n'
    b"\r\n"
    b"--a\r\n"
    b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n"
    b"\r\n"
    b"Gr=FC=DFe=20=\r\n und mehr\r\n"
    b"--a\r\n"
    b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n"
    b"\r\n"
    b"PHA+R3LDvMOfZTwvcD48aW1nIHNyYz0iY2lkOmxvZ29AZXhhbXBsZS5jb20iPg==\r\n"
    b"--a--\r\n"
    b"--r\r\n"
    b"Content-Type: image/png\r\nContent-ID: <logo@example.com>\r\nContent-Transfer-Encoding: base64\r\n"
    b'Content-Disposition: inline; filename="logo.png"\r\n'
    b"\r\n"
    b"iVBORw0K\r\n"
    b"--r--\r\n"
    b"--m\r\n"
    b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n"
    b"Content-Disposition: attachment;\r\n filename*0*=utf-8''Rechnung%20f;\r\n filename*1*=%C3%BCr%20Ann.pdf\r\n"
    b"\r\n"
    b"JVBERi0x\r\n"
    b"--m\r\n"
    b'Content-Type: text/html; name="7"\r\n'
    b"Content-Disposition: attachment\r\n"
    b"\r\n"
    b"<script>alert(1)</script>\r\n"
    b"--m--\r\n"
)
PLAIN = b"From: me@example.com\r\nTo: ann@example.net\r\nSubject: Hi\r\n\r\nHello.\r\n"


async def take(
    api: Stage, octets: bytes = MESSAGE, people: tuple[str, ...] = ("ann@example.net",), sender: str | None = None
) -> Taken:
    """Hand a message in as a door does; `sender` None: the client named no reverse-path."""
    return await api.services.intake.take(
        Submission(
            login=Login(account="shop", credential="shop-app"),
            envelope=Envelope(
                reverse_path=sender or "", recipients=tuple(Recipient(address=each) for each in people)
            ),
            octets=octets,
            at=api.services.clock(),
            pathless=sender is None,
        )
    )


async def test_recipient_is_the_address_and_of_a_submission_each_on_a_line(api: Stage) -> None:
    taken = await take(api, PLAIN, ("ann@example.net", "bob@example.net"))
    one, all_ = await api.get(f"/v1/recipient/{taken.id}-2"), await api.get(f"/v1/recipient/{taken.id}")
    assert one.status_code == 200 and one.headers["content-type"].startswith("text/plain")
    assert one.text == "bob@example.net"
    assert all_.text == "ann@example.net\nbob@example.net"


async def test_envelope_is_the_one_that_was_given_or_nothing(api: Stage) -> None:
    given = await take(api, PLAIN, sender="bounces@example.com")
    none = await take(api, PLAIN)
    assert (await api.get(f"/v1/envelope/{given.id}")).text == "bounces@example.com"
    answer = await api.get(f"/v1/envelope/{none.id}-1")
    assert (answer.status_code, answer.text) == (200, "")


async def test_text_is_decoded_to_utf8(api: Stage) -> None:
    taken = await take(api)
    answer = await api.get(f"/v1/text/{taken.id}-1")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.content.decode() == "Grüße  und mehr"


async def test_html_is_text_html_in_which_nothing_runs(api: Stage) -> None:
    taken = await take(api)
    answer = await api.get(f"/v1/html/{taken.id}-1")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.content.decode() == '<p>Grüße</p><img src="cid:logo@example.com">'
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_message_without_a_form_of_text_has_an_empty_one(api: Stage) -> None:
    taken = await take(api, PLAIN)
    assert (await api.get(f"/v1/text/{taken.id}")).text == "Hello.\r\n"
    answer = await api.get(f"/v1/html/{taken.id}")
    assert (answer.status_code, answer.content) == (200, b"")
    assert (await api.get(f"/v1/attachments/{taken.id}")).json() == []


async def test_headers_are_the_fields_as_they_left(api: Stage) -> None:
    taken = await take(api)
    answer = await api.get(f"/v1/headers/{taken.id}")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=,\r\n and more\r\n" in answer.text
    assert answer.text.startswith("DKIM-Signature:") and f" id {taken.id}" in answer.text
    assert answer.text.endswith('boundary="m"\r\n')


async def test_header_is_the_same_by_another_name(api: Stage) -> None:
    taken = await take(api)
    one, other = await api.get(f"/v1/header/{taken.id}-1"), await api.get(f"/v1/headers/{taken.id}")
    assert one.status_code == 200 and one.text == other.text


async def test_attachments_lists_files_with_rank_name_type_and_size(api: Stage) -> None:
    taken = await take(api)
    assert (await api.get(f"/v1/attachments/{taken.id}-1")).json() == [
        {"rank": 0, "name": "Rechnung für Ann.pdf", "type": "application/pdf", "size": 6},
        {"rank": 1, "name": "7", "type": "text/html", "size": 25},
    ]


async def test_attachment_comes_by_rank_or_name_as_a_download(api: Stage) -> None:
    taken = await take(api)
    by_rank = await api.get(f"/v1/attachments/{taken.id}/0")
    by_name = await api.get(f"/v1/attachments/{taken.id}/Rechnung%20f%C3%BCr%20Ann.pdf")
    assert by_rank.content == by_name.content == b"%PDF-1"
    assert by_rank.headers["content-type"] == "application/pdf"
    named = "attachment; filename*=UTF-8''Rechnung%20f%C3%BCr%20Ann.pdf"
    assert by_rank.headers["content-disposition"] == named
    script = await api.get(f"/v1/attachments/{taken.id}/7")  # there is no such rank: it is the name
    assert script.content == b"<script>alert(1)</script>"
    assert script.headers["content-disposition"].startswith("attachment")
    assert script.headers["content-security-policy"].startswith("sandbox")
    missing = await api.get(f"/v1/attachments/{taken.id}/2")
    assert (missing.status_code, missing.json()["error"]["field"]) == (404, "which")


async def test_embeds_lists_what_the_html_shows_with_its_content_id(api: Stage) -> None:
    taken = await take(api)
    assert (await api.get(f"/v1/embeds/{taken.id}")).json() == [
        {"rank": 0, "name": "logo.png", "type": "image/png", "size": 6, "cid": "logo@example.com"}
    ]


@pytest.mark.parametrize("which", ["0", "logo.png", "logo@example.com"])
async def test_embed_comes_by_rank_name_or_content_id(api: Stage, which: str) -> None:
    taken = await take(api)
    answer = await api.get(f"/v1/embeds/{taken.id}/{which}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.content == b"\x89PNG\r\n"


@pytest.mark.parametrize(
    "call", ["recipient", "envelope", "text", "html", "headers", "header", "attachments", "embeds"]
)
async def test_the_message_of_another_account_is_not_there(api: Stage, call: str) -> None:
    taken = await take(api, PLAIN)
    theirs = await api.other().get(f"/v1/{call}/{taken.id}")
    never = await api.get(f"/v1/{call}/0r2k9v1m00000001")
    none = await api.get(f"/v1/{call}/what%20ever")
    beyond = await api.get(f"/v1/{call}/{taken.id}-2")
    assert {each.status_code for each in (theirs, never, none, beyond)} == {404}
    assert theirs.json()["error"]["message"] == f"there is no message {taken.id}"
