"""What the processes of a relay hold while something is done to it: memory, descriptors, threads, log of the disk.

In:  the relay. Out: the most that was seen, and what there is now.

Memory is the proportional set (PSS): pages that forked processes share are counted once.
"""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from types import TracebackType

from tests.e2e.harness import Relay

EVERY = 0.25  # seconds between two looks
MEGA = 1_000_000


def family(relay: Relay) -> list[int]:
    """The supervisor and its children; empty when it does not run."""
    if relay.process is None:
        return []
    pid = relay.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children")
    with contextlib.suppress(OSError):
        return [pid, *map(int, children.read_text().split())]
    return []


def memory(pid: int) -> float:
    """Megabytes; nought for a process that is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024 / MEGA
    return 0.0


def descriptors(pid: int) -> int:
    with contextlib.suppress(OSError):
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return 0


def write_ahead(data: Path) -> float:
    """Megabytes of write-ahead logs, of all databases together."""
    return sum(each.stat().st_size for each in data.rglob("*-wal")) / MEGA


class Watch:
    """Looks on from its `with` to the end of it."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self.before = 0.0  # megabytes of all processes
        self.memory = 0.0  # the most of all processes
        self.worker = 0.0  # the most of one process
        self.descriptors = 0  # the most of one process
        self.wal = 0.0  # the most
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._look()
        self.before = self.memory
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._look()

    @property
    def grown(self) -> float:
        """Megabytes of all processes, at the most, beyond what they had before."""
        return self.memory - self.before

    def now(self) -> float:
        """Megabytes of all processes."""
        return sum(map(memory, family(self._relay)))

    def descriptors_now(self) -> int:
        return max(map(descriptors, family(self._relay)), default=0)

    def _look(self) -> None:
        each = list(map(memory, family(self._relay)))
        self.memory, self.worker = max(self.memory, sum(each)), max(self.worker, *each, 0.0)
        self.descriptors = max(self.descriptors, self.descriptors_now())
        self.wal = max(self.wal, write_ahead(self._relay.data))

    def _run(self) -> None:
        while not self._ended.wait(EVERY):
            self._look()
