"""All commands of `relay`, and how they end.

A command that cannot do its work raises CommandError; its words go to standard error, its code out.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from relay.cli import account, credential, dkim, domain, preset, queue, suppress, template, token, webhook
from relay.cli.apply import apply
from relay.cli.backup import backup
from relay.cli.check import check
from relay.cli.completion import asked, completion, prepare
from relay.cli.erase import erase
from relay.cli.events import events
from relay.cli.explain import explain
from relay.cli.frame import CommandError, ExitCode, examples
from relay.cli.init import init
from relay.cli.message import message
from relay.cli.options import options
from relay.cli.remote.place import place, wanted
from relay.cli.restore import restore
from relay.cli.send import send
from relay.cli.serve import serve
from relay.cli.stats import stats
from relay.cli.tracking import tracking

_HELP = ["--help", "-h"]
# Click cuts and wraps help at 80 columns where there is no terminal; a pipe gets whole lines.
_SETTINGS = {"help_option_names": _HELP, **({} if sys.stdout.isatty() else {"terminal_width": 1000})}
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})
_EXIT_CODES = "Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 refused, 5 relay unreachable."


class _Commands(typer.core.TyperGroup):
    """All commands, or those for a relay elsewhere; what is wrong with a word given to one is told in our words."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        here = super().get_command(ctx, cmd_name)
        if not wanted(ctx.params):
            return here
        from relay.cli.remote.app import commands
        from relay.cli.remote.frame import own

        found = commands().get(cmd_name)
        if found is None and here is not None and not ctx.resilient_parsing:
            raise own([cmd_name])
        return found

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        if not wanted(ctx.params):
            super().format_commands(ctx, formatter)
            return
        from relay.cli.remote.app import commands

        limit = formatter.width - 6 - max(map(len, commands()))
        with formatter.section("Commands for a relay elsewhere"):
            formatter.write_dl([(name, each.get_short_help_str(limit)) for name, each in commands().items()])

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = _plain(error.message)
            raise
        except Exception as error:
            if wanted(ctx.params) and hasattr(error, "option_name"):
                from relay.cli.remote.frame import unknown_option

                if (told := unknown_option(error)) is not None:
                    raise told from error
            raise


def _plain(said: str) -> str:
    """Without a prefix of the parser's; with the nearest of the values there are."""
    said = said.removeprefix("Value error, ")
    given, _, values = said.partition(" is not one of ")
    near = difflib.get_close_matches(given.strip("'"), re.findall(r"'([^']+)'", values), n=1)
    return f"{said} Did you mean {near[0]}?" if near else said


app = typer.Typer(
    cls=_Commands,
    help="A self-hosted outbound mail relay that an application steers message by message.",
    epilog=examples("relay init && relay serve", "relay send --to you@example.net --subject Hello")
    + f"\n\n{_EXIT_CODES}",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=_SETTINGS,
)
_COMMANDS = (
    (init, "relay init", "relay init --bare --config /etc/relay/relay.yaml"),
    (serve, "relay serve --config config/local.yaml"),
    (check, "relay check --config /etc/relay/relay.yaml"),
    (send, "relay send --to you@example.net --subject Hello --text 'It works.'", "relay send < message.eml"),
    (
        events,
        "relay events --limit 20",
        "relay events --event failed --since 1d --domain example.net --json",
        "relay events --follow --tag invoice",
    ),
    (stats, "relay stats", "relay stats --by campaign --account demo", "relay stats --per day --since 30d --json"),
    (explain, "relay explain 0f3k2m9s8t7u6v5a-1"),
    (message, "relay message 0f3k2m9s8t7u6v5a > message.eml"),
    (options, "relay options", "relay options send_at", "relay options --grants"),
    (
        apply,
        "relay apply --export > accounts.yaml",
        "relay apply accounts.yaml --dry-run",
        "relay apply accounts.yaml",
    ),
    (erase, "relay erase ann@example.net --dry-run", "relay erase ann@example.net"),
    (backup, "relay backup /backup/relay-monday", "relay backup /backup/relay.tar --without-report"),
    (restore, "relay restore /backup/relay-monday --data /var/lib/relay --hold"),
    (completion, "source <(relay completion bash)"),
)
for function, *lines in _COMMANDS:
    app.command(function.__name__, epilog=examples(*lines))(function)
