"""What a system costs: CPU of all its processes, ended ones included, and memory.

In:  command lines, which are started inside the group.
Out: CPU seconds so far, and the sum of PSS (memory, with what is shared divided among its users).

Where a control group can be made (root, on most machines), the kernel counts: every process of the group, however
short its life, by the nanosecond. Elsewhere the tree of processes below the started ones is summed: each live one's
own time and that of the children it has reaped, which is complete as long as parents wait for their children.
Not counted either way: the kernel's own threads, which write to the disk for everybody.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_NUMBERS = itertools.count(1)  # one system may be started several times
_JOIN = 'echo $$ > "$0" && exec "$@"'


class Group:
    """The processes of one system."""

    def __init__(self, name: str) -> None:
        self.path = _make(f"relay-bench-{os.getpid()}-{next(_NUMBERS)}-{name}")
        self.roots: list[int] = []  # without a control group: the processes whose trees count
        self.how = "control group" if self.path else "process tree"

    def command(self, line: Sequence[str]) -> list[str]:
        """The command line that runs `line` inside the group."""
        if self.path is None:
            return list(line)
        return [shutil.which("sh") or "/bin/sh", "-c", _JOIN, str(self.path / "cgroup.procs"), *line]

    def add(self, pid: int) -> None:
        """Count this process and those below it; needed only where there is no control group."""
        self.roots.append(pid)

    def pids(self) -> list[int]:
        if self.path is not None:
            return [int(each) for each in (self.path / "cgroup.procs").read_text().split()]
        return list(_tree(self.roots))

    def cpu(self) -> float:
        """CPU seconds since the group was made."""
        if self.path is None:
            return sum(_ticks(pid) for pid in self.pids()) / _TICK
        if (usage := self.path / "cpuacct.usage").exists():
            return int(usage.read_text()) / 1e9
        fields = dict(line.split() for line in (self.path / "cpu.stat").read_text().splitlines())
        return int(fields["usage_usec"]) / 1e6

    def memory(self) -> int:
        """PSS of all processes, octets. It takes milliseconds of CPU, which are the bench's own."""
        return sum(_pss(pid) for pid in self.pids())

    def largest(self) -> int:
        """PSS of the process that has most, octets."""
        return max(map(_pss, self.pids()), default=0)

    def forget_peaks(self) -> None:
        """From now on `peak` counts anew, where the kernel lets us."""
        for pid in self.pids():
            with contextlib.suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5")

    def peak(self) -> int:
        """Octets the process that had most at once had resident, shared ones included."""
        return max(map(_most, self.pids()), default=0)

    def settle(self, seconds: float = 15.0, idle: float = 0.05) -> float:
        """Wait until the group does next to nothing, so that work put off is counted, too; seconds waited.

        Args:
            idle: the share of one core that counts as nothing.
        """
        begin = time.monotonic()
        if not self.pids():
            return 0.0
        step, quiet, before = 0.25, 0, self.cpu()
        while time.monotonic() - begin < seconds and quiet < 2:
            time.sleep(step)
            now = self.cpu()
            quiet = quiet + 1 if now - before < step * idle else 0
            before = now
        return time.monotonic() - begin

    def close(self) -> None:
        if self.path is not None:
            with contextlib.suppress(OSError):  # somebody is still in it: nothing is lost by leaving it
                self.path.rmdir()


class Meter:
    """One run of a group, from now on."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.peak = group.memory()
        self.capacity = 0.0  # CPU seconds the machine could have given until `busy` was asked
        self._cpu = group.cpu()
        self._begin = time.monotonic()
        self._busy = _machine()

    def look(self) -> None:
        """Take notice of the memory at this moment."""
        self.peak = max(self.peak, self.group.memory())

    def busy(self) -> float:
        """The share of the machine's CPU that was in use, by anybody."""
        self.capacity = max(1e-9, (time.monotonic() - self._begin) * (os.cpu_count() or 1))
        return (_machine() - self._busy) / self.capacity

    def cpu(self) -> float:
        """CPU seconds of the group."""
        return self.group.cpu() - self._cpu


def _machine() -> float:
    """CPU seconds all processes and the kernel have used since the machine started, and what its host kept back."""
    fields = [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, _idle, _wait, irq, softirq, steal = fields
    return (user + nice + system + irq + softirq + steal) / _TICK


def _make(name: str) -> Path | None:
    """A new control group below our own, or None."""
    for base in _bases():
        path = base / name
        try:
            path.mkdir()
        except OSError:
            continue
        if (path / "cpu.stat").exists() or (path / "cpuacct.usage").exists():
            return path
        path.rmdir()
    return None


def _bases() -> Iterator[Path]:
    """Our own group in the unified hierarchy, then in cpuacct's."""
    own = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            own[controllers] = path
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mounts").read_text().splitlines():
            _, point, kind, options = line.split()[:4]
            names = options.split(",")
            if kind == "cgroup2" and "" in own:
                yield Path(point) / own[""].lstrip("/")
            elif kind == "cgroup" and "cpuacct" in names:
                path = next((value for key, value in own.items() if "cpuacct" in key.split(",")), "/")
                yield Path(point) / path.lstrip("/")


def _tree(roots: Sequence[int]) -> Iterator[int]:
    parents: dict[int, list[int]] = {}
    for each in Path("/proc").iterdir():
        if each.name.isdigit() and (fields := _stat(int(each.name))):
            parents.setdefault(int(fields[1]), []).append(int(each.name))
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += parents.get(pid, [])


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on; empty if it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def _ticks(pid: int) -> int:
    fields = _stat(pid)
    return sum(int(each) for each in fields[11:15])  # utime stime cutime cstime


def _pss(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _most(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def prefer(pids: Iterable[int], nice: int) -> None:
    """Give processes and their sessions another niceness.

    The kernel shares the CPU among sessions first where it groups by session (autogroup), so that a process's own
    niceness counts only among its like.
    """
    for pid in pids:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, pid, nice)
            Path(f"/proc/{pid}/autogroup").write_text(str(nice))


def until(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Ask again until it is so.

    Raises:
        TimeoutError: it did not become so in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come in {seconds:.0f} s")
        time.sleep(0.02)
