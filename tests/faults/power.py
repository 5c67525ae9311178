"""Cuts the power of a recorded shard at any moment, in any way, and looks what is left.

In:  a root that was worked on under the recorder, its operations, its diary.
Out: how many states were tried, and what was wrong with them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from tests.faults.diary import Diary, Work, check
from tests.faults.pagecache import Disk, Loss, Op, put
from tests.faults.recorder import LEFT_OUT, Recorder


@dataclass(slots=True)
class Recorded:
    """What a run did to its root. `base`: a copy of what was there before, if anything was."""

    ops: list[Op]
    diary: Diary
    base: Path | None = None


@dataclass(slots=True)
class Found:
    states: int = 0
    messages: int = 0  # promised ones looked for, all states together
    dropped: int = 0  # operations that were not synced when the power went
    by_loss: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def record(root: Path, random: Random, runs: Sequence[int], diary: Diary | None = None) -> Recorded:
    """Work on a root, in so many runs of so many steps each; the log is short, so that it often starts over."""
    base = None
    if root.exists():
        base = root.with_name(f"{root.name}.base")
        shutil.copytree(root, base)
    else:
        root.mkdir(parents=True)
    ops: list[Op] = []
    diary = diary or Diary()
    recorder = Recorder(root, ops.append)
    with pytest.MonkeyPatch.context() as patch, recorder.recording():
        patch.setattr("relay.store.sqlite.writer.CHECKPOINT", random.choice((10, 60, 200)))
        patch.setattr("relay.store.sqlite.writer.CUT", random.choice((20, 100)))
        for steps in runs:
            asyncio.run(Work(root, diary, random).run(steps))
    _must_be_complete(root, Recorded(ops, diary, base))
    return Recorded(ops, diary, base)


def _must_be_complete(root: Path, recorded: Recorded) -> None:
    """The recorder saw everything: the model is, octet for octet, what is on the disk."""
    disk = Disk(recorded.base)
    for op in recorded.ops:
        disk.do(op)
    real = {str(each.relative_to(root)): None if each.is_dir() else each.read_bytes() for each in root.rglob("*")}
    real, live = (
        {name: content for name, content in each.items() if not name.endswith(LEFT_OUT)} for each in (real, disk.live)
    )
    assert real.keys() == live.keys()
    assert [name for name in real if real[name] != live[name]] == []


def moments(recorded: Recorded, count: int, random: Random) -> list[int]:
    """Numbers of operations behind which the power goes: half of them anywhere, half of them just before a sync."""
    risky = [number for number, op in enumerate(recorded.ops) if op.begun]
    chosen = [
        random.choice(risky) if random.random() < 0.5 else random.randrange(len(recorded.ops)) for _ in range(count)
    ]
    return sorted(chosen)


def cuts(
    recorded: Recorded, at: Sequence[int], random: Random
) -> Iterator[tuple[float, Loss, int, dict[str, bytes | None]]]:
    """A state for each of these moments (in order): when, what was lost how, how much could be, and what is left."""
    disk = Disk(recorded.base)
    done = 0
    losses = list(Loss)
    for number in at:
        while done < number:
            disk.do(recorded.ops[done])
            done += 1
        # A promise is younger than the operation it waited for, and older than the next one.
        when = recorded.ops[number].at if number < len(recorded.ops) else float("inf")
        loss = random.choice(losses)
        yield when, loss, disk.open_ends, disk.after_cut(loss, random)


def try_states(recorded: Recorded, at: Sequence[int], random: Random, scratch: Path, found: Found) -> None:
    """Open each state and hold it against the diary. One with a fault stays under `scratch`."""
    for when, loss, open_ends, state in cuts(recorded, at, random):
        root = scratch / f"state{found.states}"
        put(state, root)
        for shard in root.glob("shards/*"):
            if random.random() < 0.3:
                (shard / "queue.db-shm").write_bytes(random.randbytes(32768))  # an index nobody wrote like this
        try:
            faults = asyncio.run(check(root, recorded.diary, when))
        except Exception as error:
            faults = [f"{type(error).__name__}: {error}"]
        found.states += 1
        found.dropped += open_ends
        found.messages += recorded.diary.promised(when)
        found.by_loss[loss.name] += 1
        if faults:
            found.faults.append(f"{root}: {loss.value}: {'; '.join(faults[:5])}")
        else:
            shutil.rmtree(root)


@contextlib.contextmanager
def memory() -> Iterator[Path]:
    """Where thousands of states are written fastest; what has faults stays there."""
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    made = Path(tempfile.mkdtemp(prefix="relay-power-", dir=place))
    yield made
    if not any(made.rglob("state*")):
        shutil.rmtree(made)
