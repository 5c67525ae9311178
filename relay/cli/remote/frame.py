"""What the remote commands share: families of them, and what is said of a command or an option that the API has not.

In:  words given to a command.
Out: a command of the remote set; or CommandError naming the command or option that is the machine's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from relay.cli.frame import CommandError, ExitCode
from relay.cli.remote.place import URL

_ACCOUNT = "--account: over the API everything is of the token's account, so leave it out"


class Family(typer.core.TyperGroup):
    """Commands of which some may be done on the relay's own machine alone."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = super().get_command(ctx, cmd_name)
        if found is None and not ctx.resilient_parsing:
            names = [*path_of(ctx), cmd_name]
            if local(ctx, names) is not None:
                raise own(names)
        return found


def own(names: Sequence[str]) -> CommandError:
    """Of a command that the API has not."""
    return CommandError(
        f"`relay {' '.join(names)}` is done on the relay's own machine (there without --url and {URL})",
        ExitCode.USAGE,
    )


def path_of(ctx: Any) -> list[str]:
    """The words that led to a command, without the program."""
    found: list[str] = []
    while ctx.parent is not None:
        found.insert(0, ctx.info_name)
        ctx = ctx.parent
    return found


def local(ctx: Any, names: Sequence[str]) -> Any:
    """The command of that name on this machine, or None."""
    found: Any = ctx.find_root().command
    for each in names:
        found = getattr(found, "commands", {}).get(each)
    return found


def unknown_option(error: Any) -> CommandError | None:
    """Words for an option that the local command has and this one has not; None for one that nobody has."""
    here = local(error.ctx, path_of(error.ctx)) if error.ctx is not None else None
    name = error.option_name
    if here is None or not any(name in (*each.opts, *each.secondary_opts) for each in here.params):
        return None
    if name == "--account":
        return CommandError(_ACCOUNT, ExitCode.USAGE)
    return CommandError(f"{name}: is for the relay's own machine; the API has no such choice", ExitCode.USAGE)


def family(help: str, cls: type[typer.core.TyperGroup] = Family) -> typer.Typer:
    return typer.Typer(cls=cls, help=help, no_args_is_help=cls is Family, rich_markup_mode=None, add_completion=False)


def count(number: int, one: str, many: str = "") -> str:
    """`1 entry`, `2 entries`."""
    return f"{number} {one if number == 1 else many or one + 's'}"
