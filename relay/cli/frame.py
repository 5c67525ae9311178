"""What all commands share: where the configuration is, options, exit codes, and how a command fails.

Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 refused, 5 relay unreachable. `CommandError` carries
the code and one or several lines for standard error; `app.run` prints them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from relay.config import Config
    from relay.store.interface import Registry, StoreDown

SYSTEM_CONFIG = Path("/etc/relay/relay.yaml")
LOCAL_CONFIG = Path("config/local.yaml")
LOCAL_DATA = Path("var")

_DENIED = frozenset({"CantOpenError", "ReadOnlyError", "PermissionsError"})  # of apsw, which loads slowly


class ExitCode(IntEnum):
    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    UNREACHABLE = 5


class CommandError(Exception):
    """The command ends here, with this code and these words."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code


ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Configuration. Default: $RELAY_CONFIG; else ./config/local.yaml where ./var exists; "
        "else /etc/relay/relay.yaml.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def examples(*lines: str) -> str:
    """The end of a command's help."""
    word = "Example" if len(lines) == 1 else "Examples"
    return "\n".join(["\b", f"{word}:", *(f"  {each}" for each in lines)])


def config_path(given: Path | None) -> Path:
    """The file a command reads: the option, the environment, this directory, the system."""
    if given is not None:
        return given
    if named := os.environ.get("RELAY_CONFIG"):
        return Path(named)
    if LOCAL_DATA.is_dir() and LOCAL_CONFIG.is_file():
        return LOCAL_CONFIG
    return SYSTEM_CONFIG


def settings(given: Path | None) -> Config:
    """The checked configuration. Raises CommandError with a line for each fault."""
    from relay.config import ConfigError, load

    path = config_path(given)
    try:
        return load(path)
    except ConfigError as error:
        lines = list(error.lines)
        if given is None and not path.exists():
            lines.append("say which file with --config FILE, or run this where ./var is")
        raise CommandError("\n".join(lines)) from error


def relay_data(config: Config) -> Path:
    """The data directory, once it is certain that a relay's data is there.

    Raises:
        CommandError: there is none. `data` of another working directory is what is mostly meant, so it says so.
        PermissionError: it may not be looked at.
    """
    for name in ("registry.db", "shards"):
        try:
            (config.data / name).stat()
            return config.data
        except (FileNotFoundError, NotADirectoryError):
            continue
    relative = "" if config.data.is_absolute() else f" (data: {config.data}, relative to the working directory)"
    advice = f"`{program()} init` makes it"
    raise CommandError(f"no relay data in {config.data.absolute()}{relative}; {advice}", ExitCode.NOT_FOUND)


@contextmanager
def store_errors(data: Path | None = None) -> Iterator[None]:
    """What the store refuses becomes an error of the command; with `data`, also whose that is if not ours."""
    from relay.store.interface import Exists, NotFound, ShardBusy, StoreDown, StoreFull

    try:
        yield
    except NotFound as error:
        raise CommandError(_said(error), ExitCode.NOT_FOUND) from error
    except StoreDown as error:
        raise CommandError(_down(error, data)) from error
    except (Exists, ShardBusy, StoreFull) as error:
        raise CommandError(_said(error)) from error


@contextmanager
def registry(config: Config) -> Iterator[Registry]:
    """The registry, closed afterwards."""
    from relay.store.sqlite import open_registry

    path = relay_data(config) / "registry.db"
    if not path.exists():
        raise CommandError(f"{path} is not there: run `{program()} init` first", ExitCode.NOT_FOUND)
    with store_errors(config.data), closing(open_registry(path)) as opened:
        yield opened


def _down(error: StoreDown, data: Path | None) -> str:
    from relay.cli.possession import foreign, told

    cause = error.__cause__
    if isinstance(cause, PermissionError) and cause.filename is not None:
        return told(cause)
    denied = isinstance(cause, PermissionError) or type(cause).__name__ in _DENIED
    return _said(error) + (foreign(data) if denied and data is not None else "")


def _said(error: BaseException) -> str:
    return str(error.args[0]) if error.args else type(error).__name__


def program() -> str:
    """This program as it was called, so that a hint can be pasted: `relay` alone where that finds it."""
    import shutil
    import sys

    called = sys.argv[0]
    if Path(called).name == "__main__.py":
        return "python -m relay"
    if Path(called).name != "relay" or shutil.which("relay") in (called, str(Path(called).absolute())):
        return "relay"
    return called


def operator() -> str:
    """Who runs this command, for the audit."""
    import getpass

    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (OSError, KeyError):  # no name for this uid, as in a container
        return f"uid {os.getuid()}"


def group(help: str, *lines: str, cls: type[typer.core.TyperGroup] | None = None) -> typer.Typer:
    """A family of commands, as `relay domain`. A `cls` of its own decides what it does without a command."""
    return typer.Typer(
        cls=cls,
        help=help,
        epilog=examples(*lines),
        no_args_is_help=cls is None,
        rich_markup_mode=None,
        add_completion=False,
    )
