"""Whose it is: the option `--account`, which may be left out where there is one account only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from relay.cli.frame import CommandError, ExitCode, program

if TYPE_CHECKING:
    from relay.store.interface import Registry

AccountOption = Annotated[
    str | None,
    typer.Option("--account", metavar="NAME", help="The account; may be left out where there is only one."),
]


def owner(registry: Registry, given: str | None) -> str:
    """The account's name, once it is certain that it exists. Raises CommandError, NotFound."""
    if given is not None:
        return registry.account(given).name
    names = [each.name for each in registry.accounts()]
    if not names:
        raise CommandError(
            f"there is no account yet: make one with `{program()} account add NAME`", ExitCode.NOT_FOUND
        )
    if len(names) > 1:
        raise CommandError(f"whose? Say --account NAME; there are {', '.join(names)}", ExitCode.USAGE)
    return names[0]
