"""`relay credential`: user names and passwords that clients log in with."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relay.cli.changes import CredentialChanges
from relay.cli.doubts import doubt
from relay.cli.frame import ConfigOption, JsonOption, examples, group, operator, registry, settings
from relay.cli.gather import gather
from relay.cli.output import print_fields, print_json, print_table
from relay.cli.owner import AccountOption, owner
from relay.manage.credentials import check_username, describe, difference
from relay.manage.rules import shown_limits, shown_options
from relay.manage.wrong import Wrong
from relay.model.account import Credential
from relay.model.clock import system_clock
from relay.model.spelling import duration_text

if TYPE_CHECKING:
    from relay.store.interface import Registry

app = group("Credentials: what SMTP clients log in with.", "relay credential add --account shop --note webshop")

Username = Annotated[str, typer.Argument(metavar="USERNAME", help="The credential's user name.")]


@app.command(
    "add",
    epilog=examples(
        "relay credential add --account shop --note 'the webshop on host a'",
        "relay credential add --option tags=invoice --quota messages-hour=1000 --over delay",
        "relay credential add --grant schedule-long --preset receipts",
    ),
)
@gather
def add(
    changes: CredentialChanges,
    account: AccountOption = None,
    username: Annotated[str, typer.Option(metavar="NAME", help="User name. Default: one is made.")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a credential. Its password is shown once, and only here."""
    from relay.manage import secret

    checked = settings(config)
    check_name(username)
    from relay.submission.login import hash_password

    password = secret.password()
    with registry(checked) as opened:
        name = owner(opened, account)
        bare = Credential(
            username=username or secret.username(name),
            account=name,
            password_hash=hash_password(password),
            created=system_clock(),
        )
        credential = changes.apply(bare, [each.name for each in opened.presets(name)])
        opened.add_credential(credential)
        _audit(opened, "credential add", credential, bare)
        doubt(checked, opened, credential)
    _print_once(credential, password, as_json)


def check_name(username: str) -> None:
    """Raises BadParameter."""
    try:
        check_username(username)
    except Wrong as error:
        raise typer.BadParameter(error.message, param_hint="--username") from error


@app.command(
    "set",
    epilog=examples(
        "relay credential set shop-4kd92m --option stream=bulk --quota recipients-day=50000",
        "relay credential set shop-4kd92m --grant source-ip --allow source_ip=192.0.2.7",
        "relay credential set shop-4kd92m --forbid sandbox --lifetime 1d --unset tags",
    ),
)
@gather
def change(
    username: Username, changes: CredentialChanges, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Change what a credential may do, and what holds for its mail; what is not named stays as it is."""
    checked = settings(config)
    with registry(checked) as opened:
        before = opened.credential(username)
        credential = changes.apply(before, [each.name for each in opened.presets(before.account)])
        if credential != before:
            opened.update_credential(credential)
            _audit(opened, "credential set", credential, before)
        doubt(checked, opened, credential)
    print_credential(describe(credential), as_json)


@app.command("show", epilog=examples("relay credential show shop-4kd92m"))
def show(username: Username, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show all that is set for a credential."""
    with registry(settings(config)) as opened:
        credential = opened.credential(username)
    print_credential(describe(credential), as_json)


def _audit(opened: Registry, act: str, after: Credential, before: Credential) -> None:
    """Keep who changed it, and what."""
    opened.audit(system_clock(), operator(), act, difference(after, before))


@app.command("list", epilog=examples("relay credential list --account shop"))
def listing(account: AccountOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List credentials; passwords cannot be shown again."""
    with registry(settings(config)) as opened:
        if account is not None:
            opened.account(account)
        credentials = opened.credentials(account)
    print_list([describe(each) for each in credentials], as_json)


def print_list(described: Sequence[Mapping[str, Any]], as_json: bool) -> None:
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
    print_credential(describe(credential), as_json)


@app.command("rotate", epilog=examples("relay credential rotate shop-4kd92m"))
def rotate(username: Username, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Give a credential a new password, shown once. The old one is refused from now on."""
    from relay.cli.access import keep_access_password
    from relay.cli.demo import keep_password
    from relay.manage import secret

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
    print_once({**describe(credential), "password": password}, as_json)


def print_once(shown: Mapping[str, Any], as_json: bool) -> None:
    """A credential as `describe` makes it, with its password."""
    if as_json:
        print_json(shown)
        return
    print_fields({name: shown[name] for name in ("username", "password", "account", "note")})
    sys.stdout.flush()  # in a pipe the note would come first
    typer.echo("Note the password now: it is kept as a digest, and cannot be shown again.", err=True)


def print_credential(described: Mapping[str, Any], as_json: bool) -> None:
    """A credential as `describe` makes it."""
    if as_json:
        print_json(described)
        return
    plain = {name: value for name, value in described.items() if name not in ("options", "quota", "allowed")}
    plain["lifetime"] = "-" if plain["lifetime"] is None else duration_text(plain["lifetime"])
    allowed = {f"allowed {name}": list(values) for name, values in sorted(described["allowed"].items())}
    print_fields({**plain, **allowed, **shown_options(described["options"]), **shown_limits(described["quota"])})
