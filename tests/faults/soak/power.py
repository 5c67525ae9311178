"""Power: the page cache is lost at any moment, of a shard at work, at its start, and while it recovers.

A round records a shard that begins anew, tries states of it, and goes on from one of them: again and again, so that
what one cut leaves has to survive the next.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from random import Random

from tests.faults.diary import Diary
from tests.faults.pagecache import Disk, Loss, put
from tests.faults.power import Found, Recorded, memory, moments, record, try_states
from tests.faults.report import Report
from tests.faults.stage import Stage

STATES = 300  # of one recording
GENERATIONS = 4  # cuts one after another


def run(stage: Stage, report: Report) -> None:
    began, found, generations, operations = time.monotonic(), Found(), 0, 0
    with memory() as place:
        for number in stage.rounds():
            root, diary = place / f"round{number}" / "data", Diary()
            for _ in range(stage.random.randint(1, GENERATIONS)):
                recorded = record(root, stage.random, stage.random.choice(((150,), (40, 120), (8, 8, 8, 8))), diary)
                at = moments(recorded, STATES, stage.random)
                try_states(recorded, at, stage.random, place / f"round{number}" / "cuts", found)
                generations += 1
                operations += len(recorded.ops)
                diary = _next(recorded, root, stage.random)
            if not any((place / f"round{number}").rglob("state*")):
                shutil.rmtree(place / f"round{number}")
            if number % 10 == 0:
                stage.say(f"{found.states} states, {len(found.faults)} with a fault")
    lost = sum("lost" in each or "differs" in each for each in found.faults)
    report.add(
        "power",
        "states that a lost page cache allows, opened",
        found.states,
        seconds=time.monotonic() - began,
        lost=lost,
        faults=tuple(found.faults),
        more={
            "recordings": generations,
            "operations recorded": operations,
            "messages looked for": found.messages,
            "operations that could be lost": found.dropped,
            **{Loss[name].value: count for name, count in sorted(found.by_loss.items())},
        },
    )


def _next(recorded: Recorded, root: Path, random: Random) -> Diary:
    """Cut once more, and leave that in the root for the next run; what it can rely on."""
    disk, at = Disk(recorded.base), random.randrange(len(recorded.ops))
    for op in recorded.ops[:at]:
        disk.do(op)
    shutil.rmtree(root)
    shutil.rmtree(f"{root}.base", ignore_errors=True)
    put(disk.after_cut(random.choice(list(Loss)), random), root)
    return recorded.diary.until(recorded.ops[at].at)
