"""`relay webhook log`, `dead` and `replay`: what became of requests, and what was given up.

Why so: they read the outbox beside the running reporter, which sees what is replayed within a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relay.cli.frame import ConfigOption, JsonOption, examples, operator, registry, settings, store_errors
from relay.cli.output import print_json, print_table, when
from relay.cli.times import ago
from relay.model.clock import system_clock

if TYPE_CHECKING:
    from relay.config import Config
    from relay.model.webhook import Webhook
    from relay.report.webhooks.letters import Chosen
    from relay.report.webhooks.outbox import Outbox

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
    found = answers(checked, hook.id, limit)
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
    from relay.report.webhooks import letters

    checked = settings(config)
    chosen = _chosen(_webhook(checked, ident), since, event)
    with _reading(checked) as outbox:
        found = letters.dead(outbox, chosen, limit) if outbox is not None else []
    described = [
        {
            "id": f"evt_{each.event}" + (f"-{each.kind}" if each.kind else ""),
            "event": each.name,
            "at": when(each.at),
            "died": when(each.died),
            "attempts": each.attempts,
            "reason": each.reason,
        }
        for each in found
    ]
    if as_json:
        print_json(described)
    else:
        columns = ["id", "event", "at", "died", "attempts", "reason"]
        print_table(columns, [[each[name] for name in columns] for each in described])


def replay(
    ident: Ident, since: Since = "", event: Event = "", config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Send again what was given up, with the ids it had."""
    from relay.report.webhooks import letters
    from relay.report.webhooks.outbox import open_outbox
    from relay.store.sqlite.hooks import open_webhooks

    checked = settings(config)
    hook = _webhook(checked, ident)
    chosen = _chosen(hook, since, event)
    now = system_clock()
    with store_errors(checked.data), closing(open_outbox(checked.data)) as outbox:
        count = letters.replay(outbox, chosen, now)
    with store_errors(checked.data), closing(open_webhooks(checked.data / "registry.db")) as opened:
        opened.audit(now, operator(), "webhook replay", {"webhook": hook.id, "events": count})
    if as_json:
        print_json({"id": hook.id, "replayed": count})
    else:
        print(f"{count} event{'' if count == 1 else 's'} of {hook.id} will be sent again")
    if hook.disabled:
        typer.echo(f"{hook.id} is disabled: they become dead letters again until it is enabled", err=True)


def states(config: Config, idents: Sequence[str]) -> dict[str, dict[str, Any]]:
    """How each webhook fares, as JSON has it."""
    from relay.report.webhooks import letters
    from relay.report.webhooks.schedule import Endpoint

    found = {}
    with _reading(config) as outbox:
        for ident in idents:
            endpoint = outbox.endpoint(ident) if outbox is not None else Endpoint()
            found[ident] = {
                "waiting": outbox.count(ident) if outbox is not None else 0,
                "dead": letters.dead_count(outbox, ident) if outbox is not None else 0,
                "lost": endpoint.lost,
                "failures": endpoint.failures,
                "failing_since": when(endpoint.failing_since),
                "paused_until": when(endpoint.paused_until) if endpoint.paused_until > system_clock() else None,
                "last_success": when(endpoint.last_success),
            }
    return found


def answers(config: Config, ident: str, limit: int) -> list[dict[str, Any]]:
    """The last requests, the newest first."""
    from relay.report.webhooks import letters

    with _reading(config) as outbox:
        found = letters.answers(outbox, ident, limit) if outbox is not None else []
    return [
        {
            "at": when(each.at),
            "event": each.event,
            "events": each.events,
            "attempt": each.attempt,
            "status": each.status or None,
            "seconds": each.seconds,
            "answer": each.text,
        }
        for each in found
    ]


def print_answers(found: Sequence[dict[str, Any]]) -> None:
    columns = ["at", "event", "events", "attempt", "seconds", "answer"]
    print_table(columns, [[each[name] for name in columns] for each in found])


def fresh_start(config: Config, ident: str) -> None:
    """Forget the failures of a webhook that is enabled again; what waits is tried now."""
    from relay.report.webhooks.outbox import open_outbox

    with _reading(config) as outbox:
        if outbox is None:
            return
    with store_errors(config.data), closing(open_outbox(config.data)) as opened:
        opened.begin_anew(ident, system_clock())


@contextmanager
def _reading(config: Config) -> Iterator[Outbox | None]:
    from relay.report.webhooks.outbox import read_outbox

    with store_errors(config.data):
        outbox = read_outbox(config.data)
        try:
            yield outbox
        finally:
            if outbox is not None:
                outbox.close()


def _webhook(config: Config, ident: str) -> Webhook:
    from relay.store.sqlite.hooks import open_webhooks

    with registry(config), closing(open_webhooks(config.data / "registry.db")) as opened:
        return opened.webhook(ident)


def _chosen(hook: Webhook, since: str, event: str) -> Chosen:
    from relay.report.webhooks.letters import Chosen

    return Chosen(hook=hook.id, since=ago(since, "--since"), event=event.removeprefix("evt_"))
