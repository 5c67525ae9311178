"""`credential` over the API: what SMTP clients of the account log in with.

Why so: what `--grant`, `--option` or `--allow` come to depends on what is there, so a change reads the credential,
makes of it what the local command would have made, and sends what became different; what is not named is not touched,
whoever else changes it meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from relay.cli.changes import CredentialChanges
from relay.cli.credential import Username, print_credential, print_list
from relay.cli.credential import print_once as print_new
from relay.cli.frame import JsonOption
from relay.cli.gather import gather
from relay.cli.remote.client import name, remote
from relay.cli.remote.frame import family
from relay.manage.credentials import describe
from relay.manage.rules import quota_of
from relay.manage.times import instant
from relay.model.account import ControlHeaders, Credential, OnInvalid

app = family("Credentials: what SMTP clients of the account log in with.")
_MERGED = ("options", "quota", "allowed")  # of which a change names members


@app.command("add")
@gather
def add(
    changes: CredentialChanges,
    username: Annotated[str, typer.Option(metavar="NAME", help="User name. Default: one is made.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Make a credential. Its password is shown once, and only here."""
    bare = Credential(username=username, account="of the token", password_hash="", created=0.0)
    body = _difference(bare, changes.apply(bare, _presets(changes)))
    shown = remote().post("/credentials", {**body, **({"username": username} if username else {})})
    print_new(shown, as_json)


@app.command("set")
@gather
def change(username: Username, changes: CredentialChanges, as_json: JsonOption = False) -> None:
    """Change what a credential may do, and what holds for its mail; what is not named stays as it is."""
    shown = _get(username)
    before = _credential(shown)
    if body := _difference(before, changes.apply(before, _presets(changes))):
        shown = _patch(username, body)
    print_credential(shown, as_json)


@app.command("show")
def show(username: Username, as_json: JsonOption = False) -> None:
    """Show all that is set for a credential."""
    print_credential(_get(username), as_json)


@app.command("list")
def listing(as_json: JsonOption = False) -> None:
    """List credentials; passwords cannot be shown again."""
    print_list(remote().pages("/credentials", "credentials"), as_json)


@app.command("disable")
def disable(
    username: Username,
    undo: Annotated[bool, typer.Option("--undo", help="Let it log in again.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Refuse the logins of a credential. What it has queued is still delivered."""
    print_credential(_patch(username, {"disabled": not undo}), as_json)


@app.command("rotate")
def rotate(username: Username, as_json: JsonOption = False) -> None:
    """Give a credential a new password, shown once. The old one is refused from now on."""
    print_new(remote().post(f"/credentials/{name(username)}/rotate"), as_json)


def _get(username: str) -> dict[str, Any]:
    found: dict[str, Any] = remote().get(f"/credentials/{name(username)}")
    return found


def _patch(username: str, body: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = remote().ask("PATCH", f"/credentials/{name(username)}", body=body).json()
    return found


def _presets(changes: CredentialChanges) -> list[str]:
    """Those of the account, where the change names any."""
    return [each["preset"] for each in remote().pages("/presets", "presets")] if changes.preset else []


def _credential(shown: Mapping[str, Any]) -> Credential:
    """As `describe` told of it."""
    same = ("username", "account", "disabled", "sandbox", "lifetime", "refuse_suppressed", "note", "options")
    plain: dict[str, Any] = {each: shown[each] for each in same}
    sets: dict[str, Any] = {each: frozenset(shown[each]) for each in ("grants", "forbidden", "presets")}
    return Credential(
        **plain,
        **sets,
        password_hash="",
        created=instant(shown["created"]),
        control_headers=ControlHeaders(shown["control_headers"]),
        on_invalid=OnInvalid(shown["on_invalid"]),
        allowed={option: tuple(values) for option, values in shown["allowed"].items()},
        quota=quota_of(shown["quota"]),
    )


def _difference(before: Credential, after: Credential) -> dict[str, Any]:
    """A merge patch (RFC 7396)."""
    old, new = describe(before), describe(after)
    changed = {each: value for each, value in new.items() if value != old[each]}
    for part in _MERGED:
        if part in changed:
            changed[part] = _members(old[part], new[part])
    return changed


def _members(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    gone: dict[str, Any] = dict.fromkeys(old.keys() - new.keys())
    return gone | {each: value for each, value in new.items() if each not in old or value != old[each]}
