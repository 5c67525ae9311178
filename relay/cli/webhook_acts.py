"""`relay webhook disable`, `enable`, `check`, `test` and `rotate`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from relay.cli.frame import (
    CommandError,
    ConfigOption,
    ExitCode,
    JsonOption,
    examples,
    operator,
    program,
    settings,
    store_errors,
)
from relay.cli.output import print_fields, print_json
from relay.cli.webhook_rules import words
from relay.cli.webhook_shared import Ident, Trust, attempt, hooks, print_with
from relay.manage import webhook_letters, webhooks
from relay.manage.wrong import Unfit
from relay.model.clock import system_clock


def join(app: typer.Typer) -> None:
    """Put the commands beside those of `relay webhook`."""
    app.command("disable", epilog=examples("relay webhook disable wh_4kd92mzq7r --reason 'rebuilt'"))(disable)
    app.command("enable", epilog=examples("relay webhook enable wh_4kd92mzq7r"))(enable)
    app.command("check", epilog=examples("relay webhook check wh_4kd92mzq7r", "relay webhook check"))(check)
    app.command("test", epilog=examples("relay webhook test wh_4kd92mzq7r --event bounced"))(test)
    app.command(
        "rotate", epilog=examples("relay webhook rotate wh_4kd92mzq7r", "relay webhook rotate wh_4kd92mzq7r --now")
    )(rotate)


def disable(
    ident: Ident,
    reason: Annotated[str, typer.Option("--reason", help="Why, for people.")] = "by hand",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send nothing to a webhook. What waits for it becomes dead letters, which can be replayed."""
    with hooks(settings(config)) as opened, words():
        now = system_clock()
        hook = webhooks.disabled(opened.webhook(ident), reason, now)
        opened.update(hook)
        opened.audit(now, operator(), "webhook disable", {"webhook": hook.id, "reason": hook.disabled})
    print_with(hook, {}, "", as_json)


def enable(ident: Ident, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Send to a webhook again, at once what waits; `relay webhook replay` brings back what was given up."""
    checked = settings(config)
    with hooks(checked) as opened:
        hook = webhooks.enabled(opened.webhook(ident))
        opened.update(hook)
        opened.audit(system_clock(), operator(), "webhook enable", {"webhook": hook.id})
    with store_errors(checked.data):
        webhook_letters.fresh_start(checked.data, hook.id, system_clock())
    print_with(hook, {}, "", as_json)


def check(
    ident: Annotated[str | None, typer.Argument(metavar="ID", help="Default: all that did not pass yet.")] = None,
    trust: Trust = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the URL of a webhook: nothing is sent there before it passed once."""
    checked = settings(config)
    results = []
    with hooks(checked) as opened:
        meant = [opened.webhook(ident)] if ident else [each for each in opened.webhooks() if each.checked is None]
        for each in meant:
            hook, found = attempt(opened, checked, each, trust)
            results.append({"id": hook.id, "url": hook.url, "passed": not found.startswith("no:"), "found": found})
    if as_json:
        print_json(results)
    else:
        for result in results:
            print(f"{result['id']}: {result['found']}")
    if not all(each["passed"] for each in results):
        raise typer.Exit(ExitCode.FAILED)


def test(
    ident: Ident,
    event: Annotated[str, typer.Option("--event", metavar="NAME", help="Which event to make up.")] = "delivered",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send one made-up event now, past what waits, and show the answer."""
    from relay.manage.webhook_reach import Unproven, told
    from relay.report.webhooks.request import signing_key

    checked = settings(config)
    with hooks(checked) as opened:
        hook, keys = opened.webhook(ident), opened.signing_keys()
    try:
        with words():
            status, text = asyncio.run(told(checked, hook, signing_key(keys), event, system_clock))
    except Unproven as error:
        raise CommandError(str(error)) from error
    if as_json:
        print_json({"id": hook.id, "event": event, "status": status, "answer": text})
    else:
        print_fields({"status": status, "answer": text})
    if not 200 <= status < 300:
        raise typer.Exit(ExitCode.FAILED)


def rotate(
    ident: Ident,
    at_once: Annotated[bool, typer.Option("--now", help="The old secret signs no more from now on.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a webhook a new secret, shown once. For a day requests are signed with the old one, too."""
    now = system_clock()
    with hooks(settings(config)) as opened:
        before = opened.webhook(ident)
        try:
            hook, secret = webhooks.rotated(before, now, at_once=at_once)
        except Unfit as error:
            raise CommandError(f"{error}: `{program()} webhook key --new` makes another key") from error
        opened.update(hook)
        opened.audit(now, operator(), "webhook rotate", {"webhook": hook.id, "now": at_once})
    print_with(hook, {"secret": secret}, "", as_json)
