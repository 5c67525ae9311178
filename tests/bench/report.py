"""What a run of the bench says at its end: tables and settings for the reader, everything as JSON."""

from __future__ import annotations

import dataclasses
import json
import statistics
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench import growth
from tests.bench.fsyncs import Sample
from tests.bench.load import Load
from tests.bench.table import columns, rows, text
from tests.bench.traffic import Figures

_BUSY = 0.15  # share of the machine's CPU; where others took more, rates say little


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    machine: Mapping[str, Any]
    rounds: int
    seconds: float
    loads: Sequence[Load]
    figures: Sequence[Figures]
    samples: Sequence[Sample]
    settings: Mapping[str, Any]  # by system

    def text(self) -> str:
        """For a terminal."""
        parts = [text(rows(self.loads, self.figures)), columns(growth.lines(self.figures)), *beside(self.figures)]
        if (others := statistics.median(each.others for each in self.figures)) > _BUSY:
            parts.append(
                f"Others used {others:.0%} of the machine meanwhile: trust CPU a message, and not the rates."
            )
        parts += [_settings(name, found) for name, found in self.settings.items() if found]
        parts += [
            f"fsyncs before the 250, {each.system}: {each.why_not or ', '.join(map(str, each.fsyncs))}"
            for each in self.samples
        ]
        parts += [f"DISHONEST: {fault}" for fault in self.faults()]
        return "\n\n".join(filter(None, parts))

    def faults(self) -> Iterator[str]:
        """What was dishonest, some lines for each run."""
        runs = [(f"{each.system}, {each.load}, round {each.round}", each.faults) for each in self.figures]
        runs += [(f"{each.system}, under strace", [*each.faults]) for each in self.samples]
        for where, found in runs:
            yield from (f"{where}: {fault}" for fault in found[:3])
            if len(found) > 3:
                yield f"{where}: and {len(found) - 3} more"

    def write(self, path: Path) -> None:
        """Everything, as JSON."""
        whole = {
            "machine": self.machine,
            "rounds": self.rounds,
            "seconds": self.seconds,
            "settings": self.settings,
            "rows": [dataclasses.asdict(each) for each in rows(self.loads, self.figures)],
            "fsyncs": [dataclasses.asdict(each) for each in self.samples],
            "figures": [dataclasses.asdict(each) for each in self.figures],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(whole, indent=1, default=str) + "\n")


def beside(figures: Sequence[Figures]) -> Iterator[str]:
    """What mailings, floods and large requests have to say besides; medians, memory the highest."""
    if many := [each.more["seconds for 1,000"] for each in figures if "seconds for 1,000" in each.more]:
        yield f"A request with 1,000 recipients: {statistics.median(many):.2f} s, at most {max(many):.2f} s."
    if large := [each.more for each in figures if "memory most" in each.more]:
        before, most = (max(each[name] for each in large) / 1e6 for name in ("memory before", "memory most"))
        took = max(each["seconds for 25 MB"] for each in large)
        yield f"Attachments of 25 MB: all processes {before:.0f} MB before, {most:.0f} MB at most; {took:.1f} s."
    if mailings := [each.more for each in figures if "largest" in each.more and "copies" in each.more]:
        one, single = (max(each[name] for each in mailings) / 1e6 for name in ("largest", "largest of single"))
        yield f"Largest process while a mailing came in: {one:.0f} MB resident; as single messages: {single:.0f} MB."
    for load in dict.fromkeys(each.load for each in figures if "opens" in each.more):
        runs = [each for each in figures if each.load == load]
        opens = statistics.median(each.more["opens"] for each in runs)
        rates = " and ".join(
            f"{statistics.median(each.rate for each in some if each):,.0f}/s"
            for some in (runs, [each.pair for each in runs])
        )
        yield f"{load}: {opens:,.0f} opens a second beside it; with them and without, {rates} were delivered."


def _settings(system: str, found: Mapping[str, Any]) -> str:
    """The settings of a system in a paragraph; files that are texts are left to the JSON."""
    words = []
    for name, value in found.items():
        if isinstance(value, Mapping) and all(isinstance(each, str) for each in value.values()):
            words.append(f"{name}: {', '.join(f'{key}={setting}' for key, setting in value.items())}.")
        elif not (isinstance(value, str) and "\n" in value):
            words.append(f"{name}: {json.dumps(value, default=str)}.")
    return textwrap.fill(
        f"Settings of {system}. {' '.join(words)}", 118, break_long_words=False, break_on_hyphens=False
    )


def line(figures: Figures) -> str:
    """One run, told when it has ended."""
    return (
        f"{figures.load:9} {figures.system:8} {figures.rate:8,.0f}/s  CPU {figures.cpu_ms:6.2f} ms"
        f"  p50 {figures.p50:6.1f}  p99 {figures.p99:6.1f} ms  {figures.memory / 1e6:4.0f} MB"
        f"  generator {figures.generator_ms:.3f}  sink {figures.sink_ms:.3f} ms"
        f"  others {figures.others:4.0%}  {figures.accepted} messages{'  DISHONEST' if figures.faults else ''}"
    )
