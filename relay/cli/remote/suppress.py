"""`suppress` over the API: who gets no mail of the account."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from relay.cli.frame import CommandError, JsonOption
from relay.cli.output import print_json
from relay.cli.remote.client import LARGEST, name, remote
from relay.cli.remote.frame import count, family
from relay.cli.suppress import Addresses, OfGroup, OfStream, print_entries
from relay.model.suppression import Cause

SHOWN = 20  # bad lines of an import that are told; more are counted

app = family("Suppressions: addresses that get no mail of the account. They are looked up before each attempt.")


@app.command("add")
def add(
    addresses: Addresses,
    stream: OfStream = "",
    group: OfGroup = "",
    cause: Annotated[Cause, typer.Option(help="Why it is on the list.")] = Cause.HAND,
    note: Annotated[str, typer.Option(help="For people who look at the list.")] = "",
    until: Annotated[
        str, typer.Option(metavar="TIME", help="Until then: 30d from now, or a time. Default: for good.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Put addresses on the list; one that is there already for that cause gets the new note and end."""
    body = {"stream": stream, "group": group, "cause": cause.value, "note": note, "until": until or None}
    entries: list[Any] = []
    new = 0
    for each in addresses:
        told = remote().ask("PUT", f"/suppressions/{name(each)}", body=body)
        entries.append(told.json())
        new += told.status == 201
    if as_json:
        print_json(entries)
    else:
        print(f"{_entries(new)} added, {len(entries) - new} renewed")


@app.command("list")
def listing(
    address: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Only entries that concern this address, its domain's too.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """List suppressions by address; `export` gives all of them. Those without an account are the operator's."""
    print_entries(remote().pages("/suppressions", "suppressions", limit, address=address or None), as_json)


@app.command("remove")
def remove(
    addresses: Addresses,
    stream: OfStream = "",
    group: OfGroup = "",
    cause: Annotated[Cause | None, typer.Option(help="Only what is there for this cause. Default: for any.")] = None,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="The entries of all streams and groups for these addresses.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Take addresses off the list, so that they get mail again.

    An entry for one stream or group is taken by naming these, or with --everywhere. Complaints, and entries that the
    operator made for every account, are taken off on the relay's own machine.
    """
    if everywhere and (stream or group):
        raise typer.BadParameter(
            "says all streams and groups, so leave out --stream and --group", param_hint="--everywhere"
        )
    place = {} if everywhere else {"stream": stream, "group": group}
    gone = 0
    for each in addresses:
        query = {**place, "cause": cause and cause.value}
        gone += remote().ask("DELETE", f"/suppressions/{name(each)}", query=query).json()["removed"]
    print_json({"removed": gone}) if as_json else print(f"{_entries(gone)} removed")


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV, JSON objects, or one address a line; - is standard input.")
    ],
    cause: Annotated[
        Cause | None, typer.Option(help="Why they are on the list, where a line does not say. Default: hand.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Take nothing when a line is bad.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only check the lines.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Put the addresses of a file on the list, as the local command does.

    Bad lines are told and left out, and the command then ends with code 1.
    """
    query = {"cause": cause and cause.value, "strict": strict, "dry_run": dry_run}
    octets = _octets(file)
    told = remote().ask("POST", "/suppressions/import", query=query, body=octets, media="text/csv").json()
    for each in told["faults"][:SHOWN]:
        print(f"relay: {file}, line {each['line']}: {each['why']}", file=sys.stderr)
    if told["bad"] > SHOWN:
        print("relay: further bad lines are only counted", file=sys.stderr)
    left_out = f", {count(told['bad'], 'bad line')} left out" if told["bad"] else ""
    if as_json:
        print_json({each: told[each] for each in ("entries", "new", "bad", "dry_run")})
    elif dry_run:
        print(f"{_entries(told['entries'])} would be taken{left_out}")
    else:
        print(f"{_entries(told['new'])} added, {told['entries'] - told['new']} renewed{left_out}")
    if told["bad"]:
        raise CommandError(f"{file}: {count(told['bad'], 'bad line')} left out")


def _octets(file: Path) -> bytes:
    """Raises CommandError, OSError."""
    if str(file) == "-":
        octets = sys.stdin.buffer.read(LARGEST + 1)
    else:
        with file.open("rb") as opened:
            octets = opened.read(LARGEST + 1)
    if len(octets) > LARGEST:
        raise CommandError(f"{file} is over {LARGEST >> 20} MiB: import it in parts")
    return octets


@app.command("export")
def export(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Print all suppressions as CSV, as `import` takes them."""
    sys.stdout.flush()
    remote().stream("/suppressions/export", sys.stdout.buffer.write, {"format": "ndjson" if as_json else "csv"})
    sys.stdout.buffer.flush()


def _entries(number: int) -> str:
    return count(number, "entry", "entries")
