"""Control headers of other services, met by a credential whose messages are its own."""

from __future__ import annotations

import pytest

from relay.submission.control.vendors import VENDORS
from tests.submission.accounts import STRIPPING
from tests.submission.house import PLAIN, House, submission

SECRET = b'{"ann@example.net":{"debt":"12000"},"bob@example.net":{"debt":"7"}}'


async def test_what_another_service_was_told_of_all_recipients_is_never_sent_on(house: House) -> None:
    mail = b"X-Mailgun-Recipient-Variables: " + SECRET[:30] + b"\r\n " + SECRET[30:] + b"\r\n" + PLAIN
    taken = await house.intake().take(submission(mail))
    content = await house.queue.content(taken.id, 0)
    assert b"debt" not in content
    assert b"mailgun" not in content.lower()
    assert content.endswith(PLAIN)
    assert taken.warnings == ("x-mailgun-recipient-variables: headers for another service, removed and not honoured",)
    assert house.events()[0].data["warnings"] == list(taken.warnings)


@pytest.mark.parametrize("name", [each for _, names in VENDORS for each in names])
async def test_every_known_name_is_taken_out_in_any_case(house: House, name: str) -> None:
    written = (name + ("Thing" if name.endswith("-") else "")).upper().encode()
    taken = await house.intake().take(submission(written + b": value\r\n" + PLAIN))
    assert written.lower() not in (await house.queue.content(taken.id, 0)).lower()
    assert len(taken.warnings) == 1


@pytest.mark.parametrize("name", [b"X-Tags", b"X-Campaign", b"X-Job", b"X-SMTPAPI-Reply", b"X-Mailer", b"X-PMTA"])
async def test_names_that_could_be_anybodys_stay(house: House, name: bytes) -> None:
    taken = await house.intake().take(submission(name + b": value\r\n" + PLAIN))
    assert name + b": value\r\n" in await house.queue.content(taken.id, 0)
    assert taken.warnings == ()


async def test_mail_that_a_relay_passes_on_keeps_them(house: House) -> None:
    taken = await house.intake().take(submission(b"X-Mailgun-Sid: WyJh\r\n" + PLAIN, login=STRIPPING))
    assert b"X-Mailgun-Sid: WyJh\r\n" in await house.queue.content(taken.id, 0)


async def test_a_strip_header_option_that_names_them_too_takes_them_out_once(house: House) -> None:
    mail = b"X-SMTPeter-StripHeaders: x-mailgun-*\r\nX-Mailgun-Tag: a\r\nX-Kept: 1\r\n" + PLAIN
    taken = await house.intake().take(submission(mail))
    content = await house.queue.content(taken.id, 0)
    assert content.endswith(b"X-Kept: 1\r\n" + PLAIN)
    assert b"Mailgun" not in content
