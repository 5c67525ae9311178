"""Disk: errors of writes and syncs, no room, read-only, slow, in any order and for any time, with kills between.

A round is a relay of its own under load; the disk goes bad and good again some dozen times. While it is bad clients
hear 451 or 452 and nothing else; when it is good mail is taken again, without a restart.
"""

from __future__ import annotations

import errno
import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from relay.delivery.settler import PAUSE
from tests.faults.baddisk import Control
from tests.faults.report import Report
from tests.faults.stage import Stage
from tests.faults.trial import Trial, trial
from tests.faults.watch import Watch

FAULTS: Mapping[str, Mapping[str, Any]] = {
    "EIO on write": {"writes": errno.EIO},
    "ENOSPC on write": {"writes": errno.ENOSPC},
    "EROFS on write": {"writes": errno.EROFS},
    "EIO on sync": {"syncs": errno.EIO},
    "ENOSPC on sync": {"syncs": errno.ENOSPC},
    "100 ms a sync": {"slow": 0.1},
}
SPELLS = 12  # of bad disk, of one relay
LONGEST = 3.0  # seconds of one
GOOD = PAUSE[1] + 1.0  # seconds between two, at the least: outcomes that wait are tried again in that time
WINDOW = LONGEST + GOOD + 3.0  # seconds from the receiver's 250 to a kill that forgets it
KILLED = 0.15  # of spells end with a kill of all
AGAIN = 30.0  # seconds within which mail is taken again on the good disk


def run(stage: Stage, report: Report) -> None:
    began, spells, totals = time.monotonic(), Counter[str](), Counter[str]()
    kills, failed, memory, slowest, faults = 0, 0, 0.0, 0.0, list[str]()
    for number in stage.rounds():
        home = stage.home / f"relay{number}"
        home.mkdir()
        control = Control(home / "control")
        with (
            trial(home, program=control.program(home / "var"), pause=0.005) as it,
            Watch(it.relay) as watch,
        ):
            it.load.start()
            for _ in range(SPELLS):
                it.accept_more(10, AGAIN)
                threading.Event().wait(GOOD)
                name = stage.random.choice(list(FAULTS))
                spells[name] += 1
                control.set(**FAULTS[name])
                threading.Event().wait(stage.random.uniform(0.0, LONGEST))
                kills += _end(it, control, stage.random.random() < KILLED)
            it.accept_more(10, AGAIN)
            it.settle(120.0)
            # Outcomes that could not be written down are kept until they can be; a kill in between forgets them.
            account = it.account(WINDOW)
            if it.relay.printed.count("a successor starts"):
                faults.append(f"{home}: a process ended")
        failed += control.faults
        memory, slowest = max(memory, watch.memory), max(slowest, it.load.slowest())
        totals.update(account.figures())
        faults += [f"{home}: number {each} is lost" for each in account.lost]
        faults += [
            f"{home}: came at {one:.3f} and {two:.3f} with no kill to blame" for one, two in account.unexplained
        ]
        faults += [f"{home}: {many} answers {code}" for code, many in account.refused.items() if code not in _LATER]
        stage.say(f"{spells.total()} spells, {totals['accepted']} accepted, {totals['lost']} lost")
    report.add(
        "disk",
        "spells of a bad disk under load",
        spells.total(),
        seconds=time.monotonic() - began,
        memory=memory,
        p99=slowest * 1000,
        faults=tuple(faults),
        **totals,
        more={**dict(sorted(spells.items())), "operations that failed or were slow": failed, "kills": kills},
    )


_LATER = ("451", "452")


def _end(it: Trial, control: Control, killed: bool) -> bool:
    """The disk is good again; perhaps all was killed before."""
    if killed:
        it.blame()
        it.relay.kill()
    control.set()
    if killed:
        it.relay.start()
    return killed
