"""`relay account`: who may have credentials and domains."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from relay.cli.frame import ConfigOption, JsonOption, examples, group, operator, registry, settings
from relay.cli.output import print_fields, print_json, print_table, when
from relay.model.account import Account
from relay.model.clock import system_clock

app = group("Accounts: each has domains, credentials and tokens of its own.", "relay account add shop")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The account.")]


@app.command("add", epilog=examples("relay account add shop"))
def add(name: Name, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Make an account."""
    if not name or len(name) > 64 or not all(each.isalnum() or each in "-_." for each in name):
        raise typer.BadParameter("a name has 1 to 64 letters, digits, '-', '_' and '.'", param_hint="NAME")
    account = Account(name=name, created=system_clock())
    with registry(settings(config)) as opened:
        opened.add_account(account)
    _print(account, as_json)


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


def _set(name: str, disabled: bool, config: ConfigOption, as_json: bool) -> None:
    with registry(settings(config)) as opened:
        opened.set_account_disabled(name, disabled)
        act = "account disable" if disabled else "account enable"
        opened.audit(system_clock(), operator(), act, {"account": name})
        account = opened.account(name)
    _print(account, as_json)


def _print(account: Account, as_json: bool) -> None:
    described = _describe(account)
    print_json(described) if as_json else print_fields(described)


def _describe(account: Account) -> dict[str, Any]:
    return {"account": account.name, "disabled": account.disabled, "created": when(account.created)}
