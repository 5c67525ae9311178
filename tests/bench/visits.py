"""What readers cost: redirects of links in mail that was sent before, and what a flood of opens does to submission.

In:  a relay and its web port.
Out: `Figures` in which a redirect is what elsewhere is a message; and those of submission beside a flood.

Why so: CPU of a redirect is of all processes and until they rest, so that the event's journal and the reporter are
in it. Nobody is given another niceness: in a flood without a rate the web worker and the flooder need a core each, so
what can be asked of submission is its share of two cores; at a thousand opens a second, that it waits for nothing
else. The links of all readers are made from those of one, whose letter was looked at.
"""

from __future__ import annotations

import contextlib
import dataclasses
import html
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence

from relay.model.event import EventName
from relay.model.token import TOKEN_LENGTH, Purpose
from relay.store.sqlite import open_reader, shard_directory
from relay.transform.token import make, read
from relay.worker.context import WEB_SHARD
from tests.bench import letter
from tests.bench.accounting import Meter, until
from tests.bench.ends import ROOT, generate
from tests.bench.goal import P99, RELAY, Goal
from tests.bench.job import APART, Job
from tests.bench.links import BASE, given, judge, sent_html, urls
from tests.bench.load import Load, Traffic
from tests.bench.relaysystem import RelaySystem
from tests.bench.system import PLAIN, SECURE, System
from tests.bench.traffic import Bench, Figures, percentile
from tests.bench.tuned import CLICKS, OPENS, READERS
from tests.bench.visitor import Visit, Visited
from tests.bench.witness import complaints

_A_REDIRECT = Goal(cpu_ms=1)
_READERS = 200  # of the mailing whose links are followed; of each, a thousand clicks a day are kept
_STRIDE = 4  # every so many-th link of a letter is followed


def addresses(
    bench: Bench, system: RelaySystem, fields: Sequence[str], tokens: Mapping[str, int], purpose: Purpose
) -> list[tuple[str, str]]:
    """Send a mailing; the paths of its readers' links, with where each must lead.

    Raises:
        RuntimeError: it was not taken, or not as it should be.
    """
    job = Job(
        port=system.doors[PLAIN].port,
        run=bench.name(),
        seconds=0,
        messages=1,
        connections=1,
        content=letter.LETTER,
        changed=True,
        copies=APART,
        recipients=READERS[:_READERS],
        fields=tuple(fields),
        tokens=tokens,
    )
    bench.sink.order("expect", signed=True, **job.told())
    result = generate(job)
    bench.sink.order("wait", messages=job.each_copies, seconds=60)
    report = bench.sink.order("report", messages=job.each_copies, sample=str(bench.directory))
    faults, keys = [*result.faults, *complaints(report)], system.link_keys()
    wires = []
    for path in sorted(bench.directory.glob(f"{job.run}-*.eml")):
        wires.append(path.read_bytes())
        path.unlink()
        if fault := judge(wires[-1], job, keys, int(path.stem.rpartition("-")[2])):
            faults.append(f"{path.name}: {fault}")
    if faults or not wires:
        raise RuntimeError(f"no mailing whose links can be followed: {faults}")
    targets = [html.unescape(each) for each in given(sent_html(wires[0], job), job)]
    links = []
    for url, target in zip(urls(wires[0]), targets, strict=True):
        text = url.removeprefix(f"{BASE}/")
        token = read(text[:TOKEN_LENGTH], keys)
        if token.purpose is purpose:
            links.append((token, text[TOKEN_LENGTH:], target))
    return [
        (f"/{make(keys[0], dataclasses.replace(token, recipient=reader)).decode()}{rest}", target)
        for token, rest, target in links[::_STRIDE]
        for reader in range(1, _READERS + 1)
    ]


