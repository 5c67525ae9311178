"""`relay completion SHELL`: what a shell sources to complete commands, options and values."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated, Any

import typer

VARIABLE = "_RELAY_COMPLETE"  # by which the shell asks us

# Behind the script of typer, whose function it calls: no blank where a value follows, as in `--option priority=`.
_NO_BLANK = """\
_relay_completion_open() {
    _relay_completion "$@"
    if [[ ${COMPREPLY[0]} == *= ]]; then compopt -o nospace; fi
    return 0
}

complete -o default -F _relay_completion_open relay
"""


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="Which shell's.")]) -> None:
    """Print what makes your shell complete commands, options and their values.

    bash: put `source <(relay completion bash)` into ~/.bashrc. zsh: `source <(relay completion zsh)` into ~/.zshrc,
    behind compinit. fish: write it to ~/.config/fish/completions/relay.fish.
    """
    from typer.completion import shell_complete

    prepare()
    command: Any = None  # only asked for what follows the first word, which a script does not need
    shell_complete(command, {}, "relay", VARIABLE, f"source_{shell.value}")
    if shell is Shell.BASH:
        print(_NO_BLANK)


def asked() -> bool:
    """Whether a shell asks for completions, and not a person for work."""
    return VARIABLE in os.environ


def prepare() -> None:
    """Make the shells known; typer does so for its own options, which this program has not."""
    from typer.completion import get_completion_inspect_parameters

    get_completion_inspect_parameters()
