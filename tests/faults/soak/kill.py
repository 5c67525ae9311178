"""Kill: SIGKILL of a worker, the reporter, the web worker, the supervisor, all, at random moments and at bad ones.

A round is a relay of its own with two workers under load, some two dozen kills, and the account of it.
"""

from __future__ import annotations

import time
from collections import Counter

from tests.faults.fatal import Control, Moment
from tests.faults.kills import KINDS, at_moment
from tests.faults.report import Report
from tests.faults.stage import Stage
from tests.faults.trial import trial
from tests.faults.watch import Watch

KILLS = 24  # of one relay
WINDOW = 3.0  # seconds between the receiver's 250 and our commit, at the most; the machine is busy


def run(stage: Stage, report: Report) -> None:
    began, kills, totals, longest, faults = time.monotonic(), Counter[str](), Counter[str](), 0.0, list[str]()
    memory = 0.0
    for number in stage.rounds():
        home = stage.home / f"relay{number}"
        home.mkdir()
        control = Control(home / "control")
        keep, two = {"contents": "1s"}, {"workers": 2}
        with (
            trial(home, program=control.program, pause=0.005, retention=keep, processes=two) as it,
            Watch(it.relay) as watch,
        ):
            it.load.start()
            while len(it.blames) < KILLS and (stage.left > 0 or not it.blames):
                if stage.random.random() < 0.6:
                    name = stage.random.choice(list(KINDS))
                    KINDS[name](it, stage.random)
                else:
                    moment = stage.random.choice(list(Moment))
                    name = f"at {moment.name.lower()}"
                    at_moment(it, stage.random, control, moment)
                kills[name] += 1
            it.accept_more()
            it.settle(120.0)
            account = it.account(WINDOW)
        memory = max(memory, watch.memory)
        for key, value in account.figures().items():
            totals[key] += value
        longest = max([longest, *(second - first for times in it.arrivals.twice() for first, second in [times[:2]])])
        faults += [f"{home}: number {each} is lost" for each in account.lost]
        faults += [
            f"{home}: came at {one:.3f} and {two:.3f} with no kill to blame" for one, two in account.unexplained
        ]
        faults += [f"{home}: {count} answers {code}" for code, count in account.refused.items()]
        stage.say(f"{sum(kills.values())} kills, {totals['accepted']} accepted, {totals['lost']} lost")
    report.add(
        "kill",
        "SIGKILL under load",
        kills.total(),
        seconds=time.monotonic() - began,
        memory=memory,
        faults=tuple(faults),
        **totals,
        more={**dict(sorted(kills.items())), "longest between two arrivals, s": longest},
    )
