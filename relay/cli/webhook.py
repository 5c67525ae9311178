"""`relay webhook`: whom an account's events are told to over HTTP, and what became of it.

Why so: nothing is sent to a URL that has not passed its check, since an account could name anybody's. An operator
may vouch for one (`--trust`); the audit keeps who did.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relay.cli import webhook_key, webhook_letters
from relay.cli.frame import (
    CommandError,
    ConfigOption,
    ExitCode,
    JsonOption,
    examples,
    group,
    operator,
    program,
    registry,
    settings,
    store_errors,
)
from relay.cli.gather import gather
from relay.cli.output import print_fields, print_json, print_table
from relay.cli.owner import AccountOption, owner
from relay.cli.webhook_rules import HookChanges, describe
from relay.model.account import DkimKey
from relay.model.clock import system_clock
from relay.model.webhook import Secret, Shape, Signature, Webhook

if TYPE_CHECKING:
    from relay.config import Config
    from relay.store.sqlite.hooks import SqliteWebhooks

app = group(
    "Webhooks: events told to others over HTTP.",
    "relay webhook add https://example.com/hooks/mail --account shop --events delivered,failed,bounced",
    "relay webhook show wh_4kd92mzq7r",
)
Ident = Annotated[str, typer.Argument(metavar="ID", help="The webhook, as `relay webhook list` shows it.")]
Trust = Annotated[bool, typer.Option("--trust", help="Use the URL without a check: you vouch for it.")]


@contextmanager
def hooks(config: Config) -> Iterator[SqliteWebhooks]:
    """The webhooks of the registry, closed afterwards."""
    from relay.store.sqlite.hooks import open_webhooks

    with registry(config), store_errors(config.data), closing(open_webhooks(config.data / "registry.db")) as opened:
        yield opened


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
    from relay.cli import secret
    from relay.cli.webhook_reach import checked_url

    checked = settings(config)
    with registry(checked) as accounts:
        whose = owner(accounts, account)
    now = system_clock()
    bare = Webhook(
        id=f"wh_{secret.webhook()}",
        account=whose,
        url=checked_url(url),
        created=now,
        events=frozenset(),
        token=secret.webhook(),
    )
    hook = changes.apply(bare)
    hook, shown = _with_secret(hook, now)
    with hooks(checked) as opened:
        _need_key(opened, checked, hook)
        opened.add(hook)
        opened.audit(now, operator(), "webhook add", describe(hook))
        hook, found = _try(opened, checked, hook, trust)
    _print_with(hook, {"secret": shown} if shown else {}, found, as_json)


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
    from relay.cli.webhook_reach import checked_url

    checked = settings(config)
    now = system_clock()
    with hooks(checked) as opened:
        before = opened.webhook(ident)
        hook = changes.apply(before)
        if url and url != before.url:
            hook = replace(hook, url=checked_url(url), checked=None)
        hook, shown = _with_secret(hook, now)
        found = ""
        if hook != before:
            _need_key(opened, checked, hook)
            opened.update(hook)
            _audit(opened, "webhook set", hook, before)
        if hook.checked is None:
            hook, found = _try(opened, checked, hook, trust)
    _print_with(hook, {"secret": shown} if shown else {}, found, as_json)


@app.command("list", epilog=examples("relay webhook list", "relay webhook list --account shop --json"))
def listing(account: AccountOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List webhooks, how they fare, and what waits for them."""
    checked = settings(config)
    with hooks(checked) as opened:
        found = opened.webhooks(account)
    states = webhook_letters.states(checked, [each.id for each in found])
    described = [{**describe(each), **states[each.id], "state": _state(each, states[each.id])} for each in found]
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
    state = webhook_letters.states(checked, [hook.id])[hook.id]
    shown = {**describe(hook), "state": _state(hook, state), **state}
    answers = webhook_letters.answers(checked, hook.id, 10)
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
    _print_with(hook, {}, "", as_json)


@app.command("disable", epilog=examples("relay webhook disable wh_4kd92mzq7r --reason 'receiver is rebuilt'"))
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
    _print_with(hook, {}, "", as_json)


