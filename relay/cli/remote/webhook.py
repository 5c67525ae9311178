"""`webhook` over the API: whom the account's events are told to over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from relay.cli.frame import CommandError, ExitCode, JsonOption
from relay.cli.gather import gather
from relay.cli.output import print_fields, print_json, print_table, when
from relay.cli.remote.client import name, remote
from relay.cli.remote.frame import count, family
from relay.cli.times import ago
from relay.cli.webhook_letters import Event, Limit, Since, print_answers, print_dead
from relay.cli.webhook_rules import HookChanges
from relay.cli.webhook_shared import Ident, print_hook

_AROUND = ("passed", "found", "secret", "check_text", "key")  # what an answer has around the webhook itself

app = family("Webhooks: events told to others over HTTP.")


@app.command("add")
@gather
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are told: POST.")],
    changes: HookChanges,
    as_json: JsonOption = False,
) -> None:
    """Add a webhook and check its URL. The secret of its signatures is shown once, and only here."""
    _print(remote().post("/webhook", {**changes.given(), "url": url}), as_json)


@app.command("set")
@gather
def change(
    ident: Ident,
    changes: HookChanges,
    url: Annotated[str, typer.Option("--url", metavar="URL", help="Another URL, which is checked first.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Change a webhook; what is not named stays as it is."""
    body = {**changes.given(), **({"url": url} if url else {})}
    _print(remote().ask("PATCH", _path(ident), body=body).json(), as_json)


@app.command("list")
def listing(as_json: JsonOption = False) -> None:
    """List webhooks, how they fare, and what waits for them."""
    found = remote().pages("/webhooks", "webhooks")
    if as_json:
        print_json(found)
    else:
        columns = ["id", "state", "waiting", "dead", "events", "url"]
        print_table(columns, [[each[column] for column in columns] for each in found])


@app.command("show")
def show(ident: Ident, as_json: JsonOption = False) -> None:
    """Show a webhook, what waits for it, and its last answers."""
    told = remote().get(_path(ident))
    answers = remote().get(f"{_path(ident)}/deliveries", limit=10)["deliveries"]
    if as_json:
        print_json({**told, "answers": answers})
        return
    print_fields({each: value for each, value in told.items() if each != "key"})
    _tell_key(told)
    if answers:
        print()
        print_answers(answers)


@app.command("remove")
def remove(ident: Ident, as_json: JsonOption = False) -> None:
    """Remove a webhook; what waits for it is told to nobody, and its dead letters go, too."""
    told = remote().get(_path(ident))
    remote().ask("DELETE", _path(ident))
    _print(told, as_json)


@app.command("disable")
def disable(
    ident: Ident,
    reason: Annotated[str, typer.Option("--reason", help="Why, for people.")] = "by hand",
    as_json: JsonOption = False,
) -> None:
    """Send nothing to a webhook. What waits for it becomes dead letters, which can be replayed."""
    _print(remote().post(f"{_path(ident)}/disable", {"reason": reason}), as_json)


@app.command("enable")
def enable(ident: Ident, as_json: JsonOption = False) -> None:
    """Send to a webhook again, at once what waits; `webhook replay` brings back what was given up."""
    _print(remote().post(f"{_path(ident)}/enable"), as_json)


@app.command("check")
def check(
    ident: Annotated[str | None, typer.Argument(metavar="ID", help="Default: all that did not pass yet.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check the URL of a webhook: nothing is sent there before it passed once."""
    all_of_them = [] if ident else remote().pages("/webhooks", "webhooks")
    meant = [ident] if ident else [each["id"] for each in all_of_them if each["checked"] is None]
    results = []
    for each in meant:
        told = remote().post(f"{_path(each)}/check")
        results.append({member: told[member] for member in ("id", "url", "passed", "found")})
    if as_json:
        print_json(results)
    else:
        for result in results:
            print(f"{result['id']}: {'' if result['passed'] else 'no: '}{result['found']}")
    if not all(result["passed"] for result in results):
        raise typer.Exit(ExitCode.FAILED)


@app.command("test")
def test(
    ident: Ident,
    event: Annotated[str, typer.Option("--event", metavar="NAME", help="Which event to make up.")] = "delivered",
    as_json: JsonOption = False,
) -> None:
    """Send one made-up event now, past what waits, and show the answer."""
    told = remote().post(f"{_path(ident)}/test", {"event": event})
    if told["status"] is None:
        raise CommandError(told["answer"])
    print_json(told) if as_json else print_fields({each: told[each] for each in ("status", "answer")})
    if not 200 <= told["status"] < 300:
        raise typer.Exit(ExitCode.FAILED)


@app.command("rotate")
def rotate(
    ident: Ident,
    at_once: Annotated[bool, typer.Option("--now", help="The old secret signs no more from now on.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Give a webhook a new secret, shown once. For a day requests are signed with the old one, too."""
    _print(remote().post(f"{_path(ident)}/rotate", {"now": at_once}), as_json)


@app.command("log")
def log(ident: Ident, limit: Limit = 50, as_json: JsonOption = False) -> None:
    """Show the last requests and their answers, the newest first."""
    found = remote().get(f"{_path(ident)}/deliveries", limit=min(limit, 1000))["deliveries"]
    print_json(found) if as_json else print_answers(found)


@app.command("dead")
def dead(ident: Ident, since: Since = "", event: Event = "", limit: Limit = 100, as_json: JsonOption = False) -> None:
    """List events that were given up, the oldest first."""
    given = {"since": when(ago(since, "--since")), "event": event or None}
    print_dead(remote().pages(f"{_path(ident)}/dead", "dead", limit, **given), as_json)


@app.command("replay")
def replay(ident: Ident, since: Since = "", event: Event = "", as_json: JsonOption = False) -> None:
    """Send again what was given up, with the ids it had."""
    body = {"since": when(ago(since, "--since")) or "", "event": event}
    told = remote().post(f"{_path(ident)}/replay", body)
    if as_json:
        print_json({each: told[each] for each in ("id", "replayed")})
    else:
        print(f"{count(told['replayed'], 'event')} of {told['id']} will be sent again")
    if told["disabled"]:
        typer.echo(f"{told['id']} is disabled: they become dead letters again until it is enabled", err=True)


def _path(ident: str) -> str:
    return f"/webhook/{name(ident)}"


def _print(told: Mapping[str, Any], as_json: bool) -> None:
    described = {each: value for each, value in told.items() if each not in _AROUND}
    found = "" if "found" not in told else f"{'' if told['passed'] else 'no: '}{told['found']}"
    more = {"secret": told["secret"]} if "secret" in told else {}
    if not as_json:
        _tell_key(told)
    print_hook(described, more, found, told.get("check_text") or "", as_json)


def _tell_key(told: Mapping[str, Any]) -> None:
    """The record by which signatures in SMTPeter's way are checked."""
    if key := told.get("key"):
        typer.echo(f"its signatures are checked by {key['name']} (TXT): {key['record']}", err=True)
