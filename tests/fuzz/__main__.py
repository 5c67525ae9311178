"""`make fuzz`: atheris on each target, crashes made small and kept, and a table of it all.

In:  --seconds for each target, --only some of them. Out: a table, `.cache/fuzz/report.json`, files under
`tests/fuzz/crashes`, and exit code 1 where something broke.

Every target begins with its seeds, its old crashes, fitting mail of the larger collection where that is at hand, and
what earlier runs found worth keeping (`.cache/fuzz/TARGET`).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.fuzz.corpora import CRASHES, HERE, SEEDS, collection, keep, kept
from tests.fuzz.growth import grow
from tests.fuzz.registry import TARGETS
from tests.fuzz.smaller import broken, smaller
from tests.fuzz.target import Target

CACHE = HERE.parents[1] / ".cache" / "fuzz"
LONGEST = 8192  # octets of an input
PATIENCE = 20  # seconds for an input
TRIES = 5  # processes for a target
MEMORY = 2048  # MB of a target's process
_NONE = """atheris is not installed for this Python ({version}, {machine}).
It has wheels for CPython 3.11 to 3.14 on Linux x86-64: make PYTHON=python3.11 fuzz. The same targets run under
hypothesis in any case: python -m pytest tests/fuzz"""


@dataclass(slots=True)
class Ran:
    """What became of a target."""

    target: str
    seconds: float = 0.0
    runs: int = 0
    reached: int = 0  # edges of the program, as libFuzzer counts them
    measured: int = 0  # repetitions whose time was looked at
    crashes: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    given = _arguments(arguments)
    if importlib.util.find_spec("atheris") is None:
        print(_NONE.format(version=platform.python_version(), machine=platform.machine()), file=sys.stderr)
        return 2
    logging.disable()
    done = []
    print(f"{'target':<12}{'inputs':>12}{'a second':>10}{'edges':>8}{'growth':>8}  broken")
    for name in given.only or TARGETS:
        ran = _fuzz(TARGETS[name], given.seconds)
        if TARGETS[name].work is not None:
            ran.measured, slow = grow(TARGETS[name], max(2.0, given.seconds / 4))
            ran.slow = [str(each) for each in slow]
        done.append(ran)
        _tell(ran)
    write(done)
    return 1 if any(each.crashes or each.slow for each in done) else 0


def write(done: Sequence[Ran]) -> None:
    """The figures of these targets, beside those the other ones had when they ran last."""
    CACHE.mkdir(parents=True, exist_ok=True)
    path = CACHE / "report.json"
    former = json.loads(path.read_text())["targets"] if path.exists() else []
    figures = {each["target"]: each for each in (*former, *map(asdict, done))}
    report = {
        "python": platform.python_version(),
        "at": int(time.time()),
        "targets": [figures[name] for name in TARGETS if name in figures],
    }
    path.write_text(json.dumps(report, indent=1) + "\n")


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz", description="Fuzz what reads a stranger's octets.")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default 60)")
    parser.add_argument("--only", type=_names, default=[], help=f"some of: {', '.join(TARGETS)}")
    return parser.parse_args(arguments)


def _names(text: str) -> list[str]:
    names = [each for each in re.split(r"[, ]+", text) if each]
    if unknown := [each for each in names if each not in TARGETS]:
        raise argparse.ArgumentTypeError(f"no target {unknown[0]}; there are {', '.join(TARGETS)}")
    return names


def _tell(ran: Ran) -> None:
    rate = ran.runs / ran.seconds if ran.seconds else 0
    what = len(ran.crashes) + len(ran.slow) or "-"
    print(f"{ran.target:<12}{ran.runs:>12,}{rate:>10,.0f}{ran.reached:>8,}{ran.measured:>8,}  {what}", flush=True)
    for each in (*ran.crashes, *ran.slow):
        print(f"    {each}", flush=True)


def _fuzz(target: Target, seconds: int) -> Ran:
    """Until the time is over or something breaks."""
    ran = Ran(target.name)
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        (place / "words").write_text("".join(f'"{_escaped(each)}"\n' for each in target.words))
        (place / "broke").mkdir()
        _sow(target, place / "seeds")
        for _ in range(TRIES):
            began = time.monotonic()
            code, said = _run(target, seconds - round(ran.seconds), place)
            ran.seconds += time.monotonic() - began
            ran.runs += _number(r"^#(\d+)\t", said)
            ran.reached = _number(r"cov: (\d+)", said)
            # Its own time-out takes a process that got no processor for a second for one that hangs, and kills it.
            if code != -signal.SIGALRM or ran.seconds >= seconds:
                break
        for each in sorted((place / "broke").iterdir()):
            ran.crashes.append(_kept(target, each.name.partition("-")[0], each.read_bytes()))
        if code and not ran.crashes:
            ran.crashes.append(f"atheris ended with {code}: {said[-2000:]}")
    return ran


def _sow(target: Target, seeds: Path) -> None:
    seeds.mkdir()
    begin = kept(SEEDS, target.name) | kept(CRASHES, target.name) | collection(target.name)
    for number, octets in enumerate(begin.values()):
        (seeds / str(number)).write_bytes(octets)


def _run(target: Target, seconds: int, place: Path) -> tuple[int, str]:
    """One process of atheris: how it ended, and what it said."""
    found = CACHE / target.name
    found.mkdir(parents=True, exist_ok=True)
    options = {
        "max_total_time": max(1, seconds), "max_len": LONGEST, "timeout": PATIENCE, "rss_limit_mb": MEMORY,
        "dict": place / "words", "artifact_prefix": f"{place / 'broke'}/", "reload": 0,
    }  # fmt: skip
    done = subprocess.run(
        ["nice", sys.executable, "-m", "tests.fuzz.one", target.name, *(f"-{k}={v}" for k, v in options.items()),
         str(found), str(place / "seeds")],
        cwd=HERE.parents[1], env={**os.environ, "PYTHONWARNINGS": "ignore"}, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, timeout=seconds * 2 + 600, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr.decode("utf-8", "replace")


def _kept(target: Target, kind: str, octets: bytes) -> str:
    """Keep what broke, small where that can be, and say where it is."""
    if kind != "crash":  # too slow or too large: to run it again and again would take hours
        return str(keep(target.name, kind, octets).relative_to(HERE.parents[1]))
    place = broken(target.check, octets)
    if place is None:
        return f"{keep(target.name, 'sometimes', octets).relative_to(HERE.parents[1])}: broke once, not again"
    octets = smaller(target.check, octets)
    where = f"{Path(place[1]).name} line {place[2]}"
    return f"{keep(target.name, place[0], octets).relative_to(HERE.parents[1])}: {place[0]}, {where}"


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{octet:02x}" for octet in word)


def _number(pattern: str, text: str) -> int:
    found = re.findall(pattern, text, re.MULTILINE)
    return int(found[-1]) if found else 0


if __name__ == "__main__":
    sys.exit(main())