@app.command("enable", epilog=examples("relay webhook enable wh_4kd92mzq7r"))
def enable(ident: Ident, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Send to a webhook again, at once what waits; `relay webhook replay` brings back what was given up."""
    checked = settings(config)
    with hooks(checked) as opened:
        hook = replace(opened.webhook(ident), disabled="", disabled_at=None)
        opened.update(hook)
        opened.audit(system_clock(), operator(), "webhook enable", {"webhook": hook.id})
    webhook_letters.fresh_start(checked, hook.id)
    _print_with(hook, {}, "", as_json)


@app.command("check", epilog=examples("relay webhook check wh_4kd92mzq7r", "relay webhook check"))
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
            hook, found = _try(opened, checked, each, trust)
            results.append({"id": hook.id, "url": hook.url, "passed": not found.startswith("no:"), "found": found})
    if as_json:
        print_json(results)
    else:
        for result in results:
            print(f"{result['id']}: {result['found']}")
    if not all(each["passed"] for each in results):
        raise typer.Exit(ExitCode.FAILED)


@app.command("test", epilog=examples("relay webhook test wh_4kd92mzq7r --event bounced"))
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


@app.command(
    "rotate", epilog=examples("relay webhook rotate wh_4kd92mzq7r", "relay webhook rotate wh_4kd92mzq7r --now")
)
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
        secret = _new_secret(now)
        until = now if at_once else now + OVERLAP
        old = [replace(each, until=until) for each in before.secrets if each.until is None]
        hook = replace(before, secrets=(secret, *([] if at_once else old)))
        opened.update(hook)
        opened.audit(now, operator(), "webhook rotate", {"webhook": hook.id, "now": at_once})
    _print_with(hook, {"secret": secret.text}, "", as_json)


def _try(opened: SqliteWebhooks, config: Config, hook: Webhook, trust: bool) -> tuple[Webhook, str]:
    """The webhook as it is after its check, and what was found; that begins with `no:` where it did not pass."""
    from relay.cli.webhook_reach import proved
    from relay.report.webhooks.check import Unproven
    from relay.report.webhooks.request import signing_key

    now = system_clock()
    if trust:
        found = f"trusted by {operator()}"
    else:
        try:
            found = proved(config, hook, signing_key(opened.signing_keys()))
        except Unproven as error:
            return hook, f"no: {error}"
    passed = replace(hook, checked=now)
    opened.update(passed)
    opened.audit(now, operator(), "webhook check", {"webhook": hook.id, "found": found})
    return passed, found


def _with_secret(hook: Webhook, now: float) -> tuple[Webhook, str]:
    """The webhook with a secret if it needs one and has none; that secret."""
    if hook.signature is not Signature.STANDARD or hook.secrets:
        return hook, ""
    made = _new_secret(now)
    return replace(hook, secrets=(made,)), made.text


def _new_secret(now: float) -> Secret:
    import secrets

    from relay.report.webhooks.sign import SECRET_OCTETS, new_secret

    return Secret(new_secret(secrets.token_bytes(SECRET_OCTETS)), now)


def _need_key(opened: SqliteWebhooks, config: Config, hook: Webhook) -> None:
    """Where SMTPeter's signature is asked for the first time, there has to be a key."""
    from relay.cli.webhook_key import make
    from relay.report.webhooks.request import signing_key

    if hook.signature is Signature.SMTPETER and signing_key(opened.signing_keys()) is None:
        made: DkimKey = make(opened, config)
        typer.echo(f"made key {made.selector}: `{program()} webhook key` shows the record to publish", err=True)


def _audit(opened: SqliteWebhooks, act: str, after: Webhook, before: Webhook) -> None:
    old, new = describe(before), describe(after)
    changed = {name: value for name, value in new.items() if value != old[name]}
    opened.audit(system_clock(), operator(), act, {"webhook": after.id, **changed})


def _state(hook: Webhook, state: dict[str, Any]) -> str:
    if hook.disabled:
        return f"disabled: {hook.disabled}"
    if hook.checked is None:
        return "not checked"
    return "failing" if state["failures"] else "ok"


def _print_with(hook: Webhook, more: dict[str, str], found: str, as_json: bool) -> None:
    described: dict[str, Any] = {**describe(hook), **more}
    if as_json:
        print_json({**described, "found": found} if found else described)
        return
    print_fields({name: value for name, value in described.items() if value not in (None, "")})
    sys.stdout.flush()  # in a pipe the notes would come first
    if more:
        typer.echo("Note the secret now: it cannot be shown again.", err=True)
    if found.startswith("no:"):
        typer.echo(f"Nothing is sent there yet: {found[4:]}", err=True)
        if hook.shape is Shape.SMTPETER:
            typer.echo(f"Put a file {hook.check_file} there that says {hook.token}, then:", err=True)
        typer.echo(f"  {program()} webhook check {hook.id}", err=True)


webhook_letters.join(app)
webhook_key.join(app)
