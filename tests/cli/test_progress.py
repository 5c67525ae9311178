"""Long work tells how far it is, on standard error: a moving line for people, a line now and then for logs."""

from __future__ import annotations

import io
import sys

import pytest

from relay.cli import progress as module
from relay.cli.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_a_terminal_quick_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("import", "lines") as shown:
        for number in range(1000):
            shown.at(number)
    assert capsys.readouterr() == ("", "")


def test_without_a_terminal_long_work_tells_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVERY", 0.0)
    with progress("backup", "bytes") as shown:
        shown.at(5e6, 20e6, "shard 3")
        shown.at(10e6)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "relay: backup: 5 MB of 20 MB (shard 3)",
        "relay: backup: 10 MB of 20 MB (shard 3)",
    ]


def test_a_terminal_sees_a_moving_line_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress("import", "lines") as shown:
        shown.at(2000, doing="bounces.csv")
    assert "import: bounces.csv" in terminal.getvalue()
    assert "2000 lines" in terminal.getvalue()
