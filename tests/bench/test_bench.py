"""The whole machinery, for some seconds, with relay alone or with nobody."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import __main__ as bench
from tests.bench.accounting import Group, prefer
from tests.bench.system import Direct


def arguments(tmp_path: Path, systems: str, seconds: str, *loads: str) -> list[str]:
    words = ["--quick", "--only", "kept", "--systems", systems, "--seconds", seconds]
    words += [word for each in loads for word in ("--only", each)]
    return [*words, "--directory", str(tmp_path), "--json", str(tmp_path / "bench.json")]


def test_a_short_run_of_relay_alone_is_honest_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = bench.main(arguments(tmp_path, "relay", "0.8", "tracked", "redirects"))
    told = capsys.readouterr().out
    assert code == 0, told
    whole = json.loads((tmp_path / "bench.json").read_text())
    assert [each["load"] for each in whole["rows"]] == ["kept", "tracked", "redirects"]
    for row in whole["rows"]:
        assert row["relay"]["median"] > 0
        assert row["cost"]["cpu_ms"] > 0
        assert row["cost"]["memory"] > 10_000_000
    (run,) = [each for each in whole["figures"] if each["load"] == "kept"]
    assert run["faults"] == []
    assert run["sample"] >= 3
    (sample,) = whole["fsyncs"]
    assert sample["why_not"] or all(sample["fsyncs"])
    assert "plain, connections kept" in told
    assert [each.name for each in tmp_path.iterdir()] == ["bench.json"]


class Negligent(Direct):
    """A system that says it signs, and does not."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.records = {b"s._domainkey.example.com.": b"v=DKIM1; p="}


def test_a_dishonest_run_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "Direct", Negligent)
    code = bench.main(arguments(tmp_path, "direct", "0.4"))
    assert code == 1
    told = capsys.readouterr().out
    assert "DISHONEST: direct, kept, round 0:" in told
    assert "arrived without a DKIM-Signature" in told


@pytest.mark.parametrize("kind", ["control group", "process tree"])
def test_processes_that_ended_are_counted(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "process tree":
        monkeypatch.setattr("tests.bench.accounting._make", lambda name: None)
    group = Group("test")
    if group.how != kind:
        pytest.skip("no control group can be made here")
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    child = f'import subprocess, sys; subprocess.run([sys.executable, "-c", {burn!r}]); print(flush=True); input()'
    with subprocess.Popen(
        group.command([sys.executable, "-c", child]), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        group.add(parent.pid)
        assert parent.stdout is not None
        parent.stdout.readline()
        assert group.pids() == [parent.pid]
        assert group.cpu() >= 0.17  # the process tree is counted in hundredths, rounded down
        assert abs(group.memory() - group.largest()) < 100_000  # read one after the other
        assert group.largest() > 1_000_000
        prefer(group.pids(), 0)
        parent.communicate(b"\n")
    group.close()
