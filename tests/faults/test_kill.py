"""`kill -9` at random moments under load, of one process or of all: nothing that was promised is lost.

Real clients submit without pause, a real receiver takes the mail and refuses some of it, and every message
answered 250 must in the end be delivered or returned. A message may arrive twice only in the one window the
design allows: between the receiver's 250 and our commit, so that a kill lies between the two arrivals and
shortly after the first.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.kills import KINDS
from tests.faults.trial import seeded, trial

ROUNDS = 2  # of each kind


@pytest.mark.timeout(420)
def test_nothing_accepted_is_lost_by_kills_of_every_process_under_load(tmp_path: Path) -> None:
    seed, random = seeded()
    kinds = [kind for kind in KINDS.values() for _ in range(ROUNDS)]
    random.shuffle(kinds)
    with trial(tmp_path / "home", processes={"workers": 2}, pause=0.005) as it:
        it.load.start()
        for kind in kinds:
            kind(it, random)
        it.accept_more()
        account = it.settle()
    where = f"(seed {seed})"
    assert account.refused.total() == 0, where
    assert account.lost == (), f"{len(account.lost)} of {account.accepted} lost {where}"
    assert account.unexplained == (), f"sent twice with no kill to blame {where}"
    assert account.returned >= account.accepted // 20
    print(f"{account.accepted} accepted, {len(it.blames)} kills, 0 lost, {account.twice} sent twice {where}")
