"""The machine's clock jumps at random, both ways and by up to months, under load: nothing expires, nothing is lost.

In the end the clock is right again; what was put off while it was ahead is asked for with `relay queue retry`, as the
handbook says.
"""

from __future__ import annotations

import contextlib
import threading

from relay.model.event import EventName
from tests.faults.report import Report
from tests.faults.stage import Stage
from tests.faults.town import HOME, Town, town
from tests.faults.watch import Watch
from tests.peers.receiver import Behaviour

ROUND = 60.0  # seconds
HOUR, DAY = 3600.0, 86_400.0
JUMPS = (30.0, HOUR, DAY, 10 * DAY, 100 * DAY)
GOOD, BUSY = "good.test", "busy.test"
NOT_NOW = Behaviour(on={"rcpt": ["451 4.3.0 not now", "ok"] * 100_000})


def run(stage: Stage, report: Report) -> None:
    for number in stage.rounds():
        peers = {GOOD: Behaviour(), BUSY: NOT_NOW, HOME: Behaviour()}
        with town(stage.home / f"{number}", peers) as here:
            _round(here, stage, report)


def _round(here: Town, stage: Stage, report: Report) -> None:
    relay, seconds = here.relay, max(15.0, min(ROUND, stage.left))
    load = relay.load("", threads=2, pause=0.02)
    load.recipient = lambda number: f"ann{number}@{(GOOD, BUSY)[number % 2]}"
    pause, jumps = threading.Event(), 0
    with Watch(relay) as watch:
        load.start()
        while jumps < seconds / 3:
            pause.wait(3.0)
            relay.clock.set(stage.random.choice((-1.0, 1.0)) * stage.random.choice(JUMPS))
            jumps += 1
        relay.clock.set(0.0)
        pause.wait(3.0)  # it looks at its clock every two seconds
        load.stop()
        here.mend()
        with contextlib.suppress(AssertionError):  # what is missing then stands in the report
            relay.cli("queue", "retry", "--state", "queued", "--yes")
            relay.wait(lambda: not here.arrivals.missing(load.accepted), "all of it", 60)
    expired = sum(each.name is EventName.EXPIRED for each in relay.journal())
    faults = [f"{expired} recipients expired"] if expired else []
    if here.received(HOME):
        faults.append(f"{len(here.received(HOME))} reports came back")
    if relay.stop() != 0:
        faults.append("it did not end in good order")
    report.add(
        "clock",
        "jumps both ways",
        jumps,
        seconds=seconds,
        memory=watch.memory,
        p99=load.slowest() * 1000,
        refused=len(load.refused),
        faults=tuple(faults),
        **here.arrivals.counts(load.accepted),
    )
