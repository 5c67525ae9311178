"""One run of traffic through one system, and what came of it.

In:  a system, a door, a job for the generator.
Out: `Figures`; in their `faults` everything that makes the run dishonest.

The clock runs from the first MAIL to the last arrival at the sink. CPU is read before and after that, and only once
the system has come to rest, so that what it puts off (reports, logs, clearing up) counts as well.
"""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

from tests.bench.accounting import Meter
from tests.bench.ends import SinkProcess, generate
from tests.bench.job import Job, Result
from tests.bench.links import judge
from tests.bench.system import System
from tests.bench.witness import complaints, verify

DRAIN = 120.0  # seconds after the last 250 in which everything must have arrived


@dataclasses.dataclass(slots=True, kw_only=True)
class Figures:
    """One run. Milliseconds of CPU are per message accepted; copies of a mailing count as messages."""

    system: str
    load: str
    round: int
    accepted: int
    seconds: float  # from the first MAIL to the last arrival
    rate: float  # messages delivered a second
    taken: float  # messages accepted a second, to the last 250
    cpu_ms: float  # all processes of the system
    generator_ms: float
    sink_ms: float
    p50: float  # milliseconds from MAIL to the 250
    p95: float
    p99: float
    arrival95: float  # milliseconds from MAIL to the arrival at the sink
    others: float  # share of the machine's CPU that neither system nor bench used: who is busy beside us
    memory: int  # octets, PSS, the highest seen
    connections: int
    resumed: int
    rest: float  # seconds the system went on working after the last arrival
    sample: int  # messages verified by dkimpy
    faults: list[str]
    pair: Figures | None = None  # what relay is compared with in the same round, where that is no load of its own
    more: dict[str, Any] = dataclasses.field(default_factory=dict)  # what one load alone has to say


@dataclasses.dataclass(slots=True)
class Bench:
    """What all runs share."""

    sink: SinkProcess
    directory: Path
    certificate: tuple[Path, Path]  # and its key, of every server
    runs: itertools.count[int] = dataclasses.field(default_factory=itertools.count)

    def name(self) -> str:
        """A name for a run: four characters."""
        return f"{next(self.runs) % 10000:04d}"


def percentile(values: list[float], share: float) -> float:
    """The value that `share` of them do not exceed (nearest rank); 0 of none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1))]


def run(bench: Bench, system: System, load: str, job: Job, *, signed: bool, number: int = 0) -> Figures:
    """Send the traffic of `job`, wait for the last arrival, and judge."""
    expected = signed and bool(system.records)  # the sink alone signs nothing
    bench.sink.order("expect", signed=expected, **job.told())
    meter = Meter(system.group)
    result = generate(job, meter.look)
    meter.look()
    sent = result.accepted * job.each_copies
    bench.sink.order("wait", messages=sent, seconds=DRAIN)
    busy = meter.busy()
    rest = system.group.settle()
    cpu = meter.cpu()
    report = bench.sink.order("report", messages=sent, sample=str(bench.directory), times=True)
    count = max(1, sent)
    began = [each for each in result.started for _ in range(job.each_copies)]
    seconds = max(1e-9, report["last"] - result.begin)
    arrivals = [at - begin for at, begin in zip(report["at"], began, strict=False) if at]
    return Figures(
        system=system.name,
        load=load,
        round=number,
        accepted=sent,
        seconds=seconds,
        rate=report["whole"] / seconds,
        taken=sent / max(1e-9, result.end - result.begin),
        cpu_ms=1000 * cpu / count,
        generator_ms=1000 * result.cpu / count,
        sink_ms=1000 * report["cpu"] / count,
        p50=1000 * percentile(result.latencies, 0.5),
        p95=1000 * percentile(result.latencies, 0.95),
        p99=1000 * percentile(result.latencies, 0.99),
        arrival95=1000 * percentile(arrivals, 0.95),
        others=max(0.0, busy - (cpu + result.cpu + report["cpu"]) / meter.capacity),
        memory=meter.peak,
        connections=result.connections,
        resumed=result.resumed,
        rest=rest,
        sample=report["sample"],
        faults=_judge(bench, system, job, result, report, expected),
    )


def _judge(bench: Bench, system: System, job: Job, result: Result, report: dict[str, Any], signed: bool) -> list[str]:
    """All that makes the run dishonest."""
    faults = [*result.faults, *complaints(report)]
    if not result.accepted:
        faults.append("no message was accepted")
    again = result.connections - job.connections  # the first one of each slot has no session to resume
    if job.resume and result.resumed < 0.9 * again:
        faults.append(f"{result.resumed} of {again} TLS sessions were resumed")
    if not job.resume and result.resumed:
        faults.append(f"{result.resumed} TLS sessions were resumed in a run of full handshakes")
    keys = system.link_keys() if job.tokens else []
    for path in sorted(bench.directory.glob(f"{job.run}-*.eml")):
        wire = path.read_bytes()
        if signed and (fault := verify(wire, system.records)):
            faults.append(f"{path.name}: {fault}")
        if job.tokens and (fault := judge(wire, job, keys, int(path.stem.rpartition("-")[2]))):
            faults.append(f"{path.name}: {fault}")
        path.unlink()
    return faults
