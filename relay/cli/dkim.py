"""`relay dkim`: the keys a domain's mail is signed with.

Why so: a new key signs at once, beside the old ones, and the old ones are retired in a step of its own. A
signature whose record is not published yet fails, and a receiver needs only one that passes; so mail is good
at every moment of a change of keys.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from relay.cli.domain import Name, normal
from relay.cli.frame import (
    CommandError,
    ConfigOption,
    ExitCode,
    JsonOption,
    examples,
    group,
    operator,
    program,
    registry,
)
from relay.cli.frame import settings as load_settings
from relay.cli.output import print_json, print_table
from relay.model.account import Algorithm, DkimKey, KeyState
from relay.model.clock import system_clock

if TYPE_CHECKING:
    from relay.config import Config
    from relay.store.interface import Registry

app = group("DKIM keys: what mail is signed with.", "relay dkim record example.com")


class Kind(StrEnum):
    RSA = "rsa"
    ED25519 = "ed25519"
    BOTH = "both"


_ALGORITHMS = {Kind.RSA: [Algorithm.RSA], Kind.ED25519: [Algorithm.ED25519], Kind.BOTH: list(Algorithm)}


@app.command("make", epilog=examples("relay dkim make example.com", "relay dkim make example.com --algorithm rsa"))
def make(
    name: Name,
    algorithm: Annotated[Kind, typer.Option(help="RSA has 2048 bits.")] = Kind.BOTH,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make keys, which sign from now on, and print their TXT records."""
    from relay.manage.keys import make_keys

    plain = normal(name)
    with registry(load_settings(config)) as opened:
        opened.domain(plain)
        made = make_keys(opened, plain, _ALGORITHMS[algorithm], system_clock())
    _print_records(made, as_json)


@app.command("list", epilog=examples("relay dkim list", "relay dkim list example.com"))
def listing(
    name: Annotated[str | None, typer.Argument(metavar="DOMAIN", help="Only this domain's keys.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List keys, the newest first."""
    from relay.cli.keys import describe

    with registry(load_settings(config)) as opened:
        plain = None
        if name is not None:
            plain = opened.domain(normal(name)).name
        described = [describe(each) for each in opened.keys(plain)]
    if as_json:
        print_json(described)
    else:
        columns = ["domain", "selector", "algorithm", "state", "created"]
        print_table(columns, [[each[name] for name in columns] for each in described])


@app.command(
    "rotate",
    epilog=examples(
        "relay dkim rotate example.com            # 1. make new keys, publish the records it prints",
        "relay dkim rotate example.com --retire   # 2. once they are published, retire the old ones",
    ),
)
def rotate(
    name: Name,
    retire: Annotated[
        bool, typer.Option("--retire", help="Retire all but the newest key of each algorithm.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="With --retire: do not ask DNS for the new keys.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change keys in two steps, so that every message has a signature that passes."""
    from relay.cli.keys import describe
    from relay.manage.keys import make_keys

    checked = load_settings(config)
    plain = normal(name)
    with registry(checked) as opened:
        opened.domain(plain)
        active = [each for each in opened.keys(plain) if each.state is KeyState.ACTIVE]
        if not active:
            raise CommandError(f"{plain} has no active key: {program()} dkim make {plain}", ExitCode.NOT_FOUND)
        if not retire:
            algorithms = [each for each in Algorithm if any(key.algorithm is each for key in active)]
            made = make_keys(opened, plain, algorithms, system_clock())
            _print_records(made, as_json)
            return
        retired = _retire(opened, checked, active, force)
    if as_json:
        print_json([describe(each) for each in retired])
    elif retired:
        print("\n".join(f"retired {each.selector}; leave its record published for a week" for each in retired))
    else:
        print("nothing to retire: there is one key of each algorithm")


def _retire(opened: Registry, config: Config, active: list[DkimKey], force: bool) -> list[DkimKey]:
    """`active` comes newest first."""
    newest: dict[Algorithm, DkimKey] = {}
    for key in active:
        newest.setdefault(key.algorithm, key)
    old = [key for key in active if key is not newest[key.algorithm]]
    replacing = {key.algorithm for key in old}
    if replacing and not force:
        _published(config, [newest[each] for each in replacing])
    for key in old:
        opened.retire_key(key.domain, key.selector)
        opened.audit(
            system_clock(), operator(), "dkim rotate --retire", {"domain": key.domain, "selector": key.selector}
        )
    return [replace(key, state=KeyState.RETIRED) for key in old]


def _published(config: Config, keys: list[DkimKey]) -> None:
    """Raises CommandError unless DNS has the record of each key."""
    from relay.cli.lookup import texts
    from relay.manage.keys import published, record

    names = {record(key).name: key for key in keys}
    for name, said in texts(config, list(names)).items():
        if not published(names[name], said):
            raise CommandError(f"{name} is not published yet, so nothing was retired (--force does it all the same)")


@app.command("record", epilog=examples("relay dkim record example.com", "relay dkim record example.com r20260131"))
def record_command(
    name: Name,
    selector: Annotated[str | None, typer.Argument(metavar="SELECTOR", help="Default: all active keys.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the TXT records that publish a domain's keys, as zone file lines."""
    plain = normal(name)
    with registry(load_settings(config)) as opened:
        opened.domain(plain)
        keys = [
            each
            for each in opened.keys(plain)
            if (each.state is KeyState.ACTIVE if selector is None else each.selector == selector)
        ]
    if not keys:
        what = f"key {selector}" if selector else "active key"
        raise CommandError(f"{plain} has no {what}", ExitCode.NOT_FOUND)
    _print_records(keys, as_json)


def _print_records(keys: list[DkimKey], as_json: bool) -> None:
    from relay.cli.keys import describe_record
    from relay.manage.keys import record

    found = [record(each) for each in keys]
    if as_json:
        print_json(
            [{**describe_record(each), "selector": key.selector} for each, key in zip(found, keys, strict=True)]
        )
    else:
        print("\n".join(each.zone_line() for each in found))
