"""`kill -9` while the HTTP API is called: what was answered 2xx is sent, once, and under the ids of the answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import kills
from tests.faults.callers import KINDS, Callers
from tests.faults.trial import seeded, trial

ROUNDS = (kills.web, kills.everybody, kills.web, kills.supervisor, kills.web, kills.everybody)


@pytest.mark.timeout(300)
def test_calls_that_are_made_again_after_kills_send_nothing_twice_and_lose_nothing(tmp_path: Path) -> None:
    seed, random = seeded()
    with trial(tmp_path / "home", threads=1, pause=0.01) as it, Callers(it.relay, seed) as callers:
        callers.listen(it)
        it.load.start()
        for kill in ROUNDS:
            goal = callers.calls.total() + 10
            it.relay.wait(lambda: callers.calls.total() >= goal, "ten more calls")  # noqa: B023
            kill(it, random)
        callers.stop()
        account = it.settle()
        it.relay.wait(lambda: not callers.missing, "all that was answered")
    wrongs = list(callers.wrongs(it.blames))
    assert wrongs == [], f"(seed {seed})"
    assert account.lost == () and account.unexplained == (), f"(seed {seed})"
    assert callers.calls.total() >= 10 * len(ROUNDS) and len(callers.calls) == len(KINDS), f"(seed {seed})"
    assert callers.repeated > 0
