"""The same work while other mail waits: rate, waiting times, start-up and memory of a relay with a full queue.

In:  kinds of backlog (`seed.py`) and how large each is: the table WAITING.
Out: `Figures` of the full relay, whose `pair` is the empty one's in the same minute. In `more`: the p95 of a thin
     stream of mail beside the backlog, and the seconds from the start of the program to its first delivery.

Why so: a backlog is put into the shards before the start, so that start-up is measured as well; the reporter then
reads the journal of it, and only after that is anything measured. Mail for the paused site goes to a port where
nobody listens; the slow site takes a second for each message, so that one account's mail is always due and under way.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.ends import ROOT, generate
from tests.bench.goal import RELAY, Goal
from tests.bench.job import Job
from tests.bench.relaysystem import RelaySystem
from tests.bench.seed import PAUSED, SLOW
from tests.bench.system import PLAIN, System
from tests.bench.traffic import Bench, Figures, run
from tests.peers.receiver import Behaviour, Receiver

SHARDS = 2  # as many workers are started
_NOBODY = 9  # the port "discard", where nobody listens
_REPORTED = 180.0  # seconds the reporter may take for the journal of what was seeded
_CALM = 20.0  # messages a second of the stream whose waiting times are told
_TAKES = 1.0  # seconds the slow site takes for a message


class Waiting:
    """A load: the plainest traffic, beside so many messages that wait."""

    systems = (RELAY,)
    goal = Goal(goal=0.9, least=0.8)

    def __init__(self, name: str, title: str, kind: str, count: int) -> None:
        """Args:
        kind: of `seed.KINDS`.
        count: messages waiting, in all shards.
        """
        self.name = name
        self.title = title
        self.kind = kind
        self.count = count
        self._slow = 0  # port of the slow site, the same in all rounds
        self._records: dict[bytes, bytes] = {}  # of the domain's keys, once the relay is initialised

    def run(self, bench: Bench, system: System, seconds: float, number: int) -> Figures:
        """One round: the full relay beside `system`, which holds no waiting mail."""
        with Receiver(Behaviour(delay={"dot": _TAKES}), port=self._slow) as slow:
            self._slow = slow.port
            full = self._prepared(bench)
            began = time.monotonic()
            full.launch()
            try:
                first = _first(bench, full) - began
                full.group.settle(_REPORTED)
                figures = _beside(bench, system, full, self.name, seconds, number)
                figures.more |= {"waiting": self.count, "first delivery": first, "largest": full.group.largest()}
                return figures
            finally:
                full.stop()

    def _prepared(self, bench: Bench) -> RelaySystem:
        """A relay that does not run, with its backlog; seeded once for all rounds."""
        home = bench.directory / self.name
        routes = [_route("paused", PAUSED, _NOBODY), _route("slow", SLOW, self._slow)]
        full = RelaySystem(home, bench.sink.port, bench.certificate, SHARDS, routes)
        if not self._records:
            full.prepare()
            _seed(full.data, self.kind, self.count)
            self._records = full.records
        full.records = self._records
        return full


WAITING = (
    Waiting("waiting100k", "100,000 wait for later, plain, kept, over none", "later", 100_000),
    Waiting("waiting1m", "1,000,000 wait for later", "later", 1_000_000),
    Waiting("paused1m", "1,000,000 wait, 900,000 of them due for one paused site", "paused", 1_000_000),
    Waiting("account1m", "1,000,000 wait, 900,000 of them due, of one account", "account", 1_000_000),
)


def _route(name: str, domain: str, port: int) -> Mapping[str, Any]:
    return {"name": name, "domains": [f"*.{domain}"], "smarthost": {"host": "127.0.0.1", "port": port, "tls": "none"}}


def _seed(data: Path, kind: str, count: int) -> None:
    each = str(count // SHARDS)
    line = [sys.executable, "-m", "tests.bench.seed", str(data)]
    running = [subprocess.Popen([*line, str(shard), each, kind], cwd=ROOT) for shard in range(SHARDS)]
    if any([process.wait() for process in running]):
        raise RuntimeError(f"a backlog of {count} ({kind}) could not be made")


def _first(bench: Bench, full: RelaySystem) -> float:
    """When the first message arrived (CLOCK_MONOTONIC)."""
    job = Job(port=full.doors[PLAIN].port, run=bench.name(), connections=1, messages=1, size=1000)
    bench.sink.order("expect", run=job.run, size=job.size, recipients=1, signed=True)
    result = generate(job)
    bench.sink.order("wait", messages=1, seconds=60)
    arrived: float = bench.sink.order("report", messages=1)["last"]
    if result.faults or not arrived:
        raise RuntimeError(f"the first message beside a backlog did not arrive: {result.faults}")
    return arrived


def _beside(bench: Bench, system: System, full: System, load: str, seconds: float, number: int) -> Figures:
    """The two in turn, first as fast as they can, then at a calm pace."""
    turn = [system, full] if number % 2 else [full, system]
    fast: dict[int, Figures] = {}
    calm: dict[int, Figures] = {}
    for each in turn:
        job = Job(port=each.doors[PLAIN].port, run=bench.name(), seconds=seconds)
        fast[id(each)] = run(bench, each, load, job, signed=True, number=number)
    for each in turn:
        job = Job(port=each.doors[PLAIN].port, run=bench.name(), seconds=3 * seconds, rate=_CALM, connections=4)
        calm[id(each)] = run(bench, each, load, job, signed=True, number=number)
    figures, pair = fast[id(full)], fast[id(system)]
    figures.faults += [*pair.faults, *calm[id(full)].faults, *calm[id(system)].faults]
    figures.pair = pair
    figures.more |= {
        "p95": calm[id(full)].p95,
        "p95 empty": calm[id(system)].p95,
        "arrival p95": calm[id(full)].arrival95,
        "arrival p95 empty": calm[id(system)].arrival95,
    }
    return figures


HEAD = (
    "waiting",
    "p95 to 250",
    "none waiting",
    "p95 to arrival",
    "none waiting",
    "ratio",
    "first delivery",
    "largest process",
)


def lines(figures: Sequence[Figures]) -> list[tuple[str, ...]]:
    """A table of what the rates do not tell; nothing if no such load ran. Medians."""
    runs = {
        load.title: [each.more for each in figures if each.load == load.name and "waiting" in each.more]
        for load in WAITING
    }
    made = [(title, *_cells(each)) for title, each in runs.items() if each]
    return [HEAD, *made] if made else []


def _cells(runs: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    def median(name: str) -> float:
        return float(statistics.median(each[name] for each in runs))

    ratio = median("arrival p95") / max(1e-9, median("arrival p95 empty"))
    return (
        f"{median('p95'):.1f} ms",
        f"{median('p95 empty'):.1f} ms",
        f"{median('arrival p95'):.1f} ms",
        f"{median('arrival p95 empty'):.1f} ms",
        f"{ratio:.2f} (at most 1.5)",
        f"{median('first delivery'):.2f} s (at most 5)",
        f"{median('largest') / 1e6:.0f} MB (at most 300)",
    )
