"""`python -m tests.bench`: start the systems, run the loads in turn, print the table, write JSON.

Exit code 1: a run was dishonest (mail lost, doubled, cut, unsigned; a refusal; a 250 before fsync). A goal that is
not reached is told in the table and is no failure.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench import certificate, machine, postfix
from tests.bench.accounting import prefer
from tests.bench.ends import ROOT, SinkProcess
from tests.bench.fsyncs import observe
from tests.bench.goal import DIRECT, POSTFIX, RELAY
from tests.bench.job import Job
from tests.bench.load import Load
from tests.bench.loads import LOADS, QUICK, TUNING
from tests.bench.postfix import PostfixSystem
from tests.bench.relaysystem import RelaySystem
from tests.bench.report import Report, line
from tests.bench.system import PLAIN, SECURE, UNSIGNED, Direct, System
from tests.bench.traffic import Bench, Figures, run
from tests.bench.tuned import WARM

_ALONE = 2.0  # seconds of a run of generator against sink, which needs no more


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    loads: tuple[Load, ...]
    systems: tuple[str, ...]
    rounds: int
    seconds: float
    sample: int  # messages under strace
    checkout: Path  # of the relay that is measured


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    plan = _plan(options)
    if options.nice:
        prefer([os.getpid()], options.nice)
    facts = machine.facts(options.directory)
    print(machine.told(facts), flush=True)
    begin = time.monotonic()
    with ExitStack() as stack:
        home = Path(stack.enter_context(_directory(options.directory)))
        pair = certificate.make(home)
        sink = stack.enter_context(SinkProcess(*pair))
        bench = Bench(sink, home, pair)
        systems = {each.name: each for each in _systems(plan, home, sink.port, pair)}
        for each in systems.values():
            stack.callback(each.stop)
            each.start()
            if options.nice:
                prefer(each.group.pids(), options.nice)
        figures = [*_warm(plan, bench, systems), *_run(plan, bench, systems)]
        samples = [
            observe(bench, each, home / each.name, plan.sample) for each in systems.values() if each.name != DIRECT
        ]
        report = Report(
            machine=facts,
            rounds=plan.rounds,
            seconds=plan.seconds,
            loads=plan.loads,
            figures=figures,
            samples=samples,
            settings={each.name: each.settings for each in systems.values()},
        )
    print(f"\n{report.text()}\n")
    report.write(options.json)
    print(f"{time.monotonic() - begin:.0f} s; all figures: {options.json}")
    return 1 if any(report.faults()) else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one short round, about a minute; no backlogs")
    parser.add_argument("--only", action="append", metavar="LOAD", choices=[each.name for each in LOADS])
    parser.add_argument("--rounds", type=int, default=0, help="rounds of each load; default 3")
    parser.add_argument("--seconds", type=float, default=0, help="of submitting in each run; default 6")
    parser.add_argument("--systems", default=f"{RELAY},{POSTFIX},{DIRECT}", help="default: %(default)s")
    parser.add_argument(
        "--directory", type=Path, default=Path("/var/tmp"), help="where queues lie; default %(default)s"
    )
    parser.add_argument("--nice", type=int, default=0, help="of everything here; -15 on a machine that is not quiet")
    parser.add_argument("--checkout", type=Path, default=ROOT, help="of the relay to measure; default: this one")
    parser.add_argument("--json", type=Path, default=ROOT / ".cache/bench.json")
    return parser.parse_args(arguments)


def _plan(options: argparse.Namespace) -> Plan:
    wanted = options.only or [each.name for each in (QUICK if options.quick else LOADS)]
    loads = tuple(each for each in LOADS if each.name in wanted)
    names = tuple(options.systems.split(","))
    if POSTFIX in names and (why := postfix.missing()):
        print(f"Postfix is not measured: {why}")
        names = tuple(each for each in names if each != POSTFIX)
    rounds = options.rounds or (1 if options.quick else 3)
    seconds = options.seconds or (0.6 if options.quick else 6.0)
    return Plan(loads, names, rounds, seconds, 3 if options.quick else 10, options.checkout.resolve())


@contextmanager
def _directory(parent: Path) -> Iterator[str]:
    home = tempfile.mkdtemp(prefix="relay-bench-", dir=parent)
    Path(home).chmod(0o755)  # Postfix's users go through it
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _systems(plan: Plan, home: Path, sink: int, pair: tuple[Path, Path]) -> Iterator[System]:
    if RELAY in plan.systems:
        yield RelaySystem(home / RELAY, sink, pair, checkout=plan.checkout)
    if POSTFIX in plan.systems:
        yield PostfixSystem(home / POSTFIX, sink, pair)
    if DIRECT in plan.systems:
        yield Direct(sink)


def _warm(plan: Plan, bench: Bench, systems: dict[str, System]) -> Iterator[Figures]:
    """A second through every door: passwords are remembered, processes forked. It is in no row; its faults count."""
    for system in systems.values():
        for name in (PLAIN, SECURE, UNSIGNED):
            door = system.doors[name]
            job = Job(
                port=door.port,
                username=door.username,
                password=door.password,
                tls=name != PLAIN,
                run=bench.name(),
                seconds=min(1.0, plan.seconds / 2),
            )
            yield run(bench, system, "warm", job, signed=name != UNSIGNED)
        if any(each in TUNING for each in plan.loads) and system.name == RELAY:
            for each in WARM:
                yield each.run(bench, system, min(1.0, plan.seconds), 0)


def _run(plan: Plan, bench: Bench, systems: dict[str, System]) -> Iterator[Figures]:
    """All loads, the systems in turn; who begins changes from round to round."""
    for load in plan.loads:
        for number in range(plan.rounds):
            turn = [name for name in load.systems if name in systems]
            for name in reversed(turn) if number % 2 else turn:
                seconds = min(plan.seconds / 2, _ALONE) if name == DIRECT else plan.seconds
                figures = load.run(bench, systems[name], seconds, number)
                print(line(figures), flush=True)
                yield figures


def _terminated(_signal: int, _frame: object) -> None:
    sys.exit(128 + signal.SIGTERM)  # by way of what stops the systems


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminated)
    sys.exit(main())
