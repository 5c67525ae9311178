"""When a message is due and when it is given up, whatever was asked."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.model.envelope import NO_PARAMETERS, DeliverBy, Envelope, Parameters, Recipient
from relay.model.message import State
from relay.model.options import NOTHING, Options, Sandbox, Window
from relay.model.reply import Refused
from relay.queue.windows import next_open
from relay.submission.addressing import Addressed, address
from relay.submission.plan import Allowed, plan
from tests.submission.accounts import AT

HOUR, DAY = 3600.0, 86_400.0
ALLOWED = Allowed(lifetime=5 * DAY, longest=5 * DAY, delay_warning=4 * HOUR, sandbox=False)
PEOPLE = ("ann@example.net", "Bob@example.net", "carl@example.org")


def addressed(options: Options = NOTHING, *to: str) -> Addressed:
    envelope = Envelope(reverse_path="", recipients=tuple(Recipient(address=each) for each in to or PEOPLE))
    return address(envelope, options, NO_PARAMETERS, 100)


TIMES = st.floats(AT - DAY, AT + 10 * DAY)
OPTIONS = st.builds(
    Options,
    send_at=st.none() | TIMES,
    send_at_each=st.dictionaries(st.sampled_from((*PEOPLE, "bob@example.net", "x@y.example")), TIMES, max_size=3),
    send_window=st.sampled_from(
        ((), (Window((0, 2), "Europe/Berlin", 9 * HOUR, 17 * HOUR),), (Window((), "", AT + HOUR, AT + DAY),))
    ),
    deliver_by=st.none() | TIMES,
    deliver_within=st.none() | st.floats(1, 10 * DAY),
    preserve_recipients=st.booleans(),
    bcc_archive=st.sampled_from(((), ("box@example.com",))),
)


@given(OPTIONS, st.floats(AT - DAY, AT + DAY), st.sampled_from([5 * DAY, inf]))
def test_nobody_is_due_too_early_outside_his_window_or_past_the_deadline(
    options: Options, not_before: float, longest: float
) -> None:
    to = addressed(options)
    allowed = replace(ALLOWED, longest=longest)
    try:
        made = plan(to, options, NO_PARAMETERS, allowed, AT, not_before)
    except Refused as refused:
        assert refused.reply.code == 554
        assert options.send_window or options.deliver_by is not None or options.deliver_within is not None
        return
    assert len(made.dues) == len(to.envelope.recipients) == len(to.contents)
    for due in made.dues:
        assert due >= max(AT, not_before, options.send_at or AT)
        assert next_open(options.send_window, due) == due
        assert due < made.deadline
    for recipient, due in zip(to.envelope.recipients[: to.wanted], made.dues, strict=False):
        assert due >= options.send_at_each.get(recipient.address, AT)
    assert made.deadline <= max(made.dues) + longest
    if options.deliver_by is not None:
        assert made.deadline <= options.deliver_by
    assert made.delay_at is None or max(made.dues) < made.delay_at < made.deadline
    # An archive never gets what its recipient does not have yet.
    if to.alone:
        for number, due in zip(to.contents, made.dues, strict=True):
            assert due == made.dues[number]


def test_what_asks_for_nothing_is_due_now() -> None:
    made = plan(addressed(), NOTHING, NO_PARAMETERS, ALLOWED, AT)
    assert (made.dues, made.deadline, made.delay_at) == ((AT,) * 3, AT + 5 * DAY, AT + 4 * HOUR)
    assert (made.rest, made.sandbox, made.warnings) == (None, False, ())
    assert plan(addressed(), Options(tags=("a",)), NO_PARAMETERS, ALLOWED, AT) == made


def test_a_window_that_is_over_is_refused_with_the_time() -> None:
    options = Options(send_window=(Window((), "", AT - DAY, AT),))
    with pytest.raises(Refused, match=r"554.*send_window: none is open at 2026-11-18T11:06:40\.000Z"):
        plan(addressed(), options, NO_PARAMETERS, ALLOWED, AT)


def test_the_sender_hears_of_a_delay_when_he_asked_to_and_never_after_the_end() -> None:
    wish = Parameters(by=DeliverBy(at=AT + 60, give_up=False))
    assert plan(addressed(), NOTHING, wish, ALLOWED, AT).delay_at == AT + 60
    late = Parameters(by=DeliverBy(at=AT + 6 * DAY, give_up=False))
    assert plan(addressed(), NOTHING, late, ALLOWED, AT).delay_at is None


@pytest.mark.parametrize(
    ("asked", "strict", "rest", "test"),
    [
        (Sandbox.OFF, False, None, False),
        (Sandbox.OFF, True, None, True),
        (Sandbox.HOLD, False, State.HELD, False),
        (Sandbox.HOLD, True, None, True),
        (Sandbox.VALIDATE, False, State.CANCELLED, True),
        (Sandbox.VALIDATE, True, State.CANCELLED, True),
        (Sandbox.HARD, False, None, True),
        (Sandbox.CLICK, True, None, True),
    ],
)
def test_the_strictest_sandbox_holds(asked: Sandbox, strict: bool, rest: State | None, test: bool) -> None:
    made = plan(addressed(), Options(sandbox=asked, tags=("a",)), NO_PARAMETERS, replace(ALLOWED, sandbox=strict), AT)
    assert (made.rest, made.sandbox) == (rest, test)


def test_keys_of_a_map_are_never_recipients() -> None:
    wanted = addressed(Options(send_at_each={"stranger@example.net": AT}))
    assert [each.address for each in wanted.envelope.recipients] == list(PEOPLE)
