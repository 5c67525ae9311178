"""`dkim` over the API: the keys that sign an account's mail, and their records. Keys are made and changed there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from relay.cli.domain import Name, normal
from relay.cli.frame import CommandError, ExitCode, JsonOption
from relay.cli.output import print_json, print_table
from relay.cli.remote.client import Faulty, remote
from relay.cli.remote.domain import line
from relay.cli.remote.frame import family

app = family("DKIM keys: what mail is signed with.")


@app.command("list")
def listing(
    name: Annotated[str | None, typer.Argument(metavar="DOMAIN", help="Only this domain's keys.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List keys that sign: of each domain the relay's own newest one, and those that the account brought."""
    names = [each["name"] for each in remote().get("/domains")] if name is None else [normal(name)]
    described = [*_managed(names, must=name is not None), *_custom(name and names[0])]
    if as_json:
        print_json(described)
    else:
        columns = ["domain", "selector", "algorithm", "custom", "created"]
        print_table(columns, [[each[column] for column in columns] for each in described])


def _managed(names: Iterable[str], *, must: bool) -> Iterable[dict[str, Any]]:
    for each in names:
        try:
            told = remote().get(f"/dkimkey/{each}")
        except Faulty as error:
            if must or error.status != 404:
                raise
            continue  # a domain with keys of the account's alone
        yield _described({**told, "domain": each}, custom=False)


def _custom(name: str | None) -> list[dict[str, Any]]:
    path = "/dkimkeys" if name is None else f"/dkimkeys/{name}"
    return [_described(each, custom=True) for each in remote().get(path)]


def _described(told: Mapping[str, Any], *, custom: bool) -> dict[str, Any]:
    """As the local command does; the private half of a key is not shown."""
    algorithm = "rsa" if told["algorithm"] == "sha256" else told["algorithm"]
    return {
        "domain": told["domain"],
        "selector": told["selector"],
        "algorithm": algorithm,
        "custom": custom,
        "created": told.get("created"),
    }


@app.command("record")
def record(
    name: Name,
    selector: Annotated[
        str | None, typer.Argument(metavar="SELECTOR", help="Default: all that sign, or will.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the TXT records that publish a domain's keys, as zone file lines."""
    plain = normal(name)
    end = f"._domainkey.{plain}"
    found = [
        {**each, "selector": each["name"].removesuffix(end)}
        for each in remote().get(f"/dns/{plain}/recommended")
        if each["name"].endswith(end)
    ]
    found = [each for each in found if selector is None or each["selector"] == selector.lower()]
    if not found:
        what = f"key {selector}" if selector else "active key"
        raise CommandError(f"{plain} has no {what}", ExitCode.NOT_FOUND)
    print_json(found) if as_json else print("\n".join(map(line, found)))
