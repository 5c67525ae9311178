"""`relay webhook disable`, `enable`, `check`, `test` and `rotate`."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from relay.cli import webhook_letters
from relay.cli.frame import CommandError, ConfigOption, ExitCode, JsonOption, examples, operator, program, settings
from relay.cli.output import print_fields, print_json
from relay.cli.webhook_shared import Ident, Trust, attempt, fresh_secret, hooks, print_with
from relay.model.clock import system_clock
from relay.model.webhook import Signature


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
    if not reason.strip():
        raise typer.BadParameter("a reason has words", param_hint="--reason")
    with hooks(settings(config)) as opened:
        now = system_clock()
        hook = replace(opened.webhook(ident), disabled=reason.strip(), disabled_at=now)
        opened.update(hook)
        opened.audit(now, operator(), "webhook disable", {"webhook": hook.id, "reason": hook.disabled})
    print_with(hook, {}, "", as_json)


def enable(ident: Ident, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Send to a webhook again, at once what waits; `relay webhook replay` brings back what was given up."""
    checked = settings(config)
    with hooks(checked) as opened:
        hook = replace(opened.webhook(ident), disabled="", disabled_at=None)
        opened.update(hook)
        opened.audit(system_clock(), operator(), "webhook enable", {"webhook": hook.id})
    webhook_letters.fresh_start(checked, hook.id)
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
    from relay.cli.webhook_reach import told
    from relay.report.webhooks.request import signing_key

    checked = settings(config)
    with hooks(checked) as opened:
        hook, keys = opened.webhook(ident), opened.signing_keys()
    status, text = told(checked, hook, signing_key(keys), event)
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
    from relay.report.webhooks.sign import OVERLAP

    now = system_clock()
    with hooks(settings(config)) as opened:
        before = opened.webhook(ident)
        if before.signature is not Signature.STANDARD:
            raise CommandError(f"{before.id} is signed with a key: `{program()} webhook key --new` makes another")
        secret = fresh_secret(now)
        until = now if at_once else now + OVERLAP
        old = [replace(each, until=until) for each in before.secrets if each.until is None]
        hook = replace(before, secrets=(secret, *([] if at_once else old)))
        opened.update(hook)
        opened.audit(now, operator(), "webhook rotate", {"webhook": hook.id, "now": at_once})
    print_with(hook, {"secret": secret.text}, "", as_json)
