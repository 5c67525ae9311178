"""What the commands of `relay webhook` share: the webhooks, their check, secrets and keys, and how they print."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relay.cli.frame import CommandError, operator, program, registry, store_errors
from relay.cli.output import print_fields, print_json
from relay.manage.webhooks import describe
from relay.manage.wrong import Unfit
from relay.model.clock import system_clock
from relay.model.webhook import Shape, Webhook

if TYPE_CHECKING:
    from relay.config import Config
    from relay.store.sqlite.hooks import SqliteWebhooks

Ident = Annotated[str, typer.Argument(metavar="ID", help="The webhook, as `relay webhook list` shows it.")]
Trust = Annotated[bool, typer.Option("--trust", help="Use the URL without a check: you vouch for it.")]


@contextmanager
def hooks(config: Config) -> Iterator[SqliteWebhooks]:
    """The webhooks of the registry, closed afterwards."""
    from relay.store.sqlite.hooks import open_webhooks

    with registry(config), store_errors(config.data), closing(open_webhooks(config.data / "registry.db")) as opened:
        yield opened


def attempt(opened: SqliteWebhooks, config: Config, hook: Webhook, trust: bool) -> tuple[Webhook, str]:
    """The webhook as it is after its check, and what was found; that begins with `no:` where it did not pass."""
    from relay.manage.webhook_reach import Unproven, proved
    from relay.manage.webhooks import passed
    from relay.report.webhooks.request import signing_key

    if trust:
        found = f"trusted by {operator()}"
    else:
        try:
            found = asyncio.run(proved(config, hook, signing_key(opened.signing_keys()), system_clock))
        except Unproven as error:
            return hook, f"no: {error}"
    try:
        return passed(opened, hook, found, operator(), system_clock()), found
    except Unfit as error:
        raise CommandError(str(error)) from error


def need_key(opened: SqliteWebhooks, config: Config, hook: Webhook) -> None:
    """Where SMTPeter's signature is asked for the first time, a key is made; the operator hears of it."""
    from relay.manage import webhooks

    made = webhooks.need_key(opened, config, hook, operator(), system_clock())
    if made is not None:
        typer.echo(f"made key {made.selector}: `{program()} webhook key` shows the record to publish", err=True)


def print_with(hook: Webhook, more: dict[str, str], found: str, as_json: bool) -> None:
    check_text = hook.token if hook.shape is Shape.SMTPETER else ""
    print_hook(describe(hook), more, found, check_text, as_json)


def print_hook(hook: Mapping[str, Any], more: dict[str, str], found: str, check_text: str, as_json: bool) -> None:
    """A webhook as `describe` makes it, a new secret, and what its check came to. `check_text`, in SMTPeter's shape:
    what the file says that proves the URL."""
    described: dict[str, Any] = {**hook, **more}
    if as_json:
        print_json({**described, "found": found} if found else described)
        return
    print_fields({name: value for name, value in described.items() if value not in (None, "")})
    sys.stdout.flush()  # in a pipe the notes would come first
    if more:
        typer.echo("Note the secret now: it cannot be shown again.", err=True)
    if found.startswith("no:"):
        typer.echo(f"Nothing is sent there yet: {found[4:]}", err=True)
        if check_text:
            typer.echo(f"Put a file {hook['check_file']} there that says {check_text}, then:", err=True)
        typer.echo(f"  {program()} webhook check {hook['id']}", err=True)
