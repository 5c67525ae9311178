"""Five times as many clients as there is room for, ten minutes long: answers in time, no growth, calm at once.

The relay has its defaults but for the number of sessions, so that a generator on the same machine can be too many.
Growth is what it holds in the last quarter beyond the second one; the first warms it up.
"""

from __future__ import annotations

import contextlib
import statistics
import threading
import time

from tests.faults.crowd import Crowd
from tests.faults.report import Report
from tests.faults.rogues import Client
from tests.faults.stage import Stage
from tests.faults.town import HOME, Hurried, town
from tests.faults.watch import Watch, write_ahead
from tests.peers.receiver import Behaviour

PLACES = 20
FACTOR = 5
LONGEST = 600.0  # seconds
SLOW = 20.0  # seconds; an answer that takes longer is as good as none
GROWTH = 0.15  # share
WARM = 120.0  # seconds; the caches of a store fill with its first ten thousand messages
AFTER = 5.0  # seconds in which a lone client must be served once the crowd is gone
GOOD = "good.test"


def run(stage: Stage, report: Report) -> None:
    seconds = max(20.0, min(LONGEST, stage.left - 30.0))
    config = {"limits": {"sessions": PLACES, "sessions_per_address": 10_000}}
    with town(stage.home / "relay", {GOOD: Behaviour(), HOME: Behaviour()}, config=config) as here:
        relay, faults = here.relay, list[str]()
        with Watch(relay) as watch:
            with Crowd(relay.access, GOOD, PLACES * FACTOR) as crowd:
                quarters = [_quarter(watch, seconds / 4) for _ in range(4)]
            calm, over = _calm(relay), time.monotonic()
            with contextlib.suppress(AssertionError):
                relay.wait(lambda: not here.arrivals.missing(crowd.accepted), "all of it", 300)
            through = time.monotonic() - over
        if crowd.silent:
            faults.append(f"{len(crowd.silent)} connections without an answer, such as {crowd.silent[0]}")
        if strange := crowd.heard.keys() - {"250 2.0.0", "421 4.3.2", "452 4.3.1", "451 4.3.0"}:
            faults.append(f"answers that do not fit: {strange}")
        if max(crowd.seconds) > SLOW:
            faults.append(f"an answer took {max(crowd.seconds):.1f} s")
        if seconds >= WARM and quarters[3] > quarters[1] * (1 + GROWTH):
            faults.append(f"memory grew from {quarters[1]:.0f} to {quarters[3]:.0f} MB")
        if calm > AFTER:
            faults.append(f"a lone client afterwards took {calm:.1f} s")
        if relay.stop() != 0:
            faults.append("it did not end in good order")
        report.add(
            "load",
            f"{PLACES * FACTOR} clients for {PLACES} places",
            1,
            seconds=seconds,
            memory=watch.memory,
            p99=crowd.slowest() * 1000,
            refused=sum(count for answer, count in crowd.heard.items() if answer.startswith("4")),
            faults=tuple(faults),
            more={
                **{f"answers {answer}": count for answer, count in sorted(crowd.heard.items())},
                "slowest answer s": max(crowd.seconds),
                "MB by quarter": " ".join(f"{each:.0f}" for each in quarters),
                "descriptors": watch.descriptors,
                "write-ahead log MB": watch.wal,
                "log afterwards MB": write_ahead(relay.data),
                "lone client afterwards s": calm,
                "backlog gone after s": through,
            },
            **here.arrivals.counts(crowd.accepted),
        )


def _quarter(watch: Watch, seconds: float) -> float:
    """Megabytes of all processes, the median of a look a second."""
    pause = threading.Event()
    looks = []
    for _ in range(max(3, int(seconds))):
        pause.wait(seconds / max(3, int(seconds)))
        looks.append(watch.now())
    return statistics.median(looks)


def _calm(relay: Hurried) -> float:
    """Seconds until a lone client has logged in and may send."""
    began = time.monotonic()
    while True:
        try:
            with Client(relay.access) as client:
                client.envelope()
                client.expect("354", "DATA")
                return time.monotonic() - began
        except (OSError, AssertionError):
            if time.monotonic() - began > 60:
                raise
