"""`relay account`: who may have credentials and domains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from relay.cli.changes import AccountChanges
from relay.cli.doubts import doubt
from relay.cli.frame import ConfigOption, JsonOption, examples, group, operator, registry, settings
from relay.cli.gather import gather
from relay.cli.output import print_fields, print_json, print_table, when
from relay.manage.rules import describe_quota, shown_limits, shown_options
from relay.manage.wrong import Wrong
from relay.model.account import Account
from relay.model.clock import system_clock

app = group("Accounts: each has domains, credentials and tokens of its own.", "relay account add shop")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The account.")]


@app.command("add", epilog=examples("relay account add shop"))
def add(name: Name, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Make an account."""
    check_name(name)
    account = Account(name=name, created=system_clock())
    with registry(settings(config)) as opened:
        opened.add_account(account)
    _print(account, as_json)


def check_name(name: str) -> None:
    """Raises BadParameter."""
    from relay.manage import presets

    try:
        presets.check_name(name)
    except Wrong as error:
        raise typer.BadParameter(error.message, param_hint="NAME") from error


@app.command("list", epilog=examples("relay account list"))
def listing(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List accounts."""
    with registry(settings(config)) as opened:
        accounts = opened.accounts()
    if as_json:
        print_json([_describe(each) for each in accounts])
    else:
        rows = [(each.name, "disabled" if each.disabled else "active", when(each.created)) for each in accounts]
        print_table(["account", "state", "created"], rows)


@app.command("disable", epilog=examples("relay account disable shop"))
def disable(name: Name, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Refuse the logins of an account. What it has queued is still delivered."""
    _set(name, True, config, as_json)


@app.command("enable", epilog=examples("relay account enable shop"))
def enable(name: Name, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Let a disabled account log in again."""
    _set(name, False, config, as_json)


@app.command(
    "set",
    epilog=examples(
        "relay account set shop --option stream=bulk",
        "relay account set shop --quota recipients-day=100000 --over delay",
    ),
)
@gather
def change(name: Name, changes: AccountChanges, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Change the defaults for an account's mail, and what all its credentials may send together."""
    checked = settings(config)
    with registry(checked) as opened:
        before = opened.account(name)
        account = changes.apply(before)
        if account != before:
            opened.update_account(account)
            detail = {"account": name, "options": dict(account.options), "quota": describe_quota(account.quota)}
            opened.audit(system_clock(), operator(), "account set", detail)
        doubt(checked, opened, account)
    _print(account, as_json)


@app.command("show", epilog=examples("relay account show shop"))
def show(name: Name, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show all that is set for an account."""
    with registry(settings(config)) as opened:
        account = opened.account(name)
    _print(account, as_json)


def _set(name: str, disabled: bool, config: ConfigOption, as_json: bool) -> None:
    with registry(settings(config)) as opened:
        opened.set_account_disabled(name, disabled)
        act = "account disable" if disabled else "account enable"
        opened.audit(system_clock(), operator(), act, {"account": name})
        account = opened.account(name)
    _print(account, as_json)


def _print(account: Account, as_json: bool) -> None:
    print_account(_describe(account), as_json)


def print_account(described: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(described)
        return
    plain = {name: value for name, value in described.items() if name not in ("options", "quota")}
    print_fields({**plain, **shown_options(described["options"]), **shown_limits(described["quota"])})


def _describe(account: Account) -> dict[str, Any]:
    return {
        "account": account.name,
        "disabled": account.disabled,
        "created": when(account.created),
        "options": dict(account.options),
        "quota": describe_quota(account.quota),
    }
