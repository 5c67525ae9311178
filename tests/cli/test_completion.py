"""A shell that sources our script completes commands, options and values."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli


def in_bash(tmp_path: Path, *words: str) -> list[str]:
    """What bash offers for the last of the words."""
    program = tmp_path / "relay"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m relay "$@"\n')
    program.chmod(0o755)
    line = " ".join(f"'{each}'" for each in words)
    script = (
        f"source <(relay completion bash); COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; "
        'compopt() { echo "compopt $*"; }; $(complete -p relay | sed "s/.* -F //"); printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_commands_options_and_values(tmp_path: Path) -> None:
    assert in_bash(tmp_path, "relay", "que") == ["queue"]
    assert set(in_bash(tmp_path, "relay", "queue", "r")) == {"release", "retry"}
    assert in_bash(tmp_path, "relay", "queue", "hold", "--cam") == ["--campaign"]
    assert in_bash(tmp_path, "relay", "queue", "list", "--state", "del") == ["delivered"]
    assert in_bash(tmp_path, "relay", "options", "pri") == ["priority"]
    assert in_bash(tmp_path, "relay", "credential", "set", "demo", "--grant", "dkim") == ["dkim", "dkim-off"]
    assert in_bash(tmp_path, "relay", "account", "set", "demo", "--option", "pri") == [
        *("compopt", "-o", "nospace"),  # the value follows without a blank
        "priority=",
    ]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(cli: Cli, shell: str) -> None:
    script = cli("completion", shell)
    assert f"_RELAY_COMPLETE=complete_{shell}" in script


def test_another_shell_is_told_which_there_are(cli: Cli) -> None:
    cli("completion", "csh", code=2)
    assert "fish" in cli.errors
