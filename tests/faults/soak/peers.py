"""Peers that misbehave at random, in any mixture, change their ways and come to themselves, under load.

A round: a town of hosts, some domains with two of them, and clients that send to all. Every half second a host takes
up another misdeed, or leaves it. In the end all behave, and what was accepted must have come out, once: a second time
only where it was uncertain before.
"""

from __future__ import annotations

import contextlib
import threading
from random import Random

from relay.model.event import EventName
from tests.faults.misdeeds import Misdeed, misdeeds
from tests.faults.report import Report
from tests.faults.stage import Stage
from tests.faults.town import HOME, Town, town
from tests.faults.watch import Watch
from tests.peers.receiver import Behaviour

HOSTS = 40
ROUND = 60.0  # seconds
CHANGE = 0.5  # seconds
CALM = 120.0  # seconds in which all that waits must be through once every host behaves
PATIENCE = 2.0  # seconds the relay waits for a peer
BESIDE = "good.test"


def run(stage: Stage, report: Report) -> None:
    wrongs = [each for each in misdeeds() if each.step != "auth"]
    for number in stage.rounds():
        _round(stage, report, wrongs, number)


def _round(stage: Stage, report: Report, wrongs: list[Misdeed], number: int) -> None:
    random, seconds = stage.random, max(10.0, min(ROUND, stage.left))
    names = [f"host{each}.test" for each in range(HOSTS)]
    pairs = {f"pair{each}.test": random.sample(names, 2) for each in range(HOSTS // 2)}
    domains = [*names, *pairs]
    peers = dict.fromkeys([*names, BESIDE, HOME], Behaviour())
    with town(stage.home / f"{number}", peers, pairs, patience=PATIENCE, retry=["2s", "4s"]) as here:
        load = here.relay.load("", threads=3, pause=0.01)
        load.recipient = lambda number: f"ann{number}@{domains[number % len(domains)]}"
        beside = here.relay.load(BESIDE, threads=1, pause=0.05)
        beside.first(1_000_000)
        faults: list[str] = []
        with Watch(here.relay) as watch:
            load.start()
            beside.start()
            changes = _trouble(here, names, wrongs, random, seconds)
            load.stop()
            beside.stop()
            here.mend()
            accepted = {**load.accepted, **beside.accepted}
            with contextlib.suppress(AssertionError):  # what is missing then stands in the report
                here.relay.wait(lambda: not here.arrivals.missing(accepted), "all of it", CALM)
        faults += _strange(here)
        if (code := here.relay.stop()) != 0:
            faults.append(f"it ended with {code}")
        report.add(
            "peers",
            f"{HOSTS} hosts in any mixture",
            changes,
            seconds=seconds,
            memory=watch.memory,
            p99=beside.slowest() * 1000,
            refused=len(load.refused) + len(beside.refused),
            faults=tuple(faults),
            **here.arrivals.counts(accepted),
        )


def _trouble(here: Town, names: list[str], wrongs: list[Misdeed], random: Random, seconds: float) -> int:
    """How many changes there were."""
    changes = 0
    pause = threading.Event()
    for _ in range(int(seconds / CHANGE)):
        wrong = random.choice(wrongs)
        # Some wrongs end mail for good. Then it comes back, and is not lost either.
        here.receivers[random.choice(names)].behaviour = Behaviour() if random.random() < 0.3 else wrong.behaviour
        changes += 1
        pause.wait(CHANGE)
    return changes


def _strange(here: Town) -> list[str]:
    """Mail that arrived twice although nothing was uncertain, and whatever the relay itself takes for a fault."""
    found = []
    told = here.relay.told()
    for address, events in told.items():
        ends = [each for each in events if each.name in (EventName.DELIVERED, EventName.FAILED)]
        if len(ends) > 1 and not address.endswith(HOME):  # where all reports go
            found.append(f"{address} ended {len(ends)} times")
    twice = {number for number, times in here.arrivals.times.items() if len(times) > 1}
    uncertain = {
        address.partition("@")[0].removeprefix("ann")
        for address, events in told.items()
        if any(each.data["class"] == "uncertain" for each in events)
    }
    found += [f"number {each} arrived twice, and was not uncertain" for each in twice if str(each) not in uncertain]
    if "Traceback" in here.relay.printed:
        found.append("there is a traceback in the log")
    return found
