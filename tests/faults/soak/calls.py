"""Calls: SIGKILL of the web worker, the supervisor, all, while the HTTP API is called with keys and without.

A round is a relay of its own, called and mailed to at once, some two dozen kills, and the account of both.
"""

from __future__ import annotations

import time
from collections import Counter

from tests.faults import kills
from tests.faults.callers import Callers
from tests.faults.report import Report
from tests.faults.stage import Stage
from tests.faults.trial import trial
from tests.faults.watch import Watch

KILLS = 24  # of one relay
KINDS = (kills.web, kills.web, kills.everybody, kills.supervisor, kills.start_up, kills.reload)


def run(stage: Stage, report: Report) -> None:
    began, done, totals, called, faults = (
        time.monotonic(),
        Counter[str](),
        Counter[str](),
        Counter[str](),
        list[str](),
    )
    memory, repeated = 0.0, 0
    for number in stage.rounds():
        home = stage.home / f"relay{number}"
        with (
            trial(home, threads=2, pause=0.01) as it,
            Watch(it.relay) as watch,
            Callers(it.relay, stage.random.getrandbits(32)) as callers,
        ):
            callers.listen(it)
            it.load.start()
            for _ in range(KILLS):
                goal = callers.calls.total() + 10
                it.relay.wait(lambda: callers.calls.total() >= goal, "ten more calls", 120)  # noqa: B023
                kill = stage.random.choice(KINDS)
                kill(it, stage.random)
                done[kill.__name__] += 1
                if stage.left <= 0:
                    break
            callers.stop()
            it.settle(120.0)
            account = it.account(3.0)
            if callers.missing:
                it.relay.wait(lambda: not callers.missing, "all that was answered", 30)
        memory = max(memory, watch.memory)
        totals.update({key: value for key, value in account.figures().items() if value})
        called += callers.calls
        repeated += callers.repeated
        faults += [f"{home}: {each}" for each in callers.wrongs(it.blames)]
        faults += [f"{home}: number {each} is lost" for each in account.lost]
        faults += [f"{home}: {one} and {two} with no kill to blame" for one, two in account.unexplained]
        stage.say(f"{done.total()} kills, {called.total()} calls, {repeated} made again, {len(faults)} faults")
    report.add(
        "calls",
        "SIGKILL while the API is called",
        done.total(),
        seconds=time.monotonic() - began,
        memory=memory,
        faults=tuple(faults),
        **totals,
        more={**dict(sorted(done.items())), **dict(sorted(called.items())), "calls made again": repeated},
    )
