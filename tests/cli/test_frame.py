"""Help, exit codes, configuration look-up, and speed of start."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from relay import __version__
from relay.cli.app import help_pages
from relay.cli.events import _words, describe
from relay.cli.frame import LOCAL_CONFIG, SYSTEM_CONFIG, config_path
from relay.cli.output import print_json, print_table
from relay.model.event import Event, EventName
from tests.cli.conftest import CONFIG, Cli

PAGES = dict(help_pages())


@pytest.mark.parametrize("name", PAGES)
def test_every_command_shows_an_example_of_itself(name: str) -> None:
    end = PAGES[name].partition("Example")[2]
    assert name in end


NO_VALUES = ("relay serve", "relay completion")  # they print for people and shells


@pytest.mark.parametrize(
    "name", [name for name in PAGES if "COMMAND [ARGS]" not in PAGES[name] and name not in NO_VALUES]
)
def test_every_command_prints_json_when_asked(name: str) -> None:
    assert "--json" in PAGES[name]


def test_the_version_is_told_at_once() -> None:
    program = [sys.executable, "-m", "relay", "--version"]
    times = []
    for _ in range(5):
        start = time.monotonic()
        done = subprocess.run(program, capture_output=True, text=True, check=True)
        times.append(time.monotonic() - start)
        assert done.stdout == f"relay {__version__}\n"
    assert min(times) < 0.2


def test_help_without_a_terminal_is_not_wrapped(cli: Cli) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "relay", "queue", "list", "--help"], capture_output=True, text=True, check=True
    )
    line = next(each for each in done.stdout.splitlines() if "--config" in each)
    assert line.endswith("/etc/relay/relay.yaml.")
    assert "\x1b" not in done.stdout


def test_an_unknown_command_or_option_is_a_usage_error(cli: Cli) -> None:
    cli("nosuch", code=2)
    cli("queue", "--nosuch", code=2)
    cli("queue", "--limit", "many", code=2)
    cli("queue", "--state", "queud", code=2)
    assert "Value error" not in cli.errors
    assert "Did you mean queued?" in cli.errors


def test_the_configuration_is_looked_for_where_the_help_says(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert config_path(Path("given.yaml")) == Path("given.yaml")
    assert config_path(None) == LOCAL_CONFIG
    monkeypatch.setenv("RELAY_CONFIG", "named.yaml")
    assert config_path(None) == Path("named.yaml")
    monkeypatch.delenv("RELAY_CONFIG")
    (tmp_path / "var").rmdir()
    assert config_path(None) == SYSTEM_CONFIG


def test_a_broken_configuration_is_named_line_by_line(cli: Cli) -> None:
    broken = CONFIG.replace("hostname", "hostnam")
    (cli.home / "config/local.yaml").write_text(broken)
    cli("queue", code=1)
    assert "relay: config/local.yaml, line 1: hostnam: no such key; did you mean hostname?\n" in cli.errors
    assert "Traceback" not in cli.errors


def test_output_that_cannot_be_written_is_one_line_and_not_a_trace(cli: Cli) -> None:
    program = [sys.executable, "-m", "relay", "init", "--json"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "relay: cannot write the output: No space left on device\n")


def test_json_speaks_no_commands_to_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"to": "\x1b[31m\x9b31m\u202e\u2028\ud800 ü"}
    print_json(value)
    printed = capsys.readouterr().out
    assert printed.rstrip("\n").isprintable()
    assert "ü" in printed
    assert json.loads(printed) == value


def test_a_table_on_a_narrow_terminal_folds_only_its_last_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    address = f"somebody.with.a.long.name@{'mail' * 6}.example.net"
    time_of = "2026-01-31T12:00:00.000Z"
    print_table(["id", "next", "to", "reply"], [["0f3k2m9s8t7u6v5a-1", time_of, address, "450 later " * 9]])
    printed = capsys.readouterr().out
    for whole in ("0f3k2m9s8t7u6v5a-1", time_of, address):
        assert whole in printed
    assert len(printed.splitlines()) > 2


def test_an_event_of_our_own_report_says_what_it_is_about() -> None:
    data = {"from": "", "to": "me@example.com", "size": 9, "about": "0f3k2m9s8t7u6v5a"}
    event = Event(at=0.0, name=EventName.RECEIVED, message="0f3k2m9s8t7u6v5b", data=data)
    assert _words(describe(event)) == "from=<> to=me@example.com about=0f3k2m9s8t7u6v5a size=9"


def test_a_missing_configuration_is_named(cli: Cli) -> None:
    cli("check", "--config", "nosuch.yaml", code=1)
    assert "nosuch.yaml" in cli.errors


def test_what_is_no_id_is_not_found(ready: Cli) -> None:
    for command in ("message", "explain"):
        ready(command, "nonsense", code=3)
        ready(command, "0000000000000000", code=3)


def test_an_empty_queue_is_listed_as_such(ready: Cli) -> None:
    assert ready.json("queue") == []
    assert ready("queue").split() == ["id", "state", "attempts", "next", "from", "to", "reply"]
    assert set(ready.json("queue", "--counts").values()) == {0}
