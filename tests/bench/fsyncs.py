"""A sample under strace: the reply 250 to a message comes after an fsync on the system's own disk.

In:  a running system and the bench.
Out: a `Sample`: for each message how many fsyncs ended between the 354 and the 250, and what is wrong.

Messages go one at a time over plain SMTP, the next one only when the sink has the last one and the system is at
rest; so an fsync between the two replies is of this message and no other. Line order in the trace is the order in
which the kernel returned to the processes, over all of them.
"""

from __future__ import annotations

import dataclasses
import re
import shutil
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.bench.accounting import until
from tests.bench.job import Job
from tests.bench.system import PLAIN, System
from tests.bench.traffic import Bench, run

_CALLS = "fsync,fdatasync,write,writev,sendto,sendmsg"
_BEGUN = re.compile(r"^(\d+) .*\b(?:fsync|fdatasync)\(\d+<([^>]*)>")
_ENDED = re.compile(r"\b(?:fsync|fdatasync)(?:\(| resumed>).*\)\s+= 0$")


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    system: str
    fsyncs: tuple[int, ...]  # by message: fsyncs that ended between its 354 and its 250
    faults: tuple[str, ...]
    why_not: str = ""  # why nothing could be observed


def observe(bench: Bench, system: System, directory: Path, messages: int) -> Sample:
    """Send so many messages one by one, and look at what the kernel was asked.

    Args:
        directory: only fsyncs of files below it count.
    """
    strace = shutil.which("strace")
    if strace is None:
        return Sample(system.name, (), (), "no strace here")
    trace = bench.directory / f"strace-{system.name}"
    pids = system.group.pids()
    line = [strace, "-f", "-y", "-s", "64", "-e", f"trace={_CALLS}", "-o", str(trace)]
    process = subprocess.Popen(
        [*line, *(word for pid in pids for word in ("-p", str(pid)))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    faults: list[str] = []
    try:
        until(lambda: process.poll() is not None or all(map(_traced, pids)), "strace")
        if process.poll() is not None:
            said = process.stderr.read() if process.stderr is not None else ""
            return Sample(system.name, (), (), f"strace cannot watch: {said.strip().splitlines()[-1:]}")
        for _ in range(messages):
            job = Job(port=system.doors[PLAIN].port, run=bench.name(), connections=1, messages=1, seconds=0)
            faults += run(bench, system, "fsync", job, signed=True).faults
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    counts = counted(trace.read_text(errors="replace").splitlines(), str(directory))
    if len(counts) != messages:
        faults.append(f"{len(counts)} replies 250 were seen for {messages} messages")
    faults += [
        f"message {each + 1} was answered 250 before any fsync" for each, count in enumerate(counts) if not count
    ]
    return Sample(system.name, tuple(counts), tuple(faults))


def _traced(pid: int) -> bool:
    try:
        return "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True  # it has ended


def counted(lines: Iterable[str], directory: str) -> list[int]:
    """For each 250 to a message the fsyncs below `directory` that ended since its 354."""
    counts: list[int] = []
    current: int | None = None
    waiting: set[str] = set()  # threads whose fsync began below the directory
    for line in lines:
        if begun := _BEGUN.search(line):
            thread, path = begun.groups()
            (waiting.add if path.startswith(directory) else waiting.discard)(thread)
        if _ENDED.search(line) and (thread := line.split(None, 1)[0]) in waiting:
            waiting.discard(thread)
            if current is not None:
                current += 1
        if '"354 ' in line:
            current = 0
        elif '"250 2.0.0 Ok: queued' in line and current is not None:
            counts.append(current)
            current = None
    return counts
