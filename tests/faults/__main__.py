"""The long part of the faults: `make soak`, or `python -m tests.faults --minutes 60 --only kill,power`.

In:  which scenarios, how long, which seed.
Out: a line on standard error for each thing that was done; the table on standard output; `soak.json` and `soak.md` in
     the directory `--report` names. The exit code is 1 at any loss or fault, 0 otherwise.

The minutes are shared evenly; a scenario ends its round when they are over, so a run takes a little longer.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from random import Random

from tests.faults.report import Report
from tests.faults.soak import Scenario, scenarios
from tests.faults.stage import Stage

REPORT = Path(__file__).parents[2] / "var" / "soak"


def _say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


def _play(scenario: Scenario, seconds: float, most: int | None, report: Report) -> None:
    _say(f"{scenario.name}: {scenario.title}")
    home = Path(tempfile.mkdtemp(prefix=f"relay-soak-{scenario.name}-"))
    stage = Stage(
        home=home,
        random=Random(f"{report.seed} {scenario.name}"),
        until=time.monotonic() + seconds,
        most=most,
        say=lambda text: _say(f"{scenario.name}: {text}"),
    )
    before = len(report.lines)
    try:
        scenario.run(stage, report)
    except Exception as error:
        traceback.print_exc()
        report.add(scenario.name, "ended early", 1, faults=(f"{type(error).__name__}: {error}",))
    if all(each.well for each in report.lines[before:]):
        shutil.rmtree(home, ignore_errors=True)
    else:
        _say(f"{scenario.name}: what it left is in {home}")


def _arguments(given: Sequence[str] | None, known: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0, help="for all scenarios together (60)")
    parser.add_argument("--rounds", type=int, help="of each part of a scenario at most")
    parser.add_argument("--seed", type=int, help="of an earlier run, to play the same moments")
    parser.add_argument("--only", default="", help=f"names with commas between: {','.join(known)}")
    parser.add_argument("--report", type=Path, default=REPORT, help=f"directory for soak.json and soak.md ({REPORT})")
    parser.add_argument("--list", action="store_true", help="say which scenarios there are")
    arguments = parser.parse_args(given)
    arguments.only = [each for each in arguments.only.split(",") if each] or list(known)
    if strange := set(arguments.only) - set(known):
        parser.error(f"no scenario {', '.join(sorted(strange))}; there are {', '.join(known)}")
    return arguments


def main(given: Sequence[str] | None = None) -> int:
    known = scenarios()
    arguments = _arguments(given, list(known))
    if arguments.list:
        print(*(f"{each.name:12} {each.title}" for each in known.values()), sep="\n")
        return 0
    seed = arguments.seed if arguments.seed is not None else random.randrange(1 << 32)
    report = Report(seed, _say)
    share = arguments.minutes * 60 / len(arguments.only)
    for name in arguments.only:
        _play(known[name], share, arguments.rounds, report)
        report.write(arguments.report)
    print(report.markdown())
    return 0 if report.well else 1


def _terminated(_signal: int, _frame: object) -> None:
    sys.exit(128 + signal.SIGTERM)  # by way of what stops the relays


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminated)
    sys.exit(main())
