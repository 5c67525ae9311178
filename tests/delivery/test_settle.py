"""From verdicts to settlements: when it is tried again, who is told, what the event says."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from relay.config import Delivery
from relay.delivery.captured import captured
from relay.delivery.screen import Screen
from relay.delivery.settle import TOO_LATE, Facts, Settled, Verdict, settled
from relay.model.envelope import Envelope, Notify, Recipient
from relay.model.event import EventName
from relay.model.message import Due, Message, Origin, State
from relay.model.options import NOTHING_ASKED, Bypass, Options, RequireTls, Resolved, Sandbox, VerifyTls, Window
from relay.model.outcome import Fate, Fault, Outcome
from relay.model.reply import Reply
from relay.model.route import Route, Way
from relay.model.suppression import Cause, Suppression
from relay.store.interface import StoreDown

NOW = 1_800_000_000.0  # a Friday, 08:00 UTC
DAY = 86_400.0
DELIVERY = Delivery(jitter=0.0)
GREYLISTED = Outcome(Fate.DEFERRED, Reply(451, "4.7.1", "come back later"), Fault.RECIPIENT, "greylist")
TAKEN = Outcome(Fate.DELIVERED, Reply(250, "2.0.0", "taken"), Fault.NONE, "accepted")
NO_TLS = Outcome(Fate.DEFERRED, Reply(451, "4.7.5", "no STARTTLS there"), Fault.SITE, "tls")
SANDBOX = Route(way=Way.SANDBOX, egress="default", site="sandbox")


def due(
    *,
    attempts: int = 0,
    deadline: float = NOW + 5 * DAY,
    delay_at: float | None = None,
    told: bool = False,
    doomed: str = "",
    origin: Origin = Origin.SUBMISSION,
    notify: Notify = Notify.FAILURE | Notify.DELAY,
    **options: Any,
) -> Due:
    recipient = Recipient(address="ann@example.net", notify=notify)
    message = Message(
        id="m",
        account="a",
        credential="c",
        envelope=Envelope(reverse_path="me@relay.example", recipients=(recipient,)),
        received=NOW,
        deadline=deadline,
        delay_at=delay_at,
        size=1,
        origin=origin,
        resolved=Resolved(options=Options(**options)) if options else NOTHING_ASKED,
    )
    return Due(
        shard=0,
        message=message,
        number=1,
        recipient=recipient,
        content=0,
        attempts=attempts,
        due=NOW,
        told=told,
        doomed=doomed,
    )


def in_sandbox(asked: Sandbox, deadline: float = NOW + DAY) -> Due:
    given = due(deadline=deadline)
    resolved = Resolved(options=Options(sandbox=asked))
    return replace(given, message=replace(given.message, sandbox=True, resolved=resolved))


def settle(each: Due, outcome: Outcome = GREYLISTED, now: float = NOW, **facts: Any) -> Settled:
    return settled(Verdict(due=each, outcome=outcome, facts=Facts(**facts)), DELIVERY, now, Random(1))


def test_a_schedule_of_its_own_is_followed_and_its_last_wait_repeats() -> None:
    waits = []
    for attempts in range(4):
        again = settle(due(attempts=attempts, retry_schedule=(10.0, 60.0))).settlement.next_attempt
        assert again is not None
        waits.append(again - NOW)
    assert waits == [10, 60, 60, 60]


def test_after_the_last_attempt_it_may_have_it_expires() -> None:
    assert settle(due(attempts=1, max_attempts=3)).settlement.state is State.QUEUED
    last = settle(due(attempts=2, max_attempts=3)).settlement
    assert (last.state, last.attempts, last.next_attempt) == (State.EXPIRED, 3, None)
    assert (last.events[-1].name, last.events[-1].data["reason"]) == (EventName.EXPIRED, "attempts")
    assert last.reply == "451 4.7.1 come back later"


def test_the_next_attempt_waits_for_the_window_to_open() -> None:
    office = Window((0, 1, 2, 3, 4), "UTC", 9 * 3600, 17 * 3600)
    now = NOW + 2 * DAY  # Sunday, 08:00
    again = settle(due(send_window=(office,)), now=now).settlement
    assert again.next_attempt == now + DAY + 3600  # Monday, 09:00


def test_mail_whose_window_does_not_open_again_in_time_expires() -> None:
    once = Window((), "", NOW - 60, NOW + 60)
    gone = settle(due(send_window=(once,))).settlement
    assert (gone.state, gone.events[-1].data["reason"]) == (State.EXPIRED, "window")
    monday = Window((0,), "UTC", 0, 0)
    late = settle(due(send_window=(monday,), deadline=NOW + DAY)).settlement
    assert (late.state, late.events[-1].data["reason"]) == (State.EXPIRED, "window")


@pytest.mark.parametrize(
    ("delay_at", "told", "now", "expected"),
    [
        (None, False, NOW, False),
        (NOW + 1, False, NOW, False),
        (NOW, False, NOW, True),
        (NOW - 1, False, NOW, True),
        (NOW + 1, True, NOW, True),
    ],
)
def test_a_sender_is_told_of_a_delay_once_its_time_has_come(
    delay_at: float | None, told: bool, now: float, expected: bool
) -> None:
    assert settle(due(delay_at=delay_at, told=told), now=now).settlement.told is expected


def test_who_ended_is_not_told_of_a_delay() -> None:
    assert not settle(due(delay_at=NOW - 1), TAKEN).settlement.told


def test_an_attempt_falls_shortly_after_the_time_the_sender_wants_to_hear_of_a_delay() -> None:
    each = due(attempts=6, delay_at=NOW + 600)
    assert settle(each).settlement.next_attempt == NOW + 600
    assert settle(due(attempts=6, delay_at=NOW + 600, told=True)).settlement.next_attempt == NOW + 14_400
    assert settle(due(attempts=6, delay_at=NOW + 20_000)).settlement.next_attempt == NOW + 14_400
    assert settle(due(attempts=6, delay_at=NOW + 5)).settlement.next_attempt == NOW + 150, "not at once again"
    spread = {
        settled(Verdict(due=each, outcome=GREYLISTED), Delivery(), NOW, Random(seed)).settlement.next_attempt or 0
        for seed in range(20)
    }
    assert len(spread) == 20
    assert NOW + 600 <= min(spread) < max(spread) <= NOW + 660


def test_mail_that_waited_in_vain_for_tls_it_demands_fails_with_the_status_that_says_so() -> None:
    for demand in ({"require_tls": RequireTls.MUST}, {"verify_tls": VerifyTls.REQUIRED}):
        assert settle(due(**demand), NO_TLS).settlement.state is State.QUEUED
        last = settle(due(attempts=1, max_attempts=2, **demand), NO_TLS)
        assert last.settlement.state is State.FAILED
        assert last.settlement.reply == (
            "550 5.7.30 the message demands TLS, which did not come about: no STARTTLS there"
        )
        assert last.verdict.outcome.reply.status == "5.7.30"
        assert last.settlement.events[-1].data["reply"] == last.settlement.reply
    assert settle(due(attempts=1, max_attempts=2), NO_TLS).settlement.state is State.EXPIRED


def test_a_settlement_names_the_site_and_the_event_what_was_demanded() -> None:
    each = settle(due(), site="mx.example.net", demand="must", dsn=True).settlement
    assert each.site == "mx.example.net"
    assert each.events[-1].data["demand"] == "must"
    assert "dsn" not in each.events[-1].data


def test_who_wants_to_hear_of_success_reads_whether_the_next_hop_reports_it() -> None:
    for offered in (True, False):
        each = settle(due(notify=Notify.SUCCESS), TAKEN, dsn=offered).settlement
        assert each.events[-1].data["dsn"] is offered


# The sandbox.


@pytest.mark.parametrize(
    ("asked", "state", "reply", "names"),
    [
        (Sandbox.OFF, State.DELIVERED, "250 2.0.0 kept in sandbox", ["delivered"]),
        (Sandbox.HOLD, State.DELIVERED, "250 2.0.0 kept in sandbox", ["delivered"]),
        (Sandbox.ACCEPT, State.DELIVERED, "250 2.0.0 kept in sandbox", ["delivered"]),
        (Sandbox.HARD, State.FAILED, "550 5.1.1 ", ["failed"]),
        (Sandbox.SOFT, State.FAILED, "552 5.2.2 ", ["failed"]),
        (Sandbox.DEFER, State.QUEUED, "451 4.7.1 ", ["deferred"]),
        (Sandbox.COMPLAINT, State.DELIVERED, "250 2.0.0 kept in sandbox", ["delivered", "complained"]),
        (Sandbox.OPEN, State.DELIVERED, "250 2.0.0 kept in sandbox", ["delivered", "opened"]),
        (Sandbox.CLICK, State.DELIVERED, "250 2.0.0 kept in sandbox", ["delivered", "clicked"]),
    ],
)
def test_mail_in_the_sandbox_ends_as_it_was_asked_to(
    asked: Sandbox, state: State, reply: str, names: list[str]
) -> None:
    each = settled(captured(in_sandbox(asked), SANDBOX), DELIVERY, NOW, Random(1)).settlement
    assert each.state is state
    assert each.reply.startswith(reply)
    assert [event.name.value for event in each.events] == names
    assert all(event.data["test"] is True and event.data["to"] == "ann@example.net" for event in each.events)


def test_simulated_deferrals_end_with_the_deadline() -> None:
    each = in_sandbox(Sandbox.DEFER, deadline=NOW + 10)
    assert settled(captured(each, SANDBOX), DELIVERY, NOW, Random(1)).settlement.state is State.EXPIRED


# What is decided before an attempt.

ENTRY = Suppression(account="a", address="ann@example.net", cause=Cause.BOUNCE, note="550 gone", created=NOW)


def test_what_an_operator_returns_fails_with_the_reason_and_counts_no_attempt() -> None:
    verdict = Screen(lambda _: [ENTRY], False).look(due(attempts=2, doomed="the campaign\r\nis over"), NOW)
    assert isinstance(verdict, Verdict)
    each = settled(verdict, DELIVERY, NOW, Random(1)).settlement
    assert (each.state, each.attempts, each.reply) == (State.FAILED, 2, "554 5.0.0 the campaign is over")


def test_a_suppressed_recipient_is_told_apart_with_its_cause_and_note() -> None:
    verdict = Screen(lambda _: [ENTRY], False).look(due(attempts=1), NOW)
    assert isinstance(verdict, Verdict)
    each = settled(verdict, DELIVERY, NOW, Random(1)).settlement
    assert (each.state, each.attempts) == (State.SUPPRESSED, 1)
    (event,) = each.events
    assert event.name is EventName.SUPPRESSED
    assert (event.data["cause"], event.data["note"]) == ("bounce", "550 gone")
    assert "test" not in event.data


def test_a_message_that_goes_past_a_suppression_says_so_in_its_events() -> None:
    waiting = due(bypass=(Bypass.BOUNCE,))
    passed = Screen(lambda _: [ENTRY, replace(ENTRY, cause=Cause.BOUNCE, address="@example.net")], False).look(
        waiting, NOW
    )
    assert passed == replace(waiting, bypassed=("bounce",))
    assert isinstance(passed, Due)
    each = settled(
        Verdict(due=passed, outcome=Outcome(Fate.DELIVERED, Reply(250, "2.0.0", "ok"), Fault.NONE, "accepted")),
        DELIVERY,
        NOW,
        Random(1),
    ).settlement
    assert each.events[0].data["bypassed"] == ["bounce"]
    complained = replace(ENTRY, cause=Cause.COMPLAINT)
    verdict = Screen(lambda _: [ENTRY, complained], False).look(waiting, NOW)
    assert isinstance(verdict, Verdict)
    assert verdict.suppression == complained


@pytest.mark.parametrize("origin", [Origin.REPORT, Origin.RETURN])
def test_what_goes_to_the_sender_is_never_suppressed(origin: Origin) -> None:
    assert Screen(lambda _: [ENTRY], False).look(due(origin=origin), NOW) is None


def test_a_list_that_cannot_be_read_keeps_mail_waiting() -> None:
    def broken(_: Due) -> list[Suppression]:
        raise StoreDown("disk")

    assert Screen(broken, False).look(due(), NOW) == NOW + 60


def test_mail_past_its_deadline_expires_without_an_attempt() -> None:
    verdict = Screen(None, True).look(due(deadline=NOW), NOW)
    assert isinstance(verdict, Verdict)
    assert verdict.outcome is TOO_LATE
    each = settled(verdict, DELIVERY, NOW, Random(1)).settlement
    assert (each.state, each.attempts, each.events[-1].data["test"]) == (State.EXPIRED, 0, True)


def test_a_closed_window_is_waited_for_an_open_one_is_not_and_one_too_late_ends_it() -> None:
    screen = Screen(None, False)
    assert screen.look(due(send_window=(Window((), "", NOW + 50, NOW + 60),)), NOW) == NOW + 50
    assert screen.look(due(send_window=(Window((), "", NOW - 50, NOW + 60),)), NOW) is None
    late = screen.look(due(send_window=(Window((), "", NOW + 50, NOW + 60),), deadline=NOW + 50), NOW)
    assert isinstance(late, Verdict) and late.outcome is TOO_LATE


def test_every_event_says_what_its_message_is_labelled_with() -> None:
    labels: dict[str, Any] = {
        "tags": ("news",),
        "campaign": "may",
        "tenant": "t",
        "stream": "bulk",
        "message_ref": "r",
    }
    (event,) = settle(due(**labels, metadata={"order": 7}), TAKEN).settlement.events
    assert labels.items() <= {**event.data, "tags": tuple(event.data["tags"])}.items()
    assert event.data["metadata"] == {"order": 7}
    assert "origin" not in event.data


def test_mail_of_the_relays_own_says_so_in_its_events() -> None:
    (event,) = settle(due(origin=Origin.REPORT), TAKEN).settlement.events
    assert event.data["origin"] == "report"
