"""The one way in, with a real shard and a real registry."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from relay.config import Content, LongLines
from relay.model.envelope import Notify, Recipient
from relay.model.event import EventName
from relay.model.message import Lane, State
from relay.model.reply import Refused
from relay.store.interface import StoreDown, StoreFull
from relay.store.sqlite import SqliteQueue
from relay.submission.intake import Intake
from tests.submission.accounts import AT, STRIPPING, TESTING
from tests.submission.house import LIFETIME, PLAIN, Broken, House, Slow, submission
from tests.transform.verifiers import dkimpy, keys


async def test_a_message_is_signed_kept_and_handed_to_delivery(house: House) -> None:
    taken = await house.intake().take(submission())
    assert (taken.recipients, taken.warnings) == (1, ())
    content = await house.queue.content(taken.id, 0)
    assert dkimpy(content, keys()) == [True, True]
    assert content.endswith(PLAIN)
    assert b"192.0.2.7" not in content
    head = content.partition(b"\r\n\r\n")[0]
    assert b"by relay.example with ESMTPSA (TLSv1.3 X) id " + taken.id.encode() in head
    assert b"\tfor <ann@example.net>;" in head
    [due] = house.room.offered
    assert (due.shard, due.number, due.recipient.address, due.attempts, due.due) == (7, 1, "ann@example.net", 0, AT)
    assert (due.message.id, due.message.deadline, due.message.size) == (taken.id, AT + LIFETIME, len(content))
    assert (due.message.account, due.message.credential, due.message.sandbox) == ("demo", "app", False)
    [event] = house.events()
    assert (event.name, event.message, event.account) == (EventName.RECEIVED, taken.id, "demo")
    assert event.data == {
        "from": "me@example.com",
        "to": "ann@example.net",
        "author": "me@example.com",
        "size": len(content),
        "peer": "192.0.2.7:4000",
        "listener": "submission",
        "tls": "TLSv1.3 X",
    }


async def test_without_room_all_recipients_wait_in_the_queue(house: House) -> None:
    house.room.room = 2
    taken = await house.intake().take(submission(PLAIN, "a@x.example", "b@y.example", "c@x.example"))
    assert taken.recipients == 3
    assert house.room.offered == []
    assert house.room.reserved == 0
    lanes = frozenset({Lane("x.example", "demo"), Lane("y.example", "demo")})
    assert house.room.lanes == [(7, lanes, AT)]
    claim = await house.queue.claim(Lane("x.example", "demo"), AT, 10)
    assert [each.number for each in claim.dues] == [1, 3]
    assert b"for <" not in (await house.queue.content(taken.id, 0)).partition(b"\r\n\r\n")[0]


async def test_a_recipient_named_twice_gets_one_copy(house: House) -> None:
    given = submission()
    twice = (
        Recipient(address="ann@example.net", notify=Notify.NEVER),
        Recipient(address="bob@example.net"),
        Recipient(address="ann@example.net"),
    )
    taken = await house.intake().take(replace(given, envelope=replace(given.envelope, recipients=twice)))
    assert taken.recipients == 2
    assert [(each.number, each.recipient) for each in house.room.offered] == [(1, twice[0]), (2, twice[1])]
    assert house.room.offered[0].message.envelope.recipients == twice[:2]
    assert house.events()[0].data["to"] == ["ann@example.net", "bob@example.net"]


async def test_control_headers_are_honoured_and_gone_before_the_signature(house: House) -> None:
    taken = await house.intake().take(submission(b"X-SMTPeter-Tags: a, b\r\n" + PLAIN))
    content = await house.queue.content(taken.id, 0)
    assert b"smtpeter" not in content.lower()
    assert dkimpy(content, keys()) == [True, True]
    message = house.room.offered[0].message
    assert message.resolved.options.tags == ("a", "b")
    assert message.resolved.sources == {"tags": "header X-SMTPeter-Tags"}
    assert house.events()[0].data["tags"] == ["a", "b"]
    stripped = await house.intake().take(submission(b"X-SMTPeter-Foo: a\r\n" + PLAIN, login=STRIPPING))
    assert b"smtpeter" not in (await house.queue.content(stripped.id, 0)).lower()


@pytest.mark.parametrize(
    ("octets", "reply"),
    [
        (b"X-SMTPeter-Foo: a\r\n" + PLAIN, "554 5.6.0 X-SMTPeter-Foo: no such control header"),
        (PLAIN.replace(b"@example.com", b"@stranger.example"), "550 5.7.1 From: stranger.example is not"),
        (PLAIN.replace(b"@example.com", b"@keyless.example"), "451 4.7.5 keyless.example has no usable DKIM key"),
        (b"Subject: x\r\n\r\n", "554 5.6.0 the message has no From field"),
        (b"no header\r\n" + PLAIN, "554 5.6.0 line 1 of the message is no header field"),
        (b"Received: x\r\n" * 51 + PLAIN, "554 5.4.6 the message seems to loop"),
    ],
)
async def test_a_refusal_keeps_nothing_but_its_event(house: House, octets: bytes, reply: str) -> None:
    with pytest.raises(Refused) as caught:
        await house.intake().take(submission(octets))
    assert str(caught.value.reply).startswith(reply)
    assert (house.room.reserved, house.room.offered, house.room.lanes) == (0, [], [])
    [event] = house.events()
    assert (event.name, event.message, event.data["reply"]) == (EventName.REJECTED, "", str(caught.value.reply))
    assert event.data["to"] == "ann@example.net"


async def test_long_lines_are_seen_to_before_signing(house: House) -> None:
    octets = PLAIN + b"x" * 2000 + b"\r\n"
    taken = await house.intake().take(submission(octets))
    content = await house.queue.content(taken.id, 0)
    assert max(map(len, content.split(b"\r\n"))) <= 100
    assert dkimpy(content, keys()) == [True, True]
    with pytest.raises(Refused, match="over the limit of 998 octets"):
        await house.intake(content=Content(long_lines=LongLines.REFUSE)).take(submission(octets))


async def test_large_messages_are_signed_beside_the_loop(house: House) -> None:
    octets = PLAIN + b"word \t word\r\n" * 60_000
    intake = house.intake()
    taken = await intake.take(submission(octets))
    content = await house.queue.content(taken.id, 0)
    assert content.endswith(octets)
    assert dkimpy(content, keys()) == [True, True]
    await intake.close()


async def test_warnings_are_told_kept_and_journalled(house: House) -> None:
    octets = b"From me Mon Jan 1\r\n" + PLAIN
    taken = await house.intake().take(submission(octets, bare_lf=True, warnings=("of the door",)))
    expected = (
        "of the door",
        "lines ended in a bare LF; they end in CRLF now",
        "the mbox separator on top was cut off",
    )
    assert taken.warnings == expected
    assert house.room.offered[0].message.resolved.warnings == expected
    assert house.events()[0].data["warnings"] == list(expected)


async def test_the_strictest_sandbox_wins(house: House) -> None:
    stranger = PLAIN.replace(b"@example.com", b"@stranger.example")
    await house.intake().take(submission(login=TESTING))
    await house.intake().take(submission(stranger, login=TESTING))
    await house.intake(sandbox=True).take(submission(stranger))
    assert [each.message.sandbox for each in house.room.offered] == [True] * 3
    assert [each.data["test"] for each in house.events()] == [True] * 3
    with pytest.raises(Refused, match="not a verified domain"):
        await house.intake().take(submission(stranger))


async def test_when_the_store_fails_delivery_gets_its_room_back(house: House) -> None:
    house.queue.__class__ = Broken
    with pytest.raises(StoreFull):
        await house.intake().take(submission())
    assert (house.room.reserved, house.room.offered) == (0, [])
    with pytest.raises(Refused, match="no From field"):  # told all the same, though it cannot be recorded
        await house.intake().take(submission(b"Subject: x\r\n\r\n"))
    house.queue.__class__ = SqliteQueue


@pytest.mark.parametrize("stored", [True, False])
async def test_a_session_that_is_cut_off_while_storing_strands_no_recipient(house: House, stored: bool) -> None:
    """Nobody heard whether the message was stored; whom it left in flight is in the queue."""
    slow = slowed(house)
    slow.silent = stored
    intake = house.intake()
    async with asyncio.timeout(10):
        await cut_off(intake, slow)
        await intake.close()
    assert house.room.offered == [] and house.room.reserved == 0
    assert house.room.lanes == [(7, frozenset({Lane("example.net", "demo")}), AT)]
    states = [each.state for event in house.events() for each in house.kept(event.message)[1]]
    assert states == ([State.QUEUED] if stored else [])
    house.queue.__class__ = SqliteQueue


async def test_a_message_that_cannot_be_put_back_either_is_named_in_the_log(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def down(*_: object) -> None:
        raise StoreDown("no disk")

    slow = slowed(house)
    monkeypatch.setattr(Slow, "release", down)
    slow.silent = True
    intake = house.intake()
    async with asyncio.timeout(10):
        await cut_off(intake, slow)
        await intake.close()
    (line,) = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    (event,) = house.events()
    assert line == f"{event.message}: if it was stored, it waits until this worker is started anew: no disk"
    assert house.room.lanes == []
    house.queue.__class__ = SqliteQueue


async def test_a_message_with_a_key_is_stored_whoever_still_listens(house: House) -> None:
    slow = slowed(house)
    intake = house.intake()
    async with asyncio.timeout(10):
        await cut_off(intake, slow, b"X-SMTPeter-Idempotency-Key: k\r\n" + PLAIN)
        assert house.room.offered == []
        slow.may.set()
        await intake.close()
    assert [each.recipient.address for each in house.room.offered] == ["ann@example.net"]
    assert [each.state for each in house.kept(house.room.offered[0].message.id)[1]] == [State.FLIGHT]
    house.queue.__class__ = SqliteQueue


def slowed(house: House) -> Slow:
    house.queue.__class__ = Slow
    slow = house.queue
    assert isinstance(slow, Slow)
    slow.may, slow.began = asyncio.Event(), asyncio.Event()
    return slow


async def cut_off(intake: Intake, slow: Slow, octets: bytes = PLAIN) -> None:
    session = asyncio.create_task(intake.take(submission(octets)))
    await slow.began.wait()
    session.cancel()
    with pytest.raises(asyncio.CancelledError):
        await session
