"""A program under test as a process of its own, whose lines one can wait for."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parents[2]


class Program:
    """`python <arguments>`; its output (both streams) is read as it comes."""

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, **(environ or {})},
            text=True,
            start_new_session=True,  # its own process group, so that the test can kill all of it
        )
        self._lines: list[str] = []
        self._more = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None
    ) -> None:
        self.kill_group()
        self.process.wait(10)
        if kind is not None:
            sys.stdout.write(self.output)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        with self._more:
            return "\n".join(self._lines)

    def line(self, pattern: str, *, after: int = 0, seconds: float = 20) -> re.Match[str]:
        """Wait for a line with `pattern`; `after` skips that many matches."""
        deadline = time.monotonic() + seconds
        with self._more:
            while True:
                found = [match for each in self._lines if (match := re.search(pattern, each))]
                if len(found) > after:
                    return found[after]
                left = deadline - time.monotonic()
                assert left > 0 and not self._ended, f"no line {pattern!r} in:\n" + "\n".join(self._lines)
                self._more.wait(left)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, seconds: float = 10) -> int:
        """Wait for its end; returns the exit code."""
        return self.process.wait(seconds)

    def kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for each in self.process.stdout:
            with self._more:
                self._lines.append(each.rstrip("\n"))
                self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()


def eventually(true: Callable[[], object], what: str, seconds: float = 10) -> None:
    """Wait until it is true; the world outside this process has no event we could wait on."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"never became true: {what}"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Is there such a process, other than as a zombie?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
