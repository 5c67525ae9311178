"""Who hears what: a table of what became of a recipient, what its sender wanted to hear, and what it is told."""

from __future__ import annotations

import email
import email.policy
import itertools
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from relay.bounce.notice import Action
from relay.config import Delivery
from relay.delivery.report import Reporter, news
from relay.delivery.settle import TOO_LATE, Facts, Settled, Verdict, settled
from relay.model.envelope import Envelope, Notify, Recipient
from relay.model.event import Event, EventName
from relay.model.ids import IdSource
from relay.model.message import Due, Message, Origin, Settlement, State
from relay.model.options import Options, Resolved
from relay.model.outcome import Fate, Fault, Outcome
from relay.model.reply import Reply

AT = 1_795_000_000.0
USUAL = Notify.FAILURE | Notify.DELAY
TAKEN = Outcome(Fate.DELIVERED, Reply(250, "2.0.0", "ok"), Fault.NONE, "accepted")
LATER = Outcome(Fate.DEFERRED, Reply(450, "4.2.0", "later"), Fault.RECIPIENT, "other")
GONE = Outcome(Fate.FAILED, Reply(550, "5.1.1", "gone"), Fault.RECIPIENT, "no-mailbox")
OUTCOMES = {State.DELIVERED: TAKEN, State.QUEUED: LATER, State.EXPIRED: LATER, State.FAILED: GONE}


def case(
    state: State,
    *,
    notify: Notify = USUAL,
    sender: str = "me@example.com",
    told: tuple[bool, bool] = (False, False),
    dsn: bool = False,
    test: bool = False,
    outcome: Outcome | None = None,
    number: int = 1,
    **message: Any,
) -> Settled:
    """`told`: before this attempt, and from now on."""
    recipient = Recipient(address="ann@example.net", notify=notify)
    mail = Message(
        id="0123456789abcdef",
        account="demo",
        credential="app",
        envelope=Envelope(reverse_path=sender, recipients=(recipient,)),
        received=AT,
        deadline=AT + 432_000,
        size=1,
        **message,
    )
    due = Due(shard=0, message=mail, number=number, recipient=recipient, content=0, attempts=0, due=AT, told=told[0])
    event = Event(name=EventName.ATTEMPTED, at=AT + 60, message=mail.id, recipient=number)
    settlement = Settlement(due=due, state=state, attempts=1, told=told[1], events=(event,))
    facts = Facts(host="mx.example.net", dsn=dsn, test=test)
    return Settled(settlement, Verdict(due=due, outcome=outcome or OUTCOMES.get(state, GONE), facts=facts))


@pytest.mark.parametrize("state", [State.FAILED, State.EXPIRED])
def test_failures_are_told_to_who_wants_to_hear_of_failures(state: State) -> None:
    for notify in map(Notify, range(8)):
        assert (news(case(state, notify=notify), False) is Action.FAILED) is (Notify.FAILURE in notify)


def test_a_delay_is_told_once_to_who_wants_to_hear_of_delays() -> None:
    for notify in map(Notify, range(8)):
        first = case(State.QUEUED, notify=notify, told=(False, True))
        assert (news(first, False) is Action.DELAYED) is (Notify.DELAY in notify)
    assert news(case(State.QUEUED), False) is None  # not late yet
    assert news(case(State.QUEUED, told=(True, True)), False) is None


def test_success_is_told_where_the_next_hop_does_not_tell_it_itself() -> None:
    for notify in map(Notify, range(8)):
        told = news(case(State.DELIVERED, notify=notify), False)
        assert (told is Action.RELAYED) is (Notify.SUCCESS in notify)
        assert news(case(State.DELIVERED, notify=notify, dsn=True), False) is None


def test_a_trace_tells_of_every_next_hop_unless_nothing_is_to_be_told_at_all() -> None:
    for notify, dsn in itertools.product(map(Notify, range(8)), (False, True)):
        told = news(case(State.DELIVERED, notify=notify, dsn=dsn, trace=True), False)
        assert (told is Action.RELAYED) is (notify is not Notify.NEVER)


@pytest.mark.parametrize("state", [State.CANCELLED, State.SUPPRESSED, State.HELD])
def test_what_ends_without_an_attempt_is_no_news(state: State) -> None:
    assert news(case(state, notify=Notify(7)), False) is None


@pytest.mark.parametrize("state", [State.DELIVERED, State.FAILED, State.EXPIRED, State.QUEUED])
def test_nobody_is_told_of_returns_reports_and_tests(state: State) -> None:
    wanted: Any = {"notify": Notify(7), "told": (False, True)}
    assert news(case(state, **wanted), False) is not None
    assert news(case(state, **wanted, sender=""), False) is None
    assert news(case(state, **wanted, origin=Origin.REPORT), False) is None
    assert news(case(state, **wanted, origin=Origin.RETURN), False) is None
    assert news(case(state, **wanted, sandbox=True), False) is None
    assert news(case(state, **wanted, test=True), False) is None
    assert news(case(state, **wanted), True) is None


def reporter() -> Reporter:
    return Reporter(
        hostname="relay.example", lifetime=1000.0, ids=IdSource(3, lambda: AT), clock=lambda: AT + 90, sign=None
    )


def test_a_report_goes_from_nobody_to_the_sender_and_is_never_answered() -> None:
    late = case(State.EXPIRED)
    new = reporter().write(late.settlement.due.message, b"Subject: hi\r\n\r\n", Action.FAILED, [late])
    assert (new.message.envelope.reverse_path, new.message.origin) == ("", Origin.REPORT)
    assert new.message.deadline == AT + 90 + 1000
    (recipient,) = new.message.envelope.recipients
    assert (recipient.address, recipient.notify) == ("me@example.com", Notify.NEVER)
    (event,) = new.events
    assert (event.data["about"], event.data["action"]) == ("0123456789abcdef", "failed")
    text = new.contents[0].decode()
    assert "Status: 4.4.7\r\n" in text
    assert "Diagnostic-Code: smtp; 450 4.2.0 later\r\n" in text


def test_mail_that_was_too_late_before_its_attempt_says_so_itself() -> None:
    late = case(State.EXPIRED, outcome=TOO_LATE)
    text = reporter().write(late.settlement.due.message, b"", Action.FAILED, [late]).contents[0].decode()
    assert "Status: 5.4.7\r\n" in text


def test_recipients_with_the_same_news_share_a_report() -> None:
    taken = [case(State.DELIVERED, number=number) for number in (1, 2)]
    message = replace(taken[0].settlement.due.message, id="0123456789abcdeg")
    new = reporter().write(message, b"", Action.RELAYED, taken)
    parsed = email.message_from_bytes(new.contents[0], policy=email.policy.default)
    assert parsed["Subject"] == "Relayed mail: 2 recipients"
    assert new.contents[0].count(b"Action: relayed\r\n") == 2


def test_mail_that_used_up_its_attempts_says_how_many_and_not_that_its_time_was_over() -> None:
    recipient = Recipient(address="ann@example.net")
    mail = replace(case(State.QUEUED).settlement.due.message, resolved=Resolved(options=Options(max_attempts=1)))
    due = Due(shard=0, message=mail, number=1, recipient=recipient, content=0, attempts=0, due=AT)
    ended = settled(Verdict(due=due, outcome=LATER), Delivery(), AT, Random(1))
    assert ended.settlement.state is State.EXPIRED
    text = reporter().write(mail, b"", Action.FAILED, [ended]).contents[0].decode()
    assert "It was tried once, as often as the message asked for. The last answer was:\r\n" in text
    assert "Its time was over" not in text