app.add_typer(queue.app, name="queue")
app.add_typer(suppress.app, name="suppress")
app.add_typer(account.app, name="account")
app.add_typer(credential.app, name="credential")
app.add_typer(token.app, name="token")
app.add_typer(preset.app, name="preset")
app.add_typer(template.app, name="template")
domain.app.command(
    "tracking",
    epilog=examples(
        "relay domain tracking example.com clicks.example.com --https",
        "relay domain tracking example.com",
        "relay domain tracking example.com ''",
    ),
)(tracking)
app.add_typer(domain.app, name="domain")
app.add_typer(dkim.app, name="dkim")
app.add_typer(webhook.app, name="webhook")


@app.callback()
def start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version.")] = False,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            is_eager=True,  # before --help, which shows the commands that can be done there
            help="A relay elsewhere, as https://relay.example.com: the command is done there, over its HTTP API, for "
            "the account of the token. With --help: which commands can be. Default: $RELAY_URL; '' is the one here.",
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            metavar="TOKEN",
            help="The API's token; file:PATH reads it from there. What stands on a command line everybody on this "
            "machine can see (ps): better is file:PATH, or the default, $RELAY_TOKEN.",
        ),
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option(
            "--ca-file", metavar="FILE", help="Authority of that relay's certificate, where the system knows none."
        ),
    ] = None,
) -> None:
    """Answer `--version` also where it stands among other words; know which relay the command is for."""
    if version:
        from relay import __version__

        print(f"relay {__version__}")
        raise typer.Exit
    elsewhere = place(context.params)
    if elsewhere is not None and not context.resilient_parsing:
        from relay.cli.remote.client import use

        use(elsewhere)


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code."""
    if asked():
        prepare()
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        sys.stderr.close()
        return ExitCode.FAILED
    except OSError as error:
        return _failed(error)
    except UnicodeEncodeError:
        strange = [each for each in arguments if not _is_text(each)]
        if not strange:
            raise
        print(f"relay: not UTF-8: {', '.join(map(ascii, strange))}", file=sys.stderr)
        return ExitCode.USAGE


def _run(arguments: Sequence[str]) -> int:
    try:
        app(args=list(arguments), prog_name="relay", standalone_mode=True)
    except CommandError as error:
        for line in str(error).splitlines():
            print(f"relay: {line}", file=sys.stderr)
        return error.code
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return ExitCode.DONE


def _failed(error: OSError) -> int:
    """Files that cannot be read or written, or an output that cannot be."""
    from relay.cli.possession import told

    full = error.filename is None and error.errno in _FULL
    print(f"relay: {'cannot write the output: ' if full else ''}{told(error)}", file=sys.stderr)
    if full:
        _forget_output()
    return ExitCode.FAILED


def _forget_output() -> None:
    """What could not be written is not tried again at the end of the program."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_text(argument: str) -> bool:
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


def help_pages() -> Iterator[tuple[str, str]]:
    """Every command with its help, in the order of the help of `relay` itself, for the handbook."""
    root = typer.main.get_command(app)
    assert isinstance(root, typer.core.TyperGroup)
    with typer.Context(root, info_name="relay", terminal_width=100, help_option_names=_HELP) as context:
        yield "relay", root.get_help(context)
        for name, command in root.commands.items():
            with typer.Context(command, info_name=name, parent=context) as inner:
                yield f"relay {name}", command.get_help(inner)
                for below, leaf in getattr(command, "commands", {}).items():
                    with typer.Context(leaf, info_name=below, parent=inner) as last:
                        yield f"relay {name} {below}", leaf.get_help(last)
