"""Data that may not be read, or is not there: a line that says so, and never a trace or an empty answer."""

from __future__ import annotations

import importlib
import os
import pkgutil
import pwd
from collections.abc import Iterator

import pytest

import relay
from relay.store.sqlite import shard_directory
from tests.cli.conftest import CONFIG, Cli

READING = [
    ("queue",),
    ("queue", "--counts"),
    ("events",),
    ("explain", "0f3k2m9s8t7u6v5a"),
    ("message", "0f3k2m9s8t7u6v5a"),
    ("account", "list"),
    ("credential", "list"),
    ("domain", "list"),
    ("dkim", "list"),
]
for each in pkgutil.walk_packages(relay.__path__, "relay."):
    importlib.import_module(each.name)  # what commands import late: the other user may not be let in to read it
NOBODY = pwd.getpwnam("nobody").pw_uid


@pytest.fixture
def denied(ready: Cli) -> Iterator[str]:
    """The data directory is closed to whoever calls; how the error ends."""
    data = ready.home / "var"
    ready.home.chmod(0o755)
    if os.geteuid() == 0:  # whom no mode keeps out
        os.seteuid(NOBODY)
        yield "; it belongs to user root"
        os.seteuid(0)
    else:
        data.chmod(0)
        yield ""
        data.chmod(0o700)


@pytest.mark.parametrize("words", [*READING, ("serve",), ("send", "--to", "you@example.net", "--subject", "x")])
def test_data_of_another_user_is_a_line_and_not_a_trace(ready: Cli, denied: str, words: tuple[str, ...]) -> None:
    ready(*words, code=1)
    [line] = ready.errors.splitlines()
    assert line.startswith("relay: var")
    assert line.endswith(f": Permission denied{denied}")


def test_check_names_the_owner_of_data_it_cannot_look_at(ready: Cli, denied: str) -> None:
    said = ready("check", code=1)
    assert ready.errors == ""
    assert f"fail: var cannot be written to by this user{denied}\n" in said
    assert ready.errors == ""


def test_a_shard_of_another_user_is_a_line_and_not_a_trace(ready: Cli) -> None:
    directory = shard_directory(ready.home / "var", 0)
    directory.mkdir(parents=True)
    (directory / "queue.db").mkdir()  # what SQLite cannot open, whoever asks
    ready("queue", code=1)
    [line] = ready.errors.splitlines()
    assert line.startswith("relay: var/shards/0000 cannot be read: ")


@pytest.mark.parametrize("words", READING)
@pytest.mark.parametrize("exists", [True, False])
def test_without_data_nothing_is_listed_as_empty(cli: Cli, words: tuple[str, ...], exists: bool) -> None:
    if not exists:
        (cli.home / "var").rmdir()
    assert cli(*words, "--config", "config/local.yaml", code=3) == ""
    assert cli.errors == (
        f"relay: no relay data in {cli.home}/var (data: var, relative to the working directory); "
        "`relay init` makes it\n"
    )


def test_an_absolute_data_directory_is_named_as_it_is(cli: Cli) -> None:
    (cli.home / "config/local.yaml").write_text(CONFIG.replace("./var", str(cli.home / "data")))
    cli("queue", code=3)
    assert cli.errors == f"relay: no relay data in {cli.home}/data; `relay init` makes it\n"
