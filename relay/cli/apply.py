"""`relay apply FILE`: make the registry what a file says."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relay.cli.doubts import doubt_all
from relay.cli.frame import CommandError, ConfigOption, ExitCode, JsonOption, operator, registry, settings
from relay.cli.output import print_json
from relay.model.account import Algorithm, KeyState
from relay.model.clock import system_clock
from relay.model.spelling import duration_text, written

if TYPE_CHECKING:
    from relay.cli.difference import Change
    from relay.store.interface import Registry

_KIND = {Algorithm.RSA: "rsa", Algorithm.ED25519: "ed25519"}


def apply(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="YAML; - is standard input.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only show what would change.")] = False,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune", help="Disable accounts and credentials, and remove domains and presets, not in FILE."
        ),
    ] = False,
    export: Annotated[
        bool, typer.Option("--export", help="Print the registry as such a file, without secrets.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make accounts, credentials, domains, keys and presets what a file says.

    A second run changes nothing. All of the file is checked before anything is written. Keys that are absent mean
    their default; a credential without password or password_hash keeps the one it has, and a new one is given a
    password that is shown once.
    """
    checked = settings(config)
    if export:
        if file is not None or dry_run or prune:
            raise typer.BadParameter("prints the registry, and takes no FILE", param_hint="--export")
        with registry(checked) as opened:
            print(exported(opened), end="")
        return
    if file is None:
        raise typer.BadParameter("say which file, or --export", param_hint="FILE")
    text, name = _text(file)
    with registry(checked) as opened:
        changes = _changes(opened, text, name, prune)
        made = [] if dry_run else [_make(opened, each) for each in changes]
        if not dry_run:
            doubt_all(checked, opened)
    passwords = {each.what.partition(" ")[2]: word for each, word in zip(changes, made, strict=False) if word}
    if as_json:
        described = [{"sign": each.sign, "what": each.what, "details": list(each.details)} for each in changes]
        print_json({"dry_run": dry_run, "changes": described, "passwords": passwords})
        return
    _print(changes, dry_run)
    for username, word in passwords.items():
        print(f"password of {username}: {word}")
    if passwords:
        sys.stdout.flush()
        typer.echo("Note the passwords now: they are kept as digests, and cannot be shown again.", err=True)


def _text(file: Path) -> tuple[str, str]:
    """Raises CommandError."""
    try:
        if str(file) == "-":
            return sys.stdin.read(), "standard input"
        return file.read_text(encoding="utf-8"), str(file)
    except FileNotFoundError as error:
        raise CommandError(f"{file} is not there", ExitCode.NOT_FOUND) from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{file} is not UTF-8: {error.reason} at octet {error.start}") from error


def _changes(opened: Registry, text: str, name: str, prune: bool) -> list[Change]:
    """Raises CommandError with a line for each fault."""
    from relay.cli.desired import read
    from relay.cli.difference import Present, conflicts, difference
    from relay.config import ConfigError

    try:
        desired = read(text, name)
    except ConfigError as error:
        raise CommandError("\n".join(error.lines)) from error
    if prune and not desired.accounts:  # more likely the work of a template that came out empty
        raise CommandError(
            f"{name} names no account, so --prune would disable all of them and remove their domains and keys; "
            "leave in it what is to stay",
            ExitCode.REFUSED,
        )
    present = Present.of(opened)
    if faults := list(conflicts(desired, present)):
        raise CommandError("\n".join(faults))
    return list(difference(desired, present, operator(), prune))


def _make(opened: Registry, change: Change) -> str | None:
    now = system_clock()
    change.deed(opened, now)
    opened.audit(
        now, operator(), "apply", {"change": f"{change.sign} {change.what}", "details": list(change.details)}
    )
    return change.password()


def _print(changes: list[Change], dry_run: bool) -> None:
    for each in changes:
        print(f"{each.sign} {each.what}")
        for line in each.details:
            print(f"    {line}")
    number = f"{len(changes)} change{'' if len(changes) == 1 else 's'}"
    print(f"{number} to make" if dry_run else f"{number} made" if changes else "nothing to change")


def exported(opened: Registry) -> str:
    """The registry as a file that `apply` takes; passwords and private keys are not in it."""
    import yaml

    accounts = [_account(opened, each.name) for each in opened.accounts()]
    head = "# Made by `relay apply --export`. Passwords and keys are not in it; those that are there are kept.\n"
    return head + str(yaml.safe_dump({"accounts": accounts}, sort_keys=False, allow_unicode=True, width=110))


def _account(opened: Registry, name: str) -> dict[str, Any]:
    from relay.manage.credentials import describe
    from relay.manage.rules import describe_quota

    account = opened.account(name)
    domains, credentials = [], []
    for domain in opened.domains(name):
        ours = [each for each in opened.keys(domain.name) if not each.custom]
        active = {each.algorithm for each in ours if each.state is KeyState.ACTIVE}
        domains.append(
            {
                "name": domain.name,
                **({"verified": True} if domain.verified is not None else {}),
                "dkim": [_KIND[each] for each in Algorithm if each in active],
                **_given({"bounce_host": domain.bounce_host, "tracking_host": domain.tracking_host}),
                **_given({"tracking_https": domain.tracking_https, "options": _options(domain.options)}),
            }
        )
    for credential in opened.credentials(name):
        described = describe(credential)
        for left in ("account", "created"):
            del described[left]
        for usual, value in (("control_headers", "on"), ("on_invalid", "reject")):
            if described[usual] == value:
                del described[usual]
        described["options"] = _options(credential.options)
        if credential.lifetime is not None:
            described["lifetime"] = duration_text(credential.lifetime)
        credentials.append(_given(described))
    presets = [{"name": each.name, **_given({"options": _options(each.options)})} for each in opened.presets(name)]
    return {
        "name": name,
        **_given({"disabled": account.disabled, "options": _options(account.options)}),
        **_given({"quota": describe_quota(account.quota)}),
        **_given({"domains": domains, "credentials": credentials, "presets": presets}),
    }


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: written(name, value) for name, value in given.items()}


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "", False, [], {})}