def visit(wanted: Visit) -> subprocess.Popen[str]:
    """Start the reader's process; `told` waits for its end."""
    line = [sys.executable, "-m", "tests.bench.visitor"]
    process = subprocess.Popen(line, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.write(json.dumps(dataclasses.asdict(wanted)))
    process.stdin.close()
    process.stdin = None  # so that communicate does not look at it
    return process


def told(process: subprocess.Popen[str]) -> Visited:
    said, _ = process.communicate(timeout=300)
    if process.returncode:
        raise RuntimeError(f"the reader ended with {process.returncode}")
    return Visited(**json.loads(said))


class Told:
    """The events of readers that the web worker writes from now on."""

    def __init__(self, system: RelaySystem) -> None:
        self._reader = open_reader(shard_directory(system.data, WEB_SHARD), WEB_SHARD)
        self._seq = 0
        while entries := self._reader.journal(self._seq, 5000):
            self._seq = entries[-1].seq
        self.count = 0

    def came(self, count: int) -> bool:
        """Whether so many have come."""
        while entries := self._reader.journal(self._seq, 5000):
            self._seq = entries[-1].seq
            self.count += sum(1 for each in entries if each.event.name in (EventName.CLICKED, EventName.OPENED))
        return self.count >= count

    def faults(self, count: int) -> list[str]:
        """Wait until so many are on disk; what is wrong if they do not come, or more."""
        with contextlib.suppress(TimeoutError):
            until(lambda: self.came(count), "the events of readers", 30)
        self._reader.close()
        return [] if self.count == count else [f"{self.count} events were written of {count} answers"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Redirects:
    name: str = "redirects"
    title: str = "redirects of links, connections kept"
    systems: tuple[str, ...] = (RELAY,)
    goal: Goal = _A_REDIRECT

    def run(self, bench: Bench, system: System, seconds: float, number: int) -> Figures:
        assert isinstance(system, RelaySystem)
        found = addresses(bench, system, (CLICKS,), {"CLICK": letter.LINKS}, Purpose.CLICK)
        system.group.settle()
        events = Told(system)
        meter = Meter(system.group)
        result = told(visit(Visit(port=system.web, addresses=found, seconds=seconds)))
        meter.look()
        busy = meter.busy()
        faults = events.faults(result.answers)
        rest, cpu = system.group.settle(), meter.cpu()
        count, taken = max(1, result.answers), max(1e-9, result.end - result.begin)
        return Figures(
            system=system.name,
            load=self.name,
            round=number,
            accepted=result.answers,
            seconds=taken,
            rate=result.answers / taken,
            taken=result.answers / taken,
            cpu_ms=1000 * cpu / count,
            generator_ms=1000 * result.cpu / count,
            sink_ms=0.0,
            p50=1000 * percentile(result.latencies, 0.5),
            p95=1000 * percentile(result.latencies, 0.95),
            p99=1000 * percentile(result.latencies, 0.99),
            arrival95=0.0,
            others=max(0.0, busy - (cpu + result.cpu) / meter.capacity),
            memory=meter.peak,
            connections=20,
            resumed=0,
            rest=rest,
            sample=0,
            faults=[*faults, *result.faults],
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """Submission while pixels are asked for, beside submission alone."""

    name: str
    title: str
    traffic: Traffic
    opens: float = 0.0  # a second; 0: as many as come
    systems: tuple[str, ...] = (RELAY,)

    @property
    def goal(self) -> Goal:
        return self.traffic.goal

    def run(self, bench: Bench, system: System, seconds: float, number: int) -> Figures:
        assert isinstance(system, RelaySystem)
        fields = (OPENS, "X-SMTPeter-OpenPixel: bottom")
        tokens = {"IMAGE": letter.IMAGES, "PIXEL": 1}
        pixels = addresses(bench, system, fields, tokens, Purpose.PIXEL)
        made: dict[bool, Figures] = {}
        opened: Visited | None = None
        events = Told(system)
        for flooded in (True, False) if number % 2 else (False, True):
            system.group.settle()
            # The flood begins before the first message, and ends with the last: the sessions' start is not measured.
            length = seconds * self.traffic.stretch + 1.0
            flood = (
                visit(Visit(port=system.web, addresses=pixels, seconds=length, rate=self.opens)) if flooded else None
            )
            made[flooded] = self.traffic.run(bench, system, seconds, number)
            opened = told(flood) if flood is not None else opened
        assert opened is not None
        figures, figures.pair = made[True], made[False]
        figures.load = self.name
        figures.faults += [*made[False].faults, *opened.faults, *events.faults(opened.answers)]
        figures.more = {"opens": opened.answers / max(1e-9, opened.end - opened.begin)}
        return figures


REDIRECTS = Redirects()
VISITS: tuple[Load, ...] = (
    REDIRECTS,
    Flood(
        name="flood",
        title="p99 at 20 a second, opens flooding, over none",
        traffic=Traffic(
            name="flood",
            title="",
            door=SECURE,
            job={"rate": 20.0, "connections": 4, "each": 100},
            goal=Goal(figure=P99),
        ),
    ),
    Flood(
        name="opened",
        title="p99 at 20 a second, 1,000 opens a second, over none",
        opens=1000.0,
        traffic=Traffic(
            name="opened",
            title="",
            door=SECURE,
            job={"rate": 20.0, "connections": 4, "each": 100},
            goal=Goal(figure=P99),
        ),
    ),
    Flood(
        name="floodkept",
        title="plain, kept, opens flooding, over none",
        traffic=Traffic(name="floodkept", title="", door=PLAIN, job={}, stretch=0.5),
    ),
)
