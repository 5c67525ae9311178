"""`relay token`: what applications show to the HTTP API."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relay.cli.frame import ConfigOption, JsonOption, examples, group, operator, registry, settings
from relay.cli.output import print_fields, print_json, print_table
from relay.cli.owner import AccountOption, owner
from relay.manage import tokens
from relay.manage.wrong import Wrong
from relay.model.account import Credential, Scope
from relay.model.clock import system_clock

if TYPE_CHECKING:
    from relay.store.interface import Registry

app = group(
    "Tokens: what applications show to the HTTP API.",
    "relay token add --account shop --scope send --note webshop",
    "relay token list --account shop",
)
Ident = Annotated[str, typer.Argument(metavar="ID", help="What stands before the dot in the token.")]
Scopes = Annotated[
    list[Scope] | None,
    typer.Option(
        "--scope", help="What it may do: make mail, look at things, change them; may be given again. Default: all."
    ),
]
OfCredential = Annotated[
    str | None,
    typer.Option(
        "--credential",
        metavar="NAME",
        help="The credential whose grants, defaults and quota its mail has. Default: one is made with it.",
    ),
]
Note = Annotated[str | None, typer.Option(help="What it is for.")]
Rate = Annotated[
    str | None,
    typer.Option(metavar="N", help="Requests a minute; 0: any number; none: as the relay has it (http.api.rate)."),
]


@app.command(
    "add",
    epilog=examples(
        "relay token add --account shop --scope send --note 'the webshop on host a'",
        "relay token add --account shop --scope send --credential shop-4kd92m",
        "relay token add --account shop --scope read --rate 600",
    ),
)
def add(
    account: AccountOption = None,
    scope: Scopes = None,
    credential: OfCredential = None,
    note: Note = None,
    rate: Rate = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token. It is shown once, and only here.

    One that sends has a credential: an existing one, or one made with it, `token-ID`, which nobody can log in with;
    `relay credential set token-ID` says what its mail may ask for.
    """
    scopes = frozenset(scope or Scope)
    with registry(settings(config)) as opened, _words():
        token, whole = tokens.draft(owner(opened, account), scopes, note or "", rate_of(rate), system_clock())
        made = credential is None and Scope.SEND in scopes
        theirs = tokens.credential_for(token) if made else _credential(opened, token.account, credential)
        token = tokens.add(opened, token, theirs, made=made)
        shown = tokens.describe(token, {})
        opened.audit(token.created, operator(), "token add", {name: value for name, value in shown.items() if value})
    print_once({**shown, "token": whole}, as_json)


def print_once(shown: Mapping[str, Any], as_json: bool) -> None:
    """A token as `describe` makes it, with its text."""
    if as_json:
        print_json(shown)
        return
    print_fields({name: shown[name] for name in ("token", "id", "account", "scopes", "credential")})
    sys.stdout.flush()  # in a pipe the note would come first
    typer.echo("Note the token now: it is kept as a digest, and cannot be shown again.", err=True)


@app.command("list", epilog=examples("relay token list", "relay token list --account shop --json"))
def listing(account: AccountOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List tokens and when each was used last; the tokens themselves cannot be shown again."""
    with registry(settings(config)) as opened:
        if account is not None:
            opened.account(account)
        used = opened.tokens_used()
        described = [tokens.describe(each, used) for each in opened.tokens(account)]
    print_list(described, as_json)


def print_list(described: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(described)
    else:
        columns = ["id", "account", "scopes", "credential", "created", "last_used", "note"]
        print_table(columns, [[each[name] for name in columns] for each in described])


@app.command("show", epilog=examples("relay token show 4kd92mzq7r"))
def show(ident: Ident, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what is kept of a token."""
    with registry(settings(config)) as opened:
        shown = tokens.describe(opened.token(ident_of(ident)), opened.tokens_used())
    print_token(shown, as_json)


@app.command(
    "set",
    epilog=examples(
        "relay token set 4kd92mzq7r --scope send --scope read",
        "relay token set 4kd92mzq7r --rate 600 --note 'the webshop on host b'",
    ),
)
def change(
    ident: Ident,
    scope: Scopes = None,
    credential: OfCredential = None,
    note: Note = None,
    rate: Rate = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change what a token may do; what is not named stays as it is."""
    given: dict[str, Any] = {"scopes": frozenset(scope)} if scope else {}
    given |= {} if note is None else {"note": note}
    given |= {} if rate is None else {"rate": rate_of(rate)}
    with registry(settings(config)) as opened, _words():
        before = opened.token(ident_of(ident))
        after = tokens.changed(before, given, _credential(opened, before.account, credential))
        if after != before:
            opened.update_token(after)
            opened.audit(system_clock(), operator(), "token set", tokens.difference(after, before))
        shown = tokens.describe(after, opened.tokens_used())
    print_token(shown, as_json)


@app.command("revoke", epilog=examples("relay token revoke 4kd92mzq7r"))
def revoke(ident: Ident, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Remove a token: its next request is refused. What it has queued is still delivered."""
    with registry(settings(config)) as opened:
        token = opened.token(ident_of(ident))
        shown = tokens.describe(token, opened.tokens_used())
        tokens.revoke(opened, token)
        detail = {"token": token.id, "account": token.account}
        opened.audit(system_clock(), operator(), "token revoke", detail)
    print_token(shown, as_json)


def ident_of(given: str) -> str:
    """Of a whole token, too, which is what people have at hand."""
    return given.partition(".")[0]


def rate_of(given: str | None) -> int | None:
    if given is None or given.strip().lower() in ("none", ""):
        return None
    try:
        return int(given)
    except ValueError as error:
        raise typer.BadParameter(f"expected a whole number or none, not {given!r}", param_hint="--rate") from error


def _credential(opened: Registry, account: str, username: str | None) -> Credential | None:
    return None if username is None else tokens.find_credential(opened, account, username)


@contextmanager
def _words() -> Iterator[None]:
    try:
        yield
    except Wrong as error:
        raise typer.BadParameter(error.message, param_hint=f"--{error.field.rstrip('s')}") from error


def print_token(shown: Mapping[str, Any], as_json: bool) -> None:
    print_json(shown) if as_json else print_fields(shown)
