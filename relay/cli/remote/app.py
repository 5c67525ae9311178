"""All commands that work over the API."""

from __future__ import annotations

from functools import cache
from typing import Any

import typer

from relay.cli.remote import (
    account,
    credential,
    dkim,
    domain,
    events,
    mail,
    numbers,
    options,
    preset,
    queue,
    suppress,
    template,
    token,
    webhook,
)

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
for function in (mail.send, events.events, numbers.stats, mail.explain, mail.message, options.options):
    app.command(function.__name__)(function)
for name, module in {
    "queue": queue,
    "suppress": suppress,
    "account": account,
    "credential": credential,
    "token": token,
    "preset": preset,
    "template": template,
    "domain": domain,
    "dkim": dkim,
    "webhook": webhook,
}.items():
    app.add_typer(module.app, name=name)


@cache
def commands() -> dict[str, Any]:
    """By name, in the order of the help."""
    root = typer.main.get_command(app)
    assert isinstance(root, typer.core.TyperGroup)
    return dict(root.commands)
