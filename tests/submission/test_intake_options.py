"""What the store gets for each option: envelope, recipients, times, contents and events."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from email import message_from_bytes
from typing import Any

import pytest

from relay.config import Content, Delivery, Listener, OptionPolicy
from relay.config import Limits as LimitsConfig
from relay.model.envelope import DeliverBy, Envelope, Notify, Parameters, Recipient, Ret
from relay.model.event import Event, EventName
from relay.model.message import Lane, Message, State
from relay.model.options import Archive, Options, RequireTls, VerifyTls
from relay.model.reply import Refused
from relay.model.suppression import Suppression
from relay.store.interface import RecipientState
from relay.store.sqlite import SqliteQueue
from relay.submission.control.reader import Controls, read_controls
from relay.submission.variants import finish
from relay.transform.headers import read_header
from relay.transform.hygiene import Arrival
from tests.submission.accounts import AT, DEMO, STRIPPING, TESTING
from tests.submission.house import LIFETIME, PLAIN, House, Slow, submission
from tests.transform.verifiers import dkimpy, keys

HOUR = 3600.0
EVERYTHING = frozenset(
    {
        "archive-copy",
        "archive-off",
        "dkim",
        "dkim-off",
        "envelope",
        "priority-high",
        "recipients",
        "route",
        "schedule-long",
        "strip-mid",
        "tenant",
        "tls-relax",
    }
)
ALLOWED = {name: ("*",) for name in ("recipients", "extra_cc", "extra_bcc", "bcc_archive", "tenant", "envelope_from")}


@dataclass(frozen=True)
class Kept:
    """What became of a message."""

    id: str
    message: Message
    recipients: list[RecipientState]
    contents: list[bytes]
    events: list[Event]
    warnings: tuple[str, ...]

    @property
    def addresses(self) -> list[str]:
        return [each.address for each in self.message.envelope.recipients]

    def names(self) -> list[str]:
        return [each.name.value for each in self.events]


async def take(house: House, lines: str, *to: str, body: bytes = PLAIN, intake: Any = None, **more: Any) -> Kept:
    """Hand in a message with these control headers, and look at what is kept."""
    head = "".join(f"X-SMTPeter-{line}\r\n" for line in lines.splitlines() if line)
    taken = await (intake or house.intake()).take(submission(head.encode() + body, *to, **more))
    message, recipients = house.kept(taken.id)
    assert taken.recipients == len(recipients)
    numbers = range(1 + max(each.content for each in recipients))
    contents = [await house.queue.content(taken.id, number) for number in numbers]
    for content in contents:
        assert b"smtpeter" not in content.lower()
    events = [each for each in house.events() if each.message == taken.id]
    return Kept(taken.id, message, recipients, contents, events, taken.warnings)


async def refusal(house: House, lines: str, *to: str, **more: Any) -> str:
    with pytest.raises(Refused) as caught:
        await take(house, lines, *to, **more)
    assert house.room.offered == []
    return str(caught.value.reply)


def allow(house: House, **changes: Any) -> None:
    house.credential(**{"grants": EVERYTHING, "allowed": ALLOWED, **changes})


# --- what is only kept -----------------------------------------------------------------------------------------


KEPT: Sequence[tuple[str, str, Any]] = (
    ("Tags: a, b", "tags", ("a", "b")),
    ("Campaign: spring", "campaign", "spring"),
    ("Tenant: blue", "tenant", "blue"),
    ("Stream: bulk", "stream", "bulk"),
    ("Metadata-Order: 4711", "metadata", {"order": "4711"}),
    ("Ref: order-4711", "message_ref", "order-4711"),
    ("BatchId: may", "send_cancel_id", "may"),
    ("MaxAttempts: 3", "max_attempts", 3),
    ("Retries: 5m, 1h", "retry_schedule", (300.0, 3600.0)),
    ("Priority: 8", "priority", 8),
    ("RequireTLS: must", "require_tls", RequireTls.MUST),
    ("VerifyTLS: required", "verify_tls", VerifyTls.REQUIRED),
    ("Archive: none", "archive", Archive.NONE),
    ("Retention: 30d", "retention", 30 * 86_400.0),
)


@pytest.mark.parametrize(("line", "name", "value"), KEPT)
async def test_what_only_later_rooms_read_is_kept_with_who_asked(
    house: House, line: str, name: str, value: Any
) -> None:
    allow(house)
    kept = await take(house, line)
    assert getattr(kept.message.resolved.options, name) == value
    assert kept.message.resolved.sources[name].startswith("header X-SMTPeter-")
    assert kept.recipients[0].state is State.FLIGHT


async def test_the_event_tells_what_was_asked_under_the_names_searches_use(house: House) -> None:
    allow(house)
    lines = "\n".join(line for line, _, _ in KEPT)
    kept = await take(house, lines + "\nDsnOrcpt: rfc822;x@example.net")
    [event] = kept.events
    assert event.data["tags"] == ["a", "b"]
    assert event.data["metadata"] == {"order": "4711"}
    told = {word: event.data[word] for word in ("campaign", "tenant", "stream", "message_ref", "send_cancel_id")}
    assert told == {
        "campaign": "spring",
        "tenant": "blue",
        "stream": "bulk",
        "message_ref": "order-4711",
        "send_cancel_id": "may",
    }
    assert event.data["options"]["max_attempts"] == 3
    assert event.data["options"]["archive"] == "none"
    assert not set(event.data["options"]) & {"tags", "metadata", "campaign", "message_ref", "send_cancel_id"}


async def test_a_message_without_options_is_told_without_any(house: House) -> None:
    kept = await take(house, "")
    assert kept.message.resolved.options.as_dict() == {}
    assert "options" not in kept.events[0].data


async def test_a_tenant_has_a_lane_of_its_own(house: House) -> None:
    allow(house)
    house.room.room = 0
    await take(house, "Tenant: blue\nPriority: 3")
    assert house.room.lanes == [(7, frozenset({Lane("example.net", "demo/blue", 3)}), AT)]


# --- envelope --------------------------------------------------------------------------------------------------


async def test_the_reverse_path_may_be_another_of_the_account(house: House) -> None:
    allow(house)
    kept = await take(house, "EnvelopeFrom: other@example.com")
    assert kept.message.envelope.reverse_path == "other@example.com"
    assert kept.events[0].data["from"] == "other@example.com"
    assert (await take(house, "EnvelopeFrom: <>")).message.envelope.reverse_path == ""


async def test_a_header_names_no_reverse_path_of_a_stranger(house: House) -> None:
    allow(house)
    reply = await refusal(house, "EnvelopeFrom: other@elsewhere.example")
    assert reply.startswith("550 5.7.1 the envelope sender: elsewhere.example is not a verified domain")
    theirs = Envelope(reverse_path="x@elsewhere.example", recipients=(Recipient(address="ann@example.net"),))
    assert (await take(house, "Tags: a", envelope=theirs)).message.envelope.reverse_path == "x@elsewhere.example"
    allow(house, options={"envelope_from": "other@elsewhere.example"})  # an operator's word
    assert (await take(house, "")).message.envelope.reverse_path == "other@elsewhere.example"


async def test_what_the_operator_forces_goes_before_what_mail_and_rcpt_said(house: House) -> None:
    intake = house.intake(options=OptionPolicy(force={"dsn_notify": ["NEVER"], "dsn_ret": "HDRS"}))
    asked = Parameters(notified=frozenset({"ann@example.net", "bob@example.net"}), ret=True)
    people = (
        Recipient(address="ann@example.net", notify=Notify.SUCCESS),
        Recipient(address="bob@example.net", notify=Notify.DELAY),
    )
    envelope = Envelope(reverse_path="me@example.com", recipients=people, ret=Ret.FULL)
    kept = await take(house, "", intake=intake, envelope=envelope, parameters=asked)
    assert {each.notify for each in kept.message.envelope.recipients} == {Notify.NEVER}
    assert kept.message.envelope.ret is Ret.HDRS


async def test_options_bring_no_more_recipients_than_the_listener_takes(house: House) -> None:
    allow(house)
    listener = Listener.model_validate({"name": "submission", "port": 0, "limits": {"recipients": 3}})
    intake = house.intake(listeners=(listener,))
    lines = "Bcc: " + ", ".join(f"{number}@example.org" for number in range(3))
    assert (await refusal(house, lines, intake=intake)).startswith("554 5.5.3 4 recipients with those of options")
    archives = lines.replace("Bcc", "ArchiveTo") + "\nPreserveRecipients: no"
    assert (await refusal(house, archives, intake=intake)).startswith("554 5.5.3 4 recipients with those of")
    assert len((await take(house, lines)).addresses) == 4


async def test_recipients_take_the_place_of_the_one_that_was_given(house: House) -> None:
    allow(house)
    kept = await take(house, "Recipients: bob@example.org, carl@example.org, bob@example.org", "list@example.com")
    assert kept.addresses == ["bob@example.org", "carl@example.org"]
    assert kept.events[0].data["to"] == ["bob@example.org", "carl@example.org"]
    house.room.offered.clear()
    reply = await refusal(house, "Recipients: x@example.org", "a@example.net", "b@example.net")
    assert reply.startswith("554 5.6.0") and "recipients" in reply.lower()


async def test_copies_reach_those_options_add_and_only_cc_is_shown(house: House) -> None:
    allow(house)
    body = PLAIN.replace(b"Subject", b"Cc: Carl <carl@example.net>\r\nSubject")
    lines = "Cc: dora@example.org, ann@example.net, carl@example.net\nBcc: eve@example.org"
    kept = await take(house, lines, "ann@example.net", body=body)
    assert kept.addresses == ["ann@example.net", "dora@example.org", "carl@example.net", "eve@example.org"]
    parsed = message_from_bytes(kept.contents[0])
    assert parsed.get_all("Cc") == ["Carl <carl@example.net>,\r\n dora@example.org"]
    assert parsed["Bcc"] is None and b"eve@" not in kept.contents[0]
    assert dkimpy(kept.contents[0], keys()) == [True, True]
    shown = message_from_bytes((await take(house, "Cc: dora@example.org")).contents[0])
    assert shown.get_all("Cc") == ["dora@example.org"]


async def test_a_cc_that_cannot_be_read_is_not_added_to(house: House) -> None:
    allow(house)
    body = PLAIN.replace(b"Subject", b'Cc: "open\r\nSubject')
    assert "cannot be read" in await refusal(house, "Cc: dora@example.org", body=body)
    house.room.offered.clear()
    assert (await take(house, "", body=body)).contents[0].endswith(body)


async def test_each_recipient_may_get_a_copy_of_its_own(house: House) -> None:
    resent = b"Resent-To: ann@example.net\r\nresent-cc: bob@example.org\r\n"
    body = PLAIN.replace(b"Subject", b"Cc: bob@example.org\r\n" + resent + b"Subject")
    kept = await take(house, "PreserveRecipients: no", "ann@example.net", "bob@example.org", body=body)
    assert [each.content for each in kept.recipients] == [0, 1]
    for content, address in zip(kept.contents, kept.addresses, strict=True):
        parsed = message_from_bytes(content)
        assert parsed.get_all("To") == [address]
        assert parsed["Cc"] is None
        assert f"for <{address}>" in parsed["Received"]
        assert dkimpy(content, keys()) == [True, True]
    assert b"bob@" not in kept.contents[0] and b"ann@" not in kept.contents[1]
    assert [message_from_bytes(each)["Message-ID"] for each in kept.contents] == [
        f"<{kept.id}-1@relay.example>",
        f"<{kept.id}-2@relay.example>",
    ]


async def test_an_archive_gets_what_each_recipient_gets_and_reports_nothing(house: House) -> None:
    allow(house)
    kept = await take(house, "ArchiveTo: box@example.com", "ann@example.net", "bob@example.org")
    assert kept.addresses == ["ann@example.net", "bob@example.org", "box@example.com"]
    assert [each.content for each in kept.recipients] == [0, 0, 0]
    assert kept.message.envelope.recipients[2].notify == Notify.NEVER
    lines = "ArchiveTo: box@example.com, ann@example.net\nPreserveRecipients: no"
    alone = await take(house, lines, "ann@example.net", "bob@example.org")
    assert [(each.address, each.content) for each in alone.recipients] == [
        ("ann@example.net", 0),
        ("bob@example.org", 1),
        ("box@example.com", 0),
        ("box@example.com", 1),
        ("ann@example.net", 1),
    ]


async def test_the_limit_of_recipients_counts_those_of_options(house: House) -> None:
    allow(house)
    strict = house.intake(limits=LimitsConfig(recipients=2))
    reply = await refusal(house, "Bcc: b@x.example, c@x.example", intake=strict)
    assert reply.startswith("554 5.5.3 3 recipients")
    copies = "ArchiveTo: box@example.com\nPreserveRecipients: no"
    assert (await refusal(house, copies, "a@x.example", "b@x.example", intake=strict)).startswith("554 5.5.3")
    # What the session let through is no option's doing.
    assert (await take(house, "Tags: a", "a@x.example", "b@x.example", "c@x.example", intake=strict)).addresses


async def test_a_message_for_nobody_is_refused(house: House) -> None:
    for line in ("", "Tags: a"):
        envelope = Envelope(reverse_path="me@example.com", recipients=())
        assert (await refusal(house, line, envelope=envelope)).startswith("554 5.5.1")


async def test_all_copies_together_are_bounded(house: House) -> None:
    body = PLAIN + b"x\r\n" * 1000
    strict = house.intake(limits=LimitsConfig(copies="8KiB"))
    assert await take(house, "PreserveRecipients: no", "a@x.example", "b@x.example", body=body, intake=strict)
    house.room.offered.clear()
    reply = await refusal(
        house, "PreserveRecipients: no", "a@x.example", "b@x.example", "c@x.example", body=body, intake=strict
    )
    assert reply.startswith("552 5.3.4 preserve_recipients: 3 copies have") and reply.endswith("limit of 8192")


async def test_what_data_makes_of_little_is_bounded_too(house: House) -> None:
    people = [f"{number}@x.example" for number in range(5)]
    loop = "{foreach $x in $list}" + "x" * 50 + "{/foreach} {$recipient}\r\n"
    lines = ('MergeGlobal: {"list": [' + ", ".join("1" * 40) + "]}", *people)
    body = PLAIN + loop.encode()
    wide = house.intake(limits=LimitsConfig(size="4KiB", copies="64KiB"))
    assert len((await take(house, *lines, body=body, intake=wide)).contents) == 5
    house.room.offered.clear()
    strict = house.intake(limits=LimitsConfig(size="4KiB", copies="8KiB"))
    reply = await refusal(house, *lines, body=body, intake=strict)
    assert reply.startswith("552 5.3.4 ") and " of its 5 contents, links and data put in, have " in reply
    crowded = house.intake(limits=LimitsConfig(size="4KiB", copies="64KiB", memory="8KiB"))
    assert (await refusal(house, *lines, body=body, intake=crowded)).startswith("452 4.3.1")


async def test_copies_of_all_sessions_share_the_memory_there_is(house: House) -> None:
    house.queue.__class__ = Slow
    slow = house.queue
    assert isinstance(slow, Slow)
    slow.may, slow.began = asyncio.Event(), asyncio.Event()
    intake = house.intake(limits=LimitsConfig(memory="1KiB"))
    octets = b"X-SMTPeter-PreserveRecipients: no\r\n" + PLAIN
    assert 512 < 5 * len(octets) < 1024
    message = submission(octets, *(f"{number}@x.example" for number in range(5)))
    async with asyncio.timeout(10):
        first = asyncio.create_task(intake.take(message))
        await slow.began.wait()
        with pytest.raises(Refused) as caught:
            await intake.take(message)
        assert str(caught.value.reply).startswith("452 4.3.1 No room for so many copies")
        slow.may.set()
        await first
        assert (await intake.take(message)).recipients == 5
    house.queue.__class__ = SqliteQueue


async def test_many_copies_are_made_beside_the_loop(house: House) -> None:
    people = [f"{number}@x.example" for number in range(20)]
    kept = await take(house, "PreserveRecipients: no", *people)
    assert [message_from_bytes(each)["To"] for each in kept.contents] == people


async def test_an_address_outside_ascii_makes_the_message_one_that_needs_smtputf8(house: House) -> None:
    allow(house)
    assert (await take(house, "Bcc: jörg@example.org")).message.envelope.smtputf8
    assert not (await take(house, "Bcc: joe@example.org")).message.envelope.smtputf8


# --- reports ---------------------------------------------------------------------------------------------------


async def test_wishes_for_reports_stand_where_no_parameter_did(house: House) -> None:
    lines = "DsnNotify: SUCCESS\nDsnRet: FULL\nDsnEnvid: batch-1\n" + (
        'DsnOrcpt: {"ANN@example.net": "rfc822;a@old.example", "bob@example.org": "rfc822;b@old.example"}'
    )
    given = (
        Recipient(address="ann@example.net", notify=Notify.NEVER),
        Recipient(address="bob@example.org", original="rfc822;first@old.example"),
    )
    envelope = Envelope(reverse_path="me@example.com", recipients=given, ret=Ret.HDRS)
    kept = await take(house, lines, envelope=envelope)
    ann, bob = kept.message.envelope.recipients
    assert (ann.notify, bob.notify) == (Notify.SUCCESS, Notify.SUCCESS)
    assert (ann.original, bob.original) == ("rfc822;a@old.example", "rfc822;first@old.example")
    assert (kept.message.envelope.ret, kept.message.envelope.envid) == (Ret.FULL, "batch-1")
    said = Parameters(ret=True, notified=frozenset({"ann@example.net"}))
    kept = await take(house, lines, envelope=replace(envelope, envid="mine"), parameters=said)
    ann, bob = kept.message.envelope.recipients
    assert (ann.notify, bob.notify) == (Notify.NEVER, Notify.SUCCESS)
    assert (kept.message.envelope.ret, kept.message.envelope.envid) == (Ret.HDRS, "mine")


# --- times -----------------------------------------------------------------------------------------------------


async def test_a_message_may_go_later(house: House) -> None:
    lines = f"SendAt: {AT + HOUR:.0f}\nTags: spring"
    kept = await take(house, lines, "ann@example.net", "bob@example.org")
    assert [(each.state, each.next_attempt) for each in kept.recipients] == [(State.QUEUED, AT + HOUR)] * 2
    assert (house.room.reserved, house.room.offered) == (0, [])
    lanes = frozenset({Lane("example.net", "demo"), Lane("example.org", "demo")})
    assert house.room.lanes == [(7, lanes, AT + HOUR)]
    assert kept.names() == ["received", "scheduled"]
    scheduled = kept.events[1]
    assert scheduled.recipient is None
    assert scheduled.data == {"to": ["ann@example.net", "bob@example.org"], "due": AT + HOUR, "tags": ["spring"]}
    assert kept.message.deadline == AT + HOUR + LIFETIME
    assert kept.message.delay_at == AT + HOUR + 4 * HOUR


async def test_each_recipient_may_have_a_time_of_its_own(house: House) -> None:
    lines = f'SendAtEach: {{"ANN@Example.net": {AT + HOUR:.0f}, "nobody@example.net": {AT + HOUR:.0f}}}'
    kept = await take(house, lines, "ann@example.net", "bob@example.org", "carl@example.org")
    assert [each.state for each in kept.recipients] == [State.QUEUED, State.FLIGHT, State.FLIGHT]
    assert [each.number for each in house.room.offered] == [2, 3]
    assert house.room.reserved == 2
    assert house.room.lanes == [(7, frozenset({Lane("example.net", "demo")}), AT + HOUR)]
    assert [each.recipient for each in kept.events] == [None, 1]
    assert kept.events[1].name is EventName.SCHEDULED
    assert any("nobody@example.net" in each for each in kept.warnings)
    assert kept.message.deadline == AT + HOUR + LIFETIME


async def test_windows_put_off_what_comes_outside_of_them(house: House) -> None:
    # AT is a Wednesday, 2026-11-18 11:06:40 UTC.
    window = 'Window: {"dow": "Wed", "tz": "UTC", "start": "%s", "end": "%s"}'
    kept = await take(house, window % ("13:00", "14:00"))
    assert kept.recipients[0].next_attempt == AT + 2 * HOUR - 400
    assert kept.names() == ["received", "scheduled"]
    assert (await take(house, window % ("00:00", "23:59"))).recipients[0].state is State.FLIGHT
    house.room.offered.clear()
    late = window % ("13:00", "14:00") + f"\nSendAt: {AT + 4 * HOUR:.0f}\nMaxDeliverTime: {AT + 5 * HOUR:.0f}"
    reply = await refusal(house, late)
    assert reply.startswith("554 5.6.0 deliver_by: it ends at 2026-11-18T")


@pytest.mark.parametrize(
    ("line", "credential", "deadline", "warned"),
    [
        (f"MaxDeliverTime: {AT + HOUR:.0f}", {}, HOUR, False),
        ("DeliverWithin: 2h", {}, 2 * HOUR, False),
        ("DeliverWithin: 9d", {}, LIFETIME, True),
        (f"MaxDeliverTime: {AT + 9 * LIFETIME:.0f}", {}, LIFETIME, True),
        ("DeliverWithin: 2h", {"lifetime": HOUR}, HOUR, True),
        ("Tags: a", {"lifetime": HOUR}, HOUR, False),
        ("", {"lifetime": HOUR}, HOUR, False),
        ("", {"lifetime": 9 * LIFETIME}, LIFETIME, False),
        ("DeliverWithin: 9d", {"lifetime": 9 * LIFETIME}, 9 * 86_400.0, False),
        ("DeliverWithin: 9d", {"grants": frozenset({"deadline-long"})}, 9 * 86_400.0, False),
    ],
)
async def test_a_deadline_is_kept_and_cut_to_what_is_allowed(
    house: House, line: str, credential: dict[str, Any], deadline: float, warned: bool
) -> None:
    house.credential(**credential)
    kept = await take(house, line)
    assert kept.message.deadline == AT + deadline
    assert [("cut to" in each) for each in kept.warnings] == [True] * warned
    assert kept.message.delay_at == (AT + 4 * HOUR if deadline > 4 * HOUR else None)


async def test_a_deadline_is_cut_by_the_time_of_the_first_attempt(house: House) -> None:
    house.credential(lifetime=HOUR)
    start = AT + 86_400
    window = f"Window: {start:.0f}/{start + HOUR:.0f}\nMaxDeliverTime: {AT + 5 * 86_400:.0f}"
    kept = await take(house, window)
    assert (kept.recipients[0].next_attempt, kept.message.deadline) == (start, start + HOUR)
    (warning,) = kept.warnings
    assert warning.startswith("deliver_by: cut to ")


async def test_parameters_say_when_too(house: House) -> None:
    wish = Parameters(by=DeliverBy(at=AT + HOUR, give_up=False, trace=True))
    kept = await take(house, "", parameters=wish)
    assert (kept.message.deadline, kept.message.delay_at) == (AT + LIFETIME, AT + HOUR)
    assert kept.message.trace
    kept = await take(house, "", parameters=Parameters(by=DeliverBy(at=AT + HOUR, give_up=True)))
    assert (kept.message.deadline, kept.message.delay_at, kept.message.trace) == (AT + HOUR, None, False)
    kept = await take(house, "", parameters=Parameters(hold_until=AT + HOUR))
    assert kept.recipients[0].next_attempt == AT + HOUR
    assert (await take(house, "", parameters=Parameters(priority=-9))).message.priority == 0


# --- sandbox ---------------------------------------------------------------------------------------------------


async def test_held_mail_waits_for_a_release(house: House) -> None:
    kept = await take(house, "Sandbox: hold", "ann@example.net", "bob@example.org")
    assert [each.state for each in kept.recipients] == [State.HELD] * 2
    assert not kept.message.sandbox
    assert (house.room.reserved, house.room.offered, house.room.lanes) == (0, [], [])
    assert kept.names() == ["received", "held", "held"]
    assert kept.events[2].recipient == 2
    assert kept.events[2].data == {"to": "bob@example.org", "reason": "sandbox: hold"}


async def test_validated_mail_ends_at_once(house: House) -> None:
    kept = await take(house, "Sandbox: validate")
    assert [each.state for each in kept.recipients] == [State.CANCELLED]
    assert kept.recipients[0].ended is not None
    assert kept.names() == ["received", "cancelled"]
    assert kept.events[1].data == {"to": "ann@example.net", "reason": "validated", "test": True}
    assert dkimpy(kept.contents[0], keys()) == [True, True]


@pytest.mark.parametrize("outcome", ["accept", "bounce:hard", "bounce:soft", "bounce:defer", "bounce:click"])
async def test_other_tests_are_delivered_to_nobody(house: House, outcome: str) -> None:
    kept = await take(house, f"Sandbox: {outcome}")
    assert kept.message.sandbox
    assert kept.message.resolved.options.sandbox.value == outcome
    assert kept.recipients[0].state is State.FLIGHT


@pytest.mark.parametrize("outcome", ["off", "hold"])
async def test_no_option_lets_a_message_out_of_a_sandbox(house: House, outcome: str) -> None:
    kept = await take(house, f"Sandbox: {outcome}", login=TESTING)
    assert (kept.message.sandbox, kept.recipients[0].state) == (True, State.FLIGHT)
    kept = await take(house, f"Sandbox: {outcome}", intake=house.intake(sandbox=True))
    assert (kept.message.sandbox, kept.recipients[0].state) == (True, State.FLIGHT)


# --- content ---------------------------------------------------------------------------------------------------


async def test_the_message_id_may_be_ours(house: House) -> None:
    body = b"Message-ID: <mine@example.com>\r\n" + PLAIN
    assert message_from_bytes((await take(house, "", body=body)).contents[0])["Message-ID"] == "<mine@example.com>"
    kept = await take(house, "KeepMessageId: no", body=body)
    assert message_from_bytes(kept.contents[0]).get_all("Message-ID") == [f"<{kept.id}@relay.example>"]


async def test_fields_may_be_taken_out_but_not_those_a_message_needs(house: House) -> None:
    allow(house)
    body = (
        b"X-Mailer: a\r\nX-Internal-Host: b\r\nX-Other: c\r\nOrganization: d\r\nMIME-Version: 1.0\r\n"
        b"List-Unsubscribe: <https://example.com/u>\r\nContent-Type: text/plain\r\n" + PLAIN
    )
    kept = await take(house, "StripHeaders: x-mailer, x-internal-*, organization", body=body)
    names = list(map(str.lower, message_from_bytes(kept.contents[0]).keys()))
    assert not {"x-mailer", "x-internal-host", "organization"} & set(names)
    assert {"x-other", "mime-version", "list-unsubscribe", "content-type", "from", "to", "subject"} < set(names)


def test_whatever_the_pattern_a_message_keeps_what_it_needs() -> None:
    fields = b"Received: x\r\nDate: d\r\nMessage-ID: <m>\r\nDKIM-Signature: s\r\nMIME-Version: 1\r\nX-A: b\r\n"
    header = read_header(fields + b"List-Unsubscribe-Post: p\r\nReply-To: r@example.com\r\n" + PLAIN)
    options = Options(strip_headers=("*",))
    finished = finish(header, Arrival(hostname="relay.example", id="1", at=AT), (), Content(), (), options)
    names = message_from_bytes(finished.contents[0]).keys()
    assert names == [
        *("Received", "Received", "Date", "Message-ID", "DKIM-Signature", "MIME-Version", "List-Unsubscribe-Post"),
        *("From", "To"),
    ]


async def test_keys_are_chosen_by_the_message(house: House) -> None:
    allow(house)
    assert b"DKIM-Signature" not in (await take(house, "Dkim: off")).contents[0]
    content = (await take(house, "DkimKey: e1")).contents[0]
    assert content.count(b"DKIM-Signature") == 1 and b"s=e1;" in content
    house.room.offered.clear()
    assert (await refusal(house, "DkimKey: e9")).startswith("554 5.6.0 dkim_key: example.com has no active key e9")


async def test_where_it_leaves_must_exist(house: House) -> None:
    allow(house)
    reply = await refusal(house, "Pool: marketing")
    assert reply == "554 5.6.0 pool: there is no marketing here; the pools are: none"
    intake = house.intake(delivery=Delivery(pools={"marketing": ("default",)}))
    assert (await take(house, "Pool: marketing", intake=intake)).message.resolved.options.pool == "marketing"


@pytest.mark.parametrize(
    ("options", "reply"),
    [
        ({"pool": "marketing"}, "451 4.3.5 pool: there is no marketing here; the pools are: none (credential App)"),
        ({"source_ip": ["192.0.2.9"]}, "451 4.3.5 source_ip: 192.0.2.9 is not used here (credential App)"),
        (
            {"send_window": [{"days": [], "zone": "", "start": 1e9, "end": 1e9 + 1}]},
            "451 4.3.5 send_window: the window is past (credential App)",
        ),
        ({"dkim_key": "e9"}, "451 4.3.5 dkim_key: example.com has no active key e9 (credential App)"),
        (
            {"dkim_extra": ["example.com,e9"]},
            "451 4.3.5 dkim_extra: example.com has no active key e9 (credential App)",
        ),
    ],
)
async def test_mail_waits_for_a_default_that_names_what_is_not_there_to_be_mended(
    house: House, options: dict[str, Any], reply: str
) -> None:
    house.credential(options=options)
    assert await refusal(house, "Tags: a") == reply


# --- return path -----------------------------------------------------------------------------------------------


def bounces(house: House, *, verified: bool = True) -> None:
    domain = house.registry.domain("example.com")
    house.registry.update_domain(
        replace(domain, bounce_host="b.example.com", bounce_verified=AT if verified else None)
    )


async def test_our_return_path_is_used_where_it_is_known_to_lead_to_us(house: House) -> None:
    kept = await take(house, "TrackBounces: yes")
    assert kept.message.return_host == ""
    [warning] = kept.warnings
    assert warning.startswith("track_bounces: example.com has no verified bounce host")
    bounces(house, verified=False)
    assert (await take(house, "TrackBounces: yes")).message.return_host == ""
    bounces(house)
    kept = await take(house, "TrackBounces: yes")
    assert (kept.message.return_host, kept.warnings) == ("b.example.com", ())
    assert kept.message.envelope.reverse_path == "me@example.com"
    assert (await take(house, "")).message.return_host == ""
    house.credential(options={"track_bounces": True})
    assert (await take(house, "")).message.return_host == "b.example.com"
    assert (await take(house, "TrackBounces: no")).message.return_host == ""


@pytest.mark.parametrize(
    ("line", "fields", "host"),
    [
        ("", b"", ""),
        ("TrackBounces: yes", b"", "b.example.com"),
        ("TrackBounces: yes", b"Auto-Submitted: no\r\n", "b.example.com"),
        ("TrackBounces: yes", b"Auto-Submitted: auto-replied\r\n", ""),
        ("TrackBounces: yes", b"Precedence: Bulk\r\n", ""),
        ("TrackBounces: yes", b"Content-Type: multipart/report; boundary=x\r\n", ""),
        ("TrackBounces: yes", b"Content-Type: text/plain\r\n", "b.example.com"),
    ],
)
async def test_the_null_reverse_path_stays_unless_the_message_asks_and_is_no_answer(
    house: House, line: str, fields: bytes, host: str
) -> None:
    bounces(house)
    house.credential(options={"track_bounces": True})  # a default is not asking
    envelope = Envelope(reverse_path="", recipients=(Recipient(address="ann@example.net"),))
    kept = await take(house, line, envelope=envelope, body=fields + PLAIN)
    assert kept.message.return_host == host


async def test_another_bounce_host_must_be_one_of_the_account(house: House) -> None:
    allow(house)
    bounces(house)
    lines = "TrackBounces: yes\nReturnPathDomain: %s"
    assert (await take(house, lines % "B.Example.com")).message.return_host == "b.example.com"
    house.room.offered.clear()
    reply = await refusal(house, lines % "elsewhere.example")
    assert reply == "554 5.6.0 return_path_domain: elsewhere.example is no verified bounce host of account demo"


# --- suppression -----------------------------------------------------------------------------------------------


async def test_a_credential_may_have_mail_to_nobody_refused(house: House) -> None:
    entry = Suppression(account="demo", address="ann@example.net", created=AT)
    house.suppressions.add([entry, replace(entry, address="@gone.example")])
    assert (await take(house, "", "ann@example.net")).recipients[0].state is State.FLIGHT  # told by an event later
    house.credential(refuse_suppressed=True)
    assert (await take(house, "", "ann@example.net", "bob@example.net")).addresses
    house.room.offered.clear()
    reply = await refusal(house, "", "ann@example.net", "x@gone.example")
    assert reply == "550 5.7.1 no mail is sent to ann@example.net (hand), x@gone.example (hand): suppressed"
    many = [f"{number}@gone.example" for number in range(9)]
    assert "2@gone.example (hand) and 6 more: suppressed" in await refusal(house, "", *many)


# --- presets, strip --------------------------------------------------------------------------------------------


async def test_a_long_header_is_read_while_the_sessions_go_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def reading(*given: Any) -> Controls:
        threads.append(threading.current_thread())
        return read_controls(*given)

    monkeypatch.setattr("relay.submission.examine.read_controls", reading)
    assert await refusal(house, "Tags: b c\nWindow:" + " " * 33_000) == (
        "554 5.6.0 X-SMTPeter-Tags: a tag has no white space, comma or semicolon: b c"
    )
    kept = await take(house, "Tags: a\nWindow:" + " " * 33_000)
    assert kept.message.resolved.options.tags == ("a",)
    assert threading.main_thread() not in threads
    assert len(threads) == 2
    await take(house, "Tags: a", body=PLAIN + b"x\r\n" * 20_000)
    assert threads[2] is threading.main_thread()


async def test_headers_of_others_ask_for_nothing(house: House) -> None:
    kept = await take(house, "Sandbox: hold\nRecipients: x@example.org", login=STRIPPING)
    assert (kept.addresses, kept.recipients[0].state) == (["ann@example.net"], State.FLIGHT)


async def test_a_credential_that_is_gone_sends_nothing(house: House) -> None:
    reply = await refusal(house, "", login=replace(DEMO, credential="gone"))
    assert reply == "550 5.7.1 there is no credential gone any more"


async def test_defaults_of_a_credential_hold_like_headers(house: House) -> None:
    house.credential(options={"tags": ["a"], "preserve_recipients": False, "deliver_within": 7200.0})
    kept = await take(house, "", "ann@example.net", "bob@example.net")
    assert kept.message.resolved.options.tags == ("a",)
    assert kept.message.resolved.sources["tags"] == "credential App"
    assert len(kept.contents) == 2
    assert kept.message.deadline == AT + 2 * HOUR
