"""`relay credential`: user names and passwords that clients log in with."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Annotated, Any

import typer

from relay.cli.frame import ConfigOption, JsonOption, examples, group, operator, registry, settings
from relay.cli.output import print_fields, print_json, print_table, when
from relay.cli.owner import AccountOption, owner
from relay.model.account import ControlHeaders, Credential
from relay.model.clock import system_clock

app = group("Credentials: what SMTP clients log in with.", "relay credential add --account shop --note webshop")

Username = Annotated[str, typer.Argument(metavar="USERNAME", help="The credential's user name.")]


@app.command("add", epilog=examples("relay credential add --account shop --note 'the webshop on host a'"))
def add(
    account: AccountOption = None,
    username: Annotated[str, typer.Option(metavar="NAME", help="User name. Default: one is made.")] = "",
    note: Annotated[str, typer.Option(help="What it is for.")] = "",
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Keep its mail, send nothing.")] = False,
    control_headers: Annotated[
        ControlHeaders, typer.Option(help="Read X-SMTPeter-* fields, remove them unread, or leave them in place.")
    ] = ControlHeaders.ON,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a credential. Its password is shown once, and only here."""
    from relay.cli import secret

    checked = settings(config)
    if any(each.isspace() or not each.isprintable() for each in username) or len(username) > 128:
        raise typer.BadParameter("a user name has up to 128 characters and no spaces", param_hint="--username")
    from relay.submission.login import hash_password

    password = secret.password()
    with registry(checked) as opened:
        name = owner(opened, account)
        credential = Credential(
            username=username or secret.username(name),
            account=name,
            password_hash=hash_password(password),
            created=system_clock(),
            note=note,
            sandbox=sandbox,
            control_headers=control_headers,
        )
        opened.add_credential(credential)
    _print_once(credential, password, as_json)


@app.command("list", epilog=examples("relay credential list --account shop"))
def listing(account: AccountOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List credentials; passwords cannot be shown again."""
    with registry(settings(config)) as opened:
        if account is not None:
            opened.account(account)
        credentials = opened.credentials(account)
    described = [_describe(each) for each in credentials]
    if as_json:
        print_json(described)
    else:
        columns = ["username", "account", "disabled", "sandbox", "control_headers", "created", "note"]
        print_table(columns, [[each[name] for name in columns] for each in described])


@app.command("disable", epilog=examples("relay credential disable shop-4kd92m"))
def disable(
    username: Username,
    undo: Annotated[bool, typer.Option("--undo", help="Let it log in again.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Refuse the logins of a credential. What it has queued is still delivered."""
    with registry(settings(config)) as opened:
        credential = replace(opened.credential(username), disabled=not undo)
        opened.update_credential(credential)
        act = "credential enable" if undo else "credential disable"
        opened.audit(system_clock(), operator(), act, {"username": credential.username})
    described = _describe(credential)
    print_json(described) if as_json else print_fields(described)


@app.command("rotate", epilog=examples("relay credential rotate shop-4kd92m"))
def rotate(username: Username, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Give a credential a new password, shown once. The old one is refused from now on."""
    from relay.cli import secret
    from relay.cli.access import keep_access_password
    from relay.cli.demo import keep_password

    checked = settings(config)
    from relay.submission.login import hash_password

    password = secret.password()
    with registry(checked) as opened:
        credential = replace(opened.credential(username), password_hash=hash_password(password))
        opened.update_credential(credential)
        opened.audit(system_clock(), operator(), "credential rotate", {"username": credential.username})
    keep_password(checked.data, credential.username, password)
    keep_access_password(checked.data, credential.username, password)
    _print_once(credential, password, as_json)


def _print_once(credential: Credential, password: str, as_json: bool) -> None:
    shown = {**_describe(credential), "password": password}
    if as_json:
        print_json(shown)
        return
    print_fields({name: shown[name] for name in ("username", "password", "account", "note")})
    sys.stdout.flush()  # in a pipe the note would come first
    typer.echo("Note the password now: it is kept as a digest, and cannot be shown again.", err=True)


def _describe(credential: Credential) -> dict[str, Any]:
    return {
        "username": credential.username,
        "account": credential.account,
        "disabled": credential.disabled,
        "sandbox": credential.sandbox,
        "control_headers": credential.control_headers.value,
        "grants": sorted(credential.grants),
        "note": credential.note,
        "created": when(credential.created),
    }
