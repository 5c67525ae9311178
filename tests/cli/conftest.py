"""The commands, run in this process in a directory of their own."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from relay.cli.app import run

CONFIG = """\
hostname: relay.test
data: ./var
listeners:
  - {name: submission, port: 0}  # any: nobody who runs a relay on this machine is in the way
http: {port: 0}
sandbox: {enabled: true}
"""


@dataclass
class Cli:
    """Calls a command and checks how it ended."""

    home: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str, code: int = 0) -> str:
        self.capsys.readouterr()
        ended = run(words)
        said = self.capsys.readouterr()
        assert ended == code, f"relay {' '.join(words)}: {ended}, not {code}\n{said.out}{said.err}"
        self.errors = said.err
        return said.out

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self(*words, "--json", code=code))


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """In an empty directory with a configuration, and nothing else yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["relay"])  # hints name the program as it was called
    monkeypatch.delenv("RELAY_CONFIG", raising=False)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/local.yaml").write_text(CONFIG)
    (tmp_path / "var").mkdir(mode=0o700)
    return Cli(tmp_path, capsys)


@pytest.fixture
def ready(cli: Cli) -> Cli:
    """After `relay init`."""
    cli("init")
    return cli
