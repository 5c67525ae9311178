"""`account show` over the API: whose token it is, and what it may."""

from __future__ import annotations

from typing import Annotated

import typer

from relay.cli.account import print_account
from relay.cli.frame import CommandError, ExitCode, JsonOption
from relay.cli.output import print_fields, print_json
from relay.cli.remote.client import remote
from relay.cli.remote.frame import family

app = family("The account of the token.")


@app.callback()
def start() -> None:
    """The account of the token."""


@app.command("show")
def show(
    account: Annotated[
        str | None, typer.Argument(metavar="NAME", help="May be left out: there is none but the token's.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the account, and the token that asks: its scopes, and how many requests a minute it may make."""
    told = remote().get("/account")
    found, token = told["account"], told["token"]
    if account is not None and account.casefold() != found["name"].casefold():
        raise CommandError(f"no account {account}: the token is of {found['name']}", ExitCode.NOT_FOUND)
    described = {"account": found["name"], **{each: value for each, value in found.items() if each != "name"}}
    if as_json:
        print_json({**described, "token": token, "credential": told["credential"], "rate": told["rate"]})
        return
    print_account(described, as_json=False)
    print()
    asking = {"token": token["id"], "scopes": token["scopes"], "credential": token["credential"]}
    print_fields({**asking, "requests a minute": told["rate"] or "any number"})
