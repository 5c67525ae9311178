"""`token` over the API: what applications of the account show to it."""

from __future__ import annotations

from typing import Any

from relay.cli.frame import JsonOption
from relay.cli.remote.client import name, remote
from relay.cli.remote.frame import family
from relay.cli.token import (
    Ident,
    Note,
    OfCredential,
    Rate,
    Scopes,
    ident_of,
    print_list,
    print_once,
    print_token,
    rate_of,
)
from relay.model.account import Scope

app = family("Tokens: what applications of the account show to the HTTP API.")


@app.command("add")
def add(
    scope: Scopes = None,
    credential: OfCredential = None,
    note: Note = None,
    rate: Rate = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token. It is shown once, and only here.

    It reaches no further than the one it is made with.
    """
    body = {"scopes": [each.value for each in scope or Scope], "note": note or "", "rate": rate_of(rate)}
    print_once(remote().post("/tokens", {**body, "credential": credential}), as_json)


@app.command("list")
def listing(as_json: JsonOption = False) -> None:
    """List tokens and when each was used last; the tokens themselves cannot be shown again."""
    print_list(remote().pages("/tokens", "tokens"), as_json)


@app.command("show")
def show(ident: Ident, as_json: JsonOption = False) -> None:
    """Show what is kept of a token."""
    print_token(remote().get(_path(ident)), as_json)


@app.command("set")
def change(
    ident: Ident,
    scope: Scopes = None,
    credential: OfCredential = None,
    note: Note = None,
    rate: Rate = None,
    as_json: JsonOption = False,
) -> None:
    """Change what a token may do; what is not named stays as it is."""
    body: dict[str, Any] = {"scopes": [each.value for each in scope]} if scope else {}
    body |= {} if note is None else {"note": note}
    body |= {} if credential is None else {"credential": credential}
    body |= {} if rate is None else {"rate": rate_of(rate)}
    print_token(remote().ask("PATCH", _path(ident), body=body).json(), as_json)


@app.command("revoke")
def revoke(ident: Ident, as_json: JsonOption = False) -> None:
    """Remove a token: its next request is refused. What it has queued is still delivered."""
    shown = remote().get(_path(ident))
    remote().ask("DELETE", _path(ident))
    print_token(shown, as_json)


def _path(ident: str) -> str:
    """Only the id of it, where a whole token was given."""
    return f"/tokens/{name(ident_of(ident))}"
