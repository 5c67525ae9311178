"""`relay webhook`: whom an account's events are told to over HTTP, and what became of it.

Why so: nothing is sent to a URL that has not passed its check, since an account could name anybody's. An operator
may vouch for one (`--trust`); the audit keeps who did.
"""

from __future__ import annotations

from typing import Annotated

import typer

from relay.cli import webhook_acts, webhook_key, webhook_letters
from relay.cli.frame import (
    ConfigOption,
    JsonOption,
    examples,
    group,
    operator,
    registry,
    settings,
    store_errors,
)
from relay.cli.gather import gather
from relay.cli.output import print_fields, print_json, print_table
from relay.cli.owner import AccountOption, owner
from relay.cli.webhook_rules import HookChanges, words
from relay.cli.webhook_shared import Ident, Trust, attempt, hooks, need_key, print_with
from relay.manage import webhook_letters as letters
from relay.manage.webhooks import describe, difference, fresh, state, with_secret
from relay.model.clock import system_clock

app = group(
    "Webhooks: events told to others over HTTP.",
    "relay webhook add https://example.com/hooks/mail --account shop --events delivered,failed,bounced",
    "relay webhook show wh_4kd92mzq7r",
)


@app.command(
    "add",
    epilog=examples(
        "relay webhook add https://example.com/hooks/mail --events delivered,failed,bounced,clicked",
        "relay webhook add https://example.com/hook.php --shape smtpeter --format form --events bounce,failure",
        "relay webhook add http://10.0.0.7:8000/mail --events all --batched --trust",
    ),
)
@gather
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are told: POST.")],
    changes: HookChanges,
    account: AccountOption = None,
    trust: Trust = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a webhook and check its URL. The secret of its signatures is shown once, and only here."""
    checked = settings(config)
    with registry(checked) as accounts:
        whose = owner(accounts, account)
    now = system_clock()
    with words():
        bare = fresh(whose, url, now)
    hook = changes.apply(bare)
    hook, shown = with_secret(hook, now)
    with hooks(checked) as opened:
        need_key(opened, checked, hook)
        opened.add(hook)
        opened.audit(now, operator(), "webhook add", describe(hook))
        hook, found = attempt(opened, checked, hook, trust)
    print_with(hook, {"secret": shown} if shown else {}, found, as_json)


@app.command(
    "set",
    epilog=examples(
        "relay webhook set wh_4kd92mzq7r --events all --no-machine",
        "relay webhook set wh_4kd92mzq7r --url https://example.com/new",
    ),
)
@gather
def change(
    ident: Ident,
    changes: HookChanges,
    url: Annotated[str, typer.Option("--url", metavar="URL", help="Another URL, which is checked first.")] = "",
    trust: Trust = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a webhook; what is not named stays as it is."""
    checked = settings(config)
    now = system_clock()
    with hooks(checked) as opened:
        before = opened.webhook(ident)
        hook = changes.apply(before, url)
        hook, shown = with_secret(hook, now)
        found = ""
        if hook != before:
            need_key(opened, checked, hook)
            opened.update(hook)
            opened.audit(system_clock(), operator(), "webhook set", difference(hook, before))
        if hook.checked is None:
            hook, found = attempt(opened, checked, hook, trust)
    print_with(hook, {"secret": shown} if shown else {}, found, as_json)


@app.command("list", epilog=examples("relay webhook list", "relay webhook list --account shop --json"))
def listing(account: AccountOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List webhooks, how they fare, and what waits for them."""
    checked = settings(config)
    with hooks(checked) as opened:
        found = opened.webhooks(account)
    with store_errors(checked.data):
        states = letters.states(checked.data, [each.id for each in found], system_clock())
    described = [{**describe(each), **states[each.id], "state": state(each, states[each.id])} for each in found]
    if as_json:
        print_json(described)
    else:
        columns = ["id", "account", "state", "waiting", "dead", "events", "url"]
        print_table(columns, [[each[name] for name in columns] for each in described])


@app.command("show", epilog=examples("relay webhook show wh_4kd92mzq7r"))
def show(ident: Ident, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show a webhook, what waits for it, and its last answers."""
    checked = settings(config)
    with hooks(checked) as opened:
        hook = opened.webhook(ident)
    with store_errors(checked.data):
        fares = letters.states(checked.data, [hook.id], system_clock())[hook.id]
        answers = letters.answers(checked.data, hook.id, 10)
    shown = {**describe(hook), "state": state(hook, fares), **fares}
    if as_json:
        print_json({**shown, "answers": answers})
        return
    print_fields(shown)
    if answers:
        print()
        webhook_letters.print_answers(answers)


@app.command("remove", epilog=examples("relay webhook remove wh_4kd92mzq7r"))
def remove(ident: Ident, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Remove a webhook; what waits for it is told to nobody, and its dead letters go, too."""
    with hooks(settings(config)) as opened:
        hook = opened.webhook(ident)
        opened.remove(hook.id)
        opened.audit(system_clock(), operator(), "webhook remove", {"webhook": hook.id, "account": hook.account})
    print_with(hook, {}, "", as_json)


webhook_acts.join(app)
webhook_letters.join(app)
webhook_key.join(app)
