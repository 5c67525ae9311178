"""`relay dkim`: the keys a domain's mail is signed with.

Why so: a signature whose record is not published yet fails. So the keys that `rotate` makes wait for their records,
while the old ones go on to sign; the relay sees within the hour that they are published, and `--retire` at once. Mail
is good at every moment of a change of keys.
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
        columns = ["domain", "selector", "algorithm", "state", "custom", "created"]
        print_table(columns, [[each[name] for name in columns] for each in described])


@app.command(
    "rotate",
    epilog=examples(
        "relay dkim rotate example.com            # 1. make new keys, publish the records it prints",
        "relay dkim rotate example.com --retire   # 2. once they are published, let them sign",
    ),
)
def rotate(
    name: Name,
    retire: Annotated[
        bool,
        typer.Option("--retire", help="Let the new keys sign, once they are published, and retire the old ones."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="With --retire: do not ask DNS for the new keys.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change keys in two steps, so that every message has a signature that passes."""
    from relay.cli.keys import describe
    from relay.manage.keys import signing

    checked = load_settings(config)
    plain = normal(name)
    with registry(checked) as opened:
        opened.domain(plain)
        keys = opened.keys(plain)
        active = signing(keys)
        if not active:
            raise CommandError(f"{plain} has no active key: {program()} dkim make {plain}", ExitCode.NOT_FOUND)
        waiting = [each for each in keys if each.state is KeyState.PENDING]
        if not retire:
            _print_records(_successors(opened, plain, active, waiting), as_json)
            return
        retired = _retire(opened, checked, active, waiting, force)
    if as_json:
        print_json([describe(each) for each in retired])
    elif retired:
        print("\n".join(f"retired {each.selector}; leave its record published for a week" for each in retired))
    else:
        print("nothing to retire: there is one key of each algorithm")


def _successors(opened: Registry, domain: str, active: list[DkimKey], waiting: list[DkimKey]) -> list[DkimKey]:
    """A key that waits, of each algorithm that signs: made now where there is none."""
    from relay.manage.keys import new_keys

    have = {each.algorithm for each in waiting}
    lacking = [each for each in Algorithm if each not in have and any(key.algorithm is each for key in active)]
    taken = {each.selector for each in opened.keys(domain)}
    made = [replace(each, state=KeyState.PENDING) for each in new_keys(domain, lacking, system_clock(), taken)]
    for key in made:
        opened.add_key(key)
    return [*waiting, *made]


def _retire(
    opened: Registry, config: Config, active: list[DkimKey], waiting: list[DkimKey], force: bool
) -> list[DkimKey]:
    """Those that waited sign from now on, and of the others none but the newest of an algorithm that has no new one.
    `active` comes newest first."""
    from relay.manage.keys import newest, use

    changing = {each.algorithm for each in waiting}
    latest = [each for each in newest(active) if each.algorithm not in changing]
    old = [each for each in active if each.algorithm not in changing and each not in latest]
    if not force and (waiting or old):
        replacing = {each.algorithm for each in old}
        _published(config, [*waiting, *(each for each in latest if each.algorithm in replacing)])
    retired = [each for key in waiting for each in use(opened, key, system_clock())]
    for key in old:
        opened.retire_key(key.domain, key.selector)
    retired += [replace(each, state=KeyState.RETIRED) for each in old]
    for key in retired:
        detail = {"domain": key.domain, "selector": key.selector}
        opened.audit(system_clock(), operator(), "dkim rotate --retire", detail)
    return retired


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
    selector: Annotated[
        str | None, typer.Argument(metavar="SELECTOR", help="Default: all that sign, or will.")
    ] = None,
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
            if (each.state is not KeyState.RETIRED if selector is None else each.selector == selector)
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
