"""`relay preset`: sets of options under a name, which a message may ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from relay.cli.account import check_name
from relay.cli.changes import OptionChanges
from relay.cli.doubts import doubt
from relay.cli.frame import CommandError, ConfigOption, JsonOption, examples, group, operator, registry, settings
from relay.cli.gather import gather
from relay.cli.output import print_fields, print_json, print_table
from relay.cli.owner import AccountOption, owner
from relay.manage import presets
from relay.manage.presets import describe
from relay.manage.rules import shown_options
from relay.manage.wrong import Unfit
from relay.model.account import Preset
from relay.model.clock import system_clock

app = group(
    "Presets: options under a name, for messages with `X-SMTPeter-Preset`.",
    "relay preset add receipts --account shop --option tags=receipt --option track_bounces=true",
    "relay credential set shop-4kd92m --preset receipts",
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The preset.")]


@app.command("add", epilog=examples("relay preset add receipts --option tags=receipt --option priority=7"))
@gather
def add(
    name: Name,
    changes: OptionChanges,
    account: AccountOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a preset. A credential needs `credential set --preset NAME` to let its messages name it."""
    from relay.store.interface import NotFound

    check_name(name)
    checked = settings(config)
    with registry(checked) as opened:
        whose = owner(opened, account)
        try:
            opened.preset(whose, name)
        except NotFound:
            preset = Preset(account=whose, name=name, options=changes.options({}, "preset"), created=system_clock())
        else:
            raise CommandError(f"account {whose} has a preset {name} already; `preset set` changes it")
        opened.put_preset(preset)
        opened.audit(preset.created, operator(), "preset add", describe(preset))
        doubt(checked, opened, preset)
    _print(preset, as_json)


@app.command("set", epilog=examples("relay preset set receipts --option tags=receipt,paid --unset priority"))
@gather
def change(
    name: Name,
    changes: OptionChanges,
    account: AccountOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change options of a preset; those not named stay as they are."""
    checked = settings(config)
    with registry(checked) as opened:
        before = opened.preset(owner(opened, account), name)
        preset = Preset(
            account=before.account,
            name=before.name,
            options=changes.options(before.options, "preset"),
            created=before.created,
        )
        if preset != before:
            opened.put_preset(preset)
            opened.audit(system_clock(), operator(), "preset set", describe(preset))
        doubt(checked, opened, preset)
    _print(preset, as_json)


@app.command("list", epilog=examples("relay preset list", "relay preset list --account shop"))
def listing(account: AccountOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List presets."""
    with registry(settings(config)) as opened:
        if account is not None:
            opened.account(account)
        found = [describe(each) for each in opened.presets(account)]
    print_list(found, as_json)


def print_list(found: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        rows = [(each["preset"], each["account"], each["created"], sorted(each["options"])) for each in found]
        print_table(["preset", "account", "created", "options"], rows)


@app.command("show", epilog=examples("relay preset show receipts"))
def show(name: Name, account: AccountOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the options of a preset."""
    with registry(settings(config)) as opened:
        preset = opened.preset(owner(opened, account), name)
    _print(preset, as_json)


@app.command("remove", epilog=examples("relay preset remove receipts --account shop"))
def remove(
    name: Name, account: AccountOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Remove a preset that no credential may name any more."""
    with registry(settings(config)) as opened:
        preset = opened.preset(owner(opened, account), name)
        try:
            presets.remove(opened, preset)
        except Unfit as error:
            raise CommandError(f"{error}; `credential set --without-preset {preset.name}` ends that") from error
        opened.audit(system_clock(), operator(), "preset remove", {"account": preset.account, "preset": preset.name})
    _print(preset, as_json)


def _print(preset: Preset, as_json: bool) -> None:
    print_preset(describe(preset), as_json)


def print_preset(described: Mapping[str, Any], as_json: bool) -> None:
    """A preset as `describe` makes it."""
    if as_json:
        print_json(described)
        return
    plain = {name: value for name, value in described.items() if name != "options"}
    print_fields({**plain, **shown_options(described["options"])})
