"""The bench's two ends as processes: the sink, which stays, and the generator, started for each run."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.bench.job import Job, Result

ROOT = Path(__file__).parents[2]


class SinkProcess:
    """Orders to the sink, each answered before the next."""

    def __init__(self, certificate: Path | None = None, key: Path | None = None) -> None:
        line = [sys.executable, "-m", "tests.bench.sink"]
        if certificate is not None:
            line += ["--certificate", str(certificate), "--key", str(key)]
        self.process = subprocess.Popen(
            line, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.port = int(self._answer()["port"])

    def __enter__(self) -> SinkProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)

    def order(self, do: str, **words: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **words}) + "\n")
        self.process.stdin.flush()
        answer = self._answer()
        if "error" in answer:
            raise RuntimeError(f"the sink: {answer['error']}")
        return answer

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the sink ended with {self.process.wait(10)}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def generate(job: Job, meanwhile: Callable[[], object] | None = None, every: float = 1.5) -> Result:
    """Run the generator to its end; `meanwhile` is called every so many seconds."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.generator"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    order: str | None = json.dumps(dataclasses.asdict(job))
    while True:
        try:
            said, _ = process.communicate(order, timeout=every)
            break
        except subprocess.TimeoutExpired:
            order = None  # it was written; a second call goes on reading
            if meanwhile is not None:
                meanwhile()
        except BaseException:
            process.kill()
            process.wait()
            raise
    if process.returncode:
        raise RuntimeError(f"the generator ended with {process.returncode}")
    return Result(**json.loads(said))
