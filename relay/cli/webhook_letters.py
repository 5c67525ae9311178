"""`relay webhook log`, `dead` and `replay`: what became of requests, and what was given up."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relay.cli.frame import ConfigOption, JsonOption, examples, operator, registry, settings, store_errors
from relay.cli.output import print_json, print_table
from relay.cli.times import ago
from relay.manage import webhook_letters as letters
from relay.model.clock import system_clock

if TYPE_CHECKING:
    from relay.config import Config
    from relay.model.webhook import Webhook

Ident = Annotated[str, typer.Argument(metavar="ID", help="The webhook, as `relay webhook list` shows it.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, metavar="N", help="At most so many.")]
Since = Annotated[str, typer.Option("--since", metavar="TIME", help="Events since a time, or for how long, as 2h.")]
Event = Annotated[str, typer.Option("--event", metavar="EVENT", help="Events of that name, or with that id.")]


def join(app: typer.Typer) -> None:
    """Put the commands beside those of `relay webhook`."""
    app.command("log", epilog=examples("relay webhook log wh_4kd92mzq7r --limit 50"))(log)
    app.command("dead", epilog=examples("relay webhook dead wh_4kd92mzq7r --since 2d"))(dead)
    app.command(
        "replay",
        epilog=examples("relay webhook replay wh_4kd92mzq7r", "relay webhook replay wh_4kd92mzq7r --event bounced"),
    )(replay)


def log(ident: Ident, limit: Limit = 50, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the last requests and their answers, the newest first."""
    checked = settings(config)
    hook = _webhook(checked, ident)
    with store_errors(checked.data):
        found = letters.answers(checked.data, hook.id, limit)
    if as_json:
        print_json(found)
    else:
        print_answers(found)


def dead(
    ident: Ident,
    since: Since = "",
    event: Event = "",
    limit: Limit = 100,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List events that were given up, the oldest first."""
    checked = settings(config)
    chosen = _chosen(_webhook(checked, ident), since, event)
    with store_errors(checked.data):
        described, _ = letters.dead(checked.data, chosen, limit)
    print_dead(described, as_json)


def print_dead(described: Sequence[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(described)
    else:
        columns = ["id", "event", "at", "died", "attempts", "reason"]
        print_table(columns, [[each[name] for name in columns] for each in described])


def replay(
    ident: Ident, since: Since = "", event: Event = "", config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Send again what was given up, with the ids it had."""
    from relay.store.sqlite.hooks import open_webhooks

    checked = settings(config)
    hook = _webhook(checked, ident)
    chosen = _chosen(hook, since, event)
    now = system_clock()
    with store_errors(checked.data):
        count = letters.replay(checked.data, chosen, now)
    with store_errors(checked.data), closing(open_webhooks(checked.data / "registry.db")) as opened:
        opened.audit(now, operator(), "webhook replay", {"webhook": hook.id, "events": count})
    if as_json:
        print_json({"id": hook.id, "replayed": count})
    else:
        print(f"{count} event{'' if count == 1 else 's'} of {hook.id} will be sent again")
    if hook.disabled:
        typer.echo(f"{hook.id} is disabled: they become dead letters again until it is enabled", err=True)


def print_answers(found: Sequence[dict[str, Any]]) -> None:
    columns = ["at", "event", "events", "attempt", "seconds", "answer"]
    print_table(columns, [[each[name] for name in columns] for each in found])


def _webhook(config: Config, ident: str) -> Webhook:
    from relay.store.sqlite.hooks import open_webhooks

    with registry(config), closing(open_webhooks(config.data / "registry.db")) as opened:
        return opened.webhook(ident)


def _chosen(hook: Webhook, since: str, event: str) -> letters.Chosen:
    return letters.Chosen(hook=hook.id, since=ago(since, "--since"), event=event.removeprefix("evt_"))
