"""The machine's clock is set, forward and back, while mail waits: none is given up for it, nothing stands still."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.model.event import EventName
from tests.faults.town import HOME, Town, town
from tests.peers.receiver import Behaviour

GOOD, BUSY = "good.test", "busy.test"
NOT_NOW = Behaviour(on={"rcpt": "451 4.3.0 not now"})
CONTENT = b"From: me@example.com\r\nSubject: hello\r\n\r\nhello\r\n"
DAY = 86_400.0


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Town]:
    peers = {GOOD: Behaviour(), BUSY: NOT_NOW, HOME: Behaviour()}
    with town(tmp_path, peers, lifetime="5d", delay_warning="4h") as made:
        yield made


def deferred(town: Town, times: int, domain: str = BUSY) -> None:
    """Wait until mail for that domain was put off so many times more."""

    def count() -> int:
        return sum(each.name is EventName.DEFERRED for each in town.relay.told()[f"ann@{domain}"])

    before = count()
    town.relay.wait(lambda: count() >= before + times, "an attempt")


def test_set_forward_mail_that_waits_is_tried_on_and_not_given_up(here: Town) -> None:
    here.post({BUSY: CONTENT})
    deferred(here, 1)
    for days in (10.0, 40.0):
        here.relay.clock.set(days * DAY)
        deferred(here, 3)  # twice at least with the new time
        here.post({GOOD: CONTENT})
    here.mend()
    here.receivers[BUSY].wait(1, 30)
    here.receivers[GOOD].wait(2, 30)
    assert here.received(HOME) == []  # neither given up nor reported late
    assert "the clock was set by +864000 s" in here.relay.printed


def test_set_forward_and_back_again_it_is_as_if_nothing_had_been(here: Town) -> None:
    here.post({BUSY: CONTENT})
    deferred(here, 1)
    here.relay.clock.set(10 * DAY)
    here.relay.wait(lambda: "the clock was set by +864000 s" in here.relay.printed, "notice of it")
    here.relay.clock.set(0.0)
    here.relay.wait(lambda: "the clock was set by -864000 s" in here.relay.printed, "notice of it")
    here.post({GOOD: CONTENT})
    here.receivers[GOOD].wait(1, 30)
    here.mend()
    # What was put off while the clock was ahead waits for the time it was given then, until somebody asks.
    here.relay.cli("queue", "retry", "--domain", BUSY)
    here.receivers[BUSY].wait(1, 30)
    assert here.received(HOME) == []


def test_set_back_fresh_mail_goes_at_once_and_old_mail_when_it_is_asked_for(here: Town) -> None:
    here.post({BUSY: CONTENT})
    deferred(here, 1)
    here.relay.clock.set(-10 * DAY)
    here.relay.wait(lambda: "the clock was set by -864000 s" in here.relay.printed, "notice of it")
    here.post({GOOD: CONTENT, BUSY: CONTENT})
    here.receivers[GOOD].wait(1, 30)
    deferred(here, 2)  # the one that came after the step
    here.mend()
    here.relay.cli("queue", "retry", "--domain", BUSY)
    here.receivers[BUSY].wait(2, 30)
    assert here.received(HOME) == []
    assert here.relay.stop() == 0
